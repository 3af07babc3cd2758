package sat

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// WordsIn gives where words stand in a text, whatever the spaces and line breaks between them: the place nearest to near.
// Offsets are in characters, end exclusive.
func WordsIn(text, words string, near int) (start, end int, ok bool) {
	fields := strings.Fields(words)
	if len(fields) == 0 {
		return 0, 0, false
	}
	for i, w := range fields {
		fields[i] = regexp.QuoteMeta(w)
	}
	distance := func(at int) int { return max(at-near, near-at) }
	for _, at := range regexp.MustCompile(strings.Join(fields, `\s+`)).FindAllStringIndex(text, -1) {
		from := utf8.RuneCountInString(text[:at[0]])
		if !ok || distance(from) < distance(start) {
			start, end, ok = from, from+utf8.RuneCountInString(text[at[0]:at[1]]), true
		}
	}
	return start, end, ok
}

// Followed gives where a stretch of a text stands once the text was changed. What lies before or behind the change keeps
// its very characters; of what lies in it, the words are looked for where the change was, and nowhere else.
func Followed(former, latter string, start, end int) (from, to int, ok bool) {
	was, is := []rune(former), []rune(latter)
	if start < 0 || start >= end || end > len(was) {
		return start, end, false
	}
	head, tail := 0, 0
	for head < min(len(was), len(is)) && was[head] == is[head] {
		head++
	}
	for tail < min(len(was), len(is))-head && was[len(was)-1-tail] == is[len(is)-1-tail] {
		tail++
	}
	longer := len(is) - len(was)
	switch {
	case end <= head:
		return start, end, true
	case start >= len(was)-tail:
		return start + longer, end + longer, true
	}
	first, last := min(start, head), max(end, len(was)-tail)+longer
	from, to, ok = WordsIn(string(is[first:last]), string(was[start:end]), start-first)
	return first + from, first + to, ok
}

// Cut gives the characters of a text from start to end, as far as it has them.
func Cut(text string, start, end int) string {
	runes := []rune(text)
	end = min(max(end, 0), len(runes))
	return string(runes[min(max(start, 0), end):end])
}
