package llamacpp

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

const (
	maxLine  = 1 << 10 // bytes of one line of output that are kept
	tailSize = 4       // lines that are kept to say why a process died
)

// logWriter forwards a child's output to the log, line by line.
type logWriter struct {
	log *slog.Logger

	mu   sync.Mutex
	rest []byte // of an unfinished line
	last []string
}

// Write implements io.Writer and never fails.
func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for piece := range bytes.Lines(p) {
		w.rest = append(w.rest, piece[:min(len(piece), maxLine-len(w.rest))]...)
		if piece[len(piece)-1] == '\n' {
			w.line()
		}
	}
	return len(p), nil
}

// line takes the finished line. llama-server quotes where it stopped reading a request, which may be a passage.
func (w *logWriter) line() {
	text, _, _ := strings.Cut(strings.ToValidUTF8(string(w.rest), ""), "last read:")
	w.rest = w.rest[:0]
	if text = strings.TrimSpace(text); text == "" {
		return
	}
	w.log.Debug(text)
	w.last = append(w.last, text)
	if len(w.last) > tailSize {
		w.last = w.last[1:]
	}
}

// tail gives the last lines.
func (w *logWriter) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.last, " | ")
}
