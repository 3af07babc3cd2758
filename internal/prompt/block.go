package prompt

import (
	"encoding/json"
	"regexp"
	"strings"

	"sattutor/internal/plaintext"
	"sattutor/internal/sat"
)

// MaxBlock is the longest pasted block in bytes: a question of the greatest length, with room for headings.
const MaxBlock = 4 * (sat.MaxPassage + sat.MaxQuestion + sat.MaxChoices*sat.MaxChoice)

var (
	heading     = regexp.MustCompile(`(?i)^(?:#{1,6}\s*|\*{1,2})?(passage|text|question|choices|options|answer choices)(?:\*{1,2})?\s*:(?:\*{1,2})?[ \t]*(.*)$`)
	questionTag = regexp.MustCompile(`(?i)^question\s*\d{1,3}\s*[.):]\s*(.*)$`)
	numberTag   = regexp.MustCompile(`^\d{1,3}[.):]\s+(.*)$`)
	choiceLine  = regexp.MustCompile(`^\s*(?:\(([A-E])\)|([A-E])[).:])(?:\s+(.*)|\s*)$`)
	blockEnd    = regexp.MustCompile(`(?i)^(?:(?:correct\s+|right\s+)?answer\s*:|explanation\s*:|respond with only\b|key\s*:)`)
	inlineLabel = regexp.MustCompile(`(?:^|\s)\(?([A-E])[).]\s+`)
)

// ParseBlock splits a question that was copied whole into passage, question and choices. It reads the headings
// "Passage:", "Question:" and "Choices:" where they stand; without them the choices are the last run of lines that
// carry A, B, C, … in order, and the question is the paragraph before them. A JSON object with the members text,
// question and choices is read as it is. The result is not validated; the error, a *[sat.Error], says what was not
// found.
func ParseBlock(block string) (sat.Question, error) {
	if len(block) > MaxBlock {
		return sat.Question{}, blockError("is too long for one question; paste one passage with one question")
	}
	if q, ok := fromJSON(block); ok {
		return q, nil
	}
	lines := strings.Split(strings.Trim(plaintext.Clean(block), "\n"), "\n")
	lines = spreadInline(lines)
	first, choices := lastChoices(lines)
	if len(choices) < sat.MinChoices {
		return sat.Question{}, blockError("has no choices; put each on a line of its own that begins with A), B), C) …")
	}
	q := sat.Question{Choices: choices}
	q.Passage, q.Stem = splitStem(lines[:first])
	switch {
	case q.Stem == "":
		return sat.Question{}, blockError("has no question before its choices")
	case q.Passage == "":
		return sat.Question{}, blockError("has no passage before its question; leave a blank line between them")
	}
	return q, nil
}

func blockError(message string) error {
	return &sat.Error{Code: sat.Invalid, Message: "The text could not be split into a question.",
		Fields: []sat.FieldError{{Field: "block", Message: message}}}
}

// fromJSON reads the API's own shape of a question.
func fromJSON(block string) (sat.Question, bool) {
	block = strings.TrimSpace(block)
	if !strings.HasPrefix(block, "{") {
		return sat.Question{}, false
	}
	var q struct {
		Text     string   `json:"text"`
		Passage  string   `json:"passage"`
		Question string   `json:"question"`
		Choices  []string `json:"choices"`
	}
	if json.Unmarshal([]byte(block), &q) != nil || q.Question == "" || len(q.Choices) == 0 {
		return sat.Question{}, false
	}
	if q.Text == "" {
		q.Text = q.Passage
	}
	return sat.Question{Passage: q.Text, Stem: q.Question, Choices: q.Choices}, true
}

// spreadInline puts choices that stand on one line, "A) x B) y C) z", on lines of their own.
func spreadInline(lines []string) []string {
	var out []string
	for _, line := range lines {
		marks := inlineLabel.FindAllStringSubmatchIndex(line, -1)
		inOrder := len(marks) >= sat.MinChoices
		for i, m := range marks {
			inOrder = inOrder && line[m[2]:m[3]] == sat.Letter(i)
		}
		if !inOrder {
			out = append(out, line)
			continue
		}
		if before := strings.TrimSpace(line[:marks[0][0]]); before != "" {
			out = append(out, before)
		}
		for i, m := range marks {
			end := len(line)
			if i+1 < len(marks) {
				end = marks[i+1][0]
			}
			out = append(out, sat.Letter(i)+") "+strings.TrimSpace(line[m[1]:end]))
		}
	}
	return out
}

// lastChoices finds the last run of lines labelled A, B, C, …; lines without a label go on with their choice. first is
// the line at which the run begins.
func lastChoices(lines []string) (first int, choices []string) {
	open := false
	for i, line := range lines {
		letter, text, labelled := labelOf(line)
		switch {
		case labelled && letter == "A":
			first, choices, open = i, []string{text}, true
		case labelled && open && letter == sat.Letter(len(choices)):
			choices = append(choices, text)
		case open && (labelled || blockEnd.MatchString(strings.TrimSpace(line))):
			open = false
		case open && strings.TrimSpace(line) != "":
			last := len(choices) - 1
			choices[last] = strings.TrimSpace(choices[last] + " " + strings.TrimSpace(line))
		}
	}
	return first, choices
}

func labelOf(line string) (letter, text string, ok bool) {
	m := choiceLine.FindStringSubmatch(line)
	if m == nil {
		return "", "", false
	}
	return m[1] + m[2], strings.TrimSpace(m[3]), true
}

// splitStem divides what stands before the choices into passage and question.
func splitStem(lines []string) (passage, stem string) {
	lines = trimBlank(lines)
	if len(lines) > 0 {
		if m := heading.FindStringSubmatch(lines[len(lines)-1]); m != nil && m[2] == "" { // "Choices:"
			lines = trimBlank(lines[:len(lines)-1])
		}
	}
	last := lastParagraph(lines)
	for i := len(lines) - 1; i >= 0; i-- {
		if rest, ok := stemBegins(lines[i], i >= last); ok {
			return passageOf(lines[:i]), strings.Join(strings.Fields(rest+" "+strings.Join(lines[i+1:], " ")), " ")
		}
	}
	return passageOf(lines[:last]), strings.Join(strings.Fields(strings.Join(lines[last:], " ")), " ")
}

// stemBegins tells whether a line begins the question by a heading, or near the choices by a number, and gives the rest
// of it.
func stemBegins(line string, near bool) (rest string, ok bool) {
	if m := heading.FindStringSubmatch(line); m != nil {
		return m[2], strings.EqualFold(m[1], "question")
	}
	if m := questionTag.FindStringSubmatch(line); m != nil {
		return m[1], true
	}
	if m := numberTag.FindStringSubmatch(line); near && m != nil {
		return m[1], true
	}
	return "", false
}

// lastParagraph gives the line at which the last paragraph begins: after the last blank line, or the last line alone
// where there is none.
func lastParagraph(lines []string) int {
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.TrimSpace(lines[i]) == "" {
			return i + 1
		}
	}
	return max(len(lines)-1, 0)
}

// passageOf gives the passage without its heading.
func passageOf(lines []string) string {
	lines = trimBlank(lines)
	for i, line := range lines {
		m := heading.FindStringSubmatch(line)
		if m != nil && (strings.EqualFold(m[1], "passage") || strings.EqualFold(m[1], "text")) {
			lines = append([]string{m[2]}, lines[i+1:]...)
			break
		}
	}
	return strings.Join(trimBlank(lines), "\n")
}

func trimBlank(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[0]) == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
