package setup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sattutor/internal/config"
	"sattutor/internal/engine"
	"sattutor/internal/eval"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
	"sattutor/internal/tutor"
)

// Target is what an evaluation asks: the tutor of this process over an engine, or a backend.
type Target struct {
	Answerer eval.Answerer
	Scorer   eval.Scorer // nil where the target gives no log-probabilities of prompts
	Engine   eval.EngineInfo
	Models   []sat.Listed // that it serves
	Close    func(ctx context.Context) error

	shelf *modelregistry.Shelf
}

// Model gives the record of a served name, "" being the default model.
func (t *Target) Model(name string) (sat.Model, error) {
	names := make([]string, len(t.Models))
	for i, m := range t.Models {
		if names[i] = m.Name; m.Name == name || name == "" && m.Default {
			return m.Model, nil
		}
	}
	return sat.Model{}, fmt.Errorf("the target serves no model %q; it serves %s", name, strings.Join(names, ", "))
}

// Times of a target's start.
const (
	reachLimit = 20 * time.Second // a server that is there answers by then
	loadLimit  = 15 * time.Minute // a first question may load and compile for long
)

// OpenTarget opens the configured engine with a tutor of this process on it. change may alter the records by which the
// models are asked; nil leaves them. trial are the ids of adapters to serve beside what is promoted.
func OpenTarget(ctx context.Context, cfg config.Config, log *slog.Logger, change func(sat.Model) sat.Model, trial ...string) (*Target, error) {
	deadlines := NewDeadlines(cfg)
	e, err := OpenEngine(ctx, cfg, log, deadlines, trial...)
	if err != nil {
		return nil, err
	}
	t := &Target{shelf: OpenShelf(cfg)}
	if likelihoods, ok := e.Engine.(eval.Scorer); ok {
		t.Scorer = scorer{likelihoods}
	}
	witness := &witness{Engine: e.Engine}
	e.Engine = witness
	registry := modelregistry.New(modelregistry.Options{Default: cfg.DefaultModel, Known: e.Known, Records: OpenRecords(cfg), Shelf: OpenShelf(cfg)})
	models := changedModels{registry, change}
	asking := tutor.New(tutor.Options{Engine: e, Models: models, Seen: (&trainedOn{log: log}).seen})
	watcher := newWatcher(e, asking, registry, deadlines, log)
	t.Answerer = tutorAnswerer{asking}
	if err := whole(ctx, e); err != nil {
		return nil, errors.Join(err, e.Close(context.WithoutCancel(ctx)))
	}
	t.Close = startWatch(watcher, e)
	if err := t.wait(ctx, e, watcher); err != nil {
		return nil, errors.Join(err, t.Close(context.WithoutCancel(ctx)))
	}
	t.Models = models.served()
	t.Engine = witness.info()
	return t, nil
}

// whole waits until each model of our own engine answers: a name that loads last must not count as not served.
func whole(ctx context.Context, e *Engine) error {
	if e.Whole == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	return e.Whole(ctx)
}

// startWatch watches the engine until the function that it gives is called, which also ends the engine.
func startWatch(w *Watcher, e *Engine) (stop func(ctx context.Context) error) {
	watching, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(watching)
	}()
	return func(ctx context.Context) error {
		cancel()
		<-done
		return e.Close(ctx)
	}
}

// wait waits until the engine has answered a question. A remote one that cannot even be reached is given up at once.
func (t *Target) wait(ctx context.Context, e *Engine, w *Watcher) error {
	if e.Changed == nil {
		reach, cancel := context.WithTimeout(ctx, reachLimit)
		_, err := e.Models(reach)
		cancel()
		if err != nil {
			return fmt.Errorf("the engine at %s does not answer: %w", e.Where, err)
		}
	}
	load, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	if err := w.WaitReady(load); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("the engine (%s) did not get ready within %s: %s", e.Where, loadLimit, e.Fault())
	}
	return nil
}

// changedModels are the registry's records, altered for one evaluation.
type changedModels struct {
	registry *modelregistry.Registry
	change   func(sat.Model) sat.Model
}

// Resolve implements [tutor.Models].
func (c changedModels) Resolve(name string) (sat.Model, error) {
	m, err := c.registry.Resolve(name)
	if err == nil && c.change != nil {
		m = c.change(m)
	}
	return m, err
}

func (c changedModels) served() []sat.Listed {
	list := c.registry.Served()
	for i := range list {
		if c.change != nil {
			list[i].Model = c.change(list[i].Model)
		}
	}
	return list
}

// tutorAnswerer is the tutor as an evaluation asks it.
type tutorAnswerer struct{ *tutor.Tutor }

// Answer implements [eval.Answerer].
func (t tutorAnswerer) Answer(ctx context.Context, q sat.Question, o eval.Options) (sat.Answer, error) {
	return t.Ask(ctx, q, tutor.Wish{Options: sat.Options{Model: o.Model, Mode: o.Mode}, Method: o.Method,
		Template: o.Template, Uncalibrated: o.Uncalibrated})
}

// scorer gives an engine's errors as the domain's.
type scorer struct{ eval.Scorer }

// LogLikelihoods implements [eval.Scorer].
func (s scorer) LogLikelihoods(ctx context.Context, model, text string, continuations []string) ([]float64, error) {
	sums, err := s.Scorer.LogLikelihoods(ctx, model, text, continuations)
	var failed *engine.Error
	if !errors.As(err, &failed) {
		return sums, err
	}
	e := &sat.Error{Code: sat.Internal, Message: "The engine could not score a text.", RetryAfter: failed.RetryAfter, Err: err}
	switch failed.Kind {
	case engine.Rejected:
		e.Code, e.Message = sat.Invalid, "The engine gives no log-probabilities of prompts; vLLM does."
	case engine.Unavailable, engine.Overloaded:
		e.Code = sat.Unavailable
	case engine.Timeout:
		e.Code = sat.Timeout
	case engine.TooLarge:
		e.Code = sat.TooLarge
	case engine.UnknownModel:
		e.Code = sat.NotFound
	}
	return nil, e
}

// witness notes what an engine says of itself.
type witness struct {
	engine.Engine

	mu      sync.Mutex
	owner   string
	version string
}

// Models implements [engine.Engine].
func (w *witness) Models(ctx context.Context) ([]engine.Model, error) {
	models, err := w.Engine.Models(ctx)
	if err == nil && len(models) > 0 {
		w.mu.Lock()
		w.owner = models[0].OwnedBy
		w.mu.Unlock()
	}
	return models, err
}

// Complete implements [engine.Engine].
func (w *witness) Complete(ctx context.Context, req engine.Request) (engine.Response, error) {
	resp, err := w.Engine.Complete(ctx, req)
	if err == nil && resp.Fingerprint != "" {
		w.mu.Lock()
		w.version = resp.Fingerprint
		w.mu.Unlock()
	}
	return resp, err
}

// info names the engine for the header of a run.
func (w *witness) info() eval.EngineInfo {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := w.owner
	if name == "llamacpp" {
		name = "llama-server"
	}
	return eval.EngineInfo{Name: name, Version: w.version, Endpoint: "engine"}
}
