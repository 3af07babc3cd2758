package eval

import (
	"fmt"
	"html/template"
	"strings"

	"sattutor/internal/stats"
)

// drawing is inline SVG under construction. Colours are classes of the page's style sheet, so that a drawing follows the
// reader's light, dark and printed page.
type drawing struct {
	out  strings.Builder
	what string
}

func newDrawing(width, height int, what string) *drawing {
	d := &drawing{what: what}
	d.add(`<svg viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`, width, height, width, height, what)
	return d
}

// add writes an element; every string among the arguments is escaped.
func (d *drawing) add(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = template.HTMLEscapeString(s)
		}
	}
	fmt.Fprintf(&d.out, format, args...)
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	d.add(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (d *drawing) text(anchor string, x, y float64, s string) {
	d.add(`<text text-anchor="%s" x="%.1f" y="%.1f">%s</text>`, anchor, x, y, s)
}

func (d *drawing) dot(x, y, r float64, title string) {
	d.add(`<circle class="dot" cx="%.1f" cy="%.1f" r="%.1f"><title>%s</title></circle>`, x, y, r, title)
}

func (d *drawing) bar(x, y, width, height float64, title string) {
	d.add(`<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`, x, y, width, height, title)
}

func (d *drawing) done() template.HTML { return template.HTML(d.out.String() + "</svg>") }

// The frame of the drawings with intervals: labels left, a scale right.
const (
	scaleLeft  = 190.0
	scaleWidth = 480.0
	rowHeight  = 34.0
)

// drawAccuracies draws each run's interval on a scale from 0 to 100 %, with chance and the best baseline.
func drawAccuracies(summaries []Summary) template.HTML {
	height := rowHeight*float64(len(summaries)) + 40
	d := newDrawing(int(scaleLeft+scaleWidth)+30, int(height), "Share right with 95 % interval, for each run")
	at := func(p float64) float64 { return scaleLeft + scaleWidth*p }
	bottom := height - 28
	for i := 0; i <= 10; i += 2 {
		x := at(float64(i) / 10)
		d.line("grid", x, 6, x, bottom)
		d.text("middle", x, bottom+16, fmt.Sprintf("%d %%", 10*i))
	}
	for i, s := range summaries {
		k, n := s.Accuracy.Counts()
		y := rowHeight*float64(i) + 22
		d.text("end", scaleLeft-12, y+4, shorten(s.Accuracy.header.label(), 24))
		if n == 0 {
			continue
		}
		interval, b := s.Accuracy.Interval(), s.Accuracy.header.Baselines
		d.line("chance", at(b.Chance), y-11, at(b.Chance), y+11)
		best := at(float64(b.Best()) / float64(max(1, s.Accuracy.header.Data.N)))
		d.line("baseline", best, y-11, best, y+11)
		d.line("interval", at(interval.Low), y, at(interval.High), y)
		d.dot(at(float64(k)/float64(n)), y, 5, s.Accuracy.String())
	}
	return d.done()
}

// drawDifferences draws each comparison's intervals by passage and by item around zero.
func drawDifferences(comparisons []Comparison) template.HTML {
	widest := 0.1
	for _, c := range comparisons {
		for _, i := range []stats.Interval{c.ByPassage, c.ByItem} {
			widest = max(widest, -i.Low, i.High)
		}
	}
	height := rowHeight*float64(2*len(comparisons)) + 40
	d := newDrawing(int(scaleLeft+scaleWidth)+30, int(height), "Difference in points with 95 % intervals")
	at := func(x float64) float64 { return scaleLeft + scaleWidth*(x+widest)/(2*widest) }
	bottom := height - 28
	for i := -2; i <= 2; i++ {
		x := widest * float64(i) / 2
		class := "grid"
		if i == 0 {
			class = "baseline"
		}
		d.line(class, at(x), 6, at(x), bottom)
		d.text("middle", at(x), bottom+16, fmt.Sprintf("%+.0f", 100*x))
	}
	for i, c := range comparisons {
		for j, row := range []struct {
			name     string
			interval stats.Interval
		}{{"by passage", c.ByPassage}, {"by item", c.ByItem}} {
			y := rowHeight*float64(2*i+j) + 22
			d.text("end", scaleLeft-12, y+4, shorten(c.NameB, 14)+" "+row.name)
			d.line("interval", at(row.interval.Low), y, at(row.interval.High), y)
			d.dot(at(c.Delta), y, 5, fmt.Sprintf("Δ = %+.1f points, %s %+.1f to %+.1f", 100*c.Delta, row.name, 100*row.interval.Low, 100*row.interval.High))
		}
	}
	return d.done()
}

// drawReliability draws confidence against truth: a point on the diagonal is honest. The area of a point is its number of
// items.
func drawReliability(s Summary) template.HTML {
	const size, left, top = 260.0, 48.0, 12.0
	d := newDrawing(int(left+size)+20, int(top+size)+46, "Reliability: share right against confidence")
	x := func(p float64) float64 { return left + size*p }
	y := func(p float64) float64 { return top + size*(1-p) }
	for i := 0; i <= 10; i += 2 {
		p := float64(i) / 10
		d.line("grid", x(p), y(0), x(p), y(1))
		d.line("grid", x(0), y(p), x(1), y(p))
		d.text("middle", x(p), y(0)+16, fmt.Sprintf("%.1f", p))
		d.text("end", x(0)-6, y(p)+4, fmt.Sprintf("%.1f", p))
	}
	d.line("chance", x(0), y(0), x(1), y(1))
	for _, b := range s.Bins {
		if b.N == 0 {
			continue
		}
		k := int(b.Accuracy*float64(b.N) + 0.5)
		if b.N >= SmallCell {
			interval := stats.Wilson(k, b.N)
			d.line("whisker", x(b.Confidence), y(interval.Low), x(b.Confidence), y(interval.High))
		}
		radius := 3 + 9*float64(b.N)/float64(max(1, s.Scored))
		d.dot(x(b.Confidence), y(b.Accuracy), radius, fmt.Sprintf("%d items, mean confidence %.2f, %d right", b.N, b.Confidence, k))
	}
	d.text("middle", x(0.5), y(0)+34, "confidence")
	return d.done()
}

// drawLetters draws how often each letter was given, beside how often it is the key.
func drawLetters(s Summary) template.HTML {
	const base, most = 120.0, 100.0
	highest := 1
	for _, letter := range s.Letters {
		highest = max(highest, s.Predicted[letter], s.Keys[letter])
	}
	d := newDrawing(60*len(s.Letters)+20, int(base)+30, "Letters given, beside letters that are keys")
	for i, letter := range s.Letters {
		x := 20 + 60*float64(i)
		given, key := most*float64(s.Predicted[letter])/float64(highest), most*float64(s.Keys[letter])/float64(highest)
		d.bar(x, base-given, 18, given, fmt.Sprintf("%s given %d times", letter, s.Predicted[letter]))
		d.add(`<rect class="key" x="%.1f" y="%.1f" width="18" height="%.1f"><title>%s</title></rect>`, x+20, base-key, key,
			fmt.Sprintf("%s is the key %d times", letter, s.Keys[letter]))
		d.text("middle", x+19, base+18, letter)
	}
	return d.done()
}

// drawLatency draws the distribution of latencies in twenty equal ranges up to the slowest answer.
func drawLatency(run *Run, c Cost) template.HTML {
	const bars, base, most, width = 20, 120.0, 100.0, 24.0
	slowest := 0.0
	for _, r := range run.Records {
		slowest = max(slowest, r.LatencyMS)
	}
	if slowest == 0 {
		return ""
	}
	var counts [bars]int
	highest := 1
	for _, r := range run.Records {
		if r.Outcome == Failed {
			continue
		}
		i := min(bars-1, int(bars*r.LatencyMS/slowest))
		counts[i]++
		highest = max(highest, counts[i])
	}
	d := newDrawing(int(bars*width)+40, int(base)+34, "Latency of the answers")
	for i, n := range counts {
		h := most * float64(n) / float64(highest)
		d.bar(10+width*float64(i), base-h, width-2, h, fmt.Sprintf("%d answers in %s to %s", n, millis(slowest*float64(i)/bars), millis(slowest*float64(i+1)/bars)))
	}
	for _, p := range []struct {
		name string
		ms   float64
	}{{"p50", c.P50}, {"p95", c.P95}} {
		x := 10 + bars*width*p.ms/slowest
		d.line("baseline", x, base-most-6, x, base)
		d.text("middle", x, base-most-8, p.name)
	}
	d.text("start", 10, base+18, "0")
	d.text("end", 10+bars*width, base+18, millis(slowest))
	return d.done()
}

// drawCell draws a cell's interval in the width of a word.
func drawCell(c Cell) template.HTML {
	if c.Small() {
		return ""
	}
	const width = 120.0
	i := c.Interval()
	d := newDrawing(int(width)+8, 16, c.claim())
	d.line("grid", 4, 8, 4+width, 8)
	d.line("interval", 4+width*i.Low, 8, 4+width*i.High, 8)
	d.dot(4+width*float64(c.K)/float64(c.N), 8, 4, c.claim())
	return d.done()
}

func shorten(s string, most int) string {
	if text := []rune(s); len(text) > most {
		return string(text[:most-1]) + "…"
	}
	return s
}
