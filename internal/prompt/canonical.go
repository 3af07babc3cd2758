package prompt

import (
	"errors"
	"fmt"
	"strings"

	"sattutor/internal/plaintext"
	"sattutor/internal/sat"
)

// Canonical gives the question in the one form that is validated, rendered, hashed and stored: texts cleaned, the
// question and each choice one paragraph, choices without the letters that they came with. The error, a *[sat.Error],
// names every field that breaks a rule; a sequence that an engine would read as a control token is one.
func Canonical(q sat.Question) (sat.Question, error) {
	clean := sat.Question{
		Passage: strings.Trim(plaintext.Clean(q.Passage), "\n"),
		Stem:    paragraph(q.Stem),
		Choices: make([]string, len(q.Choices)),
	}
	for i, c := range q.Choices {
		clean.Choices[i] = paragraph(c)
	}
	unlabel(clean.Choices)

	err := clean.Validate()
	tokens := controlTokens(clean)
	if len(tokens) == 0 {
		return clean, err
	}
	invalid := &sat.Error{Code: sat.Invalid, Message: "The question holds what a model would read as a command.", Fields: tokens}
	var rules *sat.Error
	if errors.As(err, &rules) {
		invalid.Fields = append(rules.Fields, tokens...)
	}
	return clean, invalid
}

// paragraph cleans a text and puts it on one line.
func paragraph(s string) string {
	s = plaintext.Clean(s)
	if !strings.ContainsAny(s, "\n") && s == strings.TrimSpace(s) {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}

// unlabel takes the letters off the choices, if every choice carries its own position's.
func unlabel(choices []string) {
	if len(choices) > sat.MaxChoices {
		return
	}
	var bare [sat.MaxChoices]string
	for i, c := range choices {
		rest, ok := cutLabel(c, i)
		if !ok {
			return
		}
		bare[i] = rest
	}
	copy(choices, bare[:])
}

// cutLabel takes the label of position i off a choice: "B) x", "(B) x", "B. x" or "B: x". Behind a full stop or a colon
// a space must follow, so that "A.M. trains" is text.
func cutLabel(choice string, i int) (rest string, ok bool) {
	letter := sat.Letter(i)
	for _, label := range []string{letter + ")", "(" + letter + ")"} {
		if rest, ok := strings.CutPrefix(choice, label); ok {
			return strings.TrimLeft(rest, " "), true
		}
	}
	for _, label := range []string{letter + ".", letter + ":"} {
		if choice == label {
			return "", true
		}
		if rest, ok := strings.CutPrefix(choice, label+" "); ok {
			return strings.TrimLeft(rest, " "), true
		}
	}
	return "", false
}

// controlTokens names the fields that hold a control token.
func controlTokens(q sat.Question) []sat.FieldError {
	var fields []sat.FieldError
	check := func(field, text string) {
		if plaintext.ControlToken(text) != "" {
			fields = append(fields, sat.FieldError{Field: field,
				Message: "holds a control sequence of a chat template, such as <|name|>; remove it or write it in words"})
		}
	}
	check("text", q.Passage)
	check("question", q.Stem)
	for i, c := range q.Choices {
		if plaintext.ControlToken(c) != "" {
			check(fmt.Sprintf("choices[%d]", i), c)
		}
	}
	return fields
}
