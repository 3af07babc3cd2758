package sat

import (
	"fmt"
	"strings"
)

// Item is one question of the bank: its passages, its key, and all that a student, a teacher and an evaluator want to
// know of it. Its JSON is the bank's own exchange format, JSONL v1, less the leading "v".
//
// Texts are expected to be canonical; package questionbank makes them so.
type Item struct {
	ID          string        `json:"id"`
	Framework   Framework     `json:"framework"`
	Domain      Domain        `json:"domain"`
	Skill       Skill         `json:"skill"`
	Genre       Genre         `json:"genre,omitempty"`
	Difficulty  Difficulty    `json:"difficulty,omitempty"`
	Requires    []Requirement `json:"requires"`
	PreviousID  string        `json:"previous_id,omitempty"` // the item that "the previous question" means
	Passages    []Passage     `json:"passages"`              // one, or a pair
	Question    string        `json:"question"`              // one paragraph
	Choices     []Choice      `json:"choices"`
	Answer      string        `json:"answer"` // the key: the id of a choice
	Explanation Explanation   `json:"explanation,omitzero"`
	Marks       []Mark        `json:"marks,omitempty"`
	Tags        []string      `json:"tags,omitempty"`
	Source      string        `json:"source,omitempty"`  // author, work, year, edition, address
	Licence     string        `json:"licence,omitempty"` // SPDX id
	Split       Split         `json:"split,omitempty"`
}

// Choice is one of the answers that are offered.
type Choice struct {
	ID   string `json:"id"` // "A" to "E", by position
	Text string `json:"text"`
	Why  string `json:"why,omitempty"` // why it is right, or wrong
}

// Explanation says why the key is right, and quotes the passage for it.
type Explanation struct {
	Text   string  `json:"text"`
	Quotes []Quote `json:"quotes,omitempty"`
}

// IsZero reports that nothing is explained.
func (e Explanation) IsZero() bool { return e.Text == "" && len(e.Quotes) == 0 }

// Quote is a range of a passage's text in characters (Unicode code points), end exclusive, with the numbers of the
// lines that it touches.
type Quote struct {
	PassageID string `json:"passage_id"`
	Start     int    `json:"start"`
	End       int    `json:"end"`
	LineFrom  int    `json:"line_from"`
	LineTo    int    `json:"line_to"`
}

// Mark is a stretch of text that is set apart by its face; offsets as in Quote.
type Mark struct {
	In        MarkPlace `json:"in"`
	PassageID string    `json:"passage_id,omitempty"` // with InPassage
	Start     int       `json:"start"`
	End       int       `json:"end"`
	Kind      MarkKind  `json:"kind"`
}

// MarkPlace is the text that a mark is in.
type MarkPlace string

// The texts that can be marked.
const (
	InPassage  MarkPlace = "passage"
	InQuestion MarkPlace = "question"
)

// MarkKind is the face of a mark.
type MarkKind string

// The faces.
const (
	Emphasis    MarkKind = "em"
	Strong      MarkKind = "strong"
	Underline   MarkKind = "underline"
	Subscript   MarkKind = "sub"
	Superscript MarkKind = "sup"
)

// MarkKinds lists every face once.
func MarkKinds() []MarkKind { return []MarkKind{Emphasis, Strong, Underline, Subscript, Superscript} }

// CC0 is the licence of every item that ships with the product.
const CC0 = "CC0-1.0"

// Key gives the position of the right choice, -1 if the answer names none.
func (it Item) Key() int {
	for i, c := range it.Choices {
		if c.ID == it.Answer {
			return i
		}
	}
	return -1
}

// Needs says whether the item cannot be answered without r.
func (it Item) Needs(r Requirement) bool {
	for _, have := range it.Requires {
		if have == r {
			return true
		}
	}
	return false
}

// PassageText gives what a reader sees of the passages: the text of one, or two under the headings by which the exam's
// questions name them.
func (it Item) PassageText() string {
	if len(it.Passages) == 1 {
		return it.Passages[0].Text()
	}
	heading := "Passage"
	if it.Framework == Digital {
		heading = "Text"
	}
	parts := make([]string, len(it.Passages))
	for i, p := range it.Passages {
		parts[i] = fmt.Sprintf("%s %d\n%s", heading, i+1, p.Text())
	}
	return strings.Join(parts, "\n")
}

// Asked gives the item as it is put to the tutor: without key, reasons and explanation.
func (it Item) Asked() Question {
	choices := make([]string, len(it.Choices))
	for i, c := range it.Choices {
		choices[i] = c.Text
	}
	return Question{Passage: it.PassageText(), Stem: it.Question, Choices: choices}
}

// Unkeyed gives the item without what tells its key, for who has not answered yet.
func (it Item) Unkeyed() Item {
	choices := make([]Choice, len(it.Choices))
	for i, c := range it.Choices {
		choices[i] = Choice{ID: c.ID, Text: c.Text}
	}
	it.Choices, it.Answer, it.Explanation = choices, "", Explanation{}
	return it
}

// Quoted gives the passage's own characters at a quote's offsets, "" where there are none.
func (it Item) Quoted(q Quote) string {
	for _, p := range it.Passages {
		if text := []rune(p.Text()); p.ID == q.PassageID && 0 <= q.Start && q.Start < q.End && q.End <= len(text) {
			return string(text[q.Start:q.End])
		}
	}
	return ""
}
