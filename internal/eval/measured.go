package eval

import (
	"fmt"
	"strings"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// Measured is a share of right answers together with all that must be said beside it. It is the only way in which an
// accuracy reaches a report: a bare number has no such words.
type Measured struct {
	name      string // "letter accuracy", "share right so far"
	k, n      int
	clustered float64        // standard error by passage
	bootstrap stats.Interval // by passage
	header    Header
	unparsed  int
	reason    string // why there is no figure; "" when there is one
}

// measure counts the right answers of a run. An unfinished or cut run has no accuracy, only a count.
func measure(run *Run, name string, right func(Record) bool) Measured {
	m := Measured{name: name, header: run.Header}
	var passages []string
	var values []float64
	for _, r := range run.first() {
		if r.Outcome == Failed {
			continue
		}
		passages = append(passages, r.PassageID)
		values = append(values, indicator(right(r)))
		m.n++
		if right(r) {
			m.k++
		}
		if r.Outcome == Unparsed {
			m.unparsed++
		}
	}
	switch {
	case !run.Header.Complete:
		m.reason = fmt.Sprintf("the run is incomplete: %d of %d items have an answer", m.n, run.Header.Data.N)
	case run.Header.Data.Partial:
		m.reason = "the run is partial: --limit left items out"
	case m.n == 0:
		m.reason = "nothing was measured"
	}
	groups := stats.Clusters(passages, values)
	m.clustered = stats.ClusteredSE(groups)
	m.bootstrap = stats.Bootstrap(groups, stats.Draws, run.Header.Seed)
	return m
}

// first gives the records of the first asking of each item.
func (run *Run) first() []Record {
	var records []Record
	for _, r := range run.Records {
		if r.Repeat == 0 {
			records = append(records, r)
		}
	}
	return records
}

func indicator(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Counts gives the right answers and the items.
func (m Measured) Counts() (k, n int) { return m.k, m.n }

// Interval gives the Wilson interval.
func (m Measured) Interval() stats.Interval { return stats.Wilson(m.k, m.n) }

// Known says whether there is a figure that may be called by its name.
func (m Measured) Known() bool { return m.reason == "" }

// String gives the figure in one line with its uncertainty: to be shown with [Measured.Provenance] on the same surface.
func (m Measured) String() string {
	i := m.Interval()
	counts := fmt.Sprintf("%d of %d right", m.k, m.n)
	if !m.Known() {
		return fmt.Sprintf("no %s: %s; %s so far", m.name, m.reason, counts)
	}
	s := fmt.Sprintf("%s %s: %s, 95 %% interval %s–%s, SE by passage %.1f points", m.name, percent(m.k, m.n), counts,
		points(i.Low), points(i.High), 100*m.clustered)
	if m.unparsed > 0 {
		s += fmt.Sprintf(", %d without a readable answer counted as wrong", m.unparsed)
	}
	return s
}

// percent never rounds to 100 % what is not all.
func percent(k, n int) string {
	if n == 0 {
		return "–"
	}
	s := fmt.Sprintf("%.1f %%", 100*float64(k)/float64(n))
	if s == "100.0 %" && k < n {
		return "< 100 %"
	}
	return s
}

func points(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

// Provenance gives what must stand beside every figure of a run: items, contamination, model, engine, way of asking, day.
func (m Measured) Provenance() []Fact { return m.header.facts() }

// Fact is one named line of a header.
type Fact struct{ Name, Value string }

func (h Header) facts() []Fact {
	pool := fmt.Sprintf("%s: %d items on %d passages", h.Data.Pool, h.Data.N, h.Data.Clusters)
	if h.Data.Partial {
		pool += ", partial (--limit)"
	}
	facts := []Fact{
		{"Items", pool},
		{"Data", fmt.Sprintf("%s, SHA-256 %s", h.Data.File, h.Data.SHA256)},
		{"Contamination", h.Contamination.Verdict + "; " + h.Contamination.Remark},
		{"Model", h.Model.line()},
		{"Engine", strings.TrimSpace(orUnknown(h.Engine.Name)+" "+h.Engine.Version) + ", reached through " + orUnknown(h.Engine.Endpoint)},
		{"Asked", h.Asked.line()},
		{"Ablation", h.Ablation.line()},
		{"Concurrency", h.concurrency()},
		{"Program", orUnknown(h.Code)},
		{"Hardware", orUnknown(h.Hardware)},
		{"Date", h.Started.Format("2006-01-02")},
	}
	for _, remark := range h.Data.Remarks {
		facts = append(facts, Fact{"Remark", remark})
	}
	for _, item := range h.Data.Requires {
		facts = append(facts, Fact{"Leans on another item", item})
	}
	return facts
}

func (m ModelInfo) line() string {
	s := fmt.Sprintf("%s: base %s", m.Name, orUnknown(m.Base))
	if m.BaseRevision != "" {
		s += " at " + m.BaseRevision
	}
	s += ", precision " + orUnknown(m.Precision)
	if m.Adapter == "" {
		return s + ", no adapter"
	}
	s += ", adapter " + m.Adapter + " SHA-256 " + orUnknown(m.AdapterSHA256)
	if m.Learnt != nil {
		s += fmt.Sprintf(", learnt from %s, label %s", orUnknown(strings.Join(m.Learnt.Sources, ", ")), m.Learnt.Licence)
	}
	return s
}

func (a Asked) line() string {
	s := fmt.Sprintf("mode %s, method %s, template %s (hash %s)", orUnknown(string(a.Mode)), orUnknown(string(a.Method)),
		orUnknown(a.Template), orUnknown(a.TemplateHash))
	if a.Date != "" {
		s += ", date in the prompt " + a.Date
	}
	switch {
	case a.Uncalibrated:
		return s + ", scores uncalibrated"
	case a.PriorID != "":
		s += ", letter prior " + a.PriorID
	default:
		s += ", no letter prior"
	}
	return s + fmt.Sprintf(", temperature %.4g", a.Temperature)
}

// way names the way of asking in a few words: what tells two runs of one model apart.
func (h Header) way() string {
	parts := []string{string(h.Asked.Method)}
	if h.Asked.Mode == sat.Careful {
		parts = append(parts, "careful")
	}
	parts = append(parts, h.Asked.Template)
	if h.Asked.PriorID != "" {
		parts = append(parts, "with prior")
	}
	if h.Ablation != (Ablation{}) {
		parts = append(parts, h.Ablation.line())
	}
	return strings.Join(parts, ", ")
}

func (a Ablation) line() string {
	var parts []string
	add := func(on bool, text string) {
		if on {
			parts = append(parts, text)
		}
	}
	add(a.NoPassage, "without the passage")
	add(a.NumberedLines, "lines numbered")
	add(a.Rotate > 1, fmt.Sprintf("%d rotations averaged", a.Rotate))
	add(a.Repeat > 1, fmt.Sprintf("each item asked %d times", a.Repeat))
	add(a.Cold, "passages not warmed")
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (h Header) concurrency() string {
	if h.Concurrency > 1 {
		return fmt.Sprintf("%d passages at a time (concurrent: batching may change a few answers)", h.Concurrency)
	}
	return "1, one question after another"
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// letters gives the letters of a run's choices, as many as its longest item has.
func (run *Run) letters() []string {
	most := 0
	for _, r := range run.Records {
		i, _ := sat.LetterIndex(r.Key)
		most = max(most, i+1, len(r.Scores))
		if i, ok := sat.LetterIndex(r.Letter); ok {
			most = max(most, i+1)
		}
	}
	letters := make([]string, most)
	for i := range letters {
		letters[i] = sat.Letter(i)
	}
	return letters
}
