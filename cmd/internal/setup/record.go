package setup

import (
	"context"
	"errors"

	"sattutor/internal/sat"
	"sattutor/internal/telemetry"
	"sattutor/internal/tutor"
)

// recorder counts the questions that came to their end, and tells the watcher of an engine that is gone.
type recorder struct {
	metrics *telemetry.Metrics
	gone    func()
}

// Ended implements [tutor.Recorder].
func (r *recorder) Ended(_ context.Context, e tutor.Ended) {
	result := resultOf(e.Err)
	r.metrics.Answered(telemetry.Answered{Model: e.Model.Name, Adapter: e.Model.Adapter, Result: result,
		Took: e.Took, Waited: e.Waited, Prompt: e.Answer.Usage.Prompt, Cached: e.Answer.Usage.Cached,
		Method: string(e.Answer.Method), Letter: e.Answer.Letter,
		Scored: e.Answer.Scores != nil, Confidence: e.Answer.Confidence, Tied: e.Answer.Tied})
	if reasonOf(e.Err) == "engine-not-ready" {
		r.gone()
	}
}

// serves begins the counts of the models that can be asked.
func (r *recorder) serves(models []sat.Listed) {
	var list []telemetry.ModelServed
	for _, m := range models {
		if m.Available {
			list = append(list, telemetry.ModelServed{Name: m.Name, Adapter: m.Adapter, Quality: string(m.Quality)})
		}
	}
	r.metrics.Serves(list)
}

// resultOf gives the label of the metric.
func resultOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled):
		return "client_error"
	case reasonOf(err) == "overloaded":
		return "shed"
	}
	switch sat.CodeOf(err) {
	case sat.Invalid, sat.TooLarge, sat.NotFound:
		return "client_error"
	case sat.BadOutput:
		return "invalid"
	case sat.Timeout:
		return "timeout"
	default:
		return "engine_error"
	}
}

// reasonOf gives the reason that an error names, "" for none.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	if coded := (&sat.Error{}); errors.As(err, &coded) {
		return coded.Reason
	}
	return ""
}
