package enginetest

import (
	"container/list"
	"context"
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"time"

	"sattutor/internal/engine"
)

// errQueueFull refuses a request that would wait behind too many.
var errQueueFull = errors.New("queue is full")

// slots lets n requests compute at once; the others wait in the order of their arrival.
type slots struct {
	mu      sync.Mutex
	n       int
	taken   int
	limit   int        // of those waiting
	waiting *list.List // of chan struct{}
}

func newSlots(n, limit int) *slots { return &slots{n: n, limit: limit, waiting: list.New()} }

// enter waits for a slot. A slot handed over to a waiter that has just left goes on to the next.
func (s *slots) enter(ctx context.Context) error {
	s.mu.Lock()
	if s.taken < s.n {
		s.taken++
		s.mu.Unlock()
		return nil
	}
	if s.waiting.Len() >= s.limit {
		s.mu.Unlock()
		return errQueueFull
	}
	turn := make(chan struct{})
	place := s.waiting.PushBack(turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	select {
	case <-turn:
		s.mu.Unlock()
		s.leave()
	default:
		s.waiting.Remove(place)
		s.mu.Unlock()
	}
	return ctx.Err()
}

func (s *slots) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next := s.waiting.Front(); next != nil {
		close(s.waiting.Remove(next).(chan struct{}))
		return
	}
	s.taken--
}

// load is the share of slots that compute.
func (s *slots) load() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(s.taken) / float64(s.n)
}

func (s *slots) counts() (computing, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, s.waiting.Len()
}

// The time model of one request on an L4, derived from peak figures: a fixed part, a part for each prompt token that
// is not in the prefix cache, a part for each further token of the output; all up to half longer under load.
const (
	prefillFixed  = 20 * time.Millisecond
	prefillToken  = 350 * time.Microsecond
	decodeToken   = 15 * time.Millisecond
	prefillJitter = 3 * time.Millisecond
	decodeJitter  = 2 * time.Millisecond
	loadFactor    = 0.5
)

// clock says how long computing takes, and waits for it.
type clock struct {
	opts Options
	mu   sync.Mutex
	rand *rand.Rand
}

func newClock(opts Options) *clock {
	return &clock{opts: opts, rand: rand.New(rand.NewPCG(opts.Seed, 1))}
}

func (c *clock) jitter(sigma time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.rand.NormFloat64() * float64(sigma))
}

// prefill is the time up to the first token of a prompt with so many tokens to be read.
func (c *clock) prefill(uncached int) time.Duration {
	if !c.opts.Modelled {
		return c.opts.Time
	}
	return max(0, prefillFixed+time.Duration(uncached)*prefillToken+c.jitter(prefillJitter))
}

// token is the time of one further token.
func (c *clock) token(load float64) time.Duration {
	if !c.opts.Modelled {
		return c.opts.TokenTime
	}
	return max(0, time.Duration(float64(decodeToken+c.jitter(decodeJitter))*(1+loadFactor*load)))
}

// decode is the time of an output of so many tokens after the first.
func (c *clock) decode(tokens int, load float64) time.Duration {
	var sum time.Duration
	for range max(0, tokens-1) {
		sum += c.token(load)
	}
	return sum
}

// wait says whether the time passed before ctx ended.
func (c *clock) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

const (
	blockTokens = 16   // as vLLM on a GPU
	cacheBlocks = 8192 // about 130,000 tokens
)

// prefixCache remembers the blocks of prompts, each under the hash of all blocks up to it and of the model's name.
type prefixCache struct {
	mu     sync.Mutex
	seed   maphash.Seed
	blocks map[uint64]*list.Element
	recent *list.List // of uint64, the freshest in front
}

func newPrefixCache() *prefixCache {
	return &prefixCache{seed: maphash.MakeSeed(), blocks: map[uint64]*list.Element{}, recent: list.New()}
}

// use gives how many of a prompt's tokens were there, and puts the others in.
func (p *prefixCache) use(model string, messages []engine.Message) (cached int) {
	var h maphash.Hash
	h.SetSeed(p.seed)
	_, _ = h.WriteString(model)
	p.mu.Lock()
	defer p.mu.Unlock()
	n, hit := 0, true
	for _, m := range messages {
		for _, piece := range split("<|" + string(m.Role) + "|>" + m.Content) {
			_, _ = h.WriteString(piece)
			if n++; n%blockTokens != 0 {
				continue
			}
			if hit = p.touch(h.Sum64()) && hit; hit {
				cached = n
			}
		}
	}
	return min(cached, max(0, n-1)) // the last token is always computed
}

func (p *prefixCache) touch(block uint64) (present bool) {
	if e, ok := p.blocks[block]; ok {
		p.recent.MoveToFront(e)
		return true
	}
	p.blocks[block] = p.recent.PushFront(block)
	if p.recent.Len() > cacheBlocks {
		delete(p.blocks, p.recent.Remove(p.recent.Back()).(uint64))
	}
	return false
}
