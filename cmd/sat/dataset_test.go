package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/dataset"
)

func TestDatasetBuild(t *testing.T) {
	bank, err := filepath.Abs("../../internal/questionbank/shipped/items.jsonl")
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), "data")
	code, page, stderr := inEmptyFolder(t, "", "dataset", "build", "--source", "items:"+bank, "--method", "option", "--out", out)
	require.Equal(t, setup.ExitOK, code, stderr)
	assert.Contains(t, page, "Licence label: **permissive**")
	assert.Contains(t, page, "Next: sat-train check")

	raw, err := os.ReadFile(filepath.Join(out, dataset.ManifestFile))
	require.NoError(t, err)
	var m dataset.Manifest
	require.NoError(t, json.Unmarshal(raw, &m))
	assert.Equal(t, "option_v1", m.Template)
	assert.Equal(t, 4*m.Splits["train"].Questions, m.Splits["train"].Records)
	for name, sum := range m.Files {
		data, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(t, err)
		assert.EqualValues(t, sum.Bytes, len(data), name)
	}
}

func TestDatasetBuildSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, want string
		args       []string
		code       int
	}{
		{"no source", "--source", nil, setup.ExitUsage},
		{"kind", "use one of", []string{"--source", "poems:x"}, setup.ExitUsage},
		{"file", "there is no absent.jsonl", []string{"--source", "items:absent.jsonl"}, setup.ExitNoInput},
		{"method", "letter_text, letter or option", []string{"--source", "items:x", "--method", "guess"}, setup.ExitUsage},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := inEmptyFolder(t, "", append([]string{"dataset", "build", "--out", "data"}, c.args...)...)
			assert.Equal(t, c.code, code)
			assert.Contains(t, stderr, c.want)
		})
	}
}
