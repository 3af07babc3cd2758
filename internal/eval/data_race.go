package eval

import (
	"fmt"
	"strings"

	"sattutor/internal/sat"
)

// raceRow is one passage of RACE with its questions.
type raceRow struct {
	ID        string `json:"id"`
	Passage   string `json:"passage"`
	Questions []struct {
		Question string   `json:"question"`
		Choices  []string `json:"choices"`
		Answer   string   `json:"answer"`
	} `json:"questions"`
}

// readRACE reads one passage a line. The level in a passage's id ("high", "middle") becomes the items' split.
func readRACE(name string, data []byte) ([]Item, error) {
	var items []Item
	err := eachLine(name, data, func(line int, text []byte) error {
		var row raceRow
		if err := decodeLine(name, line, text, &row); err != nil {
			return err
		}
		if row.ID == "" {
			return dataError(name, line, "id", "is missing")
		}
		if len(row.Questions) == 0 {
			return dataError(name, line, "questions", "is missing or empty")
		}
		sum := digest(strings.TrimSpace(string(text)))
		for i, q := range row.Questions {
			item := Item{Schema: ItemSchema, ID: fmt.Sprintf("%s-%d", row.ID, i+1), Source: "race", SourceRow: line - 1,
				SourceSHA256: sum, PassageID: PassageID(row.Passage), Passage: row.Passage, Question: q.Question,
				Choices: labelled(q.Choices), Answer: q.Answer, Split: level(row.ID), Licence: "non-commercial research only"}
			item.Raw = asRaw(item)
			if repeats(q.Choices) {
				item.Excluded = "bad_item"
			}
			if field, message := item.complaint(); field != "" {
				return dataError(name, line, fmt.Sprintf("questions[%d].%s", i, field), "%s", message)
			}
			items = append(items, item)
		}
		return nil
	})
	return items, err
}

// repeats tells whether two choices say the same. Some questions of RACE do; nobody can answer them, and the tutor refuses
// them.
func repeats(choices []string) bool {
	seen := map[string]bool{}
	for _, c := range choices {
		if seen[sat.Fold(c)] {
			return true
		}
		seen[sat.Fold(c)] = true
	}
	return false
}

func level(id string) string {
	for _, l := range []string{"high", "middle"} {
		if strings.Contains(id, l) {
			return l
		}
	}
	return ""
}
