package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"sattutor/internal/eval"
)

// runProgress shows how far a run is: a bar on a terminal, a line from time to time elsewhere.
type runProgress struct {
	out   io.Writer
	model string
	bar   *progressbar.ProgressBar
	said  time.Time
}

func newRunProgress(out io.Writer) *runProgress { return &runProgress{out: out} }

// report takes one answer's progress; the runner calls it one at a time.
func (p *runProgress) report(now eval.Progress) {
	if !terminal(p.out) {
		if now.Model != p.model || now.Done <= 1 || now.Done == now.Total || time.Since(p.said) >= plainEvery {
			p.said, p.model = time.Now(), now.Model
			fmt.Fprintln(p.out, now)
		}
		return
	}
	if now.Model != p.model {
		p.finish()
		p.model = now.Model
		p.bar = progressbar.NewOptions(now.Total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(20),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish())
	}
	p.bar.Describe(now.Model + " · " + now.SoFar())
	_ = p.bar.Set(now.Done)
}

// finish ends the bar that is shown.
func (p *runProgress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
	p.bar = nil
}
