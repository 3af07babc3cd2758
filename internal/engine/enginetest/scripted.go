// Package enginetest holds the engines of the tests, and the suite that each engine passes.
//
// Scripted is an engine in memory. VLLM is an http.Handler that speaks vLLM's dialect, with its queue, its prefix cache
// and faults on demand; the program in standin serves it. Replay serves recorded replies of the real servers.
// Conformance is the suite. The first two answer the product's own prompts with one of the offered choices: oracle.go
// says which.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sattutor/internal/engine"
)

// contextTokens is the context of a test engine where none is given.
const contextTokens = 4096

// Scripted is an engine in memory. The zero value serves sat-base and its adapter sat-lora and answers by the oracle;
// the fields are set before the first call. Its counts are the tests' evidence.
type Scripted struct {
	Reply   func(ctx context.Context, req engine.Request) (engine.Response, error) // replaces the oracle
	Rule    func(Asked) string                                                     // the oracle's; nil for a hash of the texts
	Served  []engine.Model                                                         // nil for sat-base and sat-lora
	Latency time.Duration                                                          // of each completion

	mu          sync.Mutex
	requests    []engine.Request
	inFlight    int
	maxInFlight int
	canceled    int
	failure     error
	failures    int
	release     chan struct{} // not nil while hanging
}

var _ engine.Engine = (*Scripted)(nil)

// Calls counts the completions begun, streams among them.
func (s *Scripted) Calls() int { return len(s.Requests()) }

// Requests gives the requests of all completions begun, oldest first.
func (s *Scripted) Requests() []engine.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// InFlight counts the completions that run now.
func (s *Scripted) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inFlight
}

// MaxInFlight is the largest count that InFlight had.
func (s *Scripted) MaxInFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maxInFlight
}

// Canceled counts the completions whose caller left.
func (s *Scripted) Canceled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.canceled
}

// Fail lets the next n calls of any method fail with err; n < 0 lets all fail until Fail(nil, 0).
func (s *Scripted) Fail(err error, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.failures = err, n
}

// Hang lets completions that begin from now on wait until their context ends or release is called.
func (s *Scripted) Hang() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.release = held
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.release == held {
			s.release = nil
		}
		close(held)
	})
}

// Complete implements [engine.Engine].
func (s *Scripted) Complete(ctx context.Context, req engine.Request) (engine.Response, error) {
	leave, err := s.enter(ctx, req)
	if err != nil {
		return engine.Response{}, err
	}
	defer leave()
	if s.Reply != nil {
		resp, err := s.Reply(ctx, req)
		return resp, ended(ctx, err)
	}
	if err := s.accept(req); err != nil {
		return engine.Response{}, err
	}
	return (&oracle{rule: s.Rule}).answer(req), nil
}

// Stream implements [engine.Engine]: the text of Complete in pieces of one token.
func (s *Scripted) Stream(ctx context.Context, req engine.Request, each func(text string) error) (engine.Response, error) {
	resp, err := s.Complete(ctx, req)
	if err != nil {
		return engine.Response{}, err
	}
	for _, piece := range split(resp.Text) {
		if err := each(piece); err != nil {
			return engine.Response{}, err
		}
	}
	return resp, nil
}

// Tokenize implements [engine.Engine].
func (s *Scripted) Tokenize(ctx context.Context, model, text string) ([]int, error) {
	if err := s.injected(ctx); err != nil {
		return nil, err
	}
	if err := s.serves(model); err != nil {
		return nil, err
	}
	return tokenize(text), nil
}

// Models implements [engine.Engine].
func (s *Scripted) Models(ctx context.Context) ([]engine.Model, error) {
	if err := s.injected(ctx); err != nil {
		return nil, err
	}
	return s.models(), nil
}

func (s *Scripted) models() []engine.Model {
	if s.Served != nil {
		return slices.Clone(s.Served)
	}
	return []engine.Model{
		{ID: "sat-base", OwnedBy: "scripted", ContextTokens: contextTokens},
		{ID: "sat-lora", OwnedBy: "scripted", Parent: "sat-base", ContextTokens: contextTokens},
	}
}

// enter counts a completion in, and lets it fail, hang and take its time.
func (s *Scripted) enter(ctx context.Context, req engine.Request) (leave func(), err error) {
	s.mu.Lock()
	s.requests = append(s.requests, req)
	s.inFlight++
	s.maxInFlight = max(s.maxInFlight, s.inFlight)
	held := s.release
	s.mu.Unlock()
	leave = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.inFlight--
		if ctx.Err() != nil {
			s.canceled++
		}
	}
	err = s.injected(ctx)
	if err == nil && held != nil {
		select {
		case <-held:
		case <-ctx.Done():
		}
	}
	if err == nil && s.Latency > 0 {
		timer := time.NewTimer(s.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if err = ended(ctx, err); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// injected gives the failure that Fail asked for, or the context's.
func (s *Scripted) injected(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures != 0 {
		s.failures--
		return s.failure
	}
	return ended(ctx, nil)
}

// accept refuses what an engine refuses.
func (s *Scripted) accept(req engine.Request) error {
	if req.Model == "" || req.MaxTokens < 1 || len(req.Messages) == 0 {
		return &engine.Error{Kind: engine.Rejected, Err: errors.New("model, messages or MaxTokens missing")}
	}
	if err := s.serves(req.Model); err != nil {
		return err
	}
	for _, m := range s.models() {
		if n := promptTokens(req.Messages); m.ID == req.Model && m.ContextTokens > 0 && n > m.ContextTokens {
			return &engine.Error{Kind: engine.TooLarge, Tokens: n, Limit: m.ContextTokens}
		}
	}
	return nil
}

func (s *Scripted) serves(model string) error {
	if slices.ContainsFunc(s.models(), func(m engine.Model) bool { return m.ID == model }) {
		return nil
	}
	return &engine.Error{Kind: engine.UnknownModel, Err: fmt.Errorf("no model %q", model)}
}

// ended replaces err by the context's end.
func ended(ctx context.Context, err error) error {
	switch ctx.Err() {
	case context.DeadlineExceeded:
		return &engine.Error{Kind: engine.Timeout, Err: ctx.Err()}
	case context.Canceled:
		return &engine.Error{Kind: engine.Canceled, Err: ctx.Err()}
	}
	return err
}
