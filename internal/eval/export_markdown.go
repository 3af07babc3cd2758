package eval

import (
	"fmt"
	"strings"
)

// markdown prints a report that fits a pull request.
func (r Report) markdown() string {
	var out strings.Builder
	out.WriteString("# Evaluation\n\n")
	if r.Texts != nil {
		out.WriteString("> **" + thirdParty + "**\n\n")
	}
	for _, c := range r.Comparisons {
		r.markdownComparison(&out, c)
	}
	for _, run := range r.Runs {
		markdownRun(&out, run)
	}
	return out.String()
}

func (r Report) markdownComparison(out *strings.Builder, c Comparison) {
	fmt.Fprintf(out, "## %s against %s\n\n**%s**\n\n", cell(c.NameB), cell(c.NameA), cell(c.Sentence()))
	fmt.Fprintf(out, "| | |\n|---|---|\n")
	for _, f := range c.facts() {
		fmt.Fprintf(out, "| %s | %s |\n", cell(f.Name), cell(f.Value))
	}
	if len(c.Flips) > 0 {
		fmt.Fprintf(out, "\n| item | passage | key | %s | %s | |\n|---|---|---|---|---|---|\n", cell(c.NameA), cell(c.NameB))
		for _, f := range c.Flips {
			fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s |\n", cell(f.ID), cell(f.PassageID), f.Key, cell(r.output(f.A)), cell(r.output(f.B)), f.direction())
		}
	}
	out.WriteString("\n")
}

func (f Flip) direction() string {
	if f.Gained {
		return "gained"
	}
	return "lost"
}

// facts gives a comparison as named lines.
func (c Comparison) facts() []Fact {
	return []Fact{
		{c.NameA, c.AccuracyA.String()},
		{c.NameB, c.AccuracyB.String()},
		{"Only one is right", fmt.Sprintf("%d gained, %d lost", c.Test.B, c.Test.C)},
		{"McNemar", fmt.Sprintf("exact p %s, mid-p %s; after Holm over %d: p %s", probability(c.Test.Exact), probability(c.Test.MidP), c.Comparisons, probability(c.Adjusted))},
		{"Δ", fmt.Sprintf("%+.1f points, SE by passage %.1f", 100*c.Delta, 100*c.DeltaSE)},
		{"95 % interval by passage", signed(c.ByPassage.Low) + " to " + signed(c.ByPassage.High)},
		{"95 % interval by item", signed(c.ByItem.Low) + " to " + signed(c.ByItem.High)},
		{"What could be seen", c.MDE()},
		{"Non-regression", passed(c.NonRegression)},
	}
}

func signed(x float64) string { return fmt.Sprintf("%+.1f", 100*x) }

func passed(yes bool) string {
	if yes {
		return "passed"
	}
	return "failed"
}

func markdownRun(out *strings.Builder, run *Run) {
	s := Summarise(run)
	fmt.Fprintf(out, "## %s\n\n", cell(run.Header.Model.Name))
	for _, m := range s.headlines() {
		fmt.Fprintf(out, "**%s**\n\n", cell(m.String()))
	}
	if s.Bias != "" {
		fmt.Fprintf(out, "> %s\n\n", cell(s.Bias))
	}
	out.WriteString("| | |\n|---|---|\n")
	for _, f := range append(s.lines(run.Header), s.Accuracy.Provenance()...) {
		fmt.Fprintf(out, "| %s | %s |\n", cell(f.Name), cell(f.Value))
	}
	for _, b := range s.Breakdowns {
		if b.By == "passage" {
			continue
		}
		fmt.Fprintf(out, "\n| %s | right | interval |\n|---|---|---|\n", b.By)
		for _, c := range b.Cells {
			fmt.Fprintf(out, "| %s | %d of %d | %s |\n", cell(c.Name), c.K, c.N, c.claim())
		}
	}
	out.WriteString("\n")
}

// claim gives a cell's interval, or says that it is too small for one.
func (c Cell) claim() string {
	if c.Small() {
		return "too few items"
	}
	i := c.Interval()
	return points(i.Low) + "–" + points(i.High)
}

// cell makes a text safe for a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`, "_", `\_`).Replace(s)
}
