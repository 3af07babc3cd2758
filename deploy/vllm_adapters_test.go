package deploy

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tensors is a safetensors file that holds the shapes alone, of an adapter for a model of that width.
func tensors(width, layer int, mark string) string {
	header, _ := json.Marshal(map[string]any{"__metadata__": map[string]string{"mark": mark},
		"base_model.model.model.layers." + strconv.Itoa(layer) + ".self_attn.q_proj.lora_A.weight": map[string]any{"dtype": "F32", "shape": []int{16, width}, "data_offsets": []int{0, 0}}})
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + string(header)
}

// adapter writes an adapter's folder as `sat model add` leaves it on the shelf, and gives its id.
func (v *satVLLM) adapter(under, base, weights, config string) string {
	v.t.Helper()
	id := "sat-lora@" + digest(weights)[:8]
	manifest, err := json.Marshal(map[string]any{"schema": "sat-adapter/v1", "name": "sat-lora", "version": digest(weights)[:8],
		"base": map[string]string{"id": base}, "adapter": map[string]any{"files": map[string]any{
			"adapter_config.json": map[string]string{"sha256": digest(config)}, "adapter_model.safetensors": map[string]string{"sha256": digest(weights)},
			"fingerprints.bin": map[string]string{"sha256": digest("")}}}})
	require.NoError(v.t, err)
	v.write(filepath.Join(under, id, "manifest.json"), string(manifest), 0o644)
	v.write(filepath.Join(under, id, "adapter_config.json"), config, 0o644)
	v.write(filepath.Join(under, id, "adapter_model.safetensors"), weights, 0o644)
	return id
}

// promote writes shelf.json.
func (v *satVLLM) promote(served map[string]string) {
	v.t.Helper()
	raw, err := json.Marshal(map[string]any{"served": served})
	require.NoError(v.t, err)
	v.write("shelf/shelf.json", string(raw), 0o644)
}

// shelf gives a sat-vllm over a local base of width 64 with an empty shelf, and without LORA_MODEL.
func withShelf(t *testing.T) *satVLLM {
	v := newSatVLLM(t)
	v.write("base/config.json", `{"hidden_size":64,"num_hidden_layers":2}`, 0o644)
	v.env["LORA_MODEL"], v.env["SAT_SHELF"] = "", v.path("shelf")
	v.promote(map[string]string{})
	return v
}

const plainLoRA = `{"peft_type":"LORA","r":16}`

func TestSatVLLMServesWhatTheShelfPromotes(t *testing.T) {
	v := withShelf(t)
	base := v.path("base")
	one := v.adapter("shelf", "maker/base", tensors(64, 0, "one"), plainLoRA)
	two := v.adapter("shelf", "maker/base", tensors(64, 1, "two"), `{"peft_type":"LORA","r":32}`)
	v.adapter("shelf", "maker/base", tensors(64, 0, "nobody promoted it"), plainLoRA)
	small := v.adapter("shelf", "maker/model", tensors(32, 0, "small"), plainLoRA)
	gguf := v.adapter("shelf", "maker/base", tensors(64, 0, "gguf"), plainLoRA)
	require.NoError(t, os.Remove(v.path("shelf/"+gguf+"/adapter_model.safetensors")))
	v.promote(map[string]string{"sat-lora": one, "sat-lora-2": two, "sat-small": small, "sat-gguf": gguf})

	code, stdout, stderr := v.run("up", base, "--served-model-name", "sat-base", "--max-lora-rank", "16", "--max-loras=1", "--port", "8000")
	require.Zero(t, code, stderr)
	var names []string
	for _, m := range loraModules(t, stdout) {
		names = append(names, m["name"])
		assert.Contains(t, []string{v.path("shelf/" + one), v.path("shelf/" + two)}, m["path"])
		assert.Equal(t, "sat-base", m["base_model_name"])
	}
	assert.Equal(t, []string{"sat-lora", one, "sat-lora-2", two}, names)
	assert.Contains(t, stdout, "arg --port\narg 8000\narg --max-lora-rank\narg 32\narg --max-loras\narg 4\narg --max-cpu-loras\narg 4\n")
	assert.NotContains(t, stdout, "arg --max-loras=1")
	assert.Contains(t, stderr, small+", promoted as sat-small, is left out: base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight takes 32 numbers")
	assert.Contains(t, stderr, gguf+", promoted as sat-gguf, is left out")
	assert.Contains(t, stderr, "sat-lora is "+one)

	t.Run("by the base's name where it is one of the hub", func(t *testing.T) {
		code, stdout, stderr := v.run("up", "base/model")
		require.Zero(t, code, stderr)
		require.Len(t, loraModules(t, stdout), 2)
		assert.Contains(t, stderr, one+", promoted as sat-lora, is left out: it was trained on maker/base, and the model here is base/model")
	})
	t.Run("beside the adapter of the hub, which yields its name", func(t *testing.T) {
		v.env["LORA_MODEL"] = "our/adapter"
		defer func() { v.env["LORA_MODEL"] = "" }()
		v.hub.adapter["adapter_model.safetensors"] = tensors(64, 0, "hub")
		code, stdout, stderr := v.run("up", base)
		require.Zero(t, code, stderr)
		list := loraModules(t, stdout)
		require.Len(t, list, 5)
		assert.Equal(t, "our--adapter@"+digest(tensors(64, 0, "hub"))[:8], list[4]["name"])
		assert.Contains(t, stderr, "alone: sat-lora is taken")
	})
	t.Run("nothing that is damaged", func(t *testing.T) {
		whole, err := os.ReadFile(v.path("shelf/" + one + "/manifest.json"))
		require.NoError(t, err)
		v.write("shelf/"+one+"/manifest.json", string(whole[:40]), 0o644)
		v.refuses("adapter "+one+", promoted as sat-lora, has no manifest.json that can be read", "serve", base)
		v.write("shelf/"+one+"/manifest.json", string(whole), 0o644)
		v.write("shelf/"+one+"/adapter_model.safetensors", tensors(64, 0, "changed"), 0o644)
		v.refuses("adapter_model.safetensors has hash", "fetch", base)
		v.env["SAT_SHELF"] = v.path("absent")
		v.refuses("is no folder: mount the shelf of `sat model` there (deploy/compose/shelf.yaml)", "serve", base)
	})
}

func TestSatVLLMServesAListOfFolders(t *testing.T) {
	v := withShelf(t)
	base := v.path("base")
	trial := v.adapter("shelf", "maker/base", tensors(64, 0, "on trial"), plainLoRA)
	run := v.adapter("run", "maker/base", tensors(64, 0, "of a run"), plainLoRA)
	require.NoError(t, os.Rename(v.path("run/"+run), v.path("run/adapter")))
	v.env["LORA_MODULES"] = v.path("shelf/"+trial) + ", mine=" + v.path("run/adapter")
	code, stdout, stderr := v.run("up", base)
	require.Zero(t, code, stderr)
	paths := map[string]string{}
	for _, m := range loraModules(t, stdout) {
		paths[m["name"]] = m["path"]
	}
	assert.Equal(t, map[string]string{trial: v.path("shelf/" + trial), "mine": v.path("adapters/" + run), run: v.path("adapters/" + run)}, paths,
		"whatever a folder is called, the path ends in the id")
	assert.FileExists(t, v.path("adapters/"+run+"/adapter_model.safetensors"))

	for entry, want := range map[string]string{
		"relative/path":                "LORA_MODULES has 'relative/path'",
		"a b=" + v.path("run/adapter"): "each entry is NAME=PATH or PATH",
		v.path("absent"):               "LORA_MODULES has",
		"x=" + v.path("base"):          "has no adapter_model.safetensors",
		"x=" + v.path("shelf/"+v.adapter("shelf", "maker/large", tensors(128, 0, "large"), plainLoRA)): "takes 128 numbers, and the model here has 64",
		"x=" + v.path("shelf/"+v.adapter("shelf", "maker/base", tensors(64, 7, "deep"), plainLoRA)):    "it has a layer 7, and the model here has 2",
		"x=" + v.path("shelf/"+v.adapter("shelf", "maker/base", "no tensors", plainLoRA)):              "is no safetensors file",
		"x=" + v.path("shelf/"+v.adapter("shelf", "maker/base", tensors(64, 0, "rank"), `{"r":4096}`)): "is no rank that vLLM serves",
		"x=" + v.path("run/adapter") + ",x=" + v.path("shelf/"+trial):                                  "two adapters are to be served as x",
	} {
		v.env["LORA_MODULES"] = entry
		v.refuses(want, "serve", base)
	}
}

// TestSatVLLMChecksAFolderOfLoraModel: an absolute LORA_MODEL was once served unseen.
func TestSatVLLMChecksAFolderOfLoraModel(t *testing.T) {
	v := withShelf(t)
	delete(v.env, "SAT_SHELF")
	weights := tensors(64, 0, "mine")
	v.env["LORA_MODEL"] = v.path("mine")
	v.write("mine/adapter_model.safetensors", weights, 0o644)
	configs := map[string]string{`{"r":16,"use_dora":true}`: "use_dora=True", `{"r":16,"modules_to_save":["lm_head"]}`: "modules_to_save=", `{"r":16,"bias":"all"}`: "bias='all'", `{`: "adapter_config.json"}
	for _, config := range slices.Sorted(maps.Keys(configs)) {
		v.write("mine/adapter_config.json", config, 0o644)
		v.refuses(configs[config], "serve", v.path("base"))
		v.refuses(configs[config], "fetch", v.path("base"))
	}
	v.write("mine/adapter_config.json", plainLoRA, 0o644)
	code, stdout, stderr := v.run("serve", v.path("base"))
	require.Zero(t, code, stderr)
	list := loraModules(t, stdout)
	require.Len(t, list, 2)
	assert.Equal(t, "sat-lora", list[0]["name"])
	assert.True(t, strings.HasSuffix(list[0]["path"], "/adapters/mine@"+digest(weights)), "without a manifest the weights themselves are the id")
}
