package arena

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sattutor/internal/sat"
)

// Pairs keeps pairs and their votes. A foreign or missing pair is NotFound, a second vote a Conflict.
type Pairs interface {
	CreatePair(ctx context.Context, p sat.Pair) error
	Pair(ctx context.Context, userID, id string) (sat.Pair, error)
	Vote(ctx context.Context, p sat.Pair) error
	Votes(ctx context.Context, userID string, since time.Time) ([]sat.Pair, error)
}

// Answerer answers a question; its errors are *[sat.Error].
type Answerer interface {
	Answer(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error)
}

// Models lists what can be asked.
type Models interface {
	Models() []sat.Listed
}

// DeskOptions are what a Desk is made of; all but Now are needed.
type DeskOptions struct {
	Pairs   Pairs
	Answers Answerer
	Models  Models
	Bank    Bank
	Clean   func(q sat.Question) (sat.Question, error) // gives a question of the evaluator's own in canonical form
	Key     []byte                                     // of draws and pseudonyms
	NewID   func() string
	Now     func() time.Time // nil for time.Now
}

// Desk shows blind pairs and takes votes on them. It is safe for concurrent use and made by NewDesk.
type Desk struct{ opts DeskOptions }

// NewDesk gives a desk.
func NewDesk(opts DeskOptions) *Desk {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Desk{opts}
}

// tries is how many questions of the bank are asked to find one on which the two models differ.
const tries = 4

// showing is what is kept of a pair, in the document of sat.Pair.
type showing struct {
	Question   sat.Question `json:"question"`
	ItemID     string       `json:"item_id,omitempty"`
	PassageID  string       `json:"passage_id,omitempty"`
	Key        string       `json:"key,omitempty"`
	Answers    [2]sat.Answer
	PassedOver int      `json:"passed_over,omitempty"`
	Reasons    []string `json:"reasons,omitempty"`
	Comment    string   `json:"comment,omitempty"`
}

// Show asks two different models and keeps their answers: to the given question, or with nil to one of the bank on
// which they differ, where four tries find one.
func (d *Desk) Show(ctx context.Context, userID string, q *sat.Question) (sat.BlindPair, error) {
	id := d.opts.NewID()
	var names []string
	for _, m := range d.opts.Models.Models() {
		if m.Available {
			names = append(names, m.Name)
		}
	}
	first, second, ok := Draw(d.opts.Key, id, names)
	if !ok {
		return sat.BlindPair{}, sat.Errorf(sat.Conflict, "A comparison needs two models, and the engine serves %s now.", served(names))
	}
	doc, err := d.differing(ctx, userID, q, first, second)
	if err != nil {
		return sat.BlindPair{}, err
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return sat.BlindPair{}, err
	}
	p := sat.Pair{ID: id, UserID: userID, CreatedAt: d.opts.Now(), Doc: raw}
	if err := d.opts.Pairs.CreatePair(ctx, p); err != nil {
		return sat.BlindPair{}, err
	}
	return blind(p, doc), nil
}

func served(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return "only " + names[0]
}

// differing asks both models, and another question of the bank while they say the same.
func (d *Desk) differing(ctx context.Context, userID string, q *sat.Question, first, second string) (showing, error) {
	if q != nil {
		own, err := d.opts.Clean(*q)
		if err != nil {
			return showing{}, err
		}
		doc := showing{Question: own}
		return doc, d.ask(ctx, &doc, first, second)
	}
	seen, err := d.seen(ctx, userID)
	if err != nil {
		return showing{}, err
	}
	for passed := 0; ; passed++ {
		it, err := d.question(ctx, seen)
		if err != nil {
			return showing{}, err
		}
		seen[it.ID] = true
		doc := showing{Question: it.Asked(), ItemID: it.ID, Key: it.Answer, PassedOver: passed}
		if len(it.Passages) > 0 {
			doc.PassageID = it.Passages[0].ID
		}
		if err := d.ask(ctx, &doc, first, second); err != nil {
			return showing{}, err
		}
		if doc.Answers[0].Letter != doc.Answers[1].Letter || passed == tries-1 {
			return doc, nil
		}
	}
}

// seen gives the items that somebody has voted on.
func (d *Desk) seen(ctx context.Context, userID string) (map[string]bool, error) {
	voted, err := d.opts.Pairs.Votes(ctx, userID, time.Time{})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, p := range voted {
		doc, err := read(p)
		if err != nil {
			return nil, err
		}
		seen[doc.ItemID] = true
	}
	return seen, nil
}

// ask puts the question to both models at once. The first failure ends the other's wait.
func (d *Desk) ask(ctx context.Context, doc *showing, names ...string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	for i, name := range names {
		wait.Go(func() {
			a, err := d.opts.Answers.Answer(ctx, doc.Question, sat.Options{Model: name})
			if err != nil {
				cancel(err) // the first cause stays
				return
			}
			doc.Answers[i] = a
		})
	}
	wait.Wait()
	var failed *sat.Error
	if err := context.Cause(ctx); errors.As(err, &failed) {
		return failed
	}
	return context.Cause(ctx)
}

// Pair gives a pair of somebody, still blind or revealed by the vote.
func (d *Desk) Pair(ctx context.Context, userID, id string) (sat.BlindPair, error) {
	p, err := d.opts.Pairs.Pair(ctx, userID, id)
	if err != nil {
		return sat.BlindPair{}, err
	}
	doc, err := read(p)
	return blind(p, doc), err
}

// Vote takes the one vote on a pair and tells whose answers they were.
func (d *Desk) Vote(ctx context.Context, userID string, ballot sat.Ballot) (sat.BlindPair, error) {
	if err := check(ballot); err != nil {
		return sat.BlindPair{}, err
	}
	p, err := d.opts.Pairs.Pair(ctx, userID, ballot.PairID)
	if err != nil {
		return sat.BlindPair{}, err
	}
	doc, err := read(p)
	if err != nil {
		return sat.BlindPair{}, err
	}
	doc.Reasons, doc.Comment = ballot.Reasons, strings.TrimSpace(ballot.Comment)
	p.Winner, p.VotedAt = ballot.Winner, d.opts.Now()
	if p.Doc, err = json.Marshal(doc); err != nil {
		return sat.BlindPair{}, err
	}
	if err := d.opts.Pairs.Vote(ctx, p); err != nil {
		return sat.BlindPair{}, err
	}
	return blind(p, doc), nil
}

func check(b sat.Ballot) error {
	invalid := &sat.Error{Code: sat.Invalid, Message: "The vote breaks a rule."}
	add := func(field, message string) {
		invalid.Fields = append(invalid.Fields, sat.FieldError{Field: field, Message: message})
	}
	if !Winner(b.Winner).Valid() {
		add("winner", "is none of a, b, tie, both_bad")
	}
	for _, r := range b.Reasons {
		if !slices.Contains(sat.ArenaReasons(), r) {
			add("reasons", "holds one that is none of "+strings.Join(sat.ArenaReasons(), ", "))
			break
		}
	}
	if utf8.RuneCountInString(b.Comment) > sat.MaxComment {
		add("comment", fmt.Sprintf("is longer than %d characters; shorten it", sat.MaxComment))
	}
	if invalid.Fields == nil {
		return nil
	}
	return invalid
}

// read gives the document of a pair.
func read(p sat.Pair) (doc showing, err error) {
	if err = json.Unmarshal(p.Doc, &doc); err != nil {
		return doc, fmt.Errorf("arena: pair %s: %w", p.ID, err)
	}
	return doc, nil
}

// blind gives what may be shown of a pair.
func blind(p sat.Pair, doc showing) sat.BlindPair {
	b := sat.BlindPair{ID: p.ID, Question: doc.Question, PassedOver: doc.PassedOver,
		Choices: [2]string{doc.Answers[0].Letter, doc.Answers[1].Letter}}
	if p.VotedAt.IsZero() {
		return b
	}
	b.Reveal = &sat.Reveal{Winner: p.Winner, Key: doc.Key}
	for i, a := range doc.Answers {
		b.Reveal.Models[i] = sat.Model{Name: a.Model, Base: a.Base, Adapter: a.Adapter, Precision: a.Precision, Quality: a.Quality}
	}
	return b
}
