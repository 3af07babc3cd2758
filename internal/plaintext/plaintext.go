// Package plaintext makes foreign text canonical and safe.
//
// Whatever a person types, pastes or imports, and whatever a model writes, passes [Clean] once: one normal form, one
// kind of line end, nothing that a reader cannot see. [ControlToken] then finds what an engine would read as a command
// of its chat template rather than as text.
package plaintext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxMarks is the number of combining marks in a row that [Clean] keeps: twice what any script needs, and so
// few that the normal form never inserts a joiner of its own (UAX #15 does after 30).
const MaxMarks = 16

// Clean gives the canonical form of s: valid UTF-8 in NFC; each line end, whatever its kind, a line feed; tabs as
// spaces; no blanks at the end of a line; and none of the characters that cannot be seen: control, zero-width,
// bidirectional, Tag-block and variation-selector characters, fillers and non-characters. Bytes that are not UTF-8
// become U+FFFD. The spaces at the start of a line stay.
//
// Clean is idempotent, and costs no allocation for a text that is clean already.
func Clean(s string) string {
	if clean(s) {
		return s
	}
	s = strings.Map(visible, strings.ReplaceAll(s, "\r\n", "\n"))
	return trimLineEnds(limitMarks(norm.NFC.String(s)))
}

// clean reports whether Clean would give s back as it is.
func clean(s string) bool {
	marks, last, ascii := 0, '\n', true
	for i, r := range s {
		switch {
		case r == '\n' && blank(last), visible(r) != r, r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			return false
		case r < utf8.RuneSelf:
			marks = 0
		case unicode.IsMark(r):
			marks, ascii = marks+1, false
		default:
			marks, ascii = 0, false
		}
		if marks > MaxMarks {
			return false
		}
		last = r
	}
	return !blank(last) && (ascii || norm.NFC.QuickSpanString(s) == len(s))
}

// visible gives the rune that stands for r in canonical text, and -1 for one that has no place in it.
func visible(r rune) rune {
	switch {
	case r >= ' ' && r < 0x7f, r == '\n':
		return r
	case r == '\t':
		return ' '
	case r == '\r', r == '\v', r == '\f', r == '\u0085', r == '\u2028', r == '\u2029': // line, page, paragraph ends
		return '\n'
	case hidden(r):
		return -1
	}
	return r
}

// hidden reports whether r is a character that a reader cannot see. The signs that Unicode counts as format characters
// although they are printed, such as the Arabic number sign, are not.
func hidden(r rune) bool {
	switch {
	case r >= 0xe0000 && r <= 0xe0fff: // Tag block, variation selectors, and the rest of that unseen plane
		return true
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point)
}

// limitMarks drops the combining marks beyond MaxMarks in a row.
func limitMarks(s string) string {
	marks := 0
	return strings.Map(func(r rune) rune {
		if marks++; !unicode.IsMark(r) {
			marks = 0
		}
		if marks > MaxMarks {
			return -1
		}
		return r
	}, s)
}

// blank reports whether r is white space that does not end a line.
func blank(r rune) bool { return r != '\n' && unicode.IsSpace(r) }

// trimLineEnds removes the blanks at the end of each line.
func trimLineEnds(s string) string {
	var b strings.Builder
	for line := range strings.SplitAfterSeq(s, "\n") {
		text, feed := strings.CutSuffix(line, "\n")
		b.WriteString(strings.TrimRightFunc(text, blank))
		if feed {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
