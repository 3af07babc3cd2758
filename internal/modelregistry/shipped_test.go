package modelregistry

import (
	"fmt"
	"io/fs"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/prompt"
	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// What is part of the program is what its manifest says, asked in the layout that it was trained on, and labelled.
func TestShippedAdaptersAreWhatTheySay(t *testing.T) {
	shipped, err := ShippedAdapters()
	require.NoError(t, err)
	require.NotEmpty(t, shipped)
	for _, a := range shipped {
		t.Run(a.ID(), func(t *testing.T) {
			read, err := ReadAdapter(a.folder)
			require.NoError(t, err)
			assert.Equal(t, a.ID(), read.ID())
			assert.Equal(t, prompt.TemplateHash(a.Prompt.Template), a.Prompt.TemplateSHA256)
			file, err := fs.ReadFile(a.folder, adapterGGUF)
			require.NoError(t, err)
			assert.Equal(t, "GGUF", string(file[:4]))

			require.NotNil(t, a.Gate, "a served adapter has a stored evaluation")
			e := a.Gate.Evaluation
			interval := stats.Wilson(e.Correct, e.N)
			assert.InDelta(t, interval.Low, e.Low, 5e-5)
			assert.InDelta(t, interval.High, e.High, 5e-5)
			m := a.Model("sat-lora", Generic("sat-base"))
			if a.Licence.Label != "permissive" {
				assert.Contains(t, m.Licence, a.Licence.Label)
				assert.Contains(t, m.QualityNote, "research", "the label stands beside every answer")
			}
			if !a.Gate.Passed {
				assert.Equal(t, sat.Demo, m.Quality)
			}
		})
	}
}

// TestShippedAdaptersTakeTheirPlace where nobody chose: an update replaces its own, and touches nothing else.
func TestShippedAdaptersTakeTheirPlace(t *testing.T) {
	program := func(weights ...string) (list []Shipped) {
		for _, w := range weights {
			folder, id := adapterFolder(t, w, nil)
			a, err := ReadAdapter(folder)
			require.NoError(t, err)
			require.Equal(t, id, a.ID())
			list = append(list, Shipped{Entry: Entry{Adapter: a, Gate: &GateNote{Quality: sat.Demo, Sentence: w}}, folder: folder})
		}
		return list
	}
	served := func(s *Shelf) string {
		all, err := s.Served()
		require.NoError(t, err)
		return all["sat-lora"].ID()
	}
	s, _ := newShelf(t)
	old, update := program("old"), program("update")
	require.NoError(t, s.addShipped(old))
	require.NoError(t, s.addShipped(old))
	assert.Equal(t, old[0].ID(), served(s))
	require.NoError(t, s.addShipped(update))
	assert.Equal(t, update[0].ID(), served(s), "a newer program brings a newer adapter")
	history, err := s.History()
	require.NoError(t, err)
	assert.Len(t, history, 6, "two of add, gate, promote: nothing twice")

	_, err = s.Rollback("sat-lora")
	require.NoError(t, err)
	require.NoError(t, s.addShipped(update))
	assert.Equal(t, old[0].ID(), served(s), "what the operator chose stays")

	ended, _ := newShelf(t)
	require.NoError(t, ended.addShipped(old))
	require.NoError(t, ended.Retire(old[0].ID()))
	require.NoError(t, ended.addShipped(update))
	all, err := ended.Served()
	require.NoError(t, err)
	assert.Empty(t, all, "who ended one did not ask for the next")
}

// TestTheBestMeasuredIsServed: of several adapters of a name, the others are served where somebody chose one.
func TestTheBestMeasuredIsServed(t *testing.T) {
	files, ids := fstest.MapFS{}, map[int]string{}
	for _, right := range []int{54, 67, 0} {
		folder, id := adapterFolder(t, strconv.Itoa(right), nil)
		for name, f := range folder {
			files["shipped/"+id+"/"+name] = f
		}
		if right > 0 {
			files["shipped/"+id+"/record.json"] = &fstest.MapFile{Data: fmt.Appendf(nil, `{"gate":{"passed":true,"quality":"demo","evaluation":{"correct":%d,"n":133}}}`, right)}
		}
		ids[right] = id
	}
	shipped, err := shippedIn(files, "shipped")
	require.NoError(t, err)
	require.Len(t, shipped, 3)
	assert.Equal(t, []string{ids[67], ids[54], ids[0]}, []string{shipped[0].ID(), shipped[1].ID(), shipped[2].ID()})
	s, _ := newShelf(t)
	require.NoError(t, s.addShipped(shipped))
	served, err := s.Served()
	require.NoError(t, err)
	assert.Equal(t, ids[67], served["sat-lora"].ID())
	entries, _, err := s.Entries()
	require.NoError(t, err)
	assert.Len(t, entries, 3, "the others can be promoted")
}
