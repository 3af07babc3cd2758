package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// TestAFullDatabaseSaysSoAndLosesNothing fills a database up to a number of pages, and one on a small disk to its end.
func TestAFullDatabaseSaysSoAndLosesNothing(t *testing.T) {
	t.Run("no more pages", func(t *testing.T) {
		s := openFile(t)
		_, err := s.Migrate(t.Context())
		require.NoError(t, err)
		pages := func(n int) {
			_, err := s.write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n))
			require.NoError(t, err)
		}
		var have int
		require.NoError(t, s.write.NewRaw("PRAGMA page_count").Scan(t.Context(), &have))
		pages(have + 60)
		fill(t, s, func() { pages(1 << 20) })
	})
	t.Run("no more disk", func(t *testing.T) {
		dir := t.TempDir()
		unmount := smallDisk(t, dir)
		t.Cleanup(unmount)
		s, err := Open(t.Context(), "sqlite:"+filepath.Join(dir, "sat.db"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		_, err = s.Migrate(t.Context())
		require.NoError(t, err)
		ballast := filepath.Join(dir, "ballast")
		require.NoError(t, os.WriteFile(ballast, make([]byte, 1<<20), 0o600))
		fill(t, s, func() { require.NoError(t, os.Remove(ballast)) })
	})
}

// fill writes from several sides until the database is full, looks at what is there, makes room, and writes on.
func fill(t *testing.T, s *Store, makeRoom func()) {
	ctx := t.Context()
	require.NoError(t, s.CreateUser(ctx, sat.User{ID: "u", Name: "u", Role: sat.Student, KeepAnswers: true, CreatedAt: time.Now()}))
	write := func(id string) error {
		return s.AddExchange(context.WithoutCancel(ctx), sat.Exchange{ID: id, UserID: "u", AskedAt: time.Now(), Source: "page",
			Question: sat.Question{Passage: strings.Repeat("The lamp burned late. ", 100), Stem: "What burned?", Choices: []string{"lamp", "pier"}}})
	}
	var mu sync.Mutex
	var acknowledged []string
	var refused error
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 5_000 {
				id := fmt.Sprintf("x-%d-%d", w, i)
				err := write(id)
				mu.Lock()
				if err == nil {
					acknowledged = append(acknowledged, id)
				} else {
					refused = err
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	writers.Wait()
	require.Error(t, refused, "the disk was large enough for everything")
	require.NotEmpty(t, acknowledged)
	assert.Equal(t, sat.Unavailable, sat.CodeOf(refused), "%v", refused)
	var said *sat.Error
	require.ErrorAs(t, refused, &said)
	assert.Contains(t, said.Message, "disk is full")
	assert.Contains(t, said.Message, "Nothing was stored")
	assert.Equal(t, "storage", said.Reason)

	stored := func() map[string]bool {
		var ids []string
		require.NoError(t, s.read.NewSelect().Table("answers").Column("id").Scan(ctx, &ids))
		set := map[string]bool{}
		for _, id := range ids {
			set[id] = true
		}
		return set
	}
	there := stored()
	for _, id := range acknowledged {
		require.True(t, there[id], "%s was acknowledged and is gone", id)
	}
	assert.Len(t, there, len(acknowledged), "what was refused is not there either")
	makeRoom()
	require.NoError(t, write("x-after"), "it works again by itself")
	assert.True(t, stored()["x-after"])
	var verdict string
	require.NoError(t, s.read.NewRaw("PRAGMA integrity_check").Scan(ctx, &verdict))
	assert.Equal(t, "ok", verdict)
}
