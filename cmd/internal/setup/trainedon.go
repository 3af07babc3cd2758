package setup

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"sattutor/internal/config"
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

// among gives what names those of some models that were trained on a passage: "sat-lora", "" for none.
func (t *trainedOn) among(models func() []sat.Model) func(passage string) string {
	return func(passage string) string {
		var names []string
		for _, m := range models() {
			if t.seen(m, passage) {
				names = append(names, m.Name)
			}
		}
		return strings.Join(names, ", ")
	}
}

// SeenInTraining gives what names the promoted adapters of this machine that were trained on a passage.
func SeenInTraining(cfg config.Config, log *slog.Logger) (func(passage string) string, error) {
	served, err := OpenShelf(cfg).Served()
	if err != nil {
		return nil, err
	}
	var models []sat.Model
	for _, name := range slices.Sorted(maps.Keys(served)) {
		models = append(models, served[name].Model(name, sat.Model{}))
	}
	return (&trainedOn{log: log}).among(func() []sat.Model { return models }), nil
}

// available gives the models that are served now.
func available(list []sat.Listed) (models []sat.Model) {
	for _, m := range list {
		if m.Available {
			models = append(models, m.Model)
		}
	}
	return models
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
