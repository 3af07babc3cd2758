package questionbank

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"sattutor/internal/plaintext"
)

// paragraph gives a text as one paragraph: clean, no line breaks, single spaces.
func paragraph(s string) string {
	s = strings.ReplaceAll(plaintext.Clean(s), "\n", " ")
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return strings.TrimSpace(s)
}

// paragraphs gives a text clean, without empty lines at its ends and without two in a row. The spaces at the start of a
// line stay.
func paragraphs(s string) string {
	var out []string
	for line := range strings.SplitSeq(plaintext.Clean(s), "\n") {
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	if len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return strings.Join(out, "\n")
}

// prose gives a text as lines of single-spaced words, without empty lines at its ends and without two in a row.
func prose(s string) string {
	lines := strings.Split(plaintext.Clean(s), "\n")
	for i, line := range lines {
		lines[i] = paragraph(line)
	}
	return paragraphs(strings.Join(lines, "\n"))
}

// moved gives the place in clean(s) of the character at an offset of s.
func moved(clean func(string) string, s string, offset int) int {
	text := []rune(s)
	if offset < 0 || offset > len(text) {
		return offset
	}
	const stop = "x" // keeps blanks before the offset from being trimmed as a line's end
	return utf8.RuneCountInString(clean(string(text[:offset])+stop)) - 1
}

// hiddenIn gives the number of characters of s that a reader cannot see.
func hiddenIn(s string) int {
	n := 0
	for _, r := range s {
		if (r < ' ' || r >= 0x7f) && !unicode.IsSpace(r) && plaintext.Clean(string(r)) == "" {
			n++
		}
	}
	return n
}

// broken gives a long line as lines of at most limit characters, broken between words where it can be.
func broken(line string, limit int) []string {
	var lines []string
	for utf8.RuneCountInString(line) > limit {
		head := string([]rune(line)[:limit+1])
		cut := strings.LastIndexByte(head, ' ')
		if strings.TrimSpace(head[:max(cut, 0)]) == "" {
			head = string([]rune(line)[:limit])
			lines, line = append(lines, head), line[len(head):]
			continue
		}
		lines, line = append(lines, line[:cut]), line[cut+1:]
	}
	return append(lines, line)
}
