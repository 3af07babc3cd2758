package setup

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"sattutor/internal/engine"
	"sattutor/internal/engine/dispatch"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
	"sattutor/internal/tutor"
)

// Watcher keeps what the tutor knows of the engine true: it probes until the engine answers, notices when it is gone
// or serves something else, and probes again.
type Watcher struct {
	engine    *Engine
	tutor     *tutor.Tutor
	registry  *modelregistry.Registry
	deadlines *Deadlines
	log       *slog.Logger
	serves    func(models []sat.Listed) // told what is served, at each change
	gate      *dispatch.Gate            // nil where nothing is replaced while it runs

	up     atomic.Bool
	kick   chan struct{}
	next   chan replacement
	ready  chan struct{}        // closed at the first success
	served []string             // what the engine said of each model
	known  map[string]sat.Model // what is behind each name of an engine of ours
}

// Times of the watch.
const (
	pollEngine   = 3 * time.Second        // between two looks at an engine that is up
	retryEngine  = 500 * time.Millisecond // between two probes of one that is not, at first
	slowestRetry = 5 * time.Second
	probeTimeout = 10 * time.Minute // a first question may load and compile for long
	pollTimeout  = 5 * time.Second
)

func newWatcher(e *Engine, t *tutor.Tutor, r *modelregistry.Registry, d *Deadlines, log *slog.Logger) *Watcher {
	return &Watcher{engine: e, known: e.Known, tutor: t, registry: r, deadlines: d, log: log,
		kick: make(chan struct{}, 1), next: make(chan replacement), ready: make(chan struct{}), serves: func([]sat.Listed) {}}
}

// Run watches until the context ends.
func (w *Watcher) Run(ctx context.Context) {
	retry := retryEngine
	for ctx.Err() == nil {
		err := w.probe(ctx)
		if err == nil {
			retry = retryEngine
			w.untilGone(ctx)
			continue
		}
		w.down(err)
		if !w.wait(ctx, retry) {
			retry = min(retry*2, slowestRetry)
		}
	}
}

// WaitReady waits for the first answer of the engine.
func (w *Watcher) WaitReady(ctx context.Context) error {
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Up tells whether the engine answered when it was asked last.
func (w *Watcher) Up() bool { return w.up.Load() }

// Ready implements the backend's Readiness.
func (w *Watcher) Ready() error {
	if w.Up() {
		return nil
	}
	return &sat.Error{Code: sat.Unavailable, Reason: "engine-not-ready", Message: "The engine is starting, or it cannot be reached."}
}

// Kick makes the watcher look at once, as when a question met an engine that is gone.
func (w *Watcher) Kick() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

func (w *Watcher) probe(ctx context.Context, same ...string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found, err := w.tutor.Probe(ctx, same...)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return &engine.Error{Kind: engine.Unavailable, Err: errors.New("it serves no model")}
	}
	served, slowest := make([]sat.Served, len(found)), 0.0
	names := make([]string, len(found))
	w.served = w.served[:0]
	for i, s := range found {
		served[i], names[i] = s.Served, s.Name
		w.served = append(w.served, said(s.Name, s.Root, s.Card))
		if s.TokensPerSecond > 0 && (slowest == 0 || s.TokensPerSecond < slowest) {
			slowest = s.TokensPerSecond
		}
	}
	slices.Sort(w.served)
	if w.engine.Name == "embedded" {
		w.deadlines.FromSpeed(slowest)
	}
	w.registry.SetServed(served)
	w.serves(w.registry.Models())
	w.up.Store(true)
	w.log.Info("the engine is ready", "engine", w.engine.Name, "models", names, "tokens_per_second", slowest, "timeout", w.deadlines.Engine().String())
	select {
	case <-w.ready:
	default:
		close(w.ready)
	}
	return nil
}

// untilGone returns when the engine no longer serves what it served, or cannot be reached.
func (w *Watcher) untilGone(ctx context.Context) {
	for ctx.Err() == nil {
		w.wait(ctx, pollEngine)
		ask, cancel := context.WithTimeout(ctx, pollTimeout)
		models, err := w.engine.Models(ask)
		cancel()
		if err != nil {
			var failed *engine.Error
			if errors.As(err, &failed) && failed.Kind == engine.Timeout {
				continue // a busy engine is no absent one
			}
			return
		}
		now := make([]string, len(models))
		for i, m := range models {
			now[i] = said(m.ID, m.Root, m.Card)
		}
		if slices.Sort(now); !slices.Equal(now, w.served) {
			return
		}
	}
}

// said joins what an engine says of a model: the same name may stand for another adapter now.
func said(name, root string, card []byte) string {
	return name + "\n" + root + "\n" + string(card)
}

// replacement are models that are ready to take the places of others.
type replacement struct {
	known  map[string]sat.Model
	commit func()
	done   chan struct{}
}

// Take implements [Take]: no question is inside while models are replaced, so every answer comes from the model that it
// names.
func (w *Watcher) Take(ctx context.Context, known map[string]sat.Model, commit func()) {
	r := replacement{known, commit, make(chan struct{})}
	select {
	case w.next <- r:
		<-r.done
	case <-ctx.Done():
	}
}

// replace runs between two probes, on the watcher's own goroutine.
func (w *Watcher) replace(ctx context.Context, r replacement) {
	defer close(r.done)
	resume, err := w.gate.Pause(ctx)
	if err != nil {
		return
	}
	defer resume()
	r.commit()
	w.registry.SetKnown(r.known)
	var same []string
	for name, m := range r.known {
		if before, served := w.known[name]; served && before.Edition() == m.Edition() {
			same = append(same, name)
		}
	}
	w.known = r.known
	if err := w.probe(ctx, same...); err != nil {
		w.down(err)
		w.served = nil // so that it is probed again
	}
}

// wait waits for a while, or until somebody or a child's change asks for a look; early tells that.
func (w *Watcher) wait(ctx context.Context, d time.Duration) (early bool) {
	var changed <-chan struct{}
	if w.engine.Changed != nil {
		changed = w.engine.Changed()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-changed:
		return true
	case <-w.kick:
		return true
	case r := <-w.next:
		w.replace(ctx, r)
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (w *Watcher) down(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	if w.up.Swap(false) {
		w.log.Warn("the engine is gone", "engine", w.engine.Name, "error", err.Error())
	} else {
		w.log.Debug("the engine is not ready", "engine", w.engine.Name, "error", err.Error(), "fault", w.engine.Fault())
	}
	w.registry.SetServed(nil)
	w.tutor.Forget()
}
