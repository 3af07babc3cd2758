package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/testneeds"
)

// backedUp gives a backup with some large rows.
func backedUp(t *testing.T) []byte {
	t.Helper()
	ctx := t.Context()
	s := openFile(t)
	_, err := s.Migrate(ctx)
	require.NoError(t, err)
	for i := range 50 {
		require.NoError(t, s.AddExchange(ctx, sat.Exchange{ID: fmt.Sprint(i), AskedAt: time.Now(),
			Question: sat.Question{Passage: strings.Repeat("The lamp burned late. ", 1000)}}))
	}
	var file bytes.Buffer
	_, err = s.Backup(ctx, &file)
	require.NoError(t, err)
	return file.Bytes()
}

// TestARestoreTellsWhatFailed tells a full disk and an unreadable file from a damaged one.
func TestARestoreTellsWhatFailed(t *testing.T) {
	file := backedUp(t)
	t.Run("the database is full", func(t *testing.T) {
		s := openFile(t)
		_, err := s.Migrate(t.Context())
		require.NoError(t, err)
		var have int
		require.NoError(t, s.write.NewRaw("PRAGMA page_count").Scan(t.Context(), &have))
		_, err = s.write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", have+20))
		require.NoError(t, err)
		_, err = s.Restore(t.Context(), bytes.NewReader(file))
		assert.Equal(t, sat.Unavailable, sat.CodeOf(err), "%v", err)
		assert.ErrorContains(t, err, "disk is full")
		_, err = s.write.ExecContext(t.Context(), "PRAGMA max_page_count = 100000")
		require.NoError(t, err)
		_, err = s.Restore(t.Context(), bytes.NewReader(file))
		assert.NoError(t, err, "with room it goes")
	})
	t.Run("the file cannot be read", func(t *testing.T) {
		broken := io.MultiReader(bytes.NewReader(file[:len(file)/2]), failing{&fs.PathError{Op: "read", Path: "backup", Err: errors.New("input/output error")}})
		_, err := openFile(t).Restore(t.Context(), broken)
		assert.Equal(t, sat.Unavailable, sat.CodeOf(err), "%v", err)
		assert.ErrorContains(t, err, "input/output error")
	})
	t.Run("it was broken off", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := openFile(t)
		_, err := s.Restore(WithProgress(ctx, func(int, int) { cancel() }), bytes.NewReader(file))
		assert.ErrorIs(t, err, context.Canceled)
	})
	t.Run("the file is damaged", func(t *testing.T) {
		_, err := openFile(t).Restore(t.Context(), bytes.NewReader(file[:len(file)-9]))
		assert.Equal(t, sat.Invalid, sat.CodeOf(err), "%v", err)
		assert.ErrorContains(t, err, "damaged")
	})
}

type failing struct{ err error }

// Read implements [io.Reader].
func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestABackupTakesItsTime keeps a backup of PostgreSQL waiting for longer than one statement may take.
func TestABackupTakesItsTime(t *testing.T) {
	ctx := t.Context()
	address := testneeds.Postgres(t)
	s, err := Open(ctx, address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(ctx)
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	q := u.Query()
	q.Set("statement_timeout", "300ms")
	u.RawQuery = q.Encode()
	hasty, err := Open(ctx, u.String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, hasty.Close()) })

	tx, err := s.write.BeginTx(ctx, nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(ctx, "LOCK TABLE answers IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := hasty.Checksum(ctx)
		ended <- err
	}()
	for waits := 0; waits == 0; { // until the statement has waited for longer than the limit, or has died of it
		select {
		case err := <-ended:
			require.NoError(t, err, "it did not wait")
			return
		default:
		}
		require.NoError(t, s.read.NewRaw(`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
			AND clock_timestamp() - query_start > interval '600 milliseconds'`).Scan(ctx, &waits))
	}
	require.NoError(t, tx.Rollback())
	require.NoError(t, <-ended)
}
