package tutor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"sattutor/internal/engine"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

// words are the token ids by which a model answers.
type words struct {
	letters []int // of A to E; nil where the model's log-probabilities cannot be used
	yesNo   []int // of Yes and No
	context int   // tokens that the model takes; 0 where unknown
}

// vocabulary holds the words of every served model.
type vocabulary struct {
	mu     sync.RWMutex
	byName map[string]words
}

func (v *vocabulary) of(model string) (words, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	w, ok := v.byName[model]
	return w, ok
}

func (v *vocabulary) replace(byName map[string]words) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.byName = byName
}

// Served is what Probe found of one model.
type Served struct {
	sat.Served
	TokensPerSecond float64 // speed at which the warm-up question was read; 0 where it came from the cache
}

// Probe asks the engine what it serves, finds each model's answer tokens, and asks each a question in the real shape,
// which loads what the first question would wait for. From then on the models can be asked. Those that are the same as at
// the last probe need not be asked again. Errors are *[engine.Error].
func (t *Tutor) Probe(ctx context.Context, same ...string) ([]Served, error) {
	models, err := t.opts.Engine.Models(ctx)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]words, len(models))
	list := make([]Served, 0, len(models))
	for _, m := range models {
		w, known := t.words.of(m.ID)
		if known = known && slices.Contains(same, m.ID); !known {
			if w, err = t.learn(ctx, m); err != nil {
				return nil, err
			}
		}
		s := Served{Served: sat.Served{Name: m.ID, Parent: m.Parent, Root: m.Root, Card: m.Card, ContextTokens: m.ContextTokens}}
		if !known {
			if s.TokensPerSecond, err = t.warm(ctx, &w, m.ID); err != nil {
				return nil, err
			}
		}
		s.TextOnly = w.letters == nil
		byName[m.ID] = w
		list = append(list, s)
	}
	t.words.replace(byName)
	return list, nil
}

// Forget makes every model unready until the next Probe, as when the engine is gone.
func (t *Tutor) Forget() { t.words.replace(nil) }

// learn finds the ids of a model's answer tokens. A server that cannot tokenize leaves letters nil.
func (t *Tutor) learn(ctx context.Context, m engine.Model) (words, error) {
	w := words{context: m.ContextTokens}
	var ids []int
	for _, text := range []string{"A", "B", "C", "D", "E", "Yes", "No"} {
		tokens, err := t.opts.Engine.Tokenize(ctx, m.ID, text)
		var failed *engine.Error
		if errors.As(err, &failed) && (failed.Kind == engine.Rejected || failed.Kind == engine.BadOutput || failed.Kind == engine.UnknownModel) {
			return w, nil
		}
		if err != nil {
			return w, err
		}
		if len(tokens) != 1 || slices.Contains(ids, tokens[0]) {
			return w, nil
		}
		ids = append(ids, tokens[0])
	}
	w.letters, w.yesNo = ids[:sat.MaxChoices:sat.MaxChoices], ids[sat.MaxChoices:]
	return w, nil
}

// Sample is a question over a passage of our own, long enough to tell a speed from: the engine's first one.
func Sample() sat.Question {
	return sat.Question{
		Passage: strings.Repeat("The clerk counted the crates on the quay, wrote the number in his book, and counted them again, "+
			"because the first count had been one too many and the second one too few.\n", 8),
		Stem:    "What does the clerk do after he has counted the crates for the first time?",
		Choices: []string{"He writes the number down.", "He goes home.", "He opens a crate.", "He calls the captain."},
	}
}

// warm asks one question, and takes the letters from w where the engine gives no usable log-probabilities.
func (t *Tutor) warm(ctx context.Context, w *words, model string) (tokensPerSecond float64, err error) {
	q, err := prompt.Canonical(Sample())
	if err != nil {
		return 0, err
	}
	messages, err := prompt.Answer(prompt.AnswerV1, q)
	if err != nil {
		return 0, err
	}
	began := t.opts.Now()
	resp, err := t.opts.Engine.Complete(ctx, engine.Request{Model: model, Messages: messages, MaxTokens: 1, LogprobIDs: w.letters})
	if err != nil {
		return 0, err
	}
	if _, ok := prompt.ReadLetters(resp.First, w.letters); !ok {
		w.letters, w.yesNo = nil, nil
	}
	const leastTokens = 100 // fewer say more of the overhead than of the speed
	if read, took := resp.Usage.Prompt-resp.Usage.Cached, t.opts.Now().Sub(began); read >= leastTokens && took > 0 {
		return float64(read) / took.Seconds(), nil
	}
	return 0, nil
}

// Room that a prompt needs beside the question's own text, in tokens: headings, system line, chat template, answer.
const overheadTokens = 120

// leastCharsPerToken is the most dense text that is let through without asking the tokenizer.
const leastCharsPerToken = 3

// fits refuses a question that does not fit the model's context, with the count of its own tokenizer.
func (a *asked) fits(ctx context.Context) error {
	limit := a.words.context
	if limit == 0 {
		return nil
	}
	q := a.question
	chars := utf8.RuneCountInString(q.Passage) + utf8.RuneCountInString(q.Stem) + len(q.Choices) + 1
	for _, c := range q.Choices {
		chars += utf8.RuneCountInString(c)
	}
	if chars/leastCharsPerToken+overheadTokens <= limit {
		return nil
	}
	text := q.Passage + "\n" + q.Stem + "\n" + strings.Join(q.Choices, "\n")
	tokens, err := a.tutor.opts.Engine.Tokenize(ctx, a.model.Name, text)
	if err != nil {
		return nil //nolint:nilerr // the engine itself will refuse what is too long
	}
	if count := len(tokens) + overheadTokens; count > limit {
		return tooLarge(count, limit)
	}
	return nil
}
