package setup

import (
	"log/slog"
	"sync"

	"sattutor/internal/eval"
	"sattutor/internal/sat"
)

// trainedOn knows what models were trained on, by the fingerprints that their records name. Each file is read once.
type trainedOn struct {
	log *slog.Logger

	mu    sync.Mutex
	files map[string]*eval.Fingerprints // nil for a file that cannot be read
}

// seen implements [tutor.Seen].
func (t *trainedOn) seen(m sat.Model, passage string) bool {
	if m.Fingerprints == "" {
		return false
	}
	f := t.of(m.Fingerprints)
	return f != nil && f.Check(passage) != eval.NoOverlap
}

func (t *trainedOn) of(path string) *eval.Fingerprints {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, read := t.files[path]
	if !read {
		var err error
		if f, err = eval.ReadFingerprints(path); err != nil {
			t.log.Warn("it cannot be told whether a question was seen in training", "error", err.Error())
		}
		if t.files == nil {
			t.files = map[string]*eval.Fingerprints{}
		}
		t.files[path] = f
	}
	return f
}
