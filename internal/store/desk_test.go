package store_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/questionbank"
	"sattutor/internal/questionbank/shipped"
	"sattutor/internal/sat"
	"sattutor/internal/store/storetest"
)

func TestImportsIntoSQLite(t *testing.T) { imports(t, sqlite) }

func TestImportsIntoPostgres(t *testing.T) { imports(t, postgres(t)) }

// imports takes files into a real database: rehearsed, stored, taken again, updated, undone, and out and in once more.
func imports(t *testing.T, open storetest.Open) {
	file, err := io.ReadAll(shipped.Open())
	require.NoError(t, err)
	in := func(t *testing.T, d *questionbank.Desk, req sat.ImportRequest) sat.ImportReport {
		t.Helper()
		report, err := d.ImportItems(t.Context(), req)
		require.NoError(t, err)
		return report
	}
	t.Run("rehearsal, import, the same again", func(t *testing.T) {
		s := open(t)
		d := questionbank.NewDesk(s)
		rehearsed := in(t, d, sat.ImportRequest{File: file, Rehearse: true})
		assert.Equal(t, sat.ImportCounts{New: 56}, rehearsed.Counts)
		n, err := s.ItemCount(t.Context())
		require.NoError(t, err)
		assert.Zero(t, n, "a rehearsal stores nothing")
		stored := in(t, d, sat.ImportRequest{File: file, Plan: rehearsed.Plan})
		assert.NotEmpty(t, stored.Change)
		assert.Equal(t, sat.ImportCounts{Unchanged: 56}, in(t, d, sat.ImportRequest{File: file}).Counts)
		_, err = d.ImportItems(t.Context(), sat.ImportRequest{File: file, Plan: rehearsed.Plan})
		assert.Equal(t, sat.Conflict, sat.CodeOf(err), "the bank has changed since: %v", err)
	})
	t.Run("update and undo", func(t *testing.T) {
		s := open(t)
		d := questionbank.NewDesk(s)
		in(t, d, sat.ImportRequest{File: file})
		before, err := d.ExportItems(t.Context(), sat.ExportRequest{Format: "jsonl"})
		require.NoError(t, err)
		first, _, _ := strings.Cut(string(file), "\n")
		changed := strings.Replace(first, `"licence":`, `"tags":["new-tag"],"licence":`, 1)
		if strings.Contains(first, `"tags":[`) {
			changed = strings.Replace(first, `"tags":[`, `"tags":["new-tag",`, 1)
		}
		update := in(t, d, sat.ImportRequest{File: []byte(changed + "\n" + `{"v":1,"id":"broken"}` + "\n")})
		assert.Equal(t, sat.ImportCounts{Updated: 1, Rejected: 1}, update.Counts)
		found, total, err := s.SearchItems(t.Context(), sat.ItemFilter{Tag: "new-tag"})
		require.NoError(t, err)
		require.Equal(t, 1, total)
		assert.Equal(t, 2, found[0].Version)
		_, err = s.UndoChange(t.Context(), "", update.Change)
		require.NoError(t, err)
		_, err = s.UndoChange(t.Context(), "", update.Change)
		assert.Equal(t, sat.Conflict, sat.CodeOf(err))
		after, err := d.ExportItems(t.Context(), sat.ExportRequest{Format: "jsonl"})
		require.NoError(t, err)
		assert.Equal(t, string(before.Content), string(after.Content))
	})
	t.Run("all or nothing", func(t *testing.T) {
		s := open(t)
		_, err := questionbank.NewDesk(s).ImportItems(t.Context(), sat.ImportRequest{File: append(file, "{\"v\":1}\n"...), Strict: true})
		assert.Equal(t, sat.Invalid, sat.CodeOf(err))
		n, err := s.ItemCount(t.Context())
		require.NoError(t, err)
		assert.Zero(t, n)
	})
	t.Run("an import is undone whole", func(t *testing.T) {
		s := open(t)
		report := in(t, questionbank.NewDesk(s), sat.ImportRequest{File: file})
		undone, err := s.UndoChange(t.Context(), "", report.Change)
		require.NoError(t, err)
		assert.Equal(t, 56, undone.Items)
		n, err := s.ItemCount(t.Context())
		require.NoError(t, err)
		assert.Zero(t, n)
		left, err := s.UnusedPassages(t.Context(), 10)
		require.NoError(t, err)
		assert.Empty(t, left, "its passages are gone with it")
	})
	for _, format := range []string{"jsonl", "qti3"} {
		t.Run("out and in as "+format, func(t *testing.T) {
			first, second := questionbank.NewDesk(open(t)), questionbank.NewDesk(open(t))
			in(t, first, sat.ImportRequest{File: file})
			pack, err := first.ExportItems(t.Context(), sat.ExportRequest{Format: format})
			require.NoError(t, err)
			in(t, second, sat.ImportRequest{File: pack.Content})
			want, err := first.ExportItems(t.Context(), sat.ExportRequest{Format: "jsonl"})
			require.NoError(t, err)
			have, err := second.ExportItems(t.Context(), sat.ExportRequest{Format: "jsonl"})
			require.NoError(t, err)
			assert.Equal(t, string(want.Content), string(have.Content))
		})
	}
}
