package eval

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"sattutor/internal/sat"
)

// raceName begins the ids of RACE's passages: race-test-high-73.
const raceName = "race"

// raceLicence is what RACE may be used for.
const raceLicence = "non-commercial research only"

// raceArticle is one passage of RACE with its questions, in either form: as RACE publishes it, with parallel lists, or
// with each question whole.
type raceArticle struct {
	ID        string          `json:"id"`
	Passage   string          `json:"passage"`
	Article   string          `json:"article"`
	Questions json.RawMessage `json:"questions"`
	Options   [][]string      `json:"options"`
	Answers   []string        `json:"answers"`
}

// raceQuestion is one question of the form that keeps it whole.
type raceQuestion struct {
	Question string   `json:"question"`
	Choices  []string `json:"choices"`
	Answer   string   `json:"answer"`
}

// readRACE reads RACE from memory and refuses broken questions by place; questions that nobody can answer are excluded.
func readRACE(path string, data []byte) ([]Item, error) {
	name := filepath.Base(path)
	items, err := parseRACE(path, data)
	if err != nil {
		return nil, err
	}
	return checkRACE(items, func(it Item) string {
		if isArticle(path) {
			return name
		}
		return fmt.Sprintf("%s:%d", name, it.SourceRow+1)
	})
}

// checkRACE completes items for measuring; place tells where one stands.
func checkRACE(items []Item, place func(Item) string) ([]Item, error) {
	number := 0
	for i := range items {
		it := &items[i]
		if number++; i == 0 || it.SourceRow != items[i-1].SourceRow {
			number = 0
		}
		it.Raw = asRaw(*it)
		texts := make([]string, len(it.Choices))
		for j, c := range it.Choices {
			texts[j] = c.Text
		}
		if repeats(texts) {
			it.Excluded = "bad_item"
		}
		if field, message := it.complaint(); field != "" {
			return nil, failf(ExitData, nil, "%s: questions[%d].%s %s", place(*it), number, field, message)
		}
	}
	return items, nil
}

// isArticle tells a file of RACE's own folders, which holds one passage, from one with a passage a line.
func isArticle(path string) bool { return filepath.Ext(path) == ".txt" }

// parseRACE gives the questions of a file of RACE as they are, broken ones too.
func parseRACE(path string, data []byte) ([]Item, error) {
	name := filepath.Base(path)
	if isArticle(path) {
		return raceItems(name, 1, articleID(path), data)
	}
	var items []Item
	err := eachLine(name, data, func(line int, text []byte) error {
		found, err := raceItems(name, line, "", text)
		for i := range found {
			found[i].SourceRow = line - 1
		}
		items = append(items, found...)
		return err
	})
	return items, err
}

// raceItems gives the questions of one passage; id is that of its place, "" where only the passage names itself.
func raceItems(name string, line int, id string, text []byte) ([]Item, error) {
	var a raceArticle
	if err := decodeLine(name, line, text, &a); err != nil {
		return nil, err
	}
	questions, err := a.whole(name, line)
	if err != nil {
		return nil, err
	}
	switch own := ownID(a.ID); {
	case id == "" && own == "":
		return nil, dataError(name, line, "id", "is missing")
	case id == "" || !numbered.MatchString(id) && numbered.MatchString(own): // a file that stands alone
		id = own
	}
	passage := a.Passage
	if passage == "" {
		passage = a.Article
	}
	sum, passageID := digest(strings.TrimSpace(string(text))), PassageID(passage)
	items := make([]Item, len(questions))
	for i, q := range questions {
		items[i] = Item{Schema: ItemSchema, ID: fmt.Sprintf("%s-%d", id, i+1), Source: raceName, SourceSHA256: sum,
			PassageID: passageID, Passage: passage, Question: q.Question, Choices: labelled(q.Choices), Answer: q.Answer,
			Split: level(id), Licence: raceLicence}
	}
	return items, nil
}

// whole gives the questions with their choices and keys.
func (a raceArticle) whole(name string, line int) ([]raceQuestion, error) {
	var stems []string
	if json.Unmarshal(a.Questions, &stems) != nil || a.Options == nil && len(stems) == 0 {
		var questions []raceQuestion
		if a.Questions == nil {
			return nil, dataError(name, line, "questions", "is missing")
		}
		if err := json.Unmarshal(a.Questions, &questions); err != nil {
			return nil, dataError(name, line, "questions", "is neither a list of texts nor of objects with question, choices and answer")
		}
		return questions, nil
	}
	if len(a.Options) != len(stems) || len(a.Answers) != len(stems) {
		return nil, dataError(name, line, "questions", "and options and answers are not of one length")
	}
	questions := make([]raceQuestion, len(stems))
	for i, stem := range stems {
		questions[i] = raceQuestion{stem, a.Options[i], a.Answers[i]}
	}
	return questions, nil
}

var (
	numbered  = regexp.MustCompile(`^race-(?:(?:train|dev|test)-)?(?:high|middle)-\d+$`)
	published = regexp.MustCompile(`^(high|middle)(\d+)(?:\.txt)?$`)
	placed    = regexp.MustCompile(`(?:/(train|dev|test))?/(high|middle)/(\d+)\.txt$`)
)

// articleID names a passage by its place in RACE's folders: test/high/73.txt is race-test-high-73, as it is in the form
// with one passage a line.
func articleID(path string) string {
	whole, err := filepath.Abs(path)
	if err != nil {
		whole = path
	}
	m := placed.FindStringSubmatch(filepath.ToSlash(whole))
	if m == nil {
		return raceName + "-" + strings.TrimSuffix(filepath.Base(path), ".txt")
	}
	if m[1] != "" {
		m[1] += "-"
	}
	return raceName + "-" + m[1] + m[2] + "-" + m[3]
}

// ownID brings the name that RACE gives to a passage, high73.txt, into our form; others stay.
func ownID(id string) string {
	if m := published.FindStringSubmatch(id); m != nil {
		return raceName + "-" + m[1] + "-" + m[2]
	}
	return id
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
