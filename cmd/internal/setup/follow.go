package setup

import (
	"context"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"time"

	"sattutor/internal/config"
	"sattutor/internal/engine/llamacpp"
	"sattutor/internal/sat"
)

// Take is told of models that have been started beside those that are served. commit makes them what is served, with the
// records known, and must be called before Take returns, unless ctx ended.
type Take func(ctx context.Context, known map[string]sat.Model, commit func())

// shelfPoll is the time between two looks at the shelf.
const shelfPoll = time.Second

// FollowShelf serves what the shelf names, as soon as it has changed, until ctx ends. What does not start leaves what is
// served as it is, and the log says so.
func FollowShelf(ctx context.Context, cfg config.Config, served Local, supervisor *llamacpp.Supervisor, log *slog.Logger, take Take) {
	shelf := OpenShelf(cfg)
	tick := time.NewTicker(shelfPoll)
	defer tick.Stop()
	for seen := shelf.Stamp(); ; {
		next, err := served.withAdapters(shelf)
		switch {
		case err != nil:
			log.Error("the shelf cannot be read, so what is served stays", "error", err.Error())
		case !reflect.DeepEqual(next, served):
			served = replace(ctx, served, next, supervisor, log, take)
		}
		for now := seen; now == seen; now = shelf.Stamp() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		seen = shelf.Stamp()
	}
}

// replace brings the next models into the places of those that are served, and gives what is served then.
func replace(ctx context.Context, served, next Local, supervisor *llamacpp.Supervisor, log *slog.Logger, take Take) Local {
	begun := time.Now()
	loading, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	commit, err := supervisor.Prepare(loading, next.Specs())
	if ctx.Err() != nil {
		return served
	}
	if err != nil {
		log.Error("what the shelf names does not start, so what is served stays", "error", err.Error())
		return served
	}
	take(ctx, next.known(), commit)
	if ctx.Err() != nil {
		return served
	}
	next.warn(log)
	before, after := served.known(), next.known()
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if now, then := after[name].Edition(), before[name].Edition(); now != then {
			log.Warn("another model is served from now on", "model", name, "edition", now, "before", then,
				"took", time.Since(begun).Round(time.Millisecond).String())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, stays := after[name]; !stays {
			log.Warn("a model is served no more", "model", name, "before", before[name].Edition())
		}
	}
	return next
}

// warn tells of promoted adapters that are not served.
func (l Local) warn(log *slog.Logger) {
	for _, idle := range l.Idle {
		log.Warn("an adapter is left out", "reason", idle)
	}
}
