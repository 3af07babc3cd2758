package setup

import (
	"sync/atomic"
	"time"

	"sattutor/internal/config"
)

// Deadlines derives every time limit on the way of a question from one value, the engine's. That value may grow
// while the servers run, once the embedded engine's speed is known.
type Deadlines struct {
	engine atomic.Int64
	fixed  bool
}

// NewDeadlines begins with the configured limit; one that was set by hand is never replaced by a measured one.
func NewDeadlines(cfg config.Config) *Deadlines {
	d := &Deadlines{fixed: cfg.EngineTimeoutSet}
	d.engine.Store(int64(cfg.EngineTimeout))
	return d
}

// Engine is the longest wait for the engine.
func (d *Deadlines) Engine() time.Duration { return time.Duration(d.engine.Load()) }

// Backend is the longest time that the backend takes for one request.
func (d *Deadlines) Backend() time.Duration { return d.Engine() + config.BackendMargin }

// Frontend is the longest wait of the pages for the backend.
func (d *Deadlines) Frontend() time.Duration { return d.Engine() + config.FrontendMargin }

// The question by which a slow engine is judged: cold, of exam length, read with a margin.
const (
	coldQuestionTokens = 1500
	speedMargin        = 3
	leastEngineTimeout = 20 * time.Second
	mostEngineTimeout  = 15 * time.Minute
)

// FromSpeed sets the limit from the prefill speed seen at warm-up, in tokens per second: three times a cold question
// of 1,500 tokens, at least 20 s. It tells the limit that now holds.
func (d *Deadlines) FromSpeed(tokensPerSecond float64) time.Duration {
	if !d.fixed && tokensPerSecond > 0 {
		limit := time.Duration(speedMargin * coldQuestionTokens / tokensPerSecond * float64(time.Second))
		d.engine.Store(int64(min(max(limit, leastEngineTimeout), mostEngineTimeout).Round(time.Second)))
	}
	return d.Engine()
}
