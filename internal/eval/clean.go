package eval

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// cleanText is a text after cleaning, with a flag for each kind of repair that it needed.
type cleanText struct {
	text  string
	flags []string
}

// step applies a repair and notes it where it changed anything.
func (c cleanText) step(flag string, repair func(string) string) cleanText {
	repaired := repair(c.text)
	if repaired == c.text {
		return c
	}
	return cleanText{repaired, append(slices.Clone(c.flags), flag)}
}

// paired says whether two passages stand in the text, each under its heading.
func (c cleanText) paired() bool {
	return strings.Contains(c.text, "Passage 1") && strings.Contains(c.text, "Passage 2")
}

// cleanPassage undoes what a scanned passage suffered: lost or dotted line breaks, printed line numbers, LaTeX. Tables
// are kept, a row a line. Cleaning a clean passage changes nothing.
func cleanPassage(raw string) cleanText {
	c := cleanText{text: raw}
	if dotted(raw) {
		return c.step("dot_breaks", undot).step("spaces", tidy)
	}
	return c.step("latex", unwrapMath).step("line_numbers", dropLineNumbers).step("latex_blocks", unwrapBlocks).
		step("joins", breakJoins).step("spaces", tidy)
}

// cleanLine cleans a stem or a choice.
func cleanLine(raw string) cleanText {
	return cleanText{text: raw}.step("latex", unwrapMath).step("spaces", tidy)
}

var nextNumber = regexp.MustCompile(` \d{1,2}$`)

// withoutNextNumber drops the number of the following question from the end of a last choice.
func (c cleanText) withoutNextNumber() cleanText {
	return c.step("next_number", func(s string) string { return nextNumber.ReplaceAllString(s, "") })
}

var brokenLetter = regexp.MustCompile(`(\p{L})\(([A-D])\)(\p{L}?)`)

// cleanSolution makes an official explanation readable: LaTeX goes, and a letter that stands in brackets inside of a
// word becomes part of it again.
func cleanSolution(raw string) string {
	s := brokenLetter.ReplaceAllStringFunc(raw, func(m string) string {
		part := brokenLetter.FindStringSubmatch(m)
		word := part[1] + strings.ToLower(part[2]) + ")"
		if part[3] != "" {
			word += " " + part[3]
		}
		return word
	})
	return tidy(strings.ReplaceAll(unwrapMath(s), `\%`, "%"))
}

var spaces = regexp.MustCompile(`[ \t]+`)
var spacedBreaks = regexp.MustCompile(` ?\n[\n ]*`)

// tidy leaves single spaces and single line feeds.
func tidy(s string) string {
	return strings.TrimSpace(spacedBreaks.ReplaceAllString(spaces.ReplaceAllString(s, " "), "\n"))
}

var dotJoin = regexp.MustCompile(`[a-z,;]\.[a-z]`)

// dotted says whether full stops stand in place of the passage's line breaks.
func dotted(s string) bool { return len(dotJoin.FindAllStringIndex(s, 20)) == 20 }

// undot turns each full stop that stands for a line break into a space: one that is followed directly by a letter, a
// digit or an opening mark and does not belong to an abbreviation or a number.
func undot(s string) string {
	text := []rune(s)
	out := make([]rune, 0, len(text))
	for i, r := range text {
		if r == '.' && i > 0 && i+1 < len(text) && isLineBreak(text, i) {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}

func isLineBreak(text []rune, i int) bool {
	before, after := text[i-1], text[i+1]
	if !unicode.IsLetter(after) && !unicode.IsDigit(after) && !strings.ContainsRune("“‘[(*—$", after) {
		return false
	}
	if unicode.IsDigit(before) && unicode.IsDigit(after) {
		return false
	}
	initial := unicode.IsUpper(before) && (i < 2 || !unicode.IsLetter(text[i-2]))
	return !(initial && unicode.IsUpper(after)) // U.S.
}

var join = regexp.MustCompile(`([\p{Ll}\d)][.?!])(["”]?)(["“]?)(\p{Lu})`)

// breakJoins puts a line feed where two paragraphs were run together: a sentence's end directly before a capital.
// Straight quotes close when an odd number of them stands before.
func breakJoins(s string) string {
	var out strings.Builder
	last := 0
	for _, m := range join.FindAllStringSubmatchIndex(s, -1) {
		end := m[3]
		if m[4] < m[5] && (strings.Count(s[:m[4]], `"`)%2 == 1 || s[m[4]:m[5]] == "”") {
			end = m[5]
		}
		out.WriteString(s[last:end] + "\n")
		last = end
	}
	return out.String() + s[last:]
}

// Line numbers are printed every five lines, and a line holds some fifty characters; lines may be lost.
const (
	numberStep     = 5
	numberMost     = 120
	lineShortest   = 15
	lineLongest    = 66
	numbersAtLeast = 5
)

var number = regexp.MustCompile(`\d+`)

// printedNumber is a number in the text that may be a printed line number.
type printedNumber struct {
	from, to, value int
	chain           int // length of the longest chain that ends here
	previous        int // its place in the chain before, -1 for none
}

// dropLineNumbers removes the printed line numbers: the longest chain of rising multiples of five whose distances fit
// lines of text. Fewer than five are left alone.
func dropLineNumbers(s string) string {
	found := printedNumbers(s)
	best := -1
	for i := range found {
		found[i].chain, found[i].previous = 1, -1
		for j := range i {
			if follows(found[j], found[i]) && found[j].chain+1 > found[i].chain {
				found[i].chain, found[i].previous = found[j].chain+1, j
			}
		}
		if best < 0 || found[i].chain > found[best].chain {
			best = i
		}
	}
	if best < 0 || found[best].chain < numbersAtLeast {
		return s
	}
	for i := best; i >= 0; i = found[i].previous {
		s = strings.TrimRight(s[:found[i].from], " ") + " " + strings.TrimLeft(s[found[i].to:], " ")
	}
	return s
}

func follows(a, b printedNumber) bool {
	lines, characters := b.value-a.value, b.from-a.from
	return lines > 0 && characters >= lineShortest*lines && characters <= lineLongest*lines
}

func printedNumbers(s string) []printedNumber {
	end := len(s)
	if table := strings.Index(s, `\begin{tabular}`); table >= 0 {
		end = table
	}
	var found []printedNumber
	for _, m := range number.FindAllStringIndex(s[:end], -1) {
		value, err := strconv.Atoi(s[m[0]:m[1]])
		if err != nil || value%numberStep != 0 || value < numberStep || value > numberMost {
			continue
		}
		before, after := byteAt(s, m[0]-1), byteAt(s, m[1])
		decimal := (after == '.' || after == ',') && isDigit(byteAt(s, m[1]+1))
		if decimal || after == '%' || before == '$' || before == '-' || before == '^' {
			continue
		}
		found = append(found, printedNumber{from: m[0], to: m[1], value: value})
	}
	return found
}

func byteAt(s string, i int) byte {
	if i < 0 || i >= len(s) {
		return 0
	}
	return s[i]
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
