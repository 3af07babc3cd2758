package retrieval

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"sattutor/internal/sat"
)

// Shelf is where items stand, with the vectors that models have made of them.
type Shelf interface {
	BankChanges(ctx context.Context, limit int) ([]sat.BankChange, error)
	SearchItems(ctx context.Context, f sat.ItemFilter) (items []sat.StoredItem, total int, err error)
	Vectors(ctx context.Context, model string) ([]sat.ItemVector, error)
	SaveVectors(ctx context.Context, model string, vectors []sat.ItemVector) error
	DropVectors(ctx context.Context, except string) error
}

// Finder finds the items of a shelf that are like one, and the sentences that speak to an item's choices: by embeddings
// where a model is there and has vectors of the whole bank as it is now, and by words otherwise. It is made by NewFinder.
type Finder struct {
	shelf Shelf
	model *Embedder // nil for words alone
	log   *slog.Logger

	mu    sync.Mutex
	words *wording // nil until somebody asks

	embedded atomic.Pointer[embedded] // nil until the whole bank has vectors
	counts   atomic.Pointer[Counts]
	reader   reader
}

// wording is the bank by its words.
type wording struct {
	change  string // the newest that it knows
	items   map[string]sat.StoredItem
	library *Library
}

// NewFinder gives the finder of a shelf. Without a model it goes by words alone.
func NewFinder(shelf Shelf, model *Embedder, log *slog.Logger) *Finder {
	f := &Finder{shelf: shelf, model: model, log: log, reader: newReader(log)}
	f.counts.Store(&Counts{})
	return f
}

// Similar gives the n items that are most like one, on other passages.
func (f *Finder) Similar(ctx context.Context, it sat.Item, n int) (sat.SimilarItems, error) {
	change, err := f.newest(ctx)
	if err != nil {
		return sat.SimilarItems{}, err
	}
	if e := f.embedded.Load(); e != nil && e.change == change {
		if found, ok := e.similar(it, n); ok {
			return found, nil
		}
	}
	w, err := f.wording(ctx, change)
	if err != nil {
		return sat.SimilarItems{}, err
	}
	return w.similar(it, n), nil
}

// newest names the newest change of the bank.
func (f *Finder) newest(ctx context.Context) (string, error) {
	changes, err := f.shelf.BankChanges(ctx, 1)
	if err != nil || len(changes) == 0 {
		return "none", err
	}
	return changes[0].ID, nil
}

// wording gives the bank by its words, kept in memory until it changes.
func (f *Finder) wording(ctx context.Context, change string) (*wording, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.words == nil || f.words.change != change {
		stored, _, err := f.shelf.SearchItems(ctx, sat.ItemFilter{})
		if err != nil {
			return nil, err
		}
		bare := make([]sat.Item, len(stored))
		for i, it := range stored {
			bare[i] = it.Item
		}
		f.words = &wording{change: change, items: byID(stored), library: NewLibrary(bare)}
	}
	return f.words, nil
}

func byID(items []sat.StoredItem) map[string]sat.StoredItem {
	list := make(map[string]sat.StoredItem, len(items))
	for _, it := range items {
		list[it.ID] = it
	}
	return list
}

func (w *wording) similar(it sat.Item, n int) sat.SimilarItems {
	return withItems(sat.ByWords, w.library.Similar(it, n), w.items)
}

func withItems(method sat.Likeness, matches []Match, items map[string]sat.StoredItem) sat.SimilarItems {
	found := sat.SimilarItems{Method: method}
	for _, m := range matches {
		found.Items = append(found.Items, sat.SimilarItem{StoredItem: items[m.ItemID], Score: m.Score})
	}
	return found
}

// Evidence gives, for each choice of an item, the n sentences of its passages that speak most to it, for or against.
func (f *Finder) Evidence(ctx context.Context, it sat.Item, n int) (sat.Evidence, error) {
	spans := Sentences(it)
	if f.model != nil && len(spans) > 0 && len(it.Choices) > 0 {
		if found, ok := f.reader.evidence(ctx, f.model, it, spans); ok {
			return first(found, n), nil
		}
	}
	found := sat.Evidence{Method: sat.ByWords}
	for i, c := range it.Choices {
		found.Choices = append(found.Choices, sat.ChoiceEvidence{ChoiceID: c.ID, Spans: Evidence(spans, it, n, i)})
	}
	return found, nil
}

// first cuts what speaks to each choice to the n best.
func first(e sat.Evidence, n int) sat.Evidence {
	cut := sat.Evidence{Method: e.Method, Choices: make([]sat.ChoiceEvidence, len(e.Choices))}
	for i, c := range e.Choices {
		cut.Choices[i] = sat.ChoiceEvidence{ChoiceID: c.ChoiceID, Spans: c.Spans[:min(n, len(c.Spans))]}
	}
	return cut
}
