package retrieval

import (
	"slices"
	"strings"
	"unicode"

	"sattutor/internal/sat"
)

// Lines gives the numbered lines of an item's passages, in order.
func Lines(it sat.Item) []sat.Span {
	var spans []sat.Span
	for _, p := range it.Passages {
		at := 0
		for _, line := range p.Lines {
			n := len([]rune(line))
			spans = add(spans, it, p, at, at+n)
			at += n + 1
		}
	}
	return spans
}

// Sentences gives the sentences of an item's passages, in order. A gap between paragraphs ends a sentence too.
func Sentences(it sat.Item) []sat.Span {
	var spans []sat.Span
	for _, p := range it.Passages {
		text := []rune(p.Text())
		start := 0
		for i := range text {
			if endsSentence(text, i) {
				spans = add(spans, it, p, start, i+1)
				start = i + 1
			}
		}
		spans = add(spans, it, p, start, len(text))
	}
	return spans
}

// endsSentence says whether a sentence ends with the character at i: a stop with the marks that close it, before white
// space and no small letter, and not behind an initial or a short title; or the gap between paragraphs.
func endsSentence(text []rune, i int) bool {
	if text[i] == '\n' && i+1 < len(text) && text[i+1] == '\n' {
		return true
	}
	if i+1 >= len(text) || !unicode.IsSpace(text[i+1]) {
		return false
	}
	stop := i
	for stop > 0 && strings.ContainsRune("”’\"')]", text[stop]) {
		stop--
	}
	if !strings.ContainsRune(".!?", text[stop]) {
		return false
	}
	next := i + 1
	for next < len(text) && (unicode.IsSpace(text[next]) || strings.ContainsRune("“‘\"'([—", text[next])) {
		next++
	}
	if next < len(text) && unicode.IsLower(text[next]) {
		return false
	}
	return text[stop] != '.' || !abbreviated(text[:stop])
}

// abbreviated says whether a text ends in an initial or a title.
func abbreviated(text []rune) bool {
	start := len(text)
	for start > 0 && unicode.IsLetter(text[start-1]) {
		start--
	}
	word := string(text[start:])
	return len([]rune(word)) == 1 && unicode.IsUpper([]rune(word)[0]) && word != "I" ||
		slices.Contains([]string{"Mr", "Mrs", "Ms", "Dr", "St", "Prof", "Rev", "Gen", "Col", "Capt", "Hon", "Messrs", "vs", "etc"}, word)
}

// add appends a stretch of a passage without the white space at its ends, unless nothing is left.
func add(spans []sat.Span, it sat.Item, p sat.Passage, start, end int) []sat.Span {
	text := []rune(p.Text())
	for start < end && unicode.IsSpace(text[start]) {
		start++
	}
	for end > start && unicode.IsSpace(text[end-1]) {
		end--
	}
	from, to, ok := it.LinesOf(p.ID, start, end)
	if !ok {
		return spans
	}
	return append(spans, sat.Span{Text: string(text[start:end]),
		Quote: sat.Quote{PassageID: p.ID, Start: start, End: end, LineFrom: from, LineTo: to}})
}

// Evidence gives the n stretches that speak most to what is asked, best first: the question and the choices at the given
// positions, or all of them.
func Evidence(spans []sat.Span, it sat.Item, n int, choices ...int) []sat.Span {
	texts := make([]string, len(spans))
	for i, s := range spans {
		texts[i] = s.Text
	}
	query := it.Question
	for i, c := range it.Choices {
		if len(choices) == 0 || slices.Contains(choices, i) {
			query += " " + c.Text
		}
	}
	var found []sat.Span
	for _, hit := range Rank(texts, query, n) {
		s := spans[hit.At]
		s.Score = hit.Score
		found = append(found, s)
	}
	return found
}
