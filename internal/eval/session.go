package eval

import (
	"context"
	"errors"
	"sync"
	"time"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// How a session deals with an engine that fails.
const (
	attempts        = 3                // askings of one item
	failuresAtMost  = 5                // items in a row without an answer before the run stops
	longestWait     = 30 * time.Second // before asking again
	latencyMemories = 200              // answers behind the running p50
)

// session is one sitting of a run: it asks what is not yet answered.
type session struct {
	runner *Runner
	spec   Spec
	header Header
	kept   *samples
	done   map[sample]Record // of earlier sittings, errors left out

	mu        sync.Mutex
	began     time.Time
	before    int // samples of earlier sittings
	count     int // samples in all
	correct   int
	failures  int // in a row
	latencies []float64
	fatal     error
	stop      context.CancelFunc
}

func newSession(r *Runner, spec Spec, header Header, kept *samples, records []Record) *session {
	s := &session{runner: r, spec: spec, header: header, kept: kept, done: map[sample]Record{}, began: r.Now()}
	for _, record := range records {
		if record.Outcome == Failed {
			continue
		}
		s.done[record.sample()] = record
		s.count++
		if record.Correct {
			s.correct++
		}
	}
	s.before = s.count
	return s
}

// ask puts all open items, passage by passage, with as many passages at a time as the run's concurrency.
func (s *session) ask(ctx context.Context) error {
	ctx, s.stop = context.WithCancel(ctx)
	defer s.stop()
	passages := make(chan []Item)
	var workers sync.WaitGroup
	for range s.header.Concurrency {
		workers.Go(func() {
			for items := range passages {
				s.passage(ctx, items)
			}
		})
	}
	for _, items := range byPassage(s.spec.Selection.Items) {
		if ctx.Err() == nil {
			passages <- items
		}
	}
	close(passages)
	workers.Wait()
	return s.fatal
}

func byPassage(items []Item) [][]Item {
	var groups [][]Item
	for i, it := range items {
		if i == 0 || it.PassageID != items[i-1].PassageID {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], it)
	}
	return groups
}

// asking is one item to be asked for the repeat-th time.
type asking struct {
	item   Item
	repeat int
}

// passage asks the open items of one passage in their order. Before each item whose forerunner was answered in an
// earlier sitting, the engine is brought to the state in which an uninterrupted run would have met it: the passage read,
// and the forerunner asked once more. Scores differ by some 0.04 nats between a cold and a warm prefix.
func (s *session) passage(ctx context.Context, items []Item) {
	var all []asking
	for _, it := range items {
		for repeat := range s.header.repeats() {
			all = append(all, asking{it, repeat})
		}
	}
	cold := s.spec.Ablation.Cold || s.spec.Ablation.NoPassage || s.header.Asked.Method == MethodLikelihood
	warm, last := false, -1
	for i, next := range all {
		if _, done := s.done[sample{next.item.ID, next.repeat}]; done {
			continue
		}
		if !cold && !warm {
			s.unrecorded(ctx, warmUp(next.item.shown(s.spec.Ablation, 0).Passage))
			warm = true
		}
		if !cold && i > 0 && last != i-1 {
			s.unrecorded(ctx, all[i-1].item.shown(s.spec.Ablation, s.turns(all[i-1].item)-1))
		}
		if ctx.Err() != nil {
			return
		}
		s.keep(ctx, s.sample(ctx, next.item, next.repeat))
		last = i
	}
}

// turns gives the number of rotations of an item's choices that are asked.
func (s *session) turns(it Item) int { return min(max(1, s.spec.Ablation.Rotate), len(it.Choices)) }

// unrecorded asks for the sake of the engine's cache alone; an engine that fails here fails the item too.
func (s *session) unrecorded(ctx context.Context, q sat.Question) {
	if ctx.Err() == nil {
		_, _ = s.runner.Answerer.Answer(ctx, q, s.spec.options())
	}
}

// sample asks one item until there is an answer or no use in asking again.
func (s *session) sample(ctx context.Context, it Item, repeat int) Record {
	for attempt := 1; ; attempt++ {
		record := newRecord(it, repeat)
		record.Attempt = attempt
		began := s.runner.Now()
		err := s.answer(ctx, it, &record)
		record.LatencyMS = float64(s.runner.Now().Sub(began).Microseconds()) / 1000
		switch {
		case err == nil:
			record.judge()
			return record
		case sat.CodeOf(err) == sat.BadOutput:
			record.Letter = ""
			record.judge()
			return record
		case attempt == attempts || !worthRepeating(err) || !pause(ctx, err, attempt):
			record.Outcome, record.Error = Failed, message(err)
			return record
		}
	}
}

func worthRepeating(err error) bool {
	switch sat.CodeOf(err) {
	case sat.Unavailable, sat.Timeout, sat.RateLimited:
		return true
	}
	return false
}

// pause waits as long as the target asked for; false when the context ended.
func pause(ctx context.Context, err error, attempt int) bool {
	wait := time.Duration(attempt) * time.Second
	var coded *sat.Error
	if errors.As(err, &coded) && coded.RetryAfter > 0 {
		wait = coded.RetryAfter
	}
	timer := time.NewTimer(min(wait, longestWait))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// message gives the part of an error that may stand in a file: never a passage, a URL or a cause.
func message(err error) string {
	var coded *sat.Error
	if errors.As(err, &coded) {
		return string(coded.Code) + ": " + coded.Message
	}
	return string(sat.Internal)
}

// answer fills a record with what the target says.
func (s *session) answer(ctx context.Context, it Item, record *Record) error {
	if s.header.Asked.Method == MethodLikelihood {
		return s.likelihood(ctx, it, record)
	}
	turns := s.turns(it)
	var rotations [][]float64
	for turn := range turns {
		q := it.shown(s.spec.Ablation, turn)
		a, err := s.runner.Answerer.Answer(ctx, q, s.spec.options())
		if err != nil {
			if sat.CodeOf(err) == sat.BadOutput { // what it wrote instead, and what that cost
				record.take(a)
				record.origExact(it, a)
			}
			return err
		}
		if wrong := s.header.contradiction(a); wrong != "" {
			s.fail(failf(ExitConfig, nil, "the target is not what the run's header says: %s", wrong))
			return sat.Errorf(sat.Internal, "another model answered")
		}
		if turn == 0 {
			record.take(a)
			record.origExact(it, a)
		} else {
			record.cost(a)
		}
		if turns > 1 && len(a.Scores) != len(q.Choices) {
			s.fail(failf(ExitConfig, nil, "rotations need scores, and method %s gives none", a.Method))
			return sat.Errorf(sat.Internal, "no scores")
		}
		rotations = append(rotations, a.Scores)
	}
	if turns > 1 {
		record.average(rotations)
	}
	return nil
}

// keep writes a record and reports progress. What was cut off by the end of the context is not kept.
func (s *session) keep(ctx context.Context, record Record) {
	if record.Outcome == Failed && ctx.Err() != nil {
		return
	}
	err := s.kept.append(record)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failLocked(failf(ExitInternal, err, "a sample could not be written"))
		return
	}
	if record.Outcome == Failed {
		if s.failures++; s.failures >= failuresAtMost {
			s.failLocked(failf(ExitIncomplete, nil, "%d items in a row got no answer (%s); continue with --resume", s.failures, record.Error))
		}
		return
	}
	s.failures = 0
	s.count++
	if record.Correct {
		s.correct++
	}
	s.latencies = append(s.latencies, record.LatencyMS)
	if len(s.latencies) > latencyMemories {
		s.latencies = s.latencies[1:]
	}
	s.report()
}

func (s *session) report() {
	if s.runner.Progress == nil {
		return
	}
	total := s.header.samples()
	spent := s.runner.Now().Sub(s.began)
	left := spent / time.Duration(max(1, s.count-s.before)) * time.Duration(total-s.count)
	p50 := time.Duration(stats.NearestRank(s.latencies, 0.5) * float64(time.Millisecond))
	s.runner.Progress(Progress{Model: s.header.Model.Name, Done: s.count, Total: total, Correct: s.correct, P50: p50, Left: left})
}

// fail stops the sitting with an error; the first one counts.
func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *session) failLocked(err error) {
	if s.fatal == nil {
		s.fatal = err
	}
	s.stop()
}

// verdict gives the error with which a sitting ends, nil for a complete run.
func (s *session) verdict(ctx context.Context, run *Run, failure error) error {
	total := s.header.samples()
	switch {
	case failure != nil:
		return failure
	case ctx.Err() != nil:
		return failf(ExitInterrupted, ctx.Err(), "interrupted after %d of %d samples; continue with --resume", s.count, total)
	case !run.Header.Complete:
		return failf(ExitIncomplete, nil, "%d of %d samples have an answer; continue with --resume", s.count, total)
	}
	return nil
}
