package setup

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"sattutor/internal/questionbank"
	"sattutor/internal/questionbank/shipped"
	"sattutor/internal/retrieval"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

// QuestionBank is the question bank of a store: its desk, and the search for items that are alike.
type QuestionBank struct {
	*store.Store
	*questionbank.Desk

	mu      sync.Mutex
	change  string // the newest change that the library knows
	items   map[string]sat.StoredItem
	library *retrieval.Library
}

// NewQuestionBank gives the bank of a store.
func NewQuestionBank(s *store.Store) *QuestionBank {
	return &QuestionBank{Store: s, Desk: questionbank.NewDesk(s)}
}

// openBank gives the bank of a store, filled. One that cannot be filled is used as it is.
func openBank(s *store.Store, log *slog.Logger) *QuestionBank {
	ctx, cancel := context.WithTimeout(context.Background(), openLimit)
	defer cancel()
	b := NewQuestionBank(s)
	if err := b.Fill(ctx); err != nil {
		log.Warn("the questions that come with the product could not be taken into the bank", "error", err.Error())
	}
	return b
}

// Similar gives the n items that are most like one, on other passages. The words of the bank are kept in memory until it
// changes.
func (b *QuestionBank) Similar(ctx context.Context, it sat.Item, n int) ([]sat.SimilarItem, error) {
	items, library, err := b.words(ctx)
	if err != nil {
		return nil, err
	}
	var found []sat.SimilarItem
	for _, m := range library.Similar(it, n) {
		found = append(found, sat.SimilarItem{StoredItem: items[m.ItemID], Score: m.Score})
	}
	return found, nil
}

// Fill takes the questions that come with the product into a bank that nobody has ever changed, so that there is
// something to practise on from the first start. What somebody deletes stays deleted.
func (b *QuestionBank) Fill(ctx context.Context) error {
	changes, err := b.BankChanges(ctx, 1)
	if err != nil || len(changes) > 0 {
		return err
	}
	file, err := io.ReadAll(shipped.Open())
	if err != nil {
		return err
	}
	_, err = b.ImportItems(ctx, sat.ImportRequest{File: file, Format: string(questionbank.JSONL)})
	if sat.CodeOf(err) == sat.Conflict { // another replica was faster
		return nil
	}
	return err
}

// words gives the items of the bank by their words.
func (b *QuestionBank) words(ctx context.Context) (map[string]sat.StoredItem, *retrieval.Library, error) {
	newest, err := b.BankChanges(ctx, 1)
	if err != nil {
		return nil, nil, err
	}
	change := "none"
	if len(newest) > 0 {
		change = newest[0].ID
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.change != change {
		stored, _, err := b.SearchItems(ctx, sat.ItemFilter{})
		if err != nil {
			return nil, nil, err
		}
		items, bare := make(map[string]sat.StoredItem, len(stored)), make([]sat.Item, len(stored))
		for i, it := range stored {
			items[it.ID], bare[i] = it, it.Item
		}
		b.items, b.library, b.change = items, retrieval.NewLibrary(bare), change
	}
	return b.items, b.library, nil
}
