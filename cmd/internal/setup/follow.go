package setup

import (
	"context"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"time"

	"sattutor/internal/engine/llamacpp"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
)

// Take is told of models that have been started beside those that are served. commit makes them what is served, with
// the records known, and must be called before Take returns, unless ctx ended.
type Take func(ctx context.Context, known map[string]sat.Model, commit func())

// shelfPoll is the time between two looks at the shelf.
const shelfPoll = time.Second

// Follower serves what the shelf names, as soon as it has changed. What does not start leaves what is served as it is,
// and the log says so.
type Follower struct {
	Shelf      *modelregistry.Shelf
	Supervisor *llamacpp.Supervisor
	Take       Take // nil where nobody has to be told
	Log        *slog.Logger
}

// Run follows until ctx ends. served is what the supervisor was started with.
func (f Follower) Run(ctx context.Context, served Local) {
	tick := time.NewTicker(shelfPoll)
	defer tick.Stop()
	for seen := f.Shelf.Stamp(); ; {
		next, err := served.withAdapters(f.Shelf)
		switch {
		case err != nil:
			f.Log.Error("the shelf cannot be read, so what is served stays", "error", err.Error())
		case !reflect.DeepEqual(next, served):
			served = f.replace(ctx, served, next)
		}
		for now := seen; now == seen; now = f.Shelf.Stamp() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		seen = f.Shelf.Stamp()
	}
}

// replace brings the next models into the places of those that are served, and gives what is served then.
func (f Follower) replace(ctx context.Context, served, next Local) Local {
	begun := time.Now()
	loading, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	commit, err := f.Supervisor.Prepare(loading, next.Specs())
	if ctx.Err() != nil {
		return served
	}
	if err != nil {
		f.Log.Error("what the shelf names does not start, so what is served stays", "error", err.Error())
		return served
	}
	if f.Take != nil {
		f.Take(ctx, next.known(), commit)
	} else {
		commit()
	}
	if ctx.Err() != nil {
		return served
	}
	next.warn(f.Log)
	f.tell(served.known(), next.known(), time.Since(begun))
	return next
}

// tell says what changed.
func (f Follower) tell(before, after map[string]sat.Model, took time.Duration) {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if now, then := after[name].Edition(), before[name].Edition(); now != then {
			f.Log.Warn("another model is served from now on", "model", name, "edition", now, "before", then,
				"took", took.Round(time.Millisecond).String())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, stays := after[name]; !stays {
			f.Log.Warn("a model is served no more", "model", name, "before", before[name].Edition())
		}
	}
}

// warn tells of promoted adapters that are not served.
func (l Local) warn(log *slog.Logger) {
	for _, idle := range l.Idle {
		log.Warn("an adapter is left out", "reason", idle)
	}
}
