package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"sattutor/internal/plaintext"
	"sattutor/internal/sat"
)

// ItemSchema names the shape of a cleaned item in JSONL.
const ItemSchema = "sat-item/v1"

// Item is one question with its key, cleaned and ready to be asked.
type Item struct {
	Schema       string   `json:"schema,omitempty"` // ItemSchema
	ID           string   `json:"id"`
	Source       string   `json:"source,omitempty"`
	SourceRow    int      `json:"source_row"`    // row in the source, from 0
	SourceSHA256 string   `json:"source_sha256"` // of the raw line
	PassageID    string   `json:"passage_id"`    // "p-" and 12 hex; equal for questions on one passage
	Passage      string   `json:"passage"`
	PassageLines []string `json:"passage_lines,omitempty"` // physical lines, where known
	Paired       bool     `json:"paired,omitempty"`        // two passages read as one unit
	Question     string   `json:"question"`
	Choices      []Choice `json:"choices"`
	Answer       string   `json:"answer"`             // the key: "A" to "E"
	Requires     []string `json:"requires,omitempty"` // of line, previous, table, graph, figure
	Skill        string   `json:"skill,omitempty"`    // code of the product's taxonomy, or ""
	Genre        string   `json:"genre,omitempty"`
	Split        string   `json:"split,omitempty"` // the split that the source put the item into
	Solution     string   `json:"solution,omitempty"`
	GoldQuotes   []Quote  `json:"gold_quotes,omitempty"`
	Flags        []string `json:"flags,omitempty"`    // repairs made by the cleaner
	Excluded     string   `json:"excluded,omitempty"` // "", bad_item or missing_graphic
	Overlap      string   `json:"overlap,omitempty"`  // verdict of the contamination guard, where known
	Licence      string   `json:"licence,omitempty"`

	Raw Raw `json:"-"` // the row before cleaning, for parity with lm-eval
}

// Choice is one labelled choice.
type Choice struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// Quote is a piece of the passage that the source's solution cites; offsets in code points, end exclusive.
type Quote struct {
	Text  string `json:"text"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Raw is a row as its source has it.
type Raw struct {
	Passage  string
	Question string
	Options  []string // with their labels: "(A)text"
}

// Question gives the item as it is put to the tutor.
func (it Item) ask() sat.Question {
	choices := make([]string, len(it.Choices))
	for i, c := range it.Choices {
		choices[i] = c.Text
	}
	return sat.Question{Passage: it.Passage, Stem: it.Question, Choices: choices}
}

// key gives the position of the key.
func (it Item) key() int {
	return slices.IndexFunc(it.Choices, func(c Choice) bool { return c.Label == it.Answer })
}

// complaint says what is wrong with an item: the field and a sentence, or "" twice.
func (it Item) complaint() (field, message string) {
	switch n := len(it.Choices); {
	case it.ID == "":
		return "id", "is empty"
	case strings.TrimSpace(it.Passage) == "":
		return "passage", "is empty"
	case strings.TrimSpace(it.Question) == "":
		return "question", "is empty"
	case n < sat.MinChoices || n > sat.MaxChoices:
		return "choices", fmt.Sprintf("has %d entries; %d to %d are allowed", n, sat.MinChoices, sat.MaxChoices)
	}
	for i, c := range it.Choices {
		if c.Label != sat.Letter(i) {
			return fmt.Sprintf("choices[%d].label", i), fmt.Sprintf("must be %q", sat.Letter(i))
		}
		if strings.TrimSpace(c.Text) == "" {
			return fmt.Sprintf("choices[%d].text", i), "is empty"
		}
	}
	if it.key() < 0 {
		return "answer", "names none of the choices"
	}
	if field, at := control(it); at >= 0 {
		return field, fmt.Sprintf("has a control character at position %d", at)
	}
	return "", ""
}

// control finds the first control character other than a line feed.
func control(it Item) (field string, at int) {
	find := func(s string) int {
		return slices.IndexFunc([]rune(s), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 })
	}
	if at := find(it.Passage); at >= 0 {
		return "passage", at
	}
	if at := find(it.Question); at >= 0 {
		return "question", at
	}
	for i, c := range it.Choices {
		if at := find(c.Text); at >= 0 {
			return fmt.Sprintf("choices[%d]", i), at
		}
	}
	return "", -1
}

// labelled gives texts their letters.
func labelled(texts []string) []Choice {
	choices := make([]Choice, len(texts))
	for i, text := range texts {
		choices[i] = Choice{Label: sat.Letter(i), Text: text}
	}
	return choices
}

// NormID gives the form in which two passages count as one: NFKC, lower case, only a–z and 0–9.
func NormID(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(plaintext.Compatible(s)))
}

// PassageID gives the identity of a raw passage: "p-" and the first 12 hex digits of the SHA-256 of [NormID].
func PassageID(raw string) string { return "p-" + digest(NormID(raw))[:12] }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
