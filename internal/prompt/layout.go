package prompt

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"sattutor/internal/sat"
)

// closed gives the passage without its blank lines: in training the paragraphs stood one under another.
func closed(passage string) string {
	if !strings.Contains(passage, "\n\n") {
		return passage
	}
	var b strings.Builder
	b.Grow(len(passage))
	for line := range strings.SplitSeq(passage, "\n") {
		if line == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(line)
	}
	return b.String()
}

// labelled gives one choice a line: "A) text".
func labelled(q sat.Question) string {
	size := 0
	for _, c := range q.Choices {
		size += len("\nA) ") + len(c)
	}
	var b strings.Builder
	b.Grow(size)
	for i, c := range q.Choices {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(sat.Letter(i))
		b.WriteString(") ")
		b.WriteString(c)
	}
	return b.String()
}

// numberStep is the distance of the printed line numbers, as on the paper test.
const numberStep = 5

// number puts "[5] " before every fifth line of the passage and gives its lines. Blank lines have no number.
func number(passage string) (numbered string, lines []string) {
	var b strings.Builder
	for line := range strings.SplitSeq(passage, "\n") {
		if line == "" {
			b.WriteByte('\n')
			continue
		}
		lines = append(lines, line)
		if n := len(lines); n%numberStep == 0 {
			fmt.Fprintf(&b, "[%d] ", n)
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n"), lines
}

// citation is how a question names lines: "line 39", "lines 39–42", "Lines 12-14".
var citation = regexp.MustCompile(`\b[Ll]ines? (\d{1,3})(?: ?(?:[-–—]|to|and) ?(\d{1,3}))?\b`)

// mostCited bounds the lines that are repeated for one citation.
const mostCited = 20

// cited gives the lines that the question names, one citation a paragraph, "" for none.
func cited(stem string, lines []string) string {
	var b strings.Builder
	for _, found := range citation.FindAllStringSubmatch(stem, -1) {
		first, _ := strconv.Atoi(found[1])
		last := first
		if found[2] != "" {
			last, _ = strconv.Atoi(found[2])
		}
		if first < 1 || last < first || last > len(lines) || last-first >= mostCited {
			continue
		}
		name := "Line " + strconv.Itoa(first)
		if last > first {
			name = fmt.Sprintf("Lines %d to %d", first, last)
		}
		fmt.Fprintf(&b, "\n%s: %s", name, strings.Join(lines[first-1:last], " "))
	}
	return b.String()
}

// pythonList gives the labelled choices as Python's repr of a list of strings prints them.
func pythonList(q sat.Question) string {
	items := make([]string, len(q.Choices))
	for i := range q.Choices {
		items[i] = pythonString(q.Labelled(i))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func pythonString(s string) string {
	quote := '\''
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}
