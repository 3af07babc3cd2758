package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"sattutor/internal/store"
	"sattutor/internal/store/storetest"
	"sattutor/internal/testneeds"
)

func TestSQLite(t *testing.T) { storetest.Run(t, sqlite) }

func TestPostgres(t *testing.T) { storetest.Run(t, postgres(t)) }

// sqlite opens a migrated store in a fresh file.
func sqlite(t *testing.T, opts ...store.Option) *store.Store {
	t.Helper()
	return migrated(t, freshFile(t), opts...)
}

func freshFile(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "sat.db") }

// postgres starts a server and gives what opens a migrated store in a fresh database of it.
func postgres(t *testing.T) storetest.Open {
	t.Helper()
	fresh := postgresDatabases(t)
	return func(t *testing.T, opts ...store.Option) *store.Store {
		t.Helper()
		return migrated(t, fresh(t), opts...)
	}
}

// postgresDatabases starts a server and gives what makes an empty database on it.
func postgresDatabases(t *testing.T) func(t *testing.T) (dsn string) {
	t.Helper()
	address := testneeds.Postgres(t)
	server, err := sql.Open("pgx", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	var n atomic.Int64
	return func(t *testing.T) string {
		t.Helper()
		name := fmt.Sprintf("sat%d", n.Add(1))
		_, err := server.ExecContext(t.Context(), "CREATE DATABASE "+name)
		require.NoError(t, err)
		u, err := url.Parse(address)
		require.NoError(t, err)
		u.Path = "/" + name
		return u.String()
	}
}

func migrated(t *testing.T, dsn string, opts ...store.Option) *store.Store {
	t.Helper()
	s := opened(t, dsn, opts...)
	_, err := s.Migrate(t.Context())
	require.NoError(t, err)
	return s
}

func opened(t *testing.T, dsn string, opts ...store.Option) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), dsn, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
