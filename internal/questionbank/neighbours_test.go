package questionbank

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/sat"
)

// standing is a bank in memory that counts how often it is read.
type standing struct {
	Shelf
	shelf
	change string
	pages  int
}

func (s *standing) ItemsByID(ctx context.Context, ids []string) ([]sat.StoredItem, error) {
	return s.shelf.ItemsByID(ctx, ids)
}

func (s *standing) ItemsByContent(ctx context.Context, keys []string) ([]sat.StoredItem, error) {
	return s.shelf.ItemsByContent(ctx, keys)
}

func (s *standing) BankChanges(context.Context, int) ([]sat.BankChange, error) {
	return []sat.BankChange{{ID: s.change}}, nil
}

func (s *standing) ItemsAfter(_ context.Context, id string, n int) ([]sat.StoredItem, error) {
	s.pages++
	var page []sat.StoredItem
	for _, it := range s.shelf {
		if it.ID > id && len(page) < n {
			page = append(page, Stored(it, 1))
		}
	}
	return page, nil
}

func (s *standing) Passages(ctx context.Context, ids []string) ([]sat.Passage, error) {
	return s.shelf.Passages(ctx, ids)
}

func (s *standing) SearchItems(ctx context.Context, f sat.ItemFilter) ([]sat.StoredItem, int, error) {
	return s.shelf.SearchItems(ctx, f)
}

// reworded is the ferry under another id, asked in nearly the same words.
func reworded(id string, split sat.Split) sat.Item {
	it := ferry()
	it.ID, it.Split = id, split
	it.Passages = slices.Clone(it.Passages)
	for i := range it.Passages {
		it.Passages[i].ID = fmt.Sprint(id, "-", i)
	}
	it.Explanation.Quotes, it.Marks = nil, nil
	it.Choices = slices.Clone(it.Choices)
	it.Choices[0].Text += " indeed"
	return it
}

func beside(findings []Finding) (found []string) {
	for _, f := range findings {
		if f.Code == L12 || f.Code == L13 {
			found = append(found, fmt.Sprint(f.Code, " ", f.Field, " ", f.Message))
		}
	}
	return found
}

func TestANewQuestionIsComparedWithTheBank(t *testing.T) {
	bank := &standing{shelf: shelf{ferry()}, change: "first"}
	desk := NewDesk(bank)
	_, findings, err := desk.Check(t.Context(), reworded("copy", ferry().Split))
	require.NoError(t, err)
	assert.Equal(t, []string{"L12 question asks nearly the same as " + ferry().ID + ", which is in the bank; keep one of them"}, beside(findings))
	moved := reworded("copy", sat.ForTest)
	moved.Question = "An entirely different matter is asked in these words, is it not?"
	for i := range moved.Choices {
		moved.Choices[i].Text = fmt.Sprint("Nothing that is offered there, and number ", i)
	}
	_, findings, err = desk.Check(t.Context(), moved)
	require.NoError(t, err)
	assert.Equal(t, []string{fmt.Sprintf("L13 split is test, but %s in the bank has the same passage in %s; what was measured there says nothing here",
		ferry().ID, ferry().Split)}, beside(findings))
	_, findings, err = desk.Check(t.Context(), reworded(ferry().ID, sat.ForTest))
	require.NoError(t, err)
	assert.Empty(t, beside(findings), "what an edit replaces is not beside it")
	assert.Equal(t, 1, bank.pages, "the bank is read once")

	bank.shelf, bank.change = nil, "second"
	_, findings, err = desk.Check(t.Context(), reworded("copy", ferry().Split))
	require.NoError(t, err)
	assert.Empty(t, beside(findings), "until it changes")
}

func TestAnImportIsComparedWithTheBankAndJudgedByTheDesksRules(t *testing.T) {
	bank := &standing{shelf: shelf{ferry()}, change: "first"}
	file, _, err := Write([]sat.Item{reworded("copy", ferry().Split)}, JSONL, WriteOptions{})
	require.NoError(t, err)
	for _, c := range []struct {
		name  string
		rules Rules
		codes []Code
		taken int
	}{
		{"plainly", Rules{}, []Code{L12}, 1},
		{"strictly", Rules{Shipped: true}, []Code{L12, L07}, 0},
		{"against a model", Rules{Overlap: func(string) string { return "sat-lora" }}, []Code{L12, L13}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := NewDesk(bank).With(c.rules).ImportItems(t.Context(), sat.ImportRequest{File: file, Rehearse: true})
			require.NoError(t, err)
			assert.Equal(t, c.taken, report.Counts.New)
			for _, code := range c.codes {
				at := slices.IndexFunc(report.Entries, func(e sat.ImportEntry) bool { return e.Code == code })
				if c.taken == 0 && code == L12 { // what is not taken stands beside nothing
					assert.Negative(t, at)
					continue
				}
				require.GreaterOrEqual(t, at, 0, "%s: %v", code, report.Entries)
				assert.Equal(t, "copy", report.Entries[at].ID)
				assert.Equal(t, 1, report.Entries[at].Line)
			}
		})
	}
}

// The index finds what comparing each with each finds.
func TestNothingThatIsAlikeIsOverlooked(t *testing.T) {
	words := strings.Fields("river lamp stone winter letter morning harbour window garden bridge silver window paper field")
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 8, 30).Draw(t, "words"), " ")
	})
	rapid.Check(t, func(t *rapid.T) {
		base := text.Draw(t, "base")
		near := rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{base, base + " " + text.Draw(t, "more"), text.Draw(t, "other")}).Draw(t, "kind")
		})
		var stored, fresh shelf
		for i, s := range rapid.SliceOfN(near, 1, 6).Draw(t, "stored") {
			stored = append(stored, sat.Item{ID: fmt.Sprint("s", i), Question: s})
		}
		for i, s := range rapid.SliceOfN(near, 1, probesOfAGram).Draw(t, "fresh") {
			fresh = append(fresh, sat.Item{ID: fmt.Sprint("f", i), Question: s})
		}
		verdicts, err := (&neighbours{shelf: &standing{shelf: stored, change: "one"}}).judge(context.Background(), fresh)
		require.NoError(t, err)
		for i, it := range fresh {
			twin := slices.ContainsFunc(stored, func(s sat.Item) bool {
				return alike(sketch(askedText(it)), sketch(askedText(s))) >= sameShare
			})
			assert.Equal(t, twin, len(verdicts[i]) > 0, "%q beside %v", it.Question, stored)
		}
	})
}
