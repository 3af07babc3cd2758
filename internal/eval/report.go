package eval

import (
	"fmt"
	"strings"

	"sattutor/internal/stats"
)

// Report is what is printed of one or more runs: a pure function of the run directories and, where texts are wanted, of
// the data file.
type Report struct {
	Runs        []*Run
	Comparisons []Comparison
	Conditions  []Condition
	Texts       *Dataset // the data file, to print passages, questions, choices and outputs; nil leaves them out
	JUnitItems  bool     // in JUnit, a case for each item beside those for each bound

	items map[string]Item // of Texts, by id
}

// File is one exported file.
type File struct {
	Name string
	Data []byte
}

// The formats of [Report.Export].
const (
	ExportLMEval     = "lm-eval"
	ExportLMEvalTask = "lm-eval-task"
	ExportJUnit      = "junit"
	ExportMarkdown   = "md"
	ExportCSV        = "csv"
	ExportHTML       = "html"
)

// ExportFormats lists the formats, for messages.
func ExportFormats() []string {
	return []string{ExportHTML, ExportMarkdown, ExportCSV, ExportJUnit, ExportLMEval, ExportLMEvalTask}
}

// thirdParty is the banner of every report with texts.
const thirdParty = "contains third-party text, do not publish"

// Export prints a report in a format. It asks no engine and gives the same bytes each time.
func (r Report) Export(format string) ([]File, error) {
	if len(r.Runs) == 0 {
		return nil, failf(ExitUsage, nil, "there is no run to export")
	}
	if err := r.checkTexts(); err != nil {
		return nil, err
	}
	if r.Texts != nil {
		r.items = make(map[string]Item, len(r.Texts.Items))
		for _, it := range r.Texts.Items {
			r.items[it.ID] = it
		}
	}
	one := func(name string, data []byte, err error) ([]File, error) { return []File{{name, data}}, err }
	switch format {
	case ExportLMEval:
		return r.lmEval()
	case ExportLMEvalTask:
		return r.lmEvalTask()
	case ExportJUnit:
		data, err := r.junit()
		return one("junit.xml", data, err)
	case ExportMarkdown:
		return one("report.md", []byte(r.markdown()), nil)
	case ExportCSV:
		data, err := r.csv()
		return one("samples.csv", data, err)
	case ExportHTML:
		data, err := r.html()
		return one("report.html", data, err)
	}
	return nil, failf(ExitUsage, nil, "format %q is unknown; use %s", format,
		strings.Join(ExportFormats(), ", "))
}

func (r Report) checkTexts() error {
	if r.Texts == nil {
		return nil
	}
	for _, run := range r.Runs {
		if run.Header.Data.SHA256 != r.Texts.SHA256 {
			return failf(ExitConfig, nil, "the run of %s was made on another data file", run.Header.Model.Name)
		}
	}
	return nil
}

// item finds an item's texts, false when they are to be left out.
func (r Report) item(id string) (Item, bool) {
	it, ok := r.items[id]
	return it, ok
}

// output says what a model answered; the generated text may quote the item and is shown with texts only.
func (r Report) output(rec Record) string {
	s := orDash(rec.Letter)
	if rec.Confidence > 0 {
		s += fmt.Sprintf(" (%.2f sure)", rec.Confidence)
	}
	if r.Texts != nil && rec.Raw != "" {
		s += ": " + strings.Join(strings.Fields(rec.Raw), " ")
	}
	return s
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// headlines gives the measured shares of a run, the first being the one that counts.
func (s Summary) headlines() []Measured {
	list := []Measured{s.Accuracy}
	for _, m := range []*Measured{s.LMAcc, s.LMNorm, s.Exact} {
		if m != nil {
			list = append(list, *m)
		}
	}
	return list
}

// lines gives the rest of a summary as named facts, in the order of the reports.
func (s Summary) lines(h Header) []Fact {
	n := s.Accuracy.n
	facts := []Fact{
		{"Bootstrap by passage", fmt.Sprintf("%s–%s (%d draws, seed %d)", points(s.Accuracy.bootstrap.Low), points(s.Accuracy.bootstrap.High), stats.Draws, h.Seed)},
		{"Without reading", fmt.Sprintf("chance %s; always %s %d; shortest choice %d; longest choice %d of %d right", points(h.Baselines.Chance),
			orDash(h.Baselines.ConstantLetter), h.Baselines.Constant, h.Baselines.Shortest, h.Baselines.Longest, h.Data.N)},
		{"No readable answer", fmt.Sprintf("%d of %d", s.Unparsed, n)},
		{"Letter bias", fmt.Sprintf("RStd %.1f; answers %s; keys %s", s.RStd, histogram(s.Letters, s.Predicted), histogram(s.Letters, s.Keys))},
	}
	if s.Consistency == s.Consistency {
		facts = append(facts, Fact{"Consistency over rotations", points(s.Consistency)})
	}
	if s.Scored > 0 {
		facts = append(facts, Fact{"Calibration", fmt.Sprintf("ECE %.4f, Brier %.4f, NLL %.4f over %d items", s.ECE, s.Brier, s.NLL, s.Scored)},
			Fact{"Scores", fmt.Sprintf("letter mass below %.1f: %d; a letter missing from the engine's list: %d; ties: %d", lowMass, s.LowMass, s.Clipped, s.Tied)})
	}
	if s.TextCompared > 0 {
		facts = append(facts, Fact{"Score and text disagree", fmt.Sprintf("%d of %d", s.TextDisagree, s.TextCompared)})
	}
	if s.Repeats > 1 {
		facts = append(facts, Fact{"Repeats", fmt.Sprintf("of %d items asked %d times, right at least once %d, always %d; letter changed %d",
			n, s.Repeats, s.PassAny, s.PassAll, s.Flipped)})
	}
	return append(facts, s.Cost.lines()...)
}

func (c Cost) lines() []Fact {
	facts := []Fact{
		{"Latency", fmt.Sprintf("p50 %s, p95 %s, p99 %s; cold passage p50 %s, warm %s", millis(c.P50), millis(c.P95), millis(c.P99), millis(c.ColdP50), millis(c.WarmP50))},
		{"Tokens", fmt.Sprintf("%d prompt, of these %s from the cache; %d generated", c.Tokens.Prompt, percent(c.Tokens.Cached, c.Tokens.Prompt), c.Tokens.Completion)},
	}
	if c.ItemsPerSecond > 0 {
		facts = append(facts, Fact{"Throughput", fmt.Sprintf("%.2f answers a second at concurrency %d", c.ItemsPerSecond, c.Concurrency)})
	}
	return facts
}

func millis(x float64) string {
	if x != x {
		return "not measured"
	}
	if x >= 10_000 {
		return fmt.Sprintf("%.1f s", x/1000)
	}
	return fmt.Sprintf("%.0f ms", x)
}

func histogram(letters []string, counts map[string]int) string {
	parts := make([]string, len(letters))
	for i, letter := range letters {
		parts[i] = fmt.Sprintf("%s %d", letter, counts[letter])
	}
	return strings.Join(parts, " ")
}

// String gives the screen that a run ends with.
func (s Summary) String() string {
	var out strings.Builder
	h := s.Accuracy.header
	for _, m := range s.headlines() {
		out.WriteString(m.String() + "\n")
	}
	if s.Bias != "" {
		out.WriteString(s.Bias + "\n")
	}
	if s.Failed > 0 {
		fmt.Fprintf(&out, "%d items got no answer from the engine\n", s.Failed)
	}
	for _, f := range append(s.lines(h), s.Accuracy.Provenance()...) {
		fmt.Fprintf(&out, "  %-26s %s\n", f.Name, f.Value)
	}
	return out.String()
}
