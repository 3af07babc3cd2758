package storetest

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/store"
)

func backup(t *testing.T, open Open) {
	ctx := t.Context()
	c := newClock()
	from := open(t, store.WithClock(c.Now))
	seed(t, from, c)
	var file bytes.Buffer
	sums, err := from.Backup(ctx, &file)
	require.NoError(t, err)
	for _, sum := range sums {
		assert.Positive(t, sum.Rows, "the tests fill every table: %s", sum.Table)
	}
	check, err := from.Checksum(ctx)
	require.NoError(t, err)
	assert.Equal(t, check, sums)

	t.Run("restores to the same", func(t *testing.T) {
		to := open(t)
		restored, err := to.Restore(ctx, bytes.NewReader(file.Bytes()))
		require.NoError(t, err)
		assert.Equal(t, sums, restored)
		check, err := to.Checksum(ctx)
		require.NoError(t, err)
		assert.Equal(t, sums, check)
		it, err := to.Item(ctx, "ferry-1")
		require.NoError(t, err)
		assert.Equal(t, item("ferry-1", "ferry").Item, it.Item)
		found, _, err := to.SearchItems(ctx, sat.ItemFilter{Words: "Hester"})
		require.NoError(t, err)
		assert.Len(t, found, 2, "the search knows what was restored")
		_, err = to.Restore(ctx, bytes.NewReader(file.Bytes()))
		isCode(t, sat.Conflict, err, "into a database that has rows")
	})
	t.Run("what is damaged is refused, or does no harm", func(t *testing.T) {
		refused := 0
		to := open(t)
		for i := 0; i < file.Len(); i += file.Len()/40 + 1 {
			flipped := bytes.Clone(file.Bytes())
			flipped[i] ^= 0x10
			if _, err := to.Restore(ctx, bytes.NewReader(flipped)); err != nil {
				isCode(t, sat.Invalid, err, "byte %d", i)
				refused++
				continue
			}
			check, err := to.Checksum(ctx)
			require.NoError(t, err)
			assert.Equal(t, sums, check, "byte %d", i)
			to = open(t)
		}
		assert.Greater(t, refused, 30)
		_, err := to.Restore(ctx, bytes.NewReader(file.Bytes()[:file.Len()-20]))
		isCode(t, sat.Invalid, err, "cut off")
		_, err = to.Restore(ctx, bytes.NewReader([]byte("SQLite format 3")))
		isCode(t, sat.Invalid, err, "something else")
		_, err = to.Restore(ctx, bytes.NewReader(file.Bytes()))
		assert.NoError(t, err, "a refused restore leaves nothing behind")
	})
	t.Run("is one moment while others write", func(t *testing.T) {
		var wg sync.WaitGroup
		var done atomic.Bool
		wg.Go(func() {
			for i := 0; !done.Load(); i++ {
				x := exchange("", "u-ada", noon.Add(time.Duration(i)))
				x.ID = "during-" + time.Duration(i).String()
				assert.NoError(t, from.AddExchange(ctx, x))
			}
		})
		for range 3 {
			var file bytes.Buffer
			sums, err := from.Backup(ctx, &file)
			require.NoError(t, err)
			restored, err := open(t).Restore(ctx, &file)
			require.NoError(t, err)
			assert.Equal(t, sums, restored)
		}
		done.Store(true)
		wg.Wait()
	})
}

func privacy(t *testing.T, open Open) {
	ctx := t.Context()
	t.Run("an export holds what the user made, and no secret", func(t *testing.T) {
		c := newClock()
		s := open(t, store.WithClock(c.Now))
		u := seed(t, s, c)
		account(t, s, "Bob")
		require.NoError(t, s.AddExchange(ctx, exchange("bobs", "u-bob", noon)))
		var out bytes.Buffer
		require.NoError(t, s.Export(ctx, u.ID, &out))
		var got map[string][]map[string]any
		require.NoError(t, json.Unmarshal(out.Bytes(), &got), out.String())
		for _, table := range []string{"users", "tokens", "api_keys", "answers", "item_reports", "item_sets", "sessions", "responses", "attempts", "arena_pairs"} {
			assert.Len(t, got[table], 1, table)
		}
		assert.Equal(t, "Why?", got["answers"][0]["stem"])
		assert.IsType(t, map[string]any{}, got["answers"][0]["answer"], "JSON inside is opened")
		for _, secret := range []string{"hash of Ada", `"t1"`, "kh1", "bob"} {
			assert.NotContains(t, out.String(), secret)
		}
		isCode(t, sat.NotFound, s.Export(ctx, "u-none", discard))
	})
	t.Run("erasing leaves nothing", func(t *testing.T) {
		c := newClock()
		s := open(t, store.WithClock(c.Now))
		u := seed(t, s, c)
		require.NoError(t, s.Erase(ctx, u.ID))
		var file bytes.Buffer
		sums, err := s.Backup(ctx, &file)
		require.NoError(t, err)
		assert.False(t, strings.Contains(unpacked(t, file.Bytes()), u.ID), "the id is nowhere")
		left := map[string]int{}
		for _, sum := range sums {
			left[sum.Table] = sum.Rows
		}
		for _, table := range []string{"users", "tokens", "api_keys", "answers", "replies", "item_reports", "item_sets", "sessions", "responses", "attempts", "arena_pairs"} {
			assert.Zero(t, left[table], table)
		}
		assert.Equal(t, 2, left["items"], "the bank belongs to everybody")
		isCode(t, sat.NotFound, s.Erase(ctx, u.ID))
	})
	t.Run("a guest's work goes over to the account", func(t *testing.T) {
		s := open(t)
		require.NoError(t, s.EnsureGuest(ctx, "g-1"))
		require.NoError(t, s.AddExchange(ctx, exchange("x", "g-1", noon)))
		require.NoError(t, s.CreateSession(ctx, session("s", "g-1")))
		ada, err := s.Register(ctx, newAccount("Ada", "", "g-1"))
		require.NoError(t, err)
		list, err := s.Exchanges(ctx, ada.ID, sat.Cursor{}, 10)
		require.NoError(t, err)
		assert.Len(t, list, 1)
		w, err := s.SessionWork(ctx, ada.ID, "s")
		require.NoError(t, err)
		assert.Equal(t, ada.ID, w.Session.UserID)
		_, err = s.User(ctx, "g-1")
		isCode(t, sat.NotFound, err)
	})
	t.Run("what has had its time goes", func(t *testing.T) {
		c := newClock()
		s := open(t, store.WithClock(c.Now))
		seed(t, s, c)
		require.NoError(t, s.EnsureGuest(ctx, "g-idle"))
		require.NoError(t, s.EnsureGuest(ctx, "g-busy"))
		require.NoError(t, s.EnsureGuest(ctx, "g-private"))
		require.NoError(t, s.SetKeepAnswers(ctx, "g-private", false))
		c.move(400 * 24 * time.Hour)
		require.NoError(t, s.AddExchange(ctx, exchange("new", "g-busy", c.Now())))
		n, err := s.Expire(ctx, c.Now().Add(-400*24*time.Hour))
		require.NoError(t, err)
		assert.Equal(t, 6, n, "the sign-in, the invitation, the reply, the counter, the throttle: over for long; the idle guest")
		_, err = s.User(ctx, "g-private")
		require.NoError(t, err, "a choice is kept like an answer")
		n, err = s.Expire(ctx, c.Now().Add(-399*24*time.Hour))
		require.NoError(t, err)
		assert.Equal(t, 5, n, "the answer, the attempt, the session, the entry of the log, the guest who chose something")
		_, err = s.User(ctx, "g-busy")
		require.NoError(t, err)
		_, err = s.User(ctx, "u-ada")
		require.NoError(t, err, "accounts stay")
	})
}
