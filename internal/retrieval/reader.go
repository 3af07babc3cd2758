package retrieval

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sattutor/internal/sat"
)

// Bounds of what is embedded while somebody waits for it.
const (
	readerLimit   = 8 * time.Second  // for the vectors of one item's sentences
	readersAtOnce = 2                // who wait for the model; others get what words give
	readerRest    = 30 * time.Second // after a failure, in which nobody waits for the model
	mostSpans     = 200              // sentences of an item that are embedded
	evidenceKept  = 256              // items whose evidence is remembered
	evidenceEach  = 5                // sentences that are remembered for a choice
)

// reader embeds the sentences of an item when somebody reads it, and remembers what came of it. Unlike the items, the
// sentences are not stored: there are many, and few are asked for.
type reader struct {
	log  *slog.Logger
	slot chan struct{}

	mu    sync.Mutex
	rests time.Time // until then the model is not asked
	known map[string]sat.Evidence
	order []string // of the known, the oldest first
}

func newReader(log *slog.Logger) reader {
	return reader{log: log, slot: make(chan struct{}, readersAtOnce), known: map[string]sat.Evidence{}}
}

// evidence gives what speaks to the choices by a model's vectors, ok where the model could be asked.
func (r *reader) evidence(ctx context.Context, model *Embedder, it sat.Item, spans []sat.Span) (found sat.Evidence, ok bool) {
	key := keyOf(Text(it))
	if found, ok := r.remembered(key); ok {
		return found, true
	}
	if r.resting() || len(spans) > mostSpans {
		return found, false
	}
	select {
	case r.slot <- struct{}{}:
		defer func() { <-r.slot }()
	default:
		return found, false
	}
	texts := make([]string, 0, len(it.Choices)+len(spans))
	for _, c := range it.Choices {
		texts = append(texts, it.Question+" "+c.Text)
	}
	for _, s := range spans {
		texts = append(texts, s.Text)
	}
	vectors := make([][]float32, 0, len(texts))
	bounded, cancel := context.WithTimeout(ctx, readerLimit)
	defer cancel()
	err := model.vectors(bounded, texts, func(made [][]float32) error {
		vectors = append(vectors, made...)
		return nil
	})
	if err != nil {
		r.fail(ctx, err)
		return found, false
	}
	found = sat.Evidence{Method: sat.ByEmbeddings}
	for i, c := range it.Choices {
		found.Choices = append(found.Choices, sat.ChoiceEvidence{ChoiceID: c.ID, Spans: nearest(vectors[i], vectors[len(it.Choices):], spans)})
	}
	r.remember(key, found)
	return found, true
}

// nearest gives the spans whose vectors point most nearly the way of x, best first.
func nearest(x []float32, vectors [][]float32, spans []sat.Span) []sat.Span {
	scores := map[int]float64{}
	for i, y := range vectors {
		if len(x) > 0 && len(x) == len(y) {
			scores[i] = dot(x, y)
		}
	}
	var found []sat.Span
	for _, hit := range best(scores, evidenceEach) {
		s := spans[hit.At]
		s.Score = hit.Score
		found = append(found, s)
	}
	return found
}

func (r *reader) resting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Before(r.rests)
}

// fail lets the model rest, unless it was the reader who left.
func (r *reader) fail(ctx context.Context, err error) {
	if ctx.Err() == context.Canceled {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rests = time.Now().Add(readerRest)
	r.log.Warn("evidence goes by words: the embedding model could not be asked", "error", err.Error(), "rests", readerRest.String())
}

func (r *reader) remembered(key string) (sat.Evidence, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, ok := r.known[key]
	return found, ok
}

func (r *reader) remember(key string, e sat.Evidence) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.known[key]; !known {
		r.order = append(r.order, key)
	}
	r.known[key] = e
	if len(r.order) > evidenceKept {
		delete(r.known, r.order[0])
		r.order = append(r.order[:0], r.order[1:]...)
	}
}
