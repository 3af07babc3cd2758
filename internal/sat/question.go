package sat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a question, in characters (Unicode code points) after cleaning; source: the product's question rules.
const (
	MaxPassage  = 20_000
	MaxQuestion = 2_000
	MaxChoice   = 1_000
	MinChoices  = 2
	MaxChoices  = 5
)

// Question is one multiple-choice question about one passage.
//
// The zero value is not valid. Texts are expected to be canonical (package prompt makes them so): NFC, line feeds
// only, no invisible characters, and choices without their letters.
type Question struct {
	Passage string
	Stem    string   // the question itself, one paragraph
	Choices []string // 2 to 5; the letter of a choice is its position
}

// Letter gives the letter of the choice at position i: 0 is A.
func Letter(i int) string { return string(rune('A' + i)) }

// LetterIndex gives the position that a letter names, ok only for "A" to "E".
func LetterIndex(letter string) (i int, ok bool) {
	if len(letter) != 1 || letter[0] < 'A' || letter[0] >= 'A'+MaxChoices {
		return 0, false
	}
	return int(letter[0] - 'A'), true
}

// Labelled gives the choice at position i as the product prints it: "B) text".
func (q Question) Labelled(i int) string { return Letter(i) + ") " + q.Choices[i] }

// Validate checks the rules that a question must keep and reports every broken one at once as an Error with code
// Invalid whose Fields use the names of the public API: text, question, choices[i].
func (q Question) Validate() error {
	var fields []FieldError
	add := func(field, format string, args ...any) {
		fields = append(fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if wrong := textFault(q.Passage, "the passage", MaxPassage); wrong != "" {
		add("text", "%s", wrong)
	}
	if wrong := textFault(q.Stem, "the question", MaxQuestion); wrong != "" {
		add("question", "%s", wrong)
	}
	if n := len(q.Choices); n < MinChoices || n > MaxChoices {
		add("choices", "has %d entries; give %d to %d", n, MinChoices, MaxChoices)
	} else {
		first := make(map[string]int, n)
		for i, c := range q.Choices {
			if wrong := textFault(c, "the text of this choice", MaxChoice); wrong != "" {
				add(fmt.Sprintf("choices[%d]", i), "%s", wrong)
			}
			key := Fold(c)
			if j, seen := first[key]; seen && key != "" {
				add(fmt.Sprintf("choices[%d]", i), "says the same as choices[%d]; each choice must differ", j)
			} else {
				first[key] = i
			}
		}
	}
	if fields == nil {
		return nil
	}
	return &Error{Code: Invalid, Message: "The question has " + count(len(fields), "problem") + ".", Fields: fields}
}

// textFault says what is wrong with a text, "" for nothing.
func textFault(value, what string, limit int) string {
	switch n := utf8.RuneCountInString(value); {
	case strings.TrimSpace(value) == "":
		return "is empty; give " + what
	case n > limit:
		return fmt.Sprintf("has %d characters; at most %d are allowed", n, limit)
	}
	return ""
}

// Fold gives the form in which two choices count as equal: lower case, white space collapsed, no final full stop.
func Fold(s string) string {
	if !collapsed(s) {
		s = strings.Join(strings.Fields(s), " ")
	}
	return strings.TrimSuffix(strings.ToLower(s), ".")
}

// collapsed tells that no white space of s is to be collapsed, as in a canonical choice.
func collapsed(s string) bool {
	before := ' '
	for _, r := range s {
		if unicode.IsSpace(r) && (r != ' ' || before == ' ') {
			return false
		}
		before = r
	}
	return s == "" || before != ' '
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
