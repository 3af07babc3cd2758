package deploy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/testneeds"
)

const (
	commitA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	commitB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// hub is a model hub with one base model and one adapter, and what a test makes of them between two runs.
type hub struct {
	mu        sync.Mutex      // held by a request, and for a moment around each run: that orders them
	gated     bool            // the base wants a token
	accounts  map[string]bool // token to: its account accepted the licence
	commit    string          // behind main
	size      int64           // of the base
	adapter   map[string]string
	liesAbout string // a file whose announced hash is another's
	requests  []string
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = append(h.requests, r.Method+" "+r.URL.Path)
	if strings.Contains(r.URL.Path, "base/model") && h.gated {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		accepted, known := h.accounts[token]
		if !known || !accepted {
			w.WriteHeader(map[bool]int{true: 403, false: 401}[known])
			return
		}
	}
	switch rest, repo := strings.CutPrefix(r.URL.Path, "/api/models/"); {
	case repo && strings.HasPrefix(rest, "base/"):
		_ = json.NewEncoder(w).Encode(map[string]any{"siblings": []any{
			map[string]any{"rfilename": "model.safetensors", "size": h.size, "lfs": map[string]string{"sha256": digest("base weights")}}, map[string]any{"rfilename": "original/old.pth", "size": int64(1) << 60}}})
	case repo:
		var files []any
		for name, text := range h.adapter {
			if name == h.liesAbout {
				text += "?"
			}
			files = append(files, map[string]any{"rfilename": name, "size": len(text), "lfs": map[string]any{"sha256": digest(text)}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"siblings": files})
	default:
		name := filepath.Base(r.URL.Path)
		text, ok := h.adapter[name]
		if !ok && !(strings.HasPrefix(r.URL.Path, "/base/model/resolve/") && name == "config.json") {
			w.WriteHeader(404)
			return
		}
		commit := h.commit
		if asked := strings.Split(r.URL.Path, "/")[4]; len(asked) == len(commit) {
			commit = asked
		}
		w.Header().Set("X-Repo-Commit", commit)
		_, _ = w.Write([]byte(text))
	}
}

// order puts what the test does between two runs behind the requests of the first and before those of the second.
func (h *hub) order() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = slices.Clip(h.requests)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// satVLLM runs the script against a hub, in volumes that last for the test.
type satVLLM struct {
	t      *testing.T
	hub    *hub
	python string
	dir    string
	env    map[string]string
}

func newSatVLLM(t *testing.T) *satVLLM {
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.CommandContext(t.Context(), python, "-c", "import hashlib; hashlib.file_digest").Run()
	}
	if err != nil {
		testneeds.Missing(t, testneeds.GroupEngine, "no Python 3.11 or newer for sat-vllm")
	}
	v := &satVLLM{t: t, python: python, dir: t.TempDir(), hub: &hub{commit: commitA, size: 1000, adapter: map[string]string{
		"adapter_config.json": `{"peft_type":"LORA","r":16,"bias":"none"}`, "adapter_model.safetensors": "weights"}}}
	server := httptest.NewServer(v.hub)
	t.Cleanup(server.Close)
	// What stands in for vLLM prints its command line and what it was given of the environment.
	v.write("bin/vllm", "#!/bin/sh\nfor a in \"$@\"; do echo \"arg $a\"; done\nenv\n", 0o755)
	v.write("lib/huggingface_hub.py", "import os\n"+
		"def snapshot_download(*args, **kwargs):\n    print('snapshot', args, sorted(kwargs), kwargs['revision'], flush=True)\n"+
		"    folder = os.path.join(os.environ['HF_HOME'], 'hub', 'models--' + args[0].replace('/', '--'), 'snapshots', kwargs['revision'])\n"+
		"    os.makedirs(folder, exist_ok=True)\n    open(os.path.join(folder, 'model.safetensors'), 'w').write('base weights')\n"+
		"    open(os.path.join(folder, 'config.json'), 'w').write(os.environ.get('TEST_CONFIG', '{}'))\n    return folder\n", 0o644)
	v.write("key", "canary-key\n", 0o400)
	v.env = map[string]string{"PATH": v.path("bin") + string(os.PathListSeparator) + os.Getenv("PATH"), "PYTHONPATH": v.path("lib"), "HF_ENDPOINT": server.URL,
		"HF_HOME": v.path("hf"), "SAT_ADAPTERS": v.path("adapters"), "VLLM_API_KEY_FILE": v.path("key"), "HF_TOKEN_PATH": v.path("token"), "LORA_MODEL": "our/adapter",
		"SAT_VLLM_LOCK": v.path("models.lock.json")}
	return v
}

func (v *satVLLM) path(name string) string { return filepath.Join(v.dir, name) }

func (v *satVLLM) write(name, text string, mode os.FileMode) {
	v.t.Helper()
	require.NoError(v.t, os.MkdirAll(filepath.Dir(v.path(name)), 0o755))
	require.NoError(v.t, os.WriteFile(v.path(name), []byte(text), mode))
}

// run gives the exit code, standard output and standard error.
func (v *satVLLM) run(args ...string) (int, string, string) {
	v.t.Helper()
	cmd := exec.CommandContext(v.t.Context(), v.python, append([]string{"vllm/sat-vllm"}, args...)...)
	for name, value := range v.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	v.hub.order()
	_ = cmd.Run()
	v.hub.order()
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// refuses asserts that a person is told, in one line, what to mend.
func (v *satVLLM) refuses(want string, args ...string) {
	v.t.Helper()
	code, _, stderr := v.run(args...)
	assert.Equal(v.t, 78, code, stderr)
	assert.Contains(v.t, stderr, want)
	last := strings.Split(strings.TrimSpace(stderr), "\n")
	assert.Contains(v.t, last[len(last)-1], want)
	assert.NotContains(v.t, stderr, "Traceback")
}

func TestSatVLLMFetchesAndServes(t *testing.T) {
	v := newSatVLLM(t)
	v.env["VLLM_ALLOW_RUNTIME_LORA_UPDATING"], v.env["VLLM_SERVER_DEV_MODE"] = "1", "1"
	code, stdout, stderr := v.run("up", "base/model", "--served-model-name", "sat-base", "--port", "8000")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "snapshot ('base/model',)")
	assert.Contains(t, stdout, commitA)
	for _, repo := range []string{"base/model", "our/adapter"} {
		assert.Contains(t, stderr, "warning: no pin of "+repo+" was known; "+commitA+" is kept in "+v.path("hf/sat/models.lock.json"))
	}
	place := v.path("adapters/our--adapter@" + digest("weights"))
	assert.Equal(t, []map[string]string{
		{"name": "sat-lora", "path": place, "base_model_name": "sat-base"},
		{"name": "our--adapter@" + digest("weights")[:8], "path": place, "base_model_name": "sat-base"},
	}, loraModules(t, stdout), "every name says by its path whose weights it is")
	assert.FileExists(t, place+"/adapter_config.json")
	for _, want := range []string{"arg serve\narg base/model\narg --served-model-name", "arg --revision\narg " + commitA, "VLLM_API_KEY=canary-key\n", "HF_HUB_OFFLINE=1\n"} {
		assert.Contains(t, stdout, want)
	}
	for _, name := range []string{"VLLM_ALLOW_RUNTIME_LORA_UPDATING", "VLLM_SERVER_DEV_MODE", "arg canary-key"} {
		assert.NotContains(t, stdout, name)
	}

	t.Run("a second start asks nobody and stays on the same files", func(t *testing.T) {
		v.hub.requests, v.hub.commit = nil, commitB
		v.env["HF_HUB_OFFLINE"] = "1"
		defer delete(v.env, "HF_HUB_OFFLINE")
		code, stdout, stderr := v.run("up", "base/model")
		require.Zero(t, code, stderr)
		assert.Empty(t, v.hub.requests)
		assert.Contains(t, stdout, "arg "+commitA)
	})
	t.Run("changed bytes are refused by name", func(t *testing.T) {
		v.write("adapters/sat-lora/adapter_model.safetensors", "other weights", 0o644)
		v.refuses("adapter sat-lora: adapter_model.safetensors has hash "+digest("other weights"), "fetch", "base/model")
	})
	t.Run("another revision is fetched", func(t *testing.T) {
		v.env["LORA_REVISION"], v.hub.commit = commitB, commitB
		code, _, stderr := v.run("fetch", "base/model")
		require.Zero(t, code, stderr)
		assert.Contains(t, stderr, "our/adapter")
		assert.FileExists(t, v.path("adapters/sat-lora/manifest.json"))
	})
}

// loraModules gives the modules of a printed command line.
func loraModules(t *testing.T, stdout string) (list []map[string]string) {
	t.Helper()
	_, rest, _ := strings.Cut(stdout, "arg --lora-modules\n")
	for line := range strings.Lines(rest) {
		text, ok := strings.CutPrefix(line, "arg {")
		if !ok {
			break
		}
		var m map[string]string
		require.NoError(t, json.Unmarshal([]byte("{"+text), &m))
		list = append(list, m)
	}
	return list
}

func TestS23SatVLLMNamesTheMissingStep(t *testing.T) {
	v := newSatVLLM(t)
	v.env["HF_HUB_OFFLINE"] = "1"
	v.refuses("base/model@main is not in the cache: add deploy/compose/engine-egress.yaml to COMPOSE_FILE once", "up", "base/model")
	v.refuses("is not in the cache", "serve", "base/model")
	v.env["HF_HUB_OFFLINE"] = "0"
	v.hub.gated, v.hub.accounts = true, map[string]bool{"reader": true, "stranger": false}
	v.refuses("base/model is gated: accept its licence", "fetch", "base/model")
	v.write("token", "wrong\n", 0o600)
	v.refuses("the hub does not know the token", "fetch", "base/model")
	v.write("token", "stranger\n", 0o600)
	v.refuses("the token works but its account has not accepted the licence of base/model", "fetch", "base/model")
	v.write("token", "reader\n", 0o600)
	v.hub.size = 1 << 50
	v.refuses("volume hf-cache needs "+strconv.FormatFloat(1.3*float64(int64(1)<<50)/1e9, 'f', 1, 64)+" GB, has ", "fetch", "base/model")
	v.hub.size = 1000
	v.refuses("nobody/nothing@main has no config.json", "fetch", "nobody/nothing")
	v.env["HF_ENDPOINT"] = "http://127.0.0.1:1"
	v.refuses("the hub cannot be reached", "fetch", "base/model")
}

func TestSatVLLMRefusesAdaptersThatAreNone(t *testing.T) {
	cases := map[string]struct {
		change func(h *hub)
		want   string
	}{
		"pickle":          {func(h *hub) { delete(h.adapter, "adapter_model.safetensors"); h.adapter["adapter_model.bin"] = "x" }, "it has adapter_model.bin"},
		"DoRA":            {func(h *hub) { h.adapter["adapter_config.json"] = `{"use_dora":true}` }, "use_dora=True"},
		"whole modules":   {func(h *hub) { h.adapter["adapter_config.json"] = `{"modules_to_save":["lm_head"]}` }, "modules_to_save="},
		"bias":            {func(h *hub) { h.adapter["adapter_config.json"] = `{"bias":"all"}` }, "bias='all'"},
		"wrong bytes":     {func(h *hub) { h.liesAbout = "adapter_model.safetensors" }, "has hash " + digest("weights")},
		"no such adapter": {func(h *hub) { h.adapter = nil }, "our/adapter@main has no adapter_config.json"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			v := newSatVLLM(t)
			c.change(v.hub)
			v.refuses(c.want, "fetch", "base/model")
			assert.NoFileExists(t, v.path("adapters/sat-lora/manifest.json"))
			v.refuses(c.want, "fetch", "base/model")
		})
	}
}

func TestSatVLLMWithoutKeyOrAdapter(t *testing.T) {
	v := newSatVLLM(t)
	v.env["LORA_MODEL"] = ""
	code, stdout, _ := v.run("up", "/models/local", "--port", "1")
	assert.Zero(t, code)
	assert.Contains(t, stdout, "arg /models/local\narg --port\narg 1\n")
	assert.NotContains(t, stdout, "--lora-modules")
	assert.NotContains(t, stdout, "--revision")
	v.env["VLLM_API_KEY_FILE"] = v.path("absent")
	v.refuses("the engine's key cannot be read", "serve", "/models/local")
	v.write("blank", "\n", 0o600)
	v.env["VLLM_API_KEY_FILE"] = v.path("blank")
	v.refuses("the engine's key is empty", "serve", "/models/local")
	v.env["SAT_LORA_MODEL_NAME"], v.env["LORA_MODEL"] = "../out", "our/adapter"
	v.refuses("is no name for a folder", "fetch", "/models/local")
	code, _, stderr := v.run()
	assert.Equal(t, 64, code)
	assert.Contains(t, stderr, "sat-vllm fetch MODEL")
}

func TestSatVLLMKeepsToTheLock(t *testing.T) {
	pin := func(base, adapter string) string {
		text, err := json.Marshal(map[string]any{
			"base/model":  map[string]any{"revision": commitB, "files": map[string]string{"model.safetensors": digest(base)}},
			"our/adapter": map[string]any{"revision": commitB, "files": map[string]string{"adapter_model.safetensors": digest(adapter)}},
		})
		require.NoError(t, err)
		return string(text)
	}
	t.Run("a known pin is fetched without a warning", func(t *testing.T) {
		v := newSatVLLM(t)
		v.hub.commit = commitB
		v.write("models.lock.json", pin("base weights", "weights"), 0o644)
		code, stdout, stderr := v.run("up", "base/model")
		require.Zero(t, code, stderr)
		assert.NotContains(t, stderr, "warning")
		assert.NoFileExists(t, v.path("hf/sat/models.lock.json"))
		assert.Contains(t, stdout, "--revision\narg "+commitB)
		assert.Contains(t, strings.Join(v.hub.requests, "\n"), "HEAD /base/model/resolve/"+commitB+"/config.json")
	})
	t.Run("an unknown one is resolved once", func(t *testing.T) {
		v := newSatVLLM(t)
		v.write("models.lock.json", read(t, "deploy/vllm/models.lock.json"), 0o644)
		code, _, stderr := v.run("fetch", "base/model")
		require.Zero(t, code, stderr)
		v.hub.commit = commitB
		require.NoError(t, os.RemoveAll(v.path("adapters")))
		code, _, stderr = v.run("fetch", "base/model")
		require.Zero(t, code, stderr)
		assert.NotContains(t, stderr, "warning")
		assert.Contains(t, strings.Join(v.hub.requests, "\n"), "HEAD /our/adapter/resolve/"+commitA)
	})
	t.Run("other bytes are refused", func(t *testing.T) {
		for want, lock := range map[string]string{
			"base/model@" + commitB + ": model.safetensors has hash " + digest("base weights"):     pin("others", "weights"),
			"our/adapter@" + commitB + ": adapter_model.safetensors has hash " + digest("weights"): pin("base weights", "others"),
		} {
			v := newSatVLLM(t)
			v.hub.commit = commitB
			v.write("models.lock.json", lock, 0o644)
			v.refuses(want, "up", "base/model")
		}
	})
}

func TestSatVLLMHasFourProfiles(t *testing.T) {
	flags := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9]+)` \\| (?:`([^`]*)`)? ?\\| .+ \\|$").FindAllStringSubmatch(read(t, "deploy/vllm/flags.md"), -1) {
		flags[row[1]] = row[2]
	}
	require.Len(t, flags, 4, "%v", flags)
	const awq = `{"quantization_config":{"quant_method":"awq"}}`
	for name, want := range flags {
		t.Run(name, func(t *testing.T) {
			v := newSatVLLM(t)
			v.env["SAT_VLLM_PROFILE"] = name
			if name == "awq" {
				v.env["TEST_CONFIG"] = awq
			}
			code, stdout, stderr := v.run("up", "base/model", "--port", "1")
			require.Zero(t, code, stderr)
			if want == "" {
				assert.NotContains(t, stdout, "--quantization")
			} else {
				assert.Contains(t, stdout, "arg "+strings.ReplaceAll(want, " ", "\narg ")+"\n")
			}
		})
	}
	v := newSatVLLM(t)
	code, stdout, stderr := v.run("up", "base/model")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "arg --quantization\narg bitsandbytes", "nf4 is the default")
	v.env["SAT_VLLM_PROFILE"] = "int3"
	v.refuses("SAT_VLLM_PROFILE=int3 is no profile: choose one of nf4, bf16, fp8, awq", "serve", "base/model")
	v.env["SAT_VLLM_PROFILE"] = "awq"
	v.refuses("base/model is not quantised", "serve", "base/model")
	v = newSatVLLM(t)
	v.env["TEST_CONFIG"] = awq
	v.refuses("base/model is already quantised by awq", "up", "base/model")
}
