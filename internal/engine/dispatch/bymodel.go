// Package dispatch puts engines in front of an engine: a gate that admits no more questions than can be answered in
// time, and a router by the model's name. A file each.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"sattutor/internal/engine"
)

// ByModel is an [engine.Engine] that hands each request to the engine of its model. Set may be called at any time: a
// request that runs keeps the engine that it began with.
type ByModel struct {
	engines atomic.Pointer[map[string]engine.Engine]
}

var _ engine.Engine = (*ByModel)(nil)

// NewByModel gives a router over engines, each under the name of the model that it serves.
func NewByModel(engines map[string]engine.Engine) *ByModel {
	b := &ByModel{}
	b.Set(engines)
	return b
}

// Set replaces all engines, as when a child came back on another port.
func (b *ByModel) Set(engines map[string]engine.Engine) {
	own := maps.Clone(engines)
	b.engines.Store(&own)
}

// Complete implements [engine.Engine].
func (b *ByModel) Complete(ctx context.Context, req engine.Request) (engine.Response, error) {
	e, err := b.of(req.Model)
	if err != nil {
		return engine.Response{}, err
	}
	return e.Complete(ctx, req)
}

// Stream implements [engine.Engine].
func (b *ByModel) Stream(ctx context.Context, req engine.Request, each func(text string) error) (engine.Response, error) {
	e, err := b.of(req.Model)
	if err != nil {
		return engine.Response{}, err
	}
	return e.Stream(ctx, req, each)
}

// Tokenize implements [engine.Engine].
func (b *ByModel) Tokenize(ctx context.Context, model, text string) ([]int, error) {
	e, err := b.of(model)
	if err != nil {
		return nil, err
	}
	return e.Tokenize(ctx, model, text)
}

// Models implements [engine.Engine]: what the engines list of the names that they were given under, in the order of
// the names. An engine that is down is left out; when all are down the first one's error is given, as Unavailable.
func (b *ByModel) Models(ctx context.Context) ([]engine.Model, error) {
	engines := *b.engines.Load()
	names := slices.Sorted(maps.Keys(engines))
	lists := make([][]engine.Model, len(names))
	errs := make([]error, len(names))
	var asked sync.WaitGroup
	for i, name := range names {
		asked.Go(func() { lists[i], errs[i] = engines[name].Models(ctx) })
	}
	asked.Wait()
	var models []engine.Model
	for i, name := range names {
		for _, m := range lists[i] {
			if m.ID == name {
				models = append(models, m)
			}
		}
	}
	if len(models) == 0 {
		return nil, down(ctx, errors.Join(errs...))
	}
	return models, nil
}

// down says why no engine lists a model: the caller's own end keeps its kind.
func down(ctx context.Context, cause error) error {
	var e *engine.Error
	if ctx.Err() != nil && errors.As(cause, &e) {
		return e
	}
	if cause == nil {
		cause = errors.New("no engine lists its model")
	}
	return &engine.Error{Kind: engine.Unavailable, Err: cause}
}

func (b *ByModel) of(model string) (engine.Engine, error) {
	if e, ok := (*b.engines.Load())[model]; ok {
		return e, nil
	}
	if model == "" {
		return nil, &engine.Error{Kind: engine.Rejected, Err: errors.New("a request needs a model")}
	}
	return nil, &engine.Error{Kind: engine.UnknownModel, Err: fmt.Errorf("no engine serves %q", model)}
}
