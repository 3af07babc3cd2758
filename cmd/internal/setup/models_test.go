package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/config"
	"sattutor/internal/eval"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
)

// shelved puts an adapter of that base onto the shelf and gives its id.
func shelved(t *testing.T, cfg config.Config, base string, gguf bool) string {
	t.Helper()
	digest := func(text string) string { sum := sha256.Sum256([]byte(text)); return hex.EncodeToString(sum[:]) }
	weights := base
	if gguf {
		weights += ", converted"
	}
	manifest := map[string]any{
		"schema": "sat-adapter/v1", "name": "sat-lora", "version": digest(weights)[:8],
		"base": map[string]any{"id": base, "licence": "Apache-2.0"},
		"adapter": map[string]any{"r": 16, "files": map[string]any{
			"adapter_model.safetensors": map[string]any{"sha256": digest(weights)}, "adapter_config.json": map[string]any{"sha256": digest(`{"r":16}`)}}},
		"prompt":  map[string]any{"method": "option", "template": "option_v1", "date_string": "11 Jun 2025"},
		"licence": map[string]any{"label": "permissive"},
	}
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "adapter_model.safetensors"), []byte(weights), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "adapter_config.json"), []byte(`{"r":16}`), 0o600))
	if gguf {
		manifest["gguf"] = map[string]any{"sha256": digest("gguf")}
		require.NoError(t, os.WriteFile(filepath.Join(folder, "adapter.gguf"), []byte("gguf"), 0o600))
	}
	raw, err := json.Marshal(manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "manifest.json"), raw, 0o600))
	e, err := OpenShelf(cfg).Add(os.DirFS(folder))
	require.NoError(t, err)
	return e.ID()
}

// TestAnAdapterOnTrialIsServedBeforeItIsPromoted, by its id, beside what is promoted; one that could not be served is
// refused, for the engine would ignore it without a word.
func TestAnAdapterOnTrialIsServedBeforeItIsPromoted(t *testing.T) {
	home := t.TempDir()
	cfg := config.Config{Home: home, ModelPath: filepath.Join(home, "Small.gguf")}
	require.NoError(t, os.WriteFile(cfg.ModelPath, []byte("weights"), 0o600))
	old, fresh := shelved(t, cfg, "maker/Small", true), shelved(t, cfg, "maker2/Small", true)
	require.NoError(t, OpenShelf(cfg).Promote("sat-lora", old, modelregistry.Serving{}, true))

	names := func(models Local) (list []string) {
		for _, m := range models.Models {
			list = append(list, m.Spec.Name)
		}
		return list
	}
	models, err := LocalModels(t.Context(), cfg)
	require.NoError(t, err)
	assert.Equal(t, []string{"sat-base", "sat-lora"}, names(models))
	models, err = LocalModels(t.Context(), cfg, fresh)
	require.NoError(t, err)
	require.Equal(t, []string{"sat-base", "sat-lora", fresh}, names(models))
	assert.Equal(t, fresh, models.Models[2].Record.Adapter)
	assert.Equal(t, fresh, models.Models[2].Spec.Root)
	assert.FileExists(t, models.Models[2].Spec.AdapterPath)
	assert.NotEqual(t, models.Models[1].Spec.AdapterPath, models.Models[2].Spec.AdapterPath)
	assert.Equal(t, map[string]string{"date_string": "11 Jun 2025"}, models.Models[2].Spec.TemplateArgs)

	_, err = LocalModels(t.Context(), cfg, shelved(t, cfg, "maker/Large", true))
	assert.ErrorContains(t, err, "was trained on maker/Large, and the model here is Small")
	_, err = LocalModels(t.Context(), cfg, shelved(t, cfg, "maker/Small", false))
	assert.ErrorContains(t, err, "sat-train convert")
	_, err = LocalModels(t.Context(), cfg, "sat-lora@00000000")
	assert.ErrorContains(t, err, "There is no adapter")
}

// TestAWorseAdapterTakesForce goes from the gate's result to the promotion.
func TestAWorseAdapterTakesForce(t *testing.T) {
	home := t.TempDir()
	cfg := config.Config{Home: home, ModelPath: filepath.Join(home, "Small.gguf")}
	require.NoError(t, os.WriteFile(cfg.ModelPath, []byte("weights"), 0o600))
	old, fresh := shelved(t, cfg, "maker/Small", true), shelved(t, cfg, "maker2/Small", true)
	passes := eval.GateResult{Quality: sat.Production, Shown: true, Sentence: "It passes.",
		Evaluation: sat.Evaluation{Method: sat.MethodOption, Template: "option_v1", Correct: 60, N: 133, Base: "Small", Precision: "unknown"}}
	promote := func(id string) error { return Promote(cfg, "sat-lora", id, false) }

	require.NoError(t, StoreGate(cfg, old, passes, Rival{Record: "smollm2-135m"}))
	require.NoError(t, promote(old))
	require.NoError(t, StoreGate(cfg, fresh, passes, Rival{}))
	assert.ErrorContains(t, promote(fresh), "worse than "+old)
	require.NoError(t, StoreGate(cfg, fresh, passes, Rival{Record: "smollm2-135m"}))
	assert.ErrorContains(t, promote(fresh), "worse than "+old, "better than the base says nothing")
	require.NoError(t, StoreGate(cfg, fresh, passes, Rival{Record: old, Worse: true}))
	assert.ErrorContains(t, promote(fresh), "did not pass its gate")
	require.NoError(t, StoreGate(cfg, fresh, passes, Rival{Record: old, Same: true}))
	assert.ErrorContains(t, promote(fresh), "did not pass its gate", "it does nothing")
	require.NoError(t, StoreGate(cfg, fresh, passes, Rival{Record: old}))
	require.NoError(t, promote(fresh))

	// What was measured in one precision is not known in another: the base of the user's is now a catalogue's.
	exact := passes
	exact.Evaluation.Precision = "f32"
	require.NoError(t, StoreGate(cfg, old, exact, Rival{Record: fresh}))
	assert.ErrorContains(t, promote(old), "measured with precision f32, and here that is unknown")
	remote := cfg
	remote.OpenAIBaseURL, remote.BaseModel = "http://gpu:8000/v1", "maker/Small"
	require.NoError(t, StoreGate(cfg, old, passes, Rival{Record: fresh}))
	require.NoError(t, Promote(remote, "sat-lora", old, false))
	remote.BaseModel = "maker/Other"
	assert.ErrorContains(t, Promote(remote, "sat-lora", fresh, false), "measured with base Small, and here that is Other")

	otherwise := passes
	otherwise.Evaluation.Method = sat.MethodLetter
	assert.ErrorContains(t, StoreGate(cfg, fresh, otherwise, Rival{}), "is asked by method option", "as it is served, or not at all")
}

// TestAnAdapterThatCannotBeServedIsNotPromoted, not even by force: it would be left out at the start.
func TestAnAdapterThatCannotBeServedIsNotPromoted(t *testing.T) {
	cfg := config.Config{Home: t.TempDir(), Model: "smollm2-135m"}
	bare := shelved(t, cfg, "HuggingFaceTB/SmolLM2-135M-Instruct", false)
	assert.ErrorContains(t, Promote(cfg, "sat-lora", bare, true), "no GGUF file")
	large := shelved(t, cfg, "maker/Large", true)
	assert.ErrorContains(t, Promote(cfg, "sat-lora", large, true), "was trained on maker/Large")
	gpu := cfg
	gpu.BaseModel = "other/Large"
	require.NoError(t, Promote(gpu, "sat-lora-2", large, true), "vLLM serves it")
	require.NoError(t, OpenShelf(cfg).Promote("sat-lora", large, modelregistry.Serving{}, true))
	local, err := Local{Models: []LocalModel{{Record: sat.Model{Base: "SmolLM2-135M-Instruct"}}}}.withAdapters(OpenShelf(cfg))
	require.NoError(t, err)
	assert.Len(t, local.Models, 1)
	require.Len(t, local.Idle, 2)
	assert.Contains(t, local.Idle[0], large+" is promoted as sat-lora and cannot be served")
}
