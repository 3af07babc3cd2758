package frontend

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// Bounds of asking the backend for its models: a page shows what was true some seconds ago, and never waits long.
const (
	modelsFresh   = 5 * time.Second
	modelsTimeout = 700 * time.Millisecond
)

// The states of the model in use.
const (
	stateReady   = "ready"   // it answers
	stateLoading = "loading" // the backend is there, no model yet
	stateAway    = "away"    // the backend does not answer
)

// modelWatch knows the backend's models, asked again when they are no longer fresh.
type modelWatch struct {
	backend Backend
	now     func() time.Time
	timeout time.Duration // longest time of asking the backend

	asking sync.Mutex // held by the one request that asks
	mu     sync.Mutex
	asked  time.Time
	list   []api.Model
	err    error
}

// models gives the list. Of many requests at a time one asks; the others take what is known, once anything is.
func (m *modelWatch) models(ctx context.Context) ([]api.Model, error) {
	if list, err, fresh := m.known(); fresh {
		return list, err
	}
	if !m.asking.TryLock() {
		if list, err, _ := m.known(); list != nil || err != nil {
			return list, err
		}
		m.asking.Lock()
	}
	defer m.asking.Unlock()
	if list, err, fresh := m.known(); fresh {
		return list, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.timeout)
	defer cancel()
	list, err := m.backend.Models(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list, m.err, m.asked = list, err, m.now()
	return list, err
}

func (m *modelWatch) known() (list []api.Model, err error, fresh bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list, m.err, !m.asked.IsZero() && m.now().Sub(m.asked) < modelsFresh
}

// modelLine is what a page says of the model in use.
type modelLine struct {
	State  string
	Name   string
	Label  string // "demonstration" or "measured"
	Record string // "right on 41 of 60 questions (56–79 %)"; "" where nothing was measured
	quality
}

// quality says what a model's answers are worth.
type quality struct {
	Demo     bool
	Measured bool   // a demonstration model with a record that did not pass the gate
	Note     string // one sentence from the model's record
}

// line describes the default model.
func (m *modelWatch) line(ctx context.Context) modelLine {
	list, err := m.models(ctx)
	if err != nil {
		return modelLine{State: stateAway}
	}
	if i := slices.IndexFunc(list, func(model api.Model) bool { return model.Default && model.Available }); i >= 0 {
		return lineOf(list[i])
	}
	return modelLine{State: stateLoading}
}

func lineOf(m api.Model) modelLine {
	line := modelLine{State: stateReady, Name: modelName(m.Name, m.Base, m.Adapter), quality: qualityOf(m.Quality, m.QualityNote, m.Evaluations)}
	line.Label = "measured"
	if line.Demo {
		line.Label = "demonstration"
	}
	if len(m.Evaluations) > 0 {
		line.Record = recordOf(m.Evaluations[0], "questions")
	}
	return line
}

func qualityOf(label, note string, evaluations []api.Evaluation) quality {
	return quality{Demo: label != string(sat.Production), Measured: len(evaluations) > 0, Note: note}
}

// modelName names a model as people know it.
func modelName(served, base, adapter string) string {
	base = cmp.Or(base, served)
	if adapter == "" {
		return base
	}
	return base + " with " + adapter
}

// find gives the named model's record from the list, the zero record where it is not there.
func (m *modelWatch) find(ctx context.Context, name string) api.Model {
	list, _ := m.models(ctx)
	if i := slices.IndexFunc(list, func(model api.Model) bool { return model.Name == name }); i >= 0 {
		return list[i]
	}
	return api.Model{}
}

// options gives the models that answer now as entries to choose among, the default one first and without a name; none
// where there is no choice. A chosen model that no longer answers stays among them, so that nobody is moved to another.
func (m *modelWatch) options(ctx context.Context, chosen string) []option {
	list, _ := m.models(ctx)
	var options []option
	known := chosen == ""
	for _, model := range list {
		if !model.Available {
			continue
		}
		o := option{Value: model.Name, Label: modelName(model.Name, model.Base, model.Adapter), On: model.Name == chosen}
		if len(model.Evaluations) > 0 {
			o.Label += " · right on " + grouped(model.Evaluations[0].Correct) + " of " + grouped(model.Evaluations[0].N)
		}
		known = known || o.On
		if model.Default {
			o.Value = ""
			options = slices.Insert(options, 0, o)
			continue
		}
		options = append(options, o)
	}
	if len(options) < 2 && known {
		return nil
	}
	if !known {
		options = append(options, option{Value: chosen, Label: chosen + " · not served now", On: true})
	}
	return options
}

// recordOf words a measured accuracy with its n and interval.
func recordOf(e api.Evaluation, what string) string {
	return fmt.Sprintf("right on %s of %s %s (%s)", grouped(e.Correct), grouped(e.N), what, interval(e))
}

// interval words the 95 % interval: "56–79 %".
func interval(e api.Evaluation) string {
	return fmt.Sprintf("%.0f–%.0f %%", math.Round(100*e.Low), math.Round(100*e.High))
}
