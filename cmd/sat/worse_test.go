package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/engine/enginetest"
)

// TestAWorseAdapterTakesForce: two runs on the same questions are measured, an adapter that is right less often than what
// it would replace fails its gate and is not promoted; against something weaker the same adapter passes.
func TestAWorseAdapterTakesForce(t *testing.T) {
	key := bankKey(t)
	some := map[string]string{}
	for _, question := range slices.Sorted(maps.Keys(key))[:40] {
		some[question] = key[question]
	}
	rules := map[string]func(enginetest.Asked) string{"sat-base": enginetest.ByKey(key), "sat-lora": enginetest.ByKey(some)}
	t.Setenv("SAT_HOME", t.TempDir())
	folder, id := writeAdapter(t, "worse")
	_, url := enginetest.Serve(t, enginetest.Options{Rule: func(a enginetest.Asked) string { return rules[a.Model](a) },
		Roots: map[string]string{"sat-base": "smollm2-135m", "sat-lora": id}}) // as our own engine says it
	code, _, errors := tool(t, "model", "add", folder)
	require.Equal(t, 0, code, errors)

	prints := filepath.Join(t.TempDir(), "fingerprints.bin")
	require.NoError(t, os.WriteFile(prints, make([]byte, 8), 0o600))
	measure := func() (base, lora string) {
		out := t.TempDir()
		code, _, errors := tool(t, "eval", "run", "--data", "bank", "--engine", url, "--model", "sat-base", "--model", "sat-lora", "--out", out,
			"--fingerprints", prints)
		require.Equal(t, 0, code, errors)
		return filepath.Join(out, "sat-base"), filepath.Join(out, "sat-lora")
	}
	base, lora := measure()
	code, said, errors := tool(t, "model", "gate", lora, "--against", base, "--store")
	require.Equal(t, 0, code, errors)
	assert.Contains(t, said, "passed  above text-free baselines")
	assert.Contains(t, said, "failed  no worse than what it replaces")
	assert.Regexp(t, `failed  RACE's test part +not measured, and what the adapter learnt from is not known`, said)
	code, _, errors = tool(t, "model", "promote", id)
	assert.Equal(t, setup.ExitData, code)
	assert.Contains(t, errors, "did not pass its gate")
	_, said, _ = tool(t, "model", "list")
	assert.NotRegexp(t, id+` +sat-lora`, said, "nothing was promoted")

	rules["sat-base"] = func(enginetest.Asked) string { return "" }
	base, lora = measure()
	code, said, errors = tool(t, "model", "gate", lora, "--against", base, "--store")
	require.Equal(t, 0, code, errors)
	assert.Contains(t, said, "passed  no worse than what it replaces")
	code, _, errors = tool(t, "model", "promote", id)
	assert.Equal(t, 0, code, errors)
	_, said, _ = tool(t, "model", "history")
	assert.NotContains(t, said, "forced")
}
