package llamacpp

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed" // requirements.txt and launcher.py
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

//go:embed requirements.txt
var requirements string

//go:embed launcher.py
var launcher string

// What an installation takes on disk, measured on Linux with Python 3.11: downloads and installed packages together.
const (
	installBytes = 340 << 20
	installSpare = 200 << 20 // beyond it, so that the disk is not filled to the brim
)

// Report tells how far a long step is: what is being done, and bytes done of about total; total is 0 where unknown.
type Report func(step string, done, total int64)

// Install fetches the embedded engine and its small model into home, unless they are there: a private Python
// environment, filled by pip under the configured index, proxy and certificates, with every file checked against its
// SHA-256. It is made aside and renamed when whole; a second process waits for the first. python names the interpreter
// to use, "" looks for one; report may be nil. Faults are of type *Problem.
func Install(ctx context.Context, home, python string, report Report) (Runtime, error) {
	if r, _, err := installed(ctx, home); !errors.Is(err, ErrNotInstalled) {
		return r, err
	}
	if report == nil {
		report = func(string, int64, int64) {}
	}
	home, err := filepath.Abs(home)
	if err != nil {
		return Runtime{}, err
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return Runtime{}, &Problem{What: "the data folder cannot be made", Err: err, Next: "Choose another one with SAT_HOME"}
	}
	unlock, err := lock(ctx, filepath.Join(home, runtimeDir+".lock"), func() { report("Waiting for another start that is installing the engine", 0, 0) })
	if err != nil {
		return Runtime{}, err
	}
	defer unlock()
	if r, _, err := installed(ctx, home); !errors.Is(err, ErrNotInstalled) {
		return r, err
	}
	if err := build(ctx, home, python, report); err != nil {
		return Runtime{}, err
	}
	r, _, err := installed(ctx, home)
	if errors.Is(err, ErrNotInstalled) {
		err = &Problem{What: "the engine was installed, but Python does not find it", Err: err,
			Next: "Delete the folder " + filepath.Join(home, runtimeDir) + " and start again"}
	}
	return r, err
}

// build makes the environment aside and moves it into place.
func build(ctx context.Context, home, python string, report Report) error {
	base, err := interpreter(ctx, python)
	if err != nil {
		return err
	}
	if err := needSpace(home, installBytes+installSpare); err != nil {
		return err
	}
	aside := filepath.Join(home, runtimeDir+".partial")
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(aside) }()
	temp := filepath.Join(aside, "tmp")
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return err
	}
	list, script := filepath.Join(temp, "requirements.txt"), filepath.Join(aside, "launcher.py")
	for path, text := range map[string]string{list: requirements, script: launcher} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	stop := watch(aside, func(done int64) { report("Fetching the engine and its small model", done, installBytes) })
	defer stop()
	if out, err := runPython(ctx, temp, base, "-I", "-m", "venv", aside); err != nil {
		return venvProblem(ctx, base, out, err)
	}
	if out, err := runPython(ctx, temp, interpreterIn(aside), "-I", "-m", "pip", "install", "--require-hashes", "--no-deps",
		"--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--progress-bar=off", "-r", list); err != nil {
		return pipProblem(ctx, out, err)
	}
	stop()
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(aside, stampFile), []byte(stampOf()), 0o644); err != nil {
		return err
	}
	final := filepath.Join(home, runtimeDir)
	if err := os.RemoveAll(final); err != nil {
		return err
	}
	return os.Rename(aside, final)
}

// stampOf is the digest of all that an environment is made from.
func stampOf() string {
	sum := sha256.Sum256([]byte(requirements + "\x00" + launcher))
	return hex.EncodeToString(sum[:])
}

func interpreterIn(dir string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(dir, "Scripts", "python.exe")
	}
	return filepath.Join(dir, "bin", "python")
}

// interpreter gives a Python that can make the environment: the named one, or the first fitting one on PATH.
func interpreter(ctx context.Context, python string) (string, error) {
	if python != "" {
		path, err := exec.LookPath(python)
		if err != nil {
			return "", &Problem{What: "the Python interpreter cannot be run", Err: err, Next: installPython}
		}
		return path, fits(ctx, path)
	}
	var first error
	for _, name := range []string{"python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if err = fits(ctx, path); err == nil {
			return path, nil
		}
		if ctx.Err() != nil {
			return "", err
		}
		first = cmp.Or(first, err)
	}
	if first == nil {
		first = &Problem{What: "there is no python3 on PATH", Next: installPython}
	}
	return "", first
}

const (
	installPython = "Install Python 3.10 or newer with pip and venv (Debian and Ubuntu: apt install python3-venv), or name a llama-server in SAT_LLAMA_SERVER"
	describe      = `import sys
print("%d.%d" % sys.version_info[:2], sys.version_info >= (3, 10))
import venv, ensurepip`
)

// fits tells what an interpreter lacks.
func fits(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-I", "-c", describe).Output()
	version, recent, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	switch {
	case ctx.Err() != nil:
		return &Problem{What: path + " does not answer", Err: ctx.Err(), Next: installPython}
	case !ok:
		return &Problem{What: path + " cannot be run", Err: err, Next: installPython}
	case recent != "True":
		return &Problem{What: path + " is Python " + version + ", too old", Next: installPython}
	case err != nil:
		return &Problem{What: path + " (Python " + version + ") lacks its modules venv or ensurepip",
			Next: "Install them (Debian and Ubuntu: apt install python3-venv)"}
	}
	return nil
}

// runPython runs an interpreter with its temporary files below temp, and gives all that it printed.
func runPython(ctx context.Context, temp, python string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Env = append(cmd.Environ(), "TMPDIR="+temp, "TEMP="+temp, "TMP="+temp, "PYTHONUTF8=1")
	ownGroup(cmd)
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// watch reports the bytes below dir a few times a second, never fewer than before, until stop is called.
func watch(dir string, report func(done int64)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for most := int64(0); ; most = max(most, bytesBelow(dir)) {
			report(min(most, installBytes))
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() { cancel(); <-ended }
}

func bytesBelow(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil // files come and go while pip works
	})
	return sum
}

func venvProblem(ctx context.Context, python, out string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if strings.Contains(out, "ensurepip") {
		return &Problem{What: python + " cannot make an environment with pip", Next: "Install its module venv (Debian and Ubuntu: apt install python3-venv)"}
	}
	return &Problem{What: python + " cannot make an environment", Err: lastLine(out, err), Next: installPython}
}

// pipProblem turns what pip printed into what happened and what to do.
func pipProblem(ctx context.Context, out string, err error) error {
	has := func(texts ...string) bool {
		for _, text := range texts {
			if strings.Contains(strings.ToLower(out), strings.ToLower(text)) {
				return true
			}
		}
		return false
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case has("do not match the hashes"):
		return &Problem{What: "the package index gave a file whose SHA-256 is not the pinned one, and it was not installed",
			Next: "Try again; if it happens again, do not trust the configured index or proxy, and take another one"}
	case has("No space left on device"):
		return &Problem{What: "the disk filled up while the engine was installed", Next: "Free 600 MB, or choose another folder with SAT_HOME"}
	case has("connection broken", "NewConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError", "name resolution", "Max retries"):
		return &Problem{What: "the package index cannot be reached", Err: lastLine(out, err),
			Next: "Check the network and pip's settings for index, proxy and certificates (pip config list), or name a llama-server in SAT_LLAMA_SERVER"}
	case has("No matching distribution", "not a supported wheel"):
		return &Problem{What: "the package index has no engine for this platform (" + runtime.GOOS + "/" + runtime.GOARCH + ")", Err: lastLine(out, err),
			Next: "Install llama.cpp's llama-server from your system's packages and put it on PATH, or name it in SAT_LLAMA_SERVER"}
	}
	return &Problem{What: "pip could not install the engine", Err: lastLine(out, err), Next: "See the message, mend it and start again"}
}

// lastLine is the last line that says something, with pip's own label cut off.
func lastLine(out string, err error) error {
	lines := strings.FieldsFunc(out, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		if text := strings.TrimSpace(strings.TrimPrefix(lines[i], "ERROR:")); text != "" && !strings.HasPrefix(text, "[notice]") {
			return errors.New(text)
		}
	}
	return err
}
