package setup

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/store"
)

func TestANewBankIsFilledOnce(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "sat.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	bank := NewQuestionBank(s)
	require.NoError(t, bank.Fill(t.Context()))
	n, err := s.ItemCount(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 56, n)

	items, _, err := s.SearchItems(t.Context(), sat.ItemFilter{Limit: 2})
	require.NoError(t, err)
	require.NoError(t, s.DeleteItem(t.Context(), "", items[0].ID))
	require.NoError(t, bank.Fill(t.Context()))
	n, err = s.ItemCount(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 55, n, "what was deleted stays deleted")

	found, err := bank.Similar(t.Context(), items[1].Item, 3)
	require.NoError(t, err)
	require.Len(t, found.Items, 3)
	for _, m := range found.Items {
		assert.NotEqual(t, items[1].ID, m.ID)
		assert.NotEmpty(t, m.Question)
	}
	require.NoError(t, s.DeleteItem(t.Context(), "", found.Items[0].ID))
	again, err := bank.Similar(t.Context(), items[1].Item, 3)
	require.NoError(t, err)
	assert.NotEqual(t, found.Items[0].ID, again.Items[0].ID, "the words are read again when the bank has changed")
}
