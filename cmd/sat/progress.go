package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/engine/llamacpp"
)

// ensure fetches what the embedded engine lacks, with a bar on a terminal and plain lines elsewhere.
func ensure(ctx context.Context, cfg config.Config, out io.Writer) error {
	steps := &steps{out: out}
	if err := setup.EnsureRuntime(ctx, cfg, steps.report); err != nil {
		return err
	}
	steps.finish()
	err := setup.EnsureModels(ctx, cfg, func(text string) { fmt.Fprintln(out, text) }, func(what string) llamacpp.Progress {
		return func(done, total int64) { steps.report(what, done, total) }
	})
	steps.finish()
	return err
}

// steps shows how far long steps are.
type steps struct {
	out io.Writer

	mu   sync.Mutex
	name string
	bar  *progressbar.ProgressBar
	said time.Time
}

// plainEvery is the distance of progress lines where there is no terminal.
const plainEvery = 10 * time.Second

func (s *steps) report(step string, done, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	begins := step != s.name
	s.name = step
	if !terminal(s.out) {
		if begins || time.Since(s.said) >= plainEvery {
			s.said = time.Now()
			if total > 0 && done > 0 {
				step += fmt.Sprintf(": %d of about %d MB", done/1e6, total/1e6)
			}
			fmt.Fprintln(s.out, step)
		}
		return
	}
	if begins {
		limit := total
		if limit == 0 {
			limit = -1
		}
		s.bar = progressbar.NewOptions64(limit, progressbar.OptionSetWriter(s.out), progressbar.OptionSetDescription(step),
			progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	}
	_ = s.bar.Set64(done)
}

// finish ends the step that is shown.
func (s *steps) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		_ = s.bar.Finish()
	}
	s.bar, s.name = nil, ""
}

// terminal tells whether w is a terminal, so that colours and bars make sense.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
