package questionbank

import (
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// face is how a kind of mark is written.
type face struct{ open, close string }

// faces of HTML, and of QTI, which has no element for underlining.
func faces(kind sat.MarkKind, qti bool) face {
	switch {
	case kind == sat.Underline && qti:
		return face{`<span class="qti-underline">`, "</span>"}
	case kind == sat.Underline:
		return face{"<u>", "</u>"}
	}
	return face{"<" + string(kind) + ">", "</" + string(kind) + ">"}
}

// escape makes a text safe between tags.
func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(s, "&", "&amp;"), "<", "&lt;"), ">", "&gt;")
}

// quoted gives a text as the value of an attribute, with its quotation marks.
func quoted(s string) string { return `"` + strings.ReplaceAll(escape(s), `"`, "&quot;") + `"` }

// marked gives a text as markup. Marks that overlap are cut, so that elements nest.
func marked(s string, marks []sat.Mark, qti bool) string {
	if len(marks) == 0 {
		return escape(s)
	}
	runes := []rune(s)
	cuts := []int{0, len(runes)}
	for _, m := range marks {
		cuts = append(cuts, m.Start, m.End)
	}
	slices.Sort(cuts)
	var out strings.Builder
	for i, cut := range cuts[1:] {
		from := cuts[i]
		if from == cut {
			continue
		}
		var closing string
		for _, m := range marks {
			if m.Start <= from && m.End >= cut {
				f := faces(m.Kind, qti)
				out.WriteString(f.open)
				closing = f.close + closing
			}
		}
		out.WriteString(escape(string(runes[from:cut])) + closing)
	}
	return out.String()
}

// marksIn gives the marks of a text that lie in a range of it, with offsets from its start.
func marksIn(it sat.Item, in sat.MarkPlace, passageID string, start, end int) []sat.Mark {
	var found []sat.Mark
	for _, m := range it.Marks {
		if m.In == in && m.PassageID == passageID && m.Start >= start && m.End <= end {
			m.Start, m.End = m.Start-start, m.End-start
			found = append(found, m)
		}
	}
	return found
}

// markedLines gives the lines of a passage as markup.
func markedLines(it sat.Item, p sat.Passage, qti bool) []string {
	lines, at := make([]string, len(p.Lines)), 0
	for i, line := range p.Lines {
		n := len([]rune(line))
		lines[i] = marked(line, marksIn(it, sat.InPassage, p.ID, at, at+n), qti)
		at += n + 1
	}
	return lines
}

// markedQuestion gives the question as markup.
func markedQuestion(it sat.Item, qti bool) string {
	return marked(it.Question, marksIn(it, sat.InQuestion, "", 0, len([]rune(it.Question))), qti)
}
