package questionbank

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"

	"sattutor/internal/sat"
)

// passageHTML gives a passage as the HTML that GIFT and Moodle XML carry, on one line.
func passageHTML(it sat.Item, p sat.Passage) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div class="sat-passage" data-passage=%s`, quoted(p.ID))
	if p.Title != "" {
		fmt.Fprintf(&b, ` data-title=%s`, quoted(p.Title))
	}
	if p.LineStart > 0 {
		fmt.Fprintf(&b, ` data-line-start="%d"`, p.LineStart)
	}
	b.WriteString(">")
	if p.Attribution != "" {
		b.WriteString(`<p class="sat-attribution">` + escape(p.Attribution) + "</p>")
	}
	b.WriteString(`<p class="sat-lines">` + strings.Join(markedLines(it, p, false), "<br>") + "</p></div>")
	return b.String()
}

// stemHTML gives passages and question.
func stemHTML(it sat.Item) string {
	var b strings.Builder
	for _, p := range it.Passages {
		b.WriteString(passageHTML(it, p))
	}
	return b.String() + questionHTML(it)
}

func questionHTML(it sat.Item) string {
	return `<p class="sat-question">` + markedQuestion(it, false) + "</p>"
}

// proseHTML gives a text of several lines.
func proseHTML(s string) string { return strings.ReplaceAll(escape(s), "\n", "<br>") }

// block is a paragraph of HTML.
type block struct {
	class   string // "sat-lines", "sat-attribution", "sat-question", or "" for foreign ones
	passage int    // the sat-passage that it stands in, from 1; 0 for none
	lines   []richLine
}

// richLine is a line of text with its marks.
type richLine struct {
	text  []rune
	marks []sat.Mark
}

// document is what a piece of HTML says.
type document struct {
	blocks   []block
	passages []sat.Passage // id, title and line_start of each sat-passage
	dropped  []string      // elements that have no place in an item
}

// parseHTML reads a piece of HTML. Broken HTML is read as browsers do; nothing of it fails.
func parseHTML(s string) document {
	p := htmlParser{z: html.NewTokenizer(strings.NewReader(s)), open: map[sat.MarkKind]int{}}
	p.begin("")
	for {
		switch p.z.Next() {
		case html.ErrorToken:
			p.end()
			return p.document
		case html.TextToken:
			p.text(string(p.z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			p.start(p.z.Token())
		case html.EndTagToken:
			p.finish(p.z.Token().Data)
		}
	}
}

type htmlParser struct {
	document
	z      *html.Tokenizer
	open   map[sat.MarkKind]int
	block  block
	inside int    // the sat-passage that is open
	skip   string // the element whose text is not shown
}

func kindOf(tag string) (sat.MarkKind, bool) {
	switch tag {
	case "em", "i":
		return sat.Emphasis, true
	case "strong", "b":
		return sat.Strong, true
	case "u":
		return sat.Underline, true
	case "sub":
		return sat.Subscript, true
	case "sup":
		return sat.Superscript, true
	}
	return "", false
}

// structural are the elements that begin and end paragraphs.
var structural = []string{"p", "div", "blockquote", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "tr", "table", "pre",
	"body", "html", "section", "article"}

// plainly are elements that carry no meaning for a question.
var plainly = []string{"span", "br", "p", "div", "blockquote", "body", "html", "head", "wbr", "tbody", "thead", "td", "th"}

func (p *htmlParser) start(t html.Token) {
	if kind, ok := kindOf(t.Data); ok {
		p.open[kind]++
		return
	}
	class := attribute(t, "class")
	switch {
	case t.Data == "br":
		p.block.lines = append(p.block.lines, richLine{})
		return
	case t.Data == "script" || t.Data == "style":
		p.skip = t.Data
	case t.Data == "div" && class == "sat-passage":
		p.end()
		n, _ := strconv.Atoi(attribute(t, "data-line-start"))
		p.passages = append(p.passages, sat.Passage{ID: attribute(t, "data-passage"), Title: attribute(t, "data-title"), LineStart: n})
		p.inside = len(p.passages)
		p.begin("")
		return
	case t.Data == "p" && strings.HasPrefix(class, "sat-"):
		p.end()
		p.begin(class)
		return
	}
	if slices.Contains(structural, t.Data) {
		p.end()
		p.begin("")
	}
	if !slices.Contains(plainly, t.Data) && !slices.Contains(p.dropped, t.Data) && len(p.dropped) < 8 {
		p.dropped = append(p.dropped, t.Data)
	}
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (p *htmlParser) finish(tag string) {
	if kind, ok := kindOf(tag); ok {
		p.open[kind] = max(p.open[kind]-1, 0)
		return
	}
	if tag == p.skip {
		p.skip = ""
	}
	if slices.Contains(structural, tag) {
		p.end()
		if tag == "div" {
			p.inside = 0
		}
		p.begin("")
	}
}

func (p *htmlParser) begin(class string) {
	p.block = block{class: class, passage: p.inside, lines: []richLine{{}}}
}

// end closes the paragraph. One without text is kept only where the bank's own markup says that it is a paragraph.
func (p *htmlParser) end() {
	full := slices.ContainsFunc(p.block.lines, func(l richLine) bool { return strings.TrimSpace(string(l.text)) != "" })
	if full || p.block.class != "" {
		p.blocks = append(p.blocks, p.block)
	}
	clear(p.open)
}

func (p *htmlParser) text(raw string) {
	if p.skip != "" {
		return
	}
	s := raw
	line := &p.block.lines[len(p.block.lines)-1]
	if p.block.class != "sat-lines" || strings.Contains(s, "\n") {
		s = collapsed(s, len(line.text) == 0 || line.text[len(line.text)-1] == ' ')
	}
	from := len(line.text)
	line.text = append(line.text, []rune(s)...)
	for kind, n := range p.open {
		if n > 0 && len(line.text) > from {
			line.marks = append(line.marks, sat.Mark{Start: from, End: len(line.text), Kind: kind})
		}
	}
}

// collapsed gives a text with its white space as browsers show it.
func collapsed(s string, afterSpace bool) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(" \t\n\r\f", r) {
			if !afterSpace {
				b.WriteByte(' ')
			}
			afterSpace = true
			continue
		}
		b.WriteRune(r)
		afterSpace = false
	}
	return b.String()
}

// plain gives a piece of HTML as text, a paragraph or break a line.
func (d document) plain() string {
	var lines []string
	for _, b := range d.blocks {
		for _, l := range b.lines {
			lines = append(lines, strings.TrimSpace(string(l.text)))
		}
	}
	return strings.Join(lines, "\n")
}

// marks says whether anything in the text is set apart.
func (d document) marked() bool {
	return slices.ContainsFunc(d.blocks, func(b block) bool {
		return slices.ContainsFunc(b.lines, func(l richLine) bool { return l.marks != nil })
	})
}

// item gives passages, question and marks. Foreign HTML has no markup for the passage: then before, the passage of an
// earlier description, is taken, or else all paragraphs but the last.
func (d document) item(before *document) sat.Item {
	var it sat.Item
	foreign := d.blocks
	if len(d.passages) > 0 {
		foreign = nil
		for i := range d.passages {
			d.passage(&it, i)
		}
		for _, b := range d.blocks {
			if b.passage == 0 {
				foreign = append(foreign, b)
			}
		}
		it.Question, it.Marks = appendBlocks(foreign, sat.InQuestion, "", it.Marks)
		return it
	}
	var passage []block
	switch {
	case before != nil && len(before.passages) > 0:
		for i := range before.passages {
			before.passage(&it, i)
		}
	case before != nil:
		passage = before.blocks
	case len(foreign) > 1:
		passage, foreign = foreign[:len(foreign)-1], foreign[len(foreign)-1:]
	}
	if passage != nil {
		text, marks := appendBlocks(passage, sat.InPassage, "", nil)
		it.Passages = []sat.Passage{{Lines: strings.Split(text, "\n")}}
		it.Marks = wrap(&it.Passages[0], marks)
	}
	it.Question, it.Marks = appendBlocks(foreign, sat.InQuestion, "", it.Marks)
	return it
}

// passage adds the i-th sat-passage to an item.
func (d document) passage(it *sat.Item, i int) {
	p := d.passages[i]
	var lines []block
	for _, b := range d.blocks {
		switch {
		case b.passage != i+1:
		case b.class == "sat-attribution":
			p.Attribution = strings.TrimSpace(p.Attribution + " " + document{blocks: []block{b}}.plain())
		default:
			lines = append(lines, b)
		}
	}
	text, marks := appendBlocks(lines, sat.InPassage, p.ID, nil)
	p.Lines = strings.Split(text, "\n")
	it.Passages, it.Marks = append(it.Passages, p), append(it.Marks, marks...)
}

// appendBlocks joins paragraphs to one text: lines by line feeds, paragraphs by an empty line.
func appendBlocks(blocks []block, in sat.MarkPlace, passageID string, marks []sat.Mark) (string, []sat.Mark) {
	var out strings.Builder
	at := 0
	add := func(s string) {
		out.WriteString(s)
		at += utf8.RuneCountInString(s)
	}
	for i, b := range blocks {
		if i > 0 {
			add("\n\n")
		}
		for j, l := range b.lines {
			if j > 0 {
				add("\n")
			}
			for _, m := range l.marks {
				marks = append(marks, sat.Mark{In: in, PassageID: passageID, Start: at + m.Start, End: at + m.End, Kind: m.Kind})
			}
			add(string(l.text))
		}
	}
	return out.String(), marks
}

// wrap breaks the lines of a passage that are too long to be stored, which only paragraphs are. Breaks stand in place of
// spaces, so that marks stay where they are, but for words that are longer than a line.
func wrap(p *sat.Passage, marks []sat.Mark) []sat.Mark {
	var lines []string
	for _, line := range p.Lines {
		lines = append(lines, broken(line, sat.MaxLine)...)
	}
	same := utf8.RuneCountInString(strings.Join(lines, "\n")) == p.Length()
	p.Lines = lines
	if !same {
		return nil
	}
	return marks
}
