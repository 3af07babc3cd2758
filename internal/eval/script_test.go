package eval

import (
	"context"
	"errors"
	"hash/fnv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// scripted answers by a rule over the question shown to it, and remembers what it was asked.
type scripted struct {
	rule func(q sat.Question, o Options) (sat.Answer, error)

	mu    sync.Mutex
	asked []sat.Question
}

func (s *scripted) Answer(ctx context.Context, q sat.Question, o Options) (sat.Answer, error) {
	if err := ctx.Err(); err != nil {
		return sat.Answer{}, sat.Errorf(sat.Timeout, "the caller left")
	}
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	return s.rule(q, o)
}

// stems gives the questions that were asked, in their order.
func (s *scripted) stems() []string {
	var list []string
	for _, q := range s.asked {
		list = append(list, q.Stem)
	}
	return list
}

// scored is an answer with the given probabilities by position.
func scored(q sat.Question, p []float64) sat.Answer {
	best := stats.ArgMax(p)
	return sat.Answer{Letter: sat.Letter(best), Text: q.Choices[best], Confidence: p[best], Margin: margin(p), Scores: p, Mode: sat.Fast,
		Method: sat.MethodLetter, LetterMass: 0.97, Model: "sat-test", Base: "Test-1B", Precision: "q4_1", Template: "answer_v1",
		PromptHash: digest(q.Passage + q.Stem + strings.Join(q.Choices, "|")), Usage: sat.Usage{Prompt: 900, Cached: 800, Completion: 1},
		Engine: 20 * time.Millisecond}
}

// always gives a rule that favours one position.
func always(position int) func(sat.Question, Options) (sat.Answer, error) {
	return func(q sat.Question, _ Options) (sat.Answer, error) {
		p := make([]float64, len(q.Choices))
		for i := range p {
			p[i] = 0.1 / float64(len(p)-1)
		}
		p[position] = 0.9
		return scored(q, p), nil
	}
}

// byContent gives a rule whose scores depend on the choices' texts alone, as method option's do.
func byContent(q sat.Question, _ Options) (sat.Answer, error) {
	s := make([]float64, len(q.Choices))
	for i, c := range q.Choices {
		h := fnv.New32a()
		_, _ = h.Write([]byte(q.Stem + c))
		s[i] = float64(h.Sum32()%1000) / 300
	}
	a := scored(q, stats.Softmax(s, 1))
	a.Method = sat.MethodOption
	return a, nil
}

// knows gives a rule that finds the key of the given items and takes the next choice otherwise.
func knows(d *Dataset, right ...string) func(sat.Question, Options) (sat.Answer, error) {
	return func(q sat.Question, o Options) (sat.Answer, error) {
		for _, it := range d.Items {
			if it.Question != q.Stem {
				continue
			}
			position := (it.key() + 1) % len(q.Choices)
			for _, id := range right {
				if id == it.ID {
					position = it.key()
				}
			}
			return always(position)(q, o)
		}
		return always(0)(q, o)
	}
}

// clock is a clock that moves by a tenth of a second at each look.
func clock() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(100 * time.Millisecond)
		return now
	}
}

func newRunner(rule func(sat.Question, Options) (sat.Answer, error)) (*Runner, *scripted) {
	s := &scripted{rule: rule}
	return &Runner{Answerer: s, Now: clock()}, s
}

func sampleSpec(t testing.TB, d *Dataset) Spec {
	t.Helper()
	s, err := d.Select(Selected{})
	require.NoError(t, err)
	return Spec{Dir: t.TempDir() + "/run", Data: d, Selection: s, Model: ModelInfo{Name: "sat-test"}, Seed: 1,
		Engine: EngineInfo{Name: "scripted", Version: "1", Endpoint: "engine"}, Asked: Asked{TemplateHash: "abc123", Date: "11 Jun 2025"},
		Code: "v0-test", Hardware: "none"}
}

func mustRun(t testing.TB, d *Dataset, rule func(sat.Question, Options) (sat.Answer, error), change func(*Spec)) *Run {
	t.Helper()
	runner, _ := newRunner(rule)
	spec := sampleSpec(t, d)
	if change != nil {
		change(&spec)
	}
	run, err := runner.Run(t.Context(), spec)
	require.NoError(t, err)
	return run
}

var errBroken = errors.New("broken")

// manyItems makes n items on passages of the given size, keys A B C D in turn.
func manyItems(n, perPassage int) *Dataset {
	d := &Dataset{Path: "many.jsonl", Format: FormatItems, SHA256: digest("many")}
	for i := range n {
		passage := "Passage number " + sat.Letter(i/perPassage%26) + strings.Repeat("x", i/perPassage)
		it := Item{Schema: ItemSchema, ID: rowID("m-", i), SourceRow: i, PassageID: PassageID(passage), Passage: passage, Question: "Question " + rowID("", i) + "?",
			Choices: labelled([]string{"one", "two", "three", "four"}), Answer: sat.Letter(i % 4)}
		it.Raw = asRaw(it)
		d.Items = append(d.Items, it)
	}
	return d
}
