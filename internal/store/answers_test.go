package store

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// Stored answers are read back by these names: a field that is renamed would be lost in what was stored before. New
// names may be added to the list.
func TestStoredAnswersKeepTheirNames(t *testing.T) {
	raw, err := json.Marshal(sat.Answer{})
	require.NoError(t, err)
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &fields))
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	assert.Subset(t, names, []string{"Adapter", "AdapterSHA256", "Base", "Clipped", "Confidence", "Engine", "Letter", "LetterMass", "Margin",
		"Method", "Mode", "Model", "Precision", "PriorID", "PromptHash", "Quality", "QualityNote", "Raw", "Scores", "Seed", "Template",
		"Text", "Tied", "Total", "Usage"})
}
