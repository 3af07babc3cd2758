package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
)

// writeAdapter makes the folder of a tiny adapter.
func writeAdapter(t *testing.T, weights string) (folder, id string) {
	t.Helper()
	of := func(text string) string { sum := sha256.Sum256([]byte(text)); return hex.EncodeToString(sum[:]) }
	digest := of(weights)
	const config = `{"peft_type":"LORA","r":16}`
	manifest, err := json.Marshal(map[string]any{
		"schema": "sat-adapter/v1", "name": "sat-lora", "version": digest[:8],
		"base": map[string]any{"id": "HuggingFaceTB/SmolLM2-135M-Instruct", "licence": "Apache-2.0"},
		"adapter": map[string]any{"r": 16, "files": map[string]any{
			"adapter_model.safetensors": map[string]any{"sha256": digest}, "adapter_config.json": map[string]any{"sha256": of(config)}}},
		"gguf":    map[string]any{"sha256": of("converted")},
		"prompt":  map[string]any{"method": "option", "template": "option_v1"},
		"licence": map[string]any{"label": "permissive", "text": "Use it."},
	})
	require.NoError(t, err)
	folder = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "manifest.json"), manifest, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "adapter_model.safetensors"), []byte(weights), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "adapter_config.json"), []byte(config), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "adapter.gguf"), []byte("converted"), 0o600))
	return folder, "sat-lora@" + digest[:8]
}

func TestModelCommands(t *testing.T) {
	t.Setenv("SAT_HOME", filepath.Join(t.TempDir(), "home"))
	one, first := writeAdapter(t, "one")
	two, second := writeAdapter(t, "two")
	for _, step := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"list"}, 0, "smollm2-135m"},
		{[]string{"add"}, setup.ExitUsage, "give one FOLDER"},
		{[]string{"add", t.TempDir()}, setup.ExitData, "manifest.json is absent"},
		{[]string{"add", one}, 0, first + " is on the shelf. Licence: permissive"},
		{[]string{"add", "--quiet", two}, 0, second + "\n"},
		{[]string{"path"}, setup.ExitData, "`sat engine install --model smollm2-135m` fetches it"},
		{[]string{"path", "none"}, setup.ExitData, "There is no model"},
		{[]string{"verify"}, 0, first + ": every file is as its manifest says"},
		{[]string{"promote", "sat-lora@00000000"}, setup.ExitData, "There is no adapter"},
		{[]string{"promote", first}, setup.ExitData, "has not passed a gate"},
		{[]string{"promote", "--force", first}, 0, "is promoted as sat-lora. A running `sat up` or `sat engine` of this shelf serves it as soon as it has loaded it"},
		{[]string{"promote", "--force", second}, 0, "sat model rollback"},
		{[]string{"rollback"}, 0, first + " is promoted as sat-lora again"},
		{[]string{"show", first}, 0, `"served_as": [`},
		{[]string{"retire", second}, 0, "is retired"},
		{[]string{"list"}, 0, "retired"},
		{[]string{"history"}, 0, "as sat-lora, before: " + first + ", forced"},
	} {
		code, stdout, stderr := inEmptyFolder(t, "", append([]string{"model"}, step.args...)...)
		assert.Equal(t, step.code, code, "%v: %s", step.args, stderr)
		assert.Contains(t, stdout+stderr, step.says, "%v", step.args)
	}
}

func TestModelAddTakesTheFolderOfARun(t *testing.T) {
	t.Setenv("SAT_HOME", filepath.Join(t.TempDir(), "home"))
	folder, id := writeAdapter(t, "one")
	run := t.TempDir()
	require.NoError(t, os.Rename(folder, filepath.Join(run, "adapter")))
	code, stdout, stderr := inEmptyFolder(t, "", "model", "add", "--quiet", run)
	assert.Zero(t, code, stderr)
	assert.Equal(t, id+"\n", stdout)
	code, _, stderr = inEmptyFolder(t, "", "model", "add", t.TempDir())
	assert.Equal(t, setup.ExitData, code)
	assert.Contains(t, stderr, "give the folder of a run of `sat-train`, or its folder adapter/")
}

func TestModelVerifyAndListNameWhatIsDamaged(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	t.Setenv("SAT_HOME", home)
	one, first := writeAdapter(t, "one")
	two, second := writeAdapter(t, "two")
	for _, folder := range []string{one, two} {
		code, _, stderr := inEmptyFolder(t, "", "model", "add", folder)
		require.Zero(t, code, stderr)
	}
	require.NoError(t, os.Remove(filepath.Join(home, "adapters", first, "manifest.json")))
	code, stdout, stderr := inEmptyFolder(t, "", "model", "verify")
	assert.Equal(t, setup.ExitData, code)
	assert.Contains(t, stderr, first)
	assert.Contains(t, stderr, "manifest.json cannot be read")
	assert.Contains(t, stdout, second+": every file is as its manifest says", "the others are checked all the same")
	code, stdout, _ = inEmptyFolder(t, "", "model", "list")
	assert.Zero(t, code)
	assert.Regexp(t, first+` +damaged`, stdout)
}
