package setup

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/sat"
)

// TestTheArenaDrawsFromTheBankAsItIs leaves one question for practice in a running bank, one of a teacher's own, and one
// that is kept for measuring.
func TestTheArenaDrawsFromTheBankAsItIs(t *testing.T) {
	_, engineURL := enginetest.Serve(t, enginetest.Options{})
	r := start(t, testConfig(t, engineURL+"/v1"), nil).ready(t)
	store := r.storing.store
	ids, err := store.ItemIDs(t.Context(), sat.ItemFilter{})
	require.NoError(t, err)
	require.Len(t, ids, 56)
	first, err := r.client.Item(t.Context(), ids[0])
	require.NoError(t, err)
	for _, id := range ids {
		require.NoError(t, store.DeleteItem(t.Context(), "", id))
	}
	_, err = r.client.CreatePair(t.Context(), api.PairRequest{})
	assert.ErrorContains(t, err, "no question for this")

	own := first.Item
	own.ID, own.PreviousID, own.Requires, own.Question = "own", "", nil, "What does the teacher ask here?"
	held := own
	held.ID, held.Split, held.Question = "held", sat.ForHoldout, "What is kept for measuring?"
	for _, it := range []sat.Item{own, held} {
		_, err = r.client.SaveItem(t.Context(), it, 0)
		require.NoError(t, err)
	}
	for range 3 {
		pair, err := r.client.CreatePair(t.Context(), api.PairRequest{})
		require.NoError(t, err)
		assert.Equal(t, "What does the teacher ask here?", pair.Question.Question)
	}
}
