// Package llamacpp finds, fetches, starts and watches local llama-servers: the engine of machines without a GPU.
//
// The tour: [Find] looks for an engine and [Install] fetches the embedded one (a Python package that holds the whole of
// llama-server, and a small model, both pinned by SHA-256); [DefaultModel] is that small model, [Fetch] downloads a
// better one. [Start] runs one child process for each served model, because llama.cpp can not keep adapters apart
// inside one process, and gives a [Supervisor]: it waits for the first answer, starts a dead child again, and leaves no
// orphan. [Supervisor.Endpoints] tells where the children listen; [Supervisor.Handler] puts all of them behind one
// address, as vLLM would serve them.
//
// On disk, all below one folder (home): runtime/ is the Python environment, runtime.lock keeps two processes from
// making it at once.
package llamacpp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
)

// ErrNotInstalled says that the embedded engine has not been fetched, or no longer works: call Install.
var ErrNotInstalled = errors.New("the embedded engine is not installed")

// Problem is a fault that a person can mend.
type Problem struct {
	What string // what happened, a clause: "python3 is 3.8, too old"
	Next string // what to do, a sentence without its full stop: "Install Python 3.10 or newer"
	Err  error  // the cause; may be nil
}

// Error gives what happened, the cause and what to do, on one line.
func (p *Problem) Error() string {
	text := p.What
	if p.Err != nil {
		text += ": " + p.Err.Error()
	}
	return text + ". " + p.Next + "."
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Err }

// FileSHA256 gives the digest of a file in hexadecimal digits.
func FileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
