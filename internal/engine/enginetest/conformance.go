package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"sattutor/internal/engine"
)

// Target is an engine under the suite, and what may be expected of it.
type Target struct {
	Engine    engine.Engine
	Model     string  // a served model with one token for each letter
	Adapter   string  // a served adapter of Model whose scores differ; "" for none
	Schema    bool    // obeys a JSON schema
	Overflow  bool    // knows its context and refuses a longer prompt
	Parallel  int     // requests sent at once; 0 for 8
	Tolerance float64 // by which log-probabilities of equal requests may differ: a warm prefix computes otherwise
	Unknown   string  // a name that is not served; "" for "no-such-model"
	LetterIDs []int   // of "A" to "D", where replies are recorded for one request alone: the rest is left out
}

// letters are the letters that the suite asks for.
var letters = []string{"A", "B", "C", "D"}

// SampleQuestion is a question in the product's layout, over a passage of our own.
func SampleQuestion() []engine.Message {
	return []engine.Message{
		{Role: engine.System, Content: "You are a helpful AI assistant developed by Meta. Respond safely and accurately."},
		{Role: engine.User, Content: "Read the passage and answer the question.\n\n### Passage:\nThe miller's daughter " +
			"counted the sacks twice. There were eleven, and the ledger said twelve. She closed the book, took the lantern " +
			"from its nail, and went to look for the boy who had driven the cart.\n\n### Question:\nWhy does she leave the " +
			"mill?\n\n### Choices:\nA) To light the road for the cart\nB) To ask about a missing sack\nC) To sell the " +
			"eleven sacks\nD) To find a new ledger\n\nRespond with ONLY the letter and full text of the correct answer."},
	}
}

// Conformance runs the suite that each engine passes.
func Conformance(t *testing.T, target Target) {
	s := &suite{Target: target}
	if s.Parallel == 0 {
		s.Parallel = 8
	}
	if s.Unknown == "" {
		s.Unknown = "no-such-model"
	}
	s.ids = s.LetterIDs
	t.Run("models", s.models)
	if s.LetterIDs == nil {
		s.ids = make([]int, len(letters))
		t.Run("tokenize", s.tokenize)
	}
	t.Run("letters", s.letters)
	t.Run("repeats", s.repeats)
	t.Run("unknown model", s.unknownModel)
	t.Run("no form", s.noForm)
	t.Run("contexts", s.contexts)
	if s.LetterIDs != nil {
		return
	}
	t.Run("text", s.text)
	t.Run("stream", s.stream)
	t.Run("leaving", s.leaving)
	t.Run("parallel", s.parallel)
	if s.Schema {
		t.Run("schema", s.schema)
	}
	if s.Overflow {
		t.Run("overflow", s.overflow)
	}
	if s.Adapter != "" {
		t.Run("adapter", s.adapter)
	}
}

type suite struct {
	Target
	ids     []int // of the letters
	context int
}

// limit is the deadline of each call: far above what any engine needs for one token.
const limit = 60 * time.Second

func (s *suite) call(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// request asks for one token and the letters.
func (s *suite) request(model string) engine.Request {
	return engine.Request{
		Model: model, Messages: SampleQuestion(), MaxTokens: 1, LogprobIDs: s.ids,
		TemplateArgs: map[string]string{"date_string": "11 Jun 2025"},
	}
}

func (s *suite) complete(t *testing.T, req engine.Request) engine.Response {
	t.Helper()
	resp, err := s.Engine.Complete(s.call(t), req)
	if err != nil {
		t.Fatalf("Complete: %v", err)
	}
	return resp
}

func (s *suite) models(t *testing.T) {
	models, err := s.Engine.Models(s.call(t))
	if err != nil {
		t.Fatalf("Models: %v", err)
	}
	found := map[string]engine.Model{}
	for _, m := range models {
		found[m.ID] = m
	}
	for _, name := range []string{s.Model, s.Adapter} {
		m, ok := found[name]
		switch {
		case name == "":
		case !ok:
			t.Errorf("%q is not among %v", name, models)
		case m.ContextTokens <= 0:
			t.Errorf("context of %q is not known", name)
		}
	}
	s.context = found[s.Model].ContextTokens
}

func (s *suite) tokenize(t *testing.T) {
	seen := map[int]string{}
	for i, letter := range letters {
		ids, err := s.Engine.Tokenize(s.call(t), s.Model, letter)
		if err != nil {
			t.Fatalf("Tokenize(%q): %v", letter, err)
		}
		if len(ids) != 1 {
			t.Fatalf("%q is %d tokens: %v", letter, len(ids), ids)
		}
		if other, ok := seen[ids[0]]; ok {
			t.Fatalf("%q and %q have the same id %d", letter, other, ids[0])
		}
		seen[ids[0]] = letter
		s.ids[i] = ids[0]
	}
}

func (s *suite) letters(t *testing.T) {
	resp := s.complete(t, s.request(s.Model))
	if resp.Model != s.Model || resp.Text == "" {
		t.Errorf("model %q, text %q", resp.Model, resp.Text)
	}
	if resp.FinishReason != "length" && resp.FinishReason != "stop" {
		t.Errorf("finish reason %q", resp.FinishReason)
	}
	if u := resp.Usage; u.Prompt <= 0 || u.Completion < 1 || u.Completion > 2 || u.Cached < 0 || u.Cached > u.Prompt {
		t.Errorf("usage %+v of one token", u)
	}
	scores := scoresOf(resp)
	var mass float64
	for i, id := range s.ids {
		logprob, ok := scores[id]
		if !ok {
			t.Errorf("%s (id %d) is not among the candidates", letters[i], id)
		}
		mass += math.Exp(logprob)
	}
	if mass > 1.001 {
		t.Errorf("probabilities of the letters sum to %g", mass)
	}
	for i := 1; i < len(resp.First); i++ {
		if resp.First[i].Logprob > resp.First[i-1].Logprob {
			t.Errorf("candidate %d is better than the one before it", i)
		}
	}
}

func (s *suite) repeats(t *testing.T) {
	once := s.complete(t, s.request(s.Model))
	again := s.complete(t, s.request(s.Model))
	for id, logprob := range s.lettersOf(once) {
		if d := math.Abs(scoresOf(again)[id] - logprob); !(d <= s.Tolerance) {
			t.Errorf("id %d: log-probability moved by %g between equal requests", id, d)
		}
	}
}

func (s *suite) unknownModel(t *testing.T) {
	req := s.request(s.Unknown)
	_, err := s.Engine.Complete(s.call(t), req)
	wantKind(t, err, engine.UnknownModel)
	if s.LetterIDs != nil {
		return
	}
	_, err = s.Engine.Stream(s.call(t), req, func(string) error { return nil })
	wantKind(t, err, engine.UnknownModel)
}

func (s *suite) noForm(t *testing.T) {
	for name, change := range map[string]func(*engine.Request){
		"no model":    func(r *engine.Request) { r.Model = "" },
		"no messages": func(r *engine.Request) { r.Messages = nil },
		"no tokens":   func(r *engine.Request) { r.MaxTokens = 0 },
	} {
		req := s.request(s.Model)
		change(&req)
		if _, err := s.Engine.Complete(s.call(t), req); err == nil {
			t.Errorf("%s: answered", name)
		} else {
			wantKind(t, err, engine.Rejected)
		}
	}
}

// contexts checks contexts that have ended before the call.
func (s *suite) contexts(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for kind, ctx := range map[engine.Kind]context.Context{engine.Canceled: canceled, engine.Timeout: late} {
		_, err := s.Engine.Complete(ctx, s.request(s.Model))
		wantKind(t, err, kind)
		_, err = s.Engine.Stream(ctx, s.request(s.Model), func(string) error { return nil })
		wantKind(t, err, kind)
		_, err = s.Engine.Tokenize(ctx, s.Model, "A")
		wantKind(t, err, kind)
		_, err = s.Engine.Models(ctx)
		wantKind(t, err, kind)
	}
}

func (s *suite) text(t *testing.T) {
	req := s.request(s.Model)
	req.LogprobIDs, req.MaxTokens = nil, 12
	resp := s.complete(t, req)
	if strings.TrimSpace(resp.Text) == "" || resp.First != nil {
		t.Errorf("text %q, candidates %v", resp.Text, resp.First)
	}
	if resp.Usage.Completion < 2 || resp.Usage.Completion > 13 {
		t.Errorf("%d tokens for at most 12", resp.Usage.Completion)
	}
	req.MaxTokens = 2
	if short := s.complete(t, req); short.FinishReason != "length" || !strings.HasPrefix(resp.Text, short.Text) {
		t.Errorf("two tokens: %q (%s) of %q", short.Text, short.FinishReason, resp.Text)
	}
}

func (s *suite) stream(t *testing.T) {
	req := s.request(s.Model)
	req.LogprobIDs, req.MaxTokens = nil, 12
	var pieces []string
	resp, err := s.Engine.Stream(s.call(t), req, func(text string) error {
		pieces = append(pieces, text)
		return nil
	})
	if err != nil {
		t.Fatalf("Stream: %v", err)
	}
	whole := s.complete(t, req)
	if joined := strings.Join(pieces, ""); len(pieces) < 2 || joined != resp.Text || joined != whole.Text {
		t.Errorf("pieces %q, text %q, without stream %q", pieces, resp.Text, whole.Text)
	}
	if resp.Model != s.Model || resp.FinishReason != whole.FinishReason ||
		resp.Usage.Prompt != whole.Usage.Prompt || resp.Usage.Completion != whole.Usage.Completion {
		t.Errorf("stream %+v, whole %+v", resp, whole)
	}
	enough := errors.New("enough")
	if _, err := s.Engine.Stream(s.call(t), req, func(string) error { return enough }); err != enough {
		t.Errorf("error of the reader came back as %v", err)
	}
}

// leaving cancels a request in flight, or finds it answered already.
func (s *suite) leaving(t *testing.T) {
	ctx, cancel := context.WithCancel(s.call(t))
	req := s.request(s.Model)
	req.MaxTokens = 200
	pieces := 0
	_, err := s.Engine.Stream(ctx, req, func(string) error {
		pieces++
		cancel()
		return nil
	})
	if err != nil {
		wantKind(t, err, engine.Canceled)
	}
	if pieces == 0 {
		t.Error("nothing was streamed")
	}
}

func (s *suite) parallel(t *testing.T) {
	want := s.lettersOf(s.complete(t, s.request(s.Model)))
	var calls sync.WaitGroup
	for range s.Parallel {
		calls.Go(func() {
			resp, err := s.Engine.Complete(s.call(t), s.request(s.Model))
			if err != nil {
				t.Errorf("Complete: %v", err)
				return
			}
			for id, logprob := range s.lettersOf(resp) {
				if d := math.Abs(want[id] - logprob); !(d <= s.Tolerance) {
					t.Errorf("id %d: log-probability moved by %g among parallel requests", id, d)
				}
			}
		})
	}
	calls.Wait()
}

func (s *suite) schema(t *testing.T) {
	req := s.request(s.Model)
	req.LogprobIDs, req.MaxTokens = nil, 80
	req.Schema = json.RawMessage(`{"type":"object","properties":{"letter":{"type":"string","enum":["A","B","C","D"]}},` +
		`"required":["letter"],"additionalProperties":false}`)
	resp := s.complete(t, req)
	var got struct{ Letter string }
	if err := json.Unmarshal([]byte(resp.Text), &got); err != nil || !strings.Contains("ABCD", got.Letter) || got.Letter == "" {
		t.Errorf("%q does not obey the schema: %v", resp.Text, err)
	}
	req.MaxTokens = 2
	if cut := s.complete(t, req); cut.FinishReason != "length" || json.Valid([]byte(cut.Text)) {
		t.Errorf("two tokens gave %q, finish reason %q", cut.Text, cut.FinishReason)
	}
}

func (s *suite) overflow(t *testing.T) {
	if s.context == 0 {
		t.Skip("the context is not known")
	}
	req := s.request(s.Model)
	req.Messages = []engine.Message{{Role: engine.User, Content: strings.Repeat("a word ", s.context)}}
	_, err := s.Engine.Complete(s.call(t), req)
	e := wantKind(t, err, engine.TooLarge)
	if e != nil && (e.Limit != s.context || e.Tokens <= e.Limit) {
		t.Errorf("%d tokens, limit %d; the context is %d", e.Tokens, e.Limit, s.context)
	}
}

// adapter wants other scores under the adapter's name: a mismatched adapter is silently the base.
func (s *suite) adapter(t *testing.T) {
	base := s.lettersOf(s.complete(t, s.request(s.Model)))
	adapted := s.complete(t, s.request(s.Adapter))
	if adapted.Model != s.Adapter {
		t.Errorf("%q answered for %q", adapted.Model, s.Adapter)
	}
	var moved float64
	for id, logprob := range s.lettersOf(adapted) {
		moved = max(moved, math.Abs(base[id]-logprob))
	}
	if moved <= s.Tolerance || moved == 0 {
		t.Errorf("scores of %q and %q differ by %g only", s.Model, s.Adapter, moved)
	}
}

func scoresOf(resp engine.Response) map[int]float64 {
	scores := map[int]float64{}
	for _, token := range resp.First {
		scores[token.ID] = token.Logprob
	}
	return scores
}

// lettersOf leaves the letters of a reply's candidates.
func (s *suite) lettersOf(resp engine.Response) map[int]float64 {
	scores := scoresOf(resp)
	own := map[int]float64{}
	for _, id := range s.ids {
		own[id] = scores[id]
	}
	return own
}

// wantKind checks that err is an *[engine.Error] of that kind, and gives it.
func wantKind(t testing.TB, err error, kind engine.Kind) *engine.Error {
	t.Helper()
	var e *engine.Error
	if !errors.As(err, &e) {
		t.Errorf("error %v (%[1]T), want kind %q", err, kind)
		return nil
	}
	if e.Kind != kind {
		t.Errorf("kind %q (%v), want %q", e.Kind, err, kind)
	}
	return e
}
