package setup

import (
	"context"
	"io"
	"log/slog"

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
	*retrieval.Finder
}

// NewQuestionBank gives the bank of a store, in which what is alike is found by words.
func NewQuestionBank(s *store.Store) *QuestionBank {
	return newQuestionBank(s, nil, slog.New(slog.DiscardHandler))
}

func newQuestionBank(s *store.Store, e *embeddings, log *slog.Logger) *QuestionBank {
	return &QuestionBank{Store: s, Desk: questionbank.NewDesk(s), Finder: retrieval.NewFinder(s, e.embedder(), log)}
}

// openBank gives the bank of a store, filled. One that cannot be filled is used as it is.
func openBank(s *store.Store, e *embeddings, log *slog.Logger) *QuestionBank {
	ctx, cancel := context.WithTimeout(context.Background(), openLimit)
	defer cancel()
	b := newQuestionBank(s, e, log)
	if err := b.Fill(ctx); err != nil {
		log.Warn("the questions that come with the product could not be taken into the bank", "error", err.Error())
	}
	return b
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
