package sat

import (
	"strings"
	"unicode/utf8"
)

// Passage is one text with its physical lines, which is what line numbers in questions refer to.
type Passage struct {
	ID          string   `json:"id"`
	Title       string   `json:"title,omitempty"`
	Attribution string   `json:"attribution,omitempty"` // unnumbered introduction
	Lines       []string `json:"lines"`                 // an empty line is a paragraph gap and has no number
	LineStart   int      `json:"line_start,omitempty"`  // number of the first line; 0: 1, or on from the passage before
}

// Text gives the lines joined by line feeds: what the offsets of quotes and marks count in.
func (p Passage) Text() string { return strings.Join(p.Lines, "\n") }

// Numbers gives the number of each line, 0 for an empty one, and the number that a passage after this one begins with.
// The argument is what the passage begins with if it does not say so itself.
func (p Passage) Numbers(start int) (numbers []int, next int) {
	if p.LineStart > 0 {
		start = p.LineStart
	}
	numbers = make([]int, len(p.Lines))
	for i, line := range p.Lines {
		if strings.TrimSpace(line) != "" {
			numbers[i] = start
			start++
		}
	}
	return numbers, start
}

// lineAt gives the index of the line that holds the character at an offset of Text; a line's feed belongs to the line.
func (p Passage) lineAt(offset int) int {
	for i, line := range p.Lines {
		if offset -= utf8.RuneCountInString(line) + 1; offset < 0 {
			return i
		}
	}
	return len(p.Lines) - 1
}

// Length gives the number of characters of Text.
func (p Passage) Length() int {
	n := max(len(p.Lines)-1, 0)
	for _, line := range p.Lines {
		n += utf8.RuneCountInString(line)
	}
	return n
}

// Numbers gives the numbers of the lines of each passage; the second passage of a pair goes on counting.
func (it Item) Numbers() [][]int {
	all, start := make([][]int, len(it.Passages)), 1
	for i, p := range it.Passages {
		all[i], start = p.Numbers(start)
	}
	return all
}

// LinesOf gives the numbers of the first and last line that a range of the passage with this id touches, ok only for a
// range inside the passage that begins and ends on numbered lines.
func (it Item) LinesOf(passageID string, start, end int) (from, to int, ok bool) {
	numbers := it.Numbers()
	for i, p := range it.Passages {
		if p.ID != passageID {
			continue
		}
		if start < 0 || start >= end || end > p.Length() {
			return 0, 0, false
		}
		from, to = numbers[i][p.lineAt(start)], numbers[i][p.lineAt(end-1)]
		return from, to, from > 0 && to > 0
	}
	return 0, 0, false
}
