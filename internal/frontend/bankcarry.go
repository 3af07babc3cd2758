package frontend

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// The rules of what the form cannot keep.
const (
	ruleQuote sat.Rule = "L06"  // lint's, about quotations that the passage does not hold
	ruleLoss  sat.Rule = "loss" // something of the question goes
)

// rejoin puts back into an item from the form what the form has no place for: where its quotations stand, and its marks.
// Both are where they are in former, the question as it is stored, moved with their words. It gives the quotations that
// the passages do not hold word for word, and the marks that are gone with their words.
func rejoin(it *sat.Item, former sat.Item, quotes string) (lost, dropped []sat.Finding) {
	for i, p := range it.Passages {
		if p.ID == "" { // quotations and marks need a name for it
			it.Passages[i].ID = fmt.Sprintf("p-%x", sha256.Sum256([]byte(p.Text())))[:14]
		}
	}
	return quoteLines(it, former, quotes), carryMarks(it, former)
}

// heir gives the passage of an item that was the one with this id in former: the one with the same id, else the one in
// its place; -1 for none.
func heir(it, former sat.Item, id string) int {
	named := func(id string) func(sat.Passage) bool { return func(p sat.Passage) bool { return p.ID == id } }
	if i := slices.IndexFunc(it.Passages, named(id)); i >= 0 {
		return i
	}
	i := slices.IndexFunc(former.Passages, named(id))
	if i < 0 || i >= len(it.Passages) || slices.ContainsFunc(former.Passages, named(it.Passages[i].ID)) {
		return -1
	}
	return i
}

// textOf gives the text of a passage.
func textOf(it sat.Item, id string) string {
	for _, p := range it.Passages {
		if p.ID == id {
			return p.Text()
		}
	}
	return ""
}

// oneLine gives a text as the form shows it on a line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// quoteLines adds each line of a text to an item as a quotation. One that former has already stays where it is.
func quoteLines(it *sat.Item, former sat.Item, quotes string) (lost []sat.Finding) {
	kept := slices.Clone(former.Explanation.Quotes)
	n := 0
	for line := range strings.SplitSeq(quotes, "\n") {
		if line = oneLine(line); line == "" {
			continue
		}
		var was sat.Quote // the quotation that it was, else the one in whose place it stands
		if i := slices.IndexFunc(kept, func(q sat.Quote) bool { return oneLine(former.Quoted(q)) == line }); i >= 0 {
			was = kept[i]
			kept = slices.Delete(kept, i, i+1)
		} else if n < len(former.Explanation.Quotes) {
			was = former.Explanation.Quotes[n]
		}
		n++
		if q, ok := quoteOf(*it, former, was, line); ok {
			it.Explanation.Quotes = append(it.Explanation.Quotes, q)
			continue
		}
		lost = append(lost, sat.Finding{Code: ruleQuote, Severity: sat.SeverityError, Field: "explanation.quotes",
			Message: fmt.Sprintf("“%s” is not in the passage word for word", line)})
	}
	return lost
}

// quoteOf finds words in the passages: where was, a quotation of former, has them, else the place nearest to it.
func quoteOf(it, former sat.Item, was sat.Quote, words string) (sat.Quote, bool) {
	first := heir(it, former, was.PassageID)
	try := func(i int, start, end int, ok bool) (sat.Quote, bool) {
		if !ok {
			return sat.Quote{}, false
		}
		id := it.Passages[i].ID
		from, to, ok := it.LinesOf(id, start, end)
		return sat.Quote{PassageID: id, Start: start, End: end, LineFrom: from, LineTo: to}, ok
	}
	near := 0
	if first >= 0 {
		text := it.Passages[first].Text()
		start, end, ok := sat.Followed(textOf(former, was.PassageID), text, was.Start, was.End)
		if q, ok := try(first, start, end, ok); ok && oneLine(it.Quoted(q)) == words {
			return q, true
		}
		if near = was.Start; ok {
			near = start
		}
		start, end, ok = sat.WordsIn(text, words, near)
		if q, ok := try(first, start, end, ok); ok {
			return q, true
		}
	}
	for i, p := range it.Passages {
		start, end, ok := sat.WordsIn(p.Text(), words, 0)
		if q, ok := try(i, start, end, ok); ok {
			return q, true
		}
	}
	return sat.Quote{}, false
}

// carryMarks takes the marks of former over.
func carryMarks(it *sat.Item, former sat.Item) (dropped []sat.Finding) {
	for _, m := range former.Marks {
		text, latter, field := former.Question, it.Question, "question"
		if m.In == sat.InPassage {
			i := heir(*it, former, m.PassageID)
			text, latter, field = textOf(former, m.PassageID), "", "passages"
			if i >= 0 {
				latter, field = it.Passages[i].Text(), fmt.Sprintf("passages[%d].lines", i)
				m.PassageID = it.Passages[i].ID
			}
		}
		from, to, ok := sat.Followed(text, latter, m.Start, m.End)
		if ok {
			m.Start, m.End = from, to
			it.Marks = append(it.Marks, m)
			continue
		}
		words := sat.Cut(text, m.Start, m.End)
		dropped = append(dropped, sat.Finding{Code: ruleLoss, Severity: sat.SeverityWarning, Field: field,
			Message: fmt.Sprintf("no longer says “%s” where it was %s; saved like this, the question loses that", words, faceWords(m.Kind))})
	}
	return dropped
}

// faceWords says how a text that is marked looks.
func faceWords(kind sat.MarkKind) string {
	switch kind {
	case sat.Emphasis:
		return "emphasised"
	case sat.Strong:
		return "in bold"
	case sat.Underline:
		return "underlined"
	case sat.Subscript:
		return "lowered"
	case sat.Superscript:
		return "raised"
	}
	return string(kind)
}

// marksOf lists what is marked in an item in words: “lamp” is underlined.
func marksOf(it sat.Item) []string {
	var list []string
	for _, m := range it.Marks {
		text, where := it.Question, "question"
		if m.In == sat.InPassage {
			text, where = textOf(it, m.PassageID), "passage"
			if from, _, ok := it.LinesOf(m.PassageID, m.Start, m.End); ok {
				where = fmt.Sprintf("line %d", from)
			}
		}
		if runes := []rune(text); 0 <= m.Start && m.Start < m.End && m.End <= len(runes) {
			list = append(list, fmt.Sprintf("“%s” is %s (%s)", string(runes[m.Start:m.End]), faceWords(m.Kind), where))
		}
	}
	return list
}
