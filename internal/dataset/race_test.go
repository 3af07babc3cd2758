package dataset_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/dataset"
	"sattutor/internal/eval"
)

const (
	oneArticle = `{"answers":["B"],"options":[["red","green","blue","none"]],"questions":["Which colour?"],"article":"The door was green."}`
	oneLine    = `{"id":"x-high-1","passage":"The door was green.","questions":[{"question":"Which colour?","choices":["red","green","blue","none"],"answer":"B"}]}`
)

func TestRACEFoldersGiveWhatItsLinesGive(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "high"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "high", "1.txt"), []byte(oneArticle), 0o600))
	file := filepath.Join(t.TempDir(), "race.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(oneLine+"\n"), 0o600))
	var got [][]dataset.Record
	for _, path := range []string{folder, file} {
		o := options(t, dataset.Option)
		o.Sources, o.ValShare = []dataset.Source{{Kind: dataset.KindRACE, Path: path}}, 0
		m, err := dataset.Build(context.Background(), o)
		require.NoError(t, err)
		assert.Equal(t, dataset.ResearchOnly, m.Licence)
		got = append(got, lines(t, filepath.Join(o.Out, dataset.TrainFile)))
	}
	require.Len(t, got[0], 4)
	for i := range got[0] {
		assert.Equal(t, got[1][i].Prompt, got[0][i].Prompt)
		assert.Equal(t, got[1][i].Label, got[0][i].Label)
	}
	assert.Equal(t, "race-high-1-1", got[0][0].Group)
}

func TestBrokenQuestionsOfRACEAreLeftOutByName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "race.jsonl")
	rows := oneLine + "\n" + `{"id":"empty","passage":"All of it was withdrawn.","questions":[]}` + "\n" +
		`{"id":"keyless","passage":"The gate was red.","questions":[{"question":"Which?","choices":["red","blue"],"answer":"E"}]}`
	require.NoError(t, os.WriteFile(file, []byte(rows), 0o600))
	o := options(t, dataset.Letter)
	o.Sources, o.ValShare = []dataset.Source{{Kind: dataset.KindRACE, Path: file}}, 0
	m, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	assert.Equal(t, 1, m.Splits["train"].Questions)
	assert.Equal(t, []string{"keyless-1"}, m.Dropped["the key names none of the choices"].IDs)

	require.NoError(t, os.WriteFile(file, []byte(oneLine+"\n{broken"), 0o600))
	_, err = dataset.Build(context.Background(), o)
	assert.ErrorContains(t, err, "race.jsonl:2 is no JSON object")
}

func FuzzRACEArticle(f *testing.F) {
	f.Add([]byte(oneArticle))
	f.Add([]byte(`{"questions":["q"],"options":[["a"]],"answers":["E"]}`))
	f.Fuzz(func(t *testing.T, article []byte) {
		file := filepath.Join(t.TempDir(), "1.txt")
		require.NoError(t, os.WriteFile(file, article, 0o600))
		o := options(t, dataset.Letter)
		o.Sources = []dataset.Source{{Kind: dataset.KindRACE, Path: file}}
		if _, err := dataset.Build(context.Background(), o); err != nil {
			assert.NotEqual(t, eval.ExitInternal, eval.ExitCode(err), "%v", err)
		}
	})
}
