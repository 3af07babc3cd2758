package store

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

func TestLongWorkTellsHowFarItIs(t *testing.T) {
	open := func() *Store {
		s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "sat.db"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	var told []int
	ctx := WithProgress(t.Context(), func(done, _ int) { told = append(told, done) })
	s := open()
	_, err := s.Migrate(ctx)
	require.NoError(t, err)
	var items []sat.StoredItem
	for i := range 3 {
		items = append(items, sat.StoredItem{Item: sat.Item{ID: fmt.Sprint("item-", i)}, ContentKey: fmt.Sprint(i)})
	}
	_, err = s.SaveItems(ctx, sat.BankChange{What: "import"}, items)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, told)

	told = nil
	var file bytes.Buffer
	sums, err := s.Backup(ctx, &file)
	require.NoError(t, err)
	rows := 0
	for _, sum := range sums {
		rows += sum.Rows
	}
	require.Len(t, told, rows, "over all tables")
	assert.Equal(t, rows, told[rows-1])
	told = nil
	_, err = open().Restore(ctx, &file)
	require.NoError(t, err)
	assert.Len(t, told, rows, "the proof afterwards is not counted again")
}
