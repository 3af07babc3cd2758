// Package quotation says whether a quotation stands in a passage, and where.
//
// [In] reads a passage once; [Source.Find] then looks quotations up in it. Letters and long numbers must agree and
// stand in the passage's order; case, accents, quotation marks, hyphens, line breaks and other signs may differ, and an
// ellipsis may stand for what was left out. What is then shown as a quotation is the passage's own text at the places
// found, never the text that was looked up.
package quotation

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Match says how well a quotation agrees with the passage.
type Match string

// The kinds of agreement.
const (
	Exact    Match = "exact"     // each part stands in the passage, in this order
	Near     Match = "near"      // nine tenths of the words stand together in this order: no quotation, but close
	Rejected Match = "rejected"  // the passage does not say this
	TooShort Match = "too_short" // no part has letters enough to be told from chance
)

const (
	minLetters = 8   // of a part that is looked for
	nearShare  = 0.9 // of the words, for Near
)

// Span is a range of the passage in characters (Unicode code points), end exclusive.
type Span struct{ Start, End int }

// Result is what came of looking a quotation up.
type Result struct {
	Match Match
	Score float64 // share of the words found together and in order; 1 for Exact, 0 for TooShort
	Spans []Span  // where: one for each part of an Exact quotation, one for Near, else none
}

// Source is a passage in which quotations are looked up.
type Source struct {
	letters string // what counts of the text: a-z and digits
	places  []int  // for each byte of letters, its character in the text
	words   []word
}

// In prepares a passage.
func In(passage string) *Source {
	letters, places := fold(passage)
	return &Source{letters: letters, places: places, words: split(letters, places)}
}

// omission matches the signs that stand for words left out.
var omission = regexp.MustCompile(`…|\.\s*\.(?:\s*\.)*|\[[^\]]*\]`)

// Find looks a quotation up.
func (s *Source) Find(quote string) Result {
	var parts []string
	for _, part := range omission.Split(quote, -1) {
		if letters, _ := fold(part); len(letters) >= minLetters {
			parts = append(parts, letters)
		}
	}
	if parts == nil {
		return Result{Match: TooShort}
	}
	if spans, ok := s.inOrder(parts); ok {
		return Result{Match: Exact, Score: 1, Spans: spans}
	}
	letters, places := fold(quote)
	score, span := s.nearest(split(letters, places))
	if score >= nearShare {
		return Result{Match: Near, Score: score, Spans: []Span{span}}
	}
	return Result{Match: Rejected, Score: score}
}

// inOrder finds each part behind the one before it.
func (s *Source) inOrder(parts []string) ([]Span, bool) {
	spans, from := make([]Span, 0, len(parts)), 0
	for _, part := range parts {
		at := strings.Index(s.letters[from:], part)
		if at < 0 {
			return nil, false
		}
		first, last := from+at, from+at+len(part)-1
		spans = append(spans, Span{s.places[first], s.places[last] + 1})
		from = last + 1
	}
	return spans, true
}

// fold gives what counts of a text, and for each byte of it the character that it comes from: letters as a-z without
// case and accents, and numbers of two digits or more, for single digits are more often notes than text. Names of TeX
// commands are signs, not words.
func fold(text string) (letters string, places []int) {
	var out []byte
	at, command, digits := -1, false, 0
	lone := func() { // a single digit has ended
		if digits == 1 {
			out, places = out[:len(out)-1], places[:len(places)-1]
		}
		digits = 0
	}
	for _, r := range text {
		at++
		command = r == '\\' || command && unicode.IsLetter(r)
		if command {
			continue
		}
		for _, plain := range decomposed(r) {
			switch plain = unicode.ToLower(plain); {
			case plain >= '0' && plain <= '9':
				digits++
			case unicode.IsMark(plain):
				continue
			default:
				lone()
			}
			if plain >= 'a' && plain <= 'z' || plain >= '0' && plain <= '9' {
				out, places = append(out, byte(plain)), append(places, at)
			}
		}
	}
	lone()
	return string(out), places
}

// decomposed gives the letters and marks that a character is made of.
func decomposed(r rune) string {
	if r < unicode.MaxASCII {
		return string(r)
	}
	return norm.NFKD.String(string(r))
}
