package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// counter shows how far a step is that counts things: a bar on a terminal, a line now and then elsewhere.
type counter struct {
	out        io.Writer
	what, unit string

	mu   sync.Mutex
	bar  *progressbar.ProgressBar
	of   int
	said time.Time
}

// waiting shows how long something has taken already that does not say how far it is, until stop is called.
func waiting(out io.Writer, what string) (stop func()) {
	shown, ended := counting(out, what, "seconds"), make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for n := 1; ; n++ {
			select {
			case <-second.C:
				shown.report(n, 0)
			case <-ended:
				return
			}
		}
	})
	return func() {
		close(ended)
		showing.Wait()
		shown.finish()
	}
}

// counting begins a step: "storing", of "questions".
func counting(out io.Writer, what, unit string) *counter {
	return &counter{out: out, what: what, unit: unit, said: time.Now()}
}

// report says how many are done, of how many; 0 where that is not known.
func (c *counter) report(done, of int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !terminal(c.out) {
		c.line(done, of)
		return
	}
	if c.bar == nil || of != c.of {
		limit := of
		if limit == 0 {
			limit = -1
		}
		c.of, c.bar = of, progressbar.NewOptions(limit, progressbar.OptionSetWriter(c.out), progressbar.OptionSetDescription(c.what),
			progressbar.OptionShowCount(), progressbar.OptionSetItsString(c.unit), progressbar.OptionSetWidth(24),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	_ = c.bar.Set(done)
}

// line is for logs: nothing of what is quickly done.
func (c *counter) line(done, of int) {
	if time.Since(c.said) < plainEvery {
		return
	}
	c.said = time.Now()
	if of > 0 {
		fmt.Fprintf(c.out, "%s: %d of %d %s\n", c.what, done, of, c.unit)
		return
	}
	fmt.Fprintf(c.out, "%s: %d %s\n", c.what, done, c.unit)
}

// finish ends the step.
func (c *counter) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar != nil {
		_ = c.bar.Finish()
	}
}
