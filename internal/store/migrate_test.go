package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/testneeds"
)

func TestBothDatabasesHaveTheSameMigrations(t *testing.T) {
	names := func(folder string) (list []string) {
		files, err := fs.ReadDir(migrations, "migrations/"+folder)
		require.NoError(t, err)
		for i, f := range files {
			assert.True(t, strings.HasPrefix(f.Name(), fmt.Sprintf("%05d_", i+1)), "%s is out of order", f.Name())
			list = append(list, f.Name())
		}
		return list
	}
	assert.NotEmpty(t, names("sqlite"))
	assert.Equal(t, names("sqlite"), names("postgres"))
}

// openFile opens a store in a fresh file, without a schema.
func openFile(t *testing.T) *Store {
	t.Helper()
	s, err := Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "folder", "sat.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// upgrades restores the dump of every earlier schema, brings it up to date, and compares the schema with a fresh one.
func upgrades(t *testing.T, open func(t *testing.T) *Store) {
	fresh := open(t)
	newest, err := fresh.Migrate(t.Context())
	require.NoError(t, err)
	for version := 1; version <= newest; version++ {
		t.Run(fmt.Sprintf("from schema %d", version), func(t *testing.T) {
			dump, err := os.ReadFile(fmt.Sprintf("testdata/schema-%d.jsonl", version))
			require.NoError(t, err, "every schema needs a dump of what was stored under it")
			s := open(t)
			sums, err := s.Restore(t.Context(), bytes.NewReader(packed(t, dump)))
			require.NoError(t, err)
			require.NoError(t, s.CheckSchema(t.Context()))
			after, err := s.Checksum(t.Context())
			require.NoError(t, err)
			assert.Subset(t, after, sums, "an upgrade keeps every row")
			assert.Equal(t, described(t, fresh), described(t, s))
			u, err := s.UserByName(t.Context(), "ada")
			require.NoError(t, err)
			assert.Equal(t, sat.Teacher, u.Role)
			steps, err := s.Migrate(t.Context())
			require.NoError(t, err)
			assert.Zero(t, steps, "the second time there is nothing to do")

			p, err := s.migrator()
			require.NoError(t, err)
			for range 2 {
				_, err = p.Down(t.Context())
				require.NoError(t, err)
				_, err = p.Up(t.Context())
				require.NoError(t, err)
			}
			assert.Equal(t, described(t, fresh), described(t, s), "one back and up again")
		})
	}
}

func TestUpgradesOfSQLite(t *testing.T) { upgrades(t, openFile) }

func TestPostgresMigrates(t *testing.T) {
	address := testneeds.Postgres(t)
	server, err := Open(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	n := 0
	fresh := func(t *testing.T) string {
		t.Helper()
		n++
		name := fmt.Sprintf("sat%d", n)
		_, err := server.write.ExecContext(t.Context(), "CREATE DATABASE "+name)
		require.NoError(t, err)
		return strings.Replace(address, "/postgres?", "/"+name+"?", 1)
	}
	t.Run("several at once", func(t *testing.T) { twoAtOnce(t, fresh(t)) })
	upgrades(t, func(t *testing.T) *Store {
		s, err := Open(t.Context(), fresh(t))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	})
}

func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// described gives the schema as the database itself tells it.
func described(t *testing.T, s *Store) (lines []string) {
	t.Helper()
	query := "SELECT coalesce(sql, name) FROM sqlite_master WHERE name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%' ORDER BY name"
	if !s.Local() {
		query = `SELECT line FROM (
			SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, generation_expression) AS line
			FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%'
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%'
			UNION ALL SELECT concat(conrelid::regclass, ' ', pg_get_constraintdef(oid)) FROM pg_constraint
			WHERE connamespace = 'public'::regnamespace) AS d ORDER BY line COLLATE "C"`
	}
	require.NoError(t, s.read.NewRaw(query).Scan(t.Context(), &lines))
	return lines
}

func TestEveryTableIsBackedUpOrMadeAgain(t *testing.T) {
	s := openFile(t)
	_, err := s.Migrate(t.Context())
	require.NoError(t, err)
	var names []string
	require.NoError(t, s.read.NewRaw("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%' AND name NOT LIKE 'items_fts%'").
		Scan(t.Context(), &names))
	known := remade()
	for _, table := range tables() {
		known = append(known, table.name)
	}
	assert.ElementsMatch(t, names, known)
}

// Whatever refers to a user goes with the user, or forgets the user: found in the schema, not in a list.
func TestEveryReferenceToAUserIsFollowedAtErasure(t *testing.T) {
	s := openFile(t)
	_, err := s.Migrate(t.Context())
	require.NoError(t, err)
	var rules []string
	require.NoError(t, s.read.NewRaw(`SELECT m.name || '.' || f."from" || ' ' || f.on_delete FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f
		WHERE m.type = 'table' AND f."table" = 'users'`).Scan(t.Context(), &rules))
	assert.NotEmpty(t, rules)
	var followed []string
	for _, rule := range rules {
		column, action, _ := strings.Cut(rule, " ")
		assert.Contains(t, []string{"CASCADE", "SET NULL"}, action, column)
		followed = append(followed, column)
	}
	for _, table := range owned() {
		if table.name != "users" {
			assert.Contains(t, followed, table.name+"."+table.owner)
		}
	}
	var columns []string
	require.NoError(t, s.read.NewRaw(`SELECT m.name || '.' || c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c
		WHERE m.type = 'table' AND c.name IN ('user_id', 'by_user', 'created_by', 'subject', 'actor')`).Scan(t.Context(), &columns))
	assert.ElementsMatch(t, columns, followed, "a column that names a user without a foreign key")
}

func TestSchemaIsCheckedAtTheStart(t *testing.T) {
	s := openFile(t)
	ctx := t.Context()
	_, err := s.migrateTo(ctx, 1)
	require.NoError(t, err)
	assert.ErrorContains(t, s.CheckSchema(ctx), "sat migrate up")
	_, err = s.Migrate(ctx)
	require.NoError(t, err)
	require.NoError(t, s.CheckSchema(ctx))
	v, err := s.Schema(ctx)
	require.NoError(t, err)
	_, err = s.write.NewRaw("INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)", v.Want+1).Exec(ctx)
	require.NoError(t, err)
	assert.NoError(t, s.CheckSchema(ctx), "one newer can be used")
	_, err = s.write.NewRaw("INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)", v.Want+2).Exec(ctx)
	require.NoError(t, err)
	assert.ErrorContains(t, s.CheckSchema(ctx), "newer version")
}

// twoAtOnce migrates one database from several processes' worth of stores.
func twoAtOnce(t *testing.T, dsn string) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 4 {
		wg.Go(func() {
			s, err := Open(t.Context(), dsn)
			if !assert.NoError(t, err) {
				return
			}
			steps, err := s.Migrate(t.Context())
			assert.NoError(t, err)
			mu.Lock()
			total += steps
			mu.Unlock()
			assert.NoError(t, s.Close())
		})
	}
	wg.Wait()
	files, err := fs.ReadDir(migrations, "migrations/sqlite")
	require.NoError(t, err)
	assert.Equal(t, len(files), total, "each step is made once")
}

func TestSeveralMayMigrateAtOnce(t *testing.T) {
	twoAtOnce(t, "sqlite:"+filepath.Join(t.TempDir(), "sat.db"))
}

func TestAddressesThatCannotBe(t *testing.T) {
	for _, dsn := range []string{"", "sqlite:", "mysql://x", "postgres://[", "sqlite:/proc/none/sat.db"} {
		_, err := Open(t.Context(), dsn)
		assert.Error(t, err, dsn)
	}
	_, err := Open(t.Context(), "postgres://sat:canary@127.0.0.1:1/sat?connect_timeout=2")
	require.Error(t, err)
	assert.Equal(t, sat.Unavailable, sat.CodeOf(err))
	assert.NotContains(t, err.Error(), "canary")
}
