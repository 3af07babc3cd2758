package eval

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"slices"
	"strconv"
)

//go:embed report.html.tmpl
var pageTemplate string

//go:embed report.css
var pageStyle string

// page is the HTML report. It asks nothing of any network: its policy allows the one style sheet that it carries.
type page struct {
	Title       string
	Style       template.CSS
	Policy      string
	Banner      string
	Accuracies  template.HTML
	Differences template.HTML
	Comparisons []comparisonView
	Runs        []runView
}

type comparisonView struct {
	Title    string
	Sentence string
	Verdict  Verdict
	A, B     string
	Facts    []Fact
	Flips    []flipView
}

type flipView struct {
	Flip
	OutputA, OutputB string
	Item             *Item // nil when texts are left out
}

type runView struct {
	Name        string
	Headlines   []Measured
	Bias        string
	Facts       []Fact
	Provenance  []Fact
	Reliability template.HTML
	Scored      int
	Letters     template.HTML
	Confusion   []confusionRow
	Heads       []string
	Latency     template.HTML
	Breakdowns  []breakdownView
}

type confusionRow struct {
	Key    string
	Cells  []confusionCell
	Recall string
}

type confusionCell struct {
	N     int
	Shade int // 0 to 4: share of the key's items
	Right bool
}

type breakdownView struct {
	By    string
	Cells []cellView
}

type cellView struct {
	Cell
	Claim string
	Chart template.HTML
}

// html prints the report as one page.
func (r Report) html() ([]byte, error) {
	tmpl, err := template.New("report").Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(pageStyle))
	p := page{Title: "Evaluation of " + r.Runs[0].Header.Model.Name, Style: template.CSS(pageStyle),
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"}
	if r.Texts != nil {
		p.Banner = thirdParty
	}
	var summaries []Summary
	for _, run := range r.Runs {
		s := Summarise(run)
		summaries = append(summaries, s)
		p.Runs = append(p.Runs, viewRun(run, s))
	}
	p.Accuracies = drawAccuracies(summaries)
	for _, c := range r.Comparisons {
		p.Comparisons = append(p.Comparisons, r.viewComparison(c))
	}
	if len(r.Comparisons) > 0 {
		p.Title = "Comparison with " + r.Comparisons[0].NameA
		p.Differences = drawDifferences(r.Comparisons)
	}
	var out bytes.Buffer
	err = tmpl.Execute(&out, p)
	return out.Bytes(), err
}

func (r Report) viewComparison(c Comparison) comparisonView {
	view := comparisonView{Title: c.NameB + " against " + c.NameA, Sentence: c.Sentence(), Verdict: c.Verdict,
		A: c.NameA, B: c.NameB, Facts: c.facts()}
	for _, f := range c.Flips {
		flip := flipView{Flip: f, OutputA: r.output(f.A), OutputB: r.output(f.B)}
		if it, ok := r.item(f.ID); ok {
			flip.Item = &it
		}
		view.Flips = append(view.Flips, flip)
	}
	return view
}

func viewRun(run *Run, s Summary) runView {
	view := runView{Name: run.Header.label(), Headlines: s.headlines(), Bias: s.Bias, Facts: s.lines(run.Header), Provenance: run.Header.facts(),
		Scored: s.Scored, Letters: drawLetters(s), Latency: drawLatency(run, s.Cost)}
	if s.Scored > 0 {
		view.Reliability = drawReliability(s)
	}
	view.Heads = slices.Clone(s.Letters)
	if s.Unparsed > 0 {
		view.Heads = append(view.Heads, "–")
	}
	for i, key := range s.Letters {
		row := confusionRow{Key: key, Recall: "–"}
		if s.Keys[key] > 0 {
			row.Recall = points(s.Recalls[i]) + " of " + strconv.Itoa(s.Keys[key])
		}
		for _, given := range view.Heads {
			n := s.Confusion[key][given]
			row.Cells = append(row.Cells, confusionCell{n, shade(n, s.Keys[key]), given == key})
		}
		view.Confusion = append(view.Confusion, row)
	}
	for _, b := range s.Breakdowns {
		cut := breakdownView{By: b.By}
		for _, c := range b.Cells {
			cut.Cells = append(cut.Cells, cellView{c, c.claim(), drawCell(c)})
		}
		view.Breakdowns = append(view.Breakdowns, cut)
	}
	return view
}

func shade(n, of int) int {
	if of == 0 {
		return 0
	}
	return min(4, (5*n)/of)
}

// label names a run on a chart: the model, and what was changed about the asking.
func (h Header) label() string {
	if line := h.Ablation.line(); line != "none" {
		return h.Model.Name + ", " + line
	}
	return h.Model.Name
}
