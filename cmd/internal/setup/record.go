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
		Took: e.Took, Waited: e.Waited, Cached: e.Answer.Usage.Cached})
	var coded *sat.Error
	if errors.As(e.Err, &coded) && coded.Reason == "engine-not-ready" {
		r.gone()
	}
}

// resultOf gives the label of the metric.
func resultOf(err error) string {
	var coded *sat.Error
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled):
		return "client_error"
	case errors.As(err, &coded) && coded.Reason == "overloaded":
		return "shed"
	}
	switch sat.CodeOf(err) {
	case sat.Invalid, sat.TooLarge:
		return "invalid"
	case sat.Timeout:
		return "timeout"
	default:
		return "engine_error"
	}
}
