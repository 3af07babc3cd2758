package dispatch

import (
	"container/list"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"sattutor/internal/engine"
)

// Constants of the gate.
const (
	weight     = 0.2  // of the newest service time in the moving averages
	deviations = 2    // mean deviations above the mean that stand for the 95th percentile
	jitter     = 0.2  // of RetryAfter, so that the refused do not come back together
	maxPlaces  = 2000 // bounds the memory of those who wait
)

// GateOptions configure a Gate.
type GateOptions struct {
	Slots      int                  // questions answered at once; at least 1
	Budget     func() time.Duration // from a question's arrival to its answer, asked at each arrival; must not be nil
	MaxWaiting int                  // bound of the waiting line, whatever the formula says; 0 for 2000
	Expect     time.Duration        // service time before the first was measured; 0 where unknown
	Rand       func() float64       // uniform in [0, 1), for the jitter; nil for math/rand/v2
}

// Gate admits questions to an engine, in the order of their arrival, and refuses those that could not be answered in
// time: on arrival where the line is too long for the budget, and in the line as soon as the deadline is out of reach.
// Its time is that of package time, so tests run it in a synctest bubble.
type Gate struct {
	opts GateOptions

	mu        sync.Mutex
	inFlight  int
	paused    chan struct{} // closed when nobody is inside any more; nil while the gate is open
	line      *list.List    // of *waiter, the oldest in front
	mean, dev float64       // of the service time, in seconds; exponentially weighted
	measured  bool
}

// waiter is one question in the line. Its turn is closed when a slot is handed over to it.
type waiter struct{ turn chan struct{} }

// GateStats is the state of a gate, for metrics.
type GateStats struct {
	InFlight int           // questions that have entered
	Waiting  int           // questions in the line
	Places   int           // bound of the line now
	Service  time.Duration // mean time from entering to leaving
}

// NewGate gives an open gate.
func NewGate(opts GateOptions) *Gate {
	opts.Slots = max(1, opts.Slots)
	if opts.MaxWaiting <= 0 {
		opts.MaxWaiting = maxPlaces
	}
	if opts.Rand == nil {
		opts.Rand = rand.Float64
	}
	return &Gate{opts: opts, line: list.New(), mean: opts.Expect.Seconds()}
}

// Enter waits for a slot and gives the function that frees it, which may be called more than once. Its errors are
// *[engine.Error]: Overloaded, with RetryAfter and Ahead, where the answer would come too late; Canceled where the
// caller left.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	if ctx.Err() != nil {
		return nil, left(ctx)
	}
	budget := g.opts.Budget()
	deadline := time.Now().Add(budget)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
		budget = time.Until(d)
	}
	g.mu.Lock()
	if g.inFlight < g.opts.Slots && g.paused == nil {
		g.inFlight++
		g.mu.Unlock()
		return g.leaver(ctx), nil
	}
	if g.line.Len() >= g.places(budget) || g.estimate() > budget.Seconds()-g.slow() {
		defer g.mu.Unlock()
		return nil, g.overloaded()
	}
	w := &waiter{turn: make(chan struct{})}
	place := g.line.PushBack(w)
	g.mu.Unlock()
	if err := g.wait(ctx, w, deadline); err != nil {
		return nil, g.giveUp(place, err)
	}
	return g.leaver(ctx), nil
}

// Stats gives the state of now.
func (g *Gate) Stats() GateStats {
	budget, service := g.opts.Budget(), g.service()
	g.mu.Lock()
	defer g.mu.Unlock()
	return GateStats{InFlight: g.inFlight, Waiting: g.line.Len(), Places: g.places(budget), Service: service}
}

// service is the mean service time.
func (g *Gate) service() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Duration(g.mean * float64(time.Second))
}

// errLate says that the deadline is out of reach.
var errLate = errors.New("the answer would come too late")

// wait ends with the waiter's turn, with ctx, or once the time left is shorter than the mean service time.
func (g *Gate) wait(ctx context.Context, w *waiter, deadline time.Time) error {
	for {
		spare := time.Until(deadline) - g.service()
		if spare <= 0 {
			return errLate
		}
		timer := time.NewTimer(spare)
		select {
		case <-w.turn:
			timer.Stop()
			return nil
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C: // the mean may have fallen meanwhile: look again
		}
	}
}

// giveUp frees a place. A slot that was handed over in the same moment goes on to the next.
func (g *Gate) giveUp(place *list.Element, cause error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-place.Value.(*waiter).turn:
		g.handOver()
	default:
		g.line.Remove(place)
	}
	if errors.Is(cause, context.Canceled) {
		return &engine.Error{Kind: engine.Canceled, Err: cause}
	}
	return g.overloaded()
}

// leaver gives the function that frees a slot and takes the time of the service, unless the caller left before a
// usual one had passed: that says nothing about the engine.
func (g *Gate) leaver(ctx context.Context) func() {
	begin := time.Now()
	var once sync.Once
	free := func() {
		took := time.Since(begin).Seconds()
		g.mu.Lock()
		defer g.mu.Unlock()
		if ctx.Err() == nil || took > g.mean {
			g.measure(took)
		}
		g.handOver()
	}
	return func() { once.Do(free) }
}

func (g *Gate) measure(took float64) {
	if !g.measured {
		g.mean, g.measured = took, true
		return
	}
	g.dev += weight * (math.Abs(took-g.mean) - g.dev)
	g.mean += weight * (took - g.mean)
}

// handOver gives a slot that became free to the oldest waiter.
func (g *Gate) handOver() {
	if next := g.line.Front(); next != nil && g.paused == nil {
		close(g.line.Remove(next).(*waiter).turn)
		return
	}
	g.inFlight--
	if g.paused != nil && g.inFlight == 0 {
		close(g.paused)
	}
}

// Pause lets nobody enter, waits until those inside have left, and gives the function that opens the gate again. Where
// ctx ends before, the gate is open again and the error is the context's. One pause at a time.
func (g *Gate) Pause(ctx context.Context) (resume func(), err error) {
	empty := make(chan struct{})
	g.mu.Lock()
	if g.paused = empty; g.inFlight == 0 {
		close(empty)
	}
	g.mu.Unlock()
	select {
	case <-empty:
		return sync.OnceFunc(g.resume), nil
	case <-ctx.Done():
		g.resume()
		return nil, ctx.Err()
	}
}

func (g *Gate) resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.paused = nil
	for g.inFlight < g.opts.Slots && g.line.Len() > 0 {
		close(g.line.Remove(g.line.Front()).(*waiter).turn)
		g.inFlight++
	}
}

// places is N × (budget − t) ÷ t, between N and the bound: those who wait longer than the budget allows need no place.
func (g *Gate) places(budget time.Duration) int {
	n := float64(g.opts.Slots)
	if g.mean <= 0 {
		return g.opts.MaxWaiting
	}
	places := max(n, n*(budget.Seconds()-g.mean)/g.mean)
	return int(min(places, float64(g.opts.MaxWaiting)))
}

// estimate is how long a question that arrives now would wait, in seconds: waiting × t ÷ N.
func (g *Gate) estimate() float64 {
	return float64(g.line.Len()) * g.mean / float64(g.opts.Slots)
}

// slow is the time that all but few services stay below, in seconds.
func (g *Gate) slow() float64 { return g.mean + deviations*g.dev }

func (g *Gate) overloaded() error {
	seconds := math.Ceil(g.estimate()) * (1 + jitter*(2*g.opts.Rand()-1))
	return &engine.Error{
		Kind:       engine.Overloaded,
		RetryAfter: time.Duration(max(1, seconds) * float64(time.Second)),
		Ahead:      g.line.Len(),
		Err:        errLate,
	}
}

// left says how ctx ended before anything was done.
func left(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &engine.Error{Kind: engine.Timeout, Err: ctx.Err()}
	}
	return &engine.Error{Kind: engine.Canceled, Err: ctx.Err()}
}
