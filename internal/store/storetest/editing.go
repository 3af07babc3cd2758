package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/store"
)

// editing judges changes of the bank that meet: at the same time, or over what was there before.
func editing(t *testing.T, open Open) {
	t.Run("of edits at once, one wins", func(t *testing.T) { editsAtOnce(t, open(t)) })
	t.Run("what was deleted and made again is another", func(t *testing.T) { madeAgain(t, open(t)) })
	t.Run("an undo leaves the passages of others alone", func(t *testing.T) { undoBesideOthers(t, open(t)) })
	t.Run("a taken id is told", func(t *testing.T) {
		s := open(t)
		save(t, s, item("a", "p"))
		_, err := s.SaveItems(t.Context(), sat.BankChange{What: "edit"}, []sat.StoredItem{item("a", "p")})
		isCode(t, sat.Conflict, err)
		var wrong *sat.Error
		require.ErrorAs(t, err, &wrong)
		require.Len(t, wrong.Fields, 1)
		assert.Equal(t, "item.id", wrong.Fields[0].Field)
		assert.Contains(t, wrong.Fields[0].Message, "is taken")
	})
}

// atOnce runs steps at the same time and counts those that were done; the others must be conflicts or find nothing.
func atOnce(t *testing.T, steps ...func() error) (done int) {
	t.Helper()
	var wg sync.WaitGroup
	start, errs := make(chan struct{}), make([]error, len(steps))
	for i, step := range steps {
		wg.Go(func() {
			<-start
			errs[i] = step()
		})
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			done++
		} else {
			assert.Contains(t, []sat.Code{sat.Conflict, sat.NotFound}, sat.CodeOf(err), "%v", err)
		}
	}
	return done
}

func editsAtOnce(t *testing.T, s *store.Store) {
	ctx := t.Context()
	edit := func(it sat.StoredItem, question string) func() error {
		it.Question = question
		return func() error {
			_, err := s.SaveItems(ctx, sat.BankChange{What: "edit"}, []sat.StoredItem{it})
			return err
		}
	}
	version := 0
	for round := range 20 {
		var edits []func() error
		it := item("a", "p")
		it.Version = version
		for writer := range 4 {
			edits = append(edits, edit(it, fmt.Sprintf("Round %d, writer %d?", round, writer)))
		}
		require.Equal(t, 1, atOnce(t, edits...), "round %d: exactly one edit of a version is acknowledged", round)
		now, err := s.Item(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, version+1, now.Version)
		version = now.Version
	}
	history, err := s.ItemHistory(ctx, "a", 100)
	require.NoError(t, err)
	assert.Len(t, history, 20, "each acknowledged edit stands in the history")

	for round := range 10 {
		id := fmt.Sprintf("gone-%d", round)
		save(t, s, item(id, "q"))
		drop := func() error { return s.DeleteItem(ctx, "", id) }
		require.Equal(t, 1, atOnce(t, drop, drop, drop), "round %d: an item is deleted once", round)
		made := save(t, s, item(id, "q"))
		undo := func() error { _, err := s.UndoChange(ctx, "", made.ID); return err }
		now, err := s.Item(ctx, id)
		require.NoError(t, err)
		require.Equal(t, 1, atOnce(t, undo, undo, edit(now, "Kept?")), "round %d: an edit and the undoing of what it edits", round)
	}
}

func madeAgain(t *testing.T, s *store.Store) {
	ctx := t.Context()
	made := save(t, s, item("a", "p"))
	stale, err := s.Item(ctx, "a")
	require.NoError(t, err)
	require.NoError(t, s.DeleteItem(ctx, "", "a"))
	again := save(t, s, item("a", "p"))
	now, err := s.Item(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, 3, now.Version, "counting goes on")
	stale.Question = "An old form?"
	_, err = s.SaveItems(ctx, sat.BankChange{What: "edit"}, []sat.StoredItem{stale})
	isCode(t, sat.Conflict, err, "a form of the former item")
	_, err = s.UndoChange(ctx, "", made.ID)
	isCode(t, sat.Conflict, err, "the change that made the former item")
	history, err := s.ItemHistory(ctx, "a", 10)
	require.NoError(t, err)
	require.Len(t, history, 3)
	assert.Zero(t, history[0].Version, "it was not there")
	_, err = s.UndoChange(ctx, "", history[1].Change.ID)
	isCode(t, sat.Conflict, err, "the deletion of the former item")
	_, err = s.UndoChange(ctx, "", again.ID)
	require.NoError(t, err)
	_, err = s.Item(ctx, "a")
	isCode(t, sat.NotFound, err)

	items := []sat.StoredItem{item("a", "p")}
	_, err = s.SaveItems(ctx, sat.BankChange{What: "edit"}, items)
	require.NoError(t, err)
	assert.Equal(t, 5, items[0].Version, "the version under which it is stored is told")
	items[0].Answer = "C"
	edit, err := s.SaveItems(ctx, sat.BankChange{What: "edit"}, items)
	require.NoError(t, err)
	require.NoError(t, s.DeleteItem(ctx, "", "a"))
	_, err = s.UndoChange(ctx, "", edit.ID)
	isCode(t, sat.Conflict, err, "it was deleted since")
}

func undoBesideOthers(t *testing.T, s *store.Store) {
	ctx := t.Context()
	long := []string{"The pier was empty.", "The lamp burned late."}
	save(t, s, item("a", "p", long[0]))
	a, err := s.Item(ctx, "a")
	require.NoError(t, err)
	a.Passages[0].Lines = long
	change := save(t, s, a)
	save(t, s, item("z", "p", long...), item("other", "q"))

	_, err = s.UndoChange(ctx, "", change.ID)
	isCode(t, sat.Conflict, err, "z quotes what would go")
	require.Error(t, err)
	assert.Contains(t, err.Error(), "z")
	assert.NotContains(t, err.Error(), "other")
	z, err := s.Item(ctx, "z")
	require.NoError(t, err)
	assert.Equal(t, long, z.Passages[0].Lines, "nothing was undone")

	require.NoError(t, s.DeleteItem(ctx, "", "z"))
	_, err = s.UndoChange(ctx, "", change.ID)
	require.NoError(t, err)
	a, err = s.Item(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, long[:1], a.Passages[0].Lines)
}
