package questionbank

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"sattutor/internal/sat"
)

var (
	lineReference = regexp.MustCompile(`(?i)\blines?\s+(\d{1,4})(?:\s*(?:-|–|—|to|and|through)\s*(\d{1,4}))?`)
	graph         = regexp.MustCompile(`(?i)\b(?:graph|chart)s?\b`)
	table         = regexp.MustCompile(`(?i)\b(?:in|from|by|to) the table\b|\bdata\b.*\btable\b|\btable \d`)
	figure        = regexp.MustCompile(`(?i)\b(?:in|from|to) the figure\b|\bdata\b.*\bfigure\b|\bfigure \d|\bdiagram\b`)
	previous      = regexp.MustCompile(`(?i)\bprevious question\b`)

	absolute = regexp.MustCompile(`(?i)\b(?:always|never|all|none|only|must)\b`)
	combined = regexp.MustCompile(`(?i)\b(?:all|none|both|neither|any) of the (?:above|other|preceding)\b|` +
		`^(?:both |neither |either )?\(?[A-E]\)? (?:and|or|nor) \(?[A-E]\)?\.?$`)

	texCommand = regexp.MustCompile(`\\[A-Za-z]{2,}|\\\(|\$\\`)
	strayLine  = regexp.MustCompile(`^\s*Line\s*$|^\s*\d{1,3}\s*$`)
	margin     = regexp.MustCompile(`\S {2,}\d{1,3}$|^\s{0,2}\d{1,3} {2,}\S`)
	glued      = regexp.MustCompile(`\p{Ll}[.,;:!?]\p{L}{2,}|\p{Ll}{3,}\p{Lu}\p{Ll}{2,}`)
	address    = regexp.MustCompile(`\w+@\w|://|www\.`)
)

// longLine is the length from which a line is no physical line of print, but a paragraph.
const longLine = 120

// physical says whether the item's lines are lines of print, so that line numbers mean something.
func physical(it sat.Item) bool {
	for _, p := range it.Passages {
		for _, line := range p.Lines {
			if utf8.RuneCountInString(line) > longLine {
				return false
			}
		}
	}
	return true
}

// references judges what the texts refer to: L04 and L05.
func (l *linter) references() {
	inQuestion := append([]fieldText{{"question", l.it.Question}}, choiceTexts(l.it)...)
	for _, t := range inQuestion {
		l.needs(t, lineReference, sat.NeedsLine, "lines")
		l.needs(t, graph, sat.NeedsGraph, "a graph")
		l.needs(t, table, sat.NeedsTable, "a table")
		l.needs(t, figure, sat.NeedsFigure, "a figure")
		l.needs(t, previous, sat.NeedsPrevious, "the question before")
	}
	if l.it.Needs(sat.NeedsPrevious) && l.it.PreviousID == "" {
		l.warn(L05, "previous_id", "is empty although the question builds on the one before; give the id of that question")
	}
	all := append(inQuestion, fieldText{"explanation.text", l.it.Explanation.Text})
	for i, c := range l.it.Choices {
		all = append(all, fieldText{fmt.Sprintf("choices[%d].why", i), c.Why})
	}
	first, last := l.numbered()
	for _, t := range all {
		l.lines(t, first, last)
	}
}

// needs warns of a text that mentions what the item does not say it requires.
func (l *linter) needs(t fieldText, mention *regexp.Regexp, r sat.Requirement, what string) {
	if m := mention.FindString(t.text); m != "" && !l.it.Needs(r) {
		l.warn(L05, t.field, "mentions %s (“%s”), but “requires” does not have “%s”", what, m, r)
	}
}

// numbered gives the first and the last line number of the item.
func (l *linter) numbered() (first, last int) {
	for _, numbers := range l.it.Numbers() {
		for _, n := range numbers {
			if n > 0 && (first == 0 || n < first) {
				first = n
			}
			last = max(last, n)
		}
	}
	return first, last
}

// lines judges the line references of a text.
func (l *linter) lines(t fieldText, first, last int) {
	for _, m := range lineReference.FindAllStringSubmatch(t.text, -1) {
		if !physical(l.it) {
			l.warn(L04, t.field, "refers to “%s”, but the passage is stored without its lines of print", m[0])
			return
		}
		for _, digits := range m[1:] {
			if n, err := strconv.Atoi(digits); err == nil && (n < first || n > last) {
				l.say(L04, SeverityError, t.field, "refers to line %d, but the lines are numbered %d to %d", n, first, last)
			}
		}
	}
}

// cues finds what gives the key away, or binds the choices together: L08, L09 and L10.
func (l *linter) cues() {
	key := l.it.Key()
	if key < 0 || len(l.it.Choices) < sat.MinChoices {
		return
	}
	l.lengths(key)
	if !absolute.MatchString(l.it.Choices[key].Text) {
		for i, c := range l.it.Choices {
			if word := absolute.FindString(c.Text); word != "" {
				l.warn(L09, fmt.Sprintf("choices[%d].text", i),
					"has the absolute word “%s” while the key has none; such words tell a wrong choice", word)
			}
		}
	}
	for i, c := range l.it.Choices {
		if m := combined.FindString(c.Text); m != "" {
			l.warn(L10, fmt.Sprintf("choices[%d].text", i), "speaks of other choices (“%s”); the choices will not be shuffled", m)
		}
	}
}

// Lengths below which nobody reads anything into them, such as those of single words.
const tellingLength = 25

func (l *linter) lengths(key int) {
	length := func(i int) int { return utf8.RuneCountInString(l.it.Choices[i].Text) }
	longest, shortest, other := 0, 0, 0
	for i := range l.it.Choices {
		if length(i) > length(longest) {
			longest = i
		}
		if length(i) < length(shortest) {
			shortest = i
		}
		if i != key {
			other = max(other, length(i))
		}
	}
	if length(longest) < tellingLength || length(shortest) == 0 {
		return
	}
	if more := float64(length(key))/float64(max(other, 1)) - 1; more > 0.2 {
		l.warn(L08, fmt.Sprintf("choices[%d].text", key), "is the key and %.0f %% longer than any other choice; even them out", 100*more)
	} else if ratio := float64(length(longest)) / float64(length(shortest)); ratio > 1.6 {
		l.warn(L08, "choices", "choice %s is %.1f times as long as choice %s; even them out", sat.Letter(longest), ratio,
			sat.Letter(shortest))
	}
}

// scanned finds the traces of scanning in a passage: L14.
func (l *linter) scanned(i int, p sat.Passage) {
	dots, full := 0, 0
	for j, line := range p.Lines {
		field := fmt.Sprintf("passages[%d].lines[%d]", i, j)
		bare := address.ReplaceAllString(line, "")
		switch {
		case strayLine.MatchString(line):
			l.warn(L14, field, "looks like a printed line number, not like text: “%s”", strings.TrimSpace(line))
		case margin.MatchString(line):
			l.warn(L14, field, "seems to hold a printed line number; numbers are added when the passage is shown")
		case texCommand.MatchString(line):
			l.warn(L14, field, "holds the TeX command %s; write it as plain text", texCommand.FindString(line))
		case bare == line && glued.MatchString(line):
			l.warn(L14, field, "has two words run together: “%s”", glued.FindString(line))
		}
		if line != "" {
			full++
		}
		if strings.HasSuffix(line, ".") {
			dots++
		}
	}
	if full >= 8 && 10*dots >= 9*full {
		l.warn(L14, fmt.Sprintf("passages[%d].lines", i), "has a full stop at the end of nearly every line, as after bad scanning")
	}
}

// Shuffles says whether the choices may be put in another order: none speaks of other choices or of letters.
func Shuffles(it sat.Item) bool {
	for _, t := range append(choiceTexts(it), fieldText{"", it.Question}, fieldText{"", it.Explanation.Text}) {
		if combined.MatchString(t.text) || letterNamed.MatchString(t.text) {
			return false
		}
	}
	for _, c := range it.Choices {
		if letterNamed.MatchString(c.Why) {
			return false
		}
	}
	return true
}

var letterNamed = regexp.MustCompile(`\b(?i:choices?|answers?|options?) \(?[A-E]\b|\([A-E]\)`)
