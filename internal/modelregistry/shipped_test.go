package modelregistry

import (
	"io/fs"
	"testing"

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
