package eval

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// devFile is the SHA-256 of the development file, which leaves out the rows that are kept aside as a blind test: its
// lines 117 to 136 are the rows 186 to 205 of the source.
const devFile = "6807d584a0565e6b8fef7c0ec687c4099399b1f91e9e1457e7234be4f562e382"

const (
	devFirstLines = 116
	devRowGap     = 70
	agievalPrefix = "agieval-sat-en-"
)

// agievalRow is a line of AGIEval's sat-en file.
type agievalRow struct {
	Passage  string   `json:"passage"`
	Question string   `json:"question"`
	Options  []string `json:"options"`
	Label    string   `json:"label"`
	Other    struct {
		Solution string `json:"solution"`
	} `json:"other"`
}

// readAGIEval reads rows of AGIEval's sat-en file and cleans them. Nothing is dropped: items that cannot be answered
// are marked as excluded, and the raw row stays with each.
func readAGIEval(name string, data []byte) ([]Item, error) {
	sum := sha256.Sum256(data)
	dev := hex.EncodeToString(sum[:]) == devFile
	repairs, passages := repairTable(), map[string]cleanText{}
	var items []Item
	err := eachLine(name, data, func(line int, text []byte) error {
		var row agievalRow
		if err := decodeLine(name, line, text, &row); err != nil {
			return err
		}
		if len(row.Options) == 0 {
			return dataError(name, line, "options", "is missing or empty")
		}
		number := line - 1
		if dev && line > devFirstLines {
			number += devRowGap
		}
		item, err := row.item(number, repairs[lineHash(text)], passages)
		if err != nil {
			return dataError(name, line, "options", "%v", err)
		}
		item.SourceSHA256 = digest(string(bytes.TrimSpace(text)))
		if field, message := item.complaint(); field != "" {
			return dataError(name, line, field, "%s", message)
		}
		items = append(items, item)
		return nil
	})
	return items, err
}

// item cleans a row. Passages holds those that were cleaned already: several rows share one.
func (row agievalRow) item(number int, known repair, passages map[string]cleanText) (Item, error) {
	raw := Raw{Passage: row.Passage, Question: row.Question, Options: slices.Clone(row.Options)}
	var flags []string
	for _, e := range known.Edits {
		if err := e.apply(&row); err != nil {
			return Item{}, err
		}
		flags = append(flags, e.Flag)
	}
	passage, seen := passages[row.Passage]
	if !seen {
		passage = cleanPassage(row.Passage)
		passages[row.Passage] = passage
	}
	question := cleanLine(row.Question)
	flags = append(flags, append(passage.flags, question.flags...)...)
	texts := make([]string, len(row.Options))
	for i, option := range row.Options {
		bare, ok := strings.CutPrefix(option, fmt.Sprintf("(%c)", 'A'+i))
		if !ok {
			return Item{}, fmt.Errorf("[%d] does not begin with its letter in brackets", i)
		}
		cleaned := cleanLine(bare)
		if i == len(row.Options)-1 {
			cleaned = cleaned.withoutNextNumber()
		}
		texts[i] = cleaned.text
		flags = append(flags, cleaned.flags...)
	}
	slices.Sort(flags)
	return Item{Schema: ItemSchema, ID: rowID(agievalPrefix, number), Source: "agieval-sat-en", SourceRow: number,
		PassageID: PassageID(raw.Passage), Passage: passage.text, Paired: passage.paired(), Question: question.text,
		Choices: labelled(texts), Answer: row.Label, Requires: known.Requires, Excluded: known.Excluded,
		Solution: cleanSolution(row.Other.Solution), Flags: slices.Compact(flags), Raw: raw}, nil
}

func rowID(prefix string, row int) string { return fmt.Sprintf("%s%04d", prefix, row) }

//go:embed repairs.json
var repairsFile []byte

// repair is what is known of one faulty line. Positions stand in place of texts, which are not ours to keep.
type repair struct {
	LineSHA256 string   `json:"line_sha256"` // first 16 hex digits, of the line without its line feed
	Row        int      `json:"row"`         // source row, for people
	Excluded   string   `json:"excluded"`
	Requires   []string `json:"requires"`
	Edits      []edit   `json:"edits"`
}

// edit replaces the code points [From, To) of a raw field.
type edit struct {
	Field string `json:"field"` // question, or options[i]
	From  int    `json:"from"`
	To    int    `json:"to"`
	With  string `json:"with"`
	Flag  string `json:"flag"`
}

func (e edit) apply(row *agievalRow) error {
	target := &row.Question
	if e.Field != "question" {
		var i int
		if _, err := fmt.Sscanf(e.Field, "options[%d]", &i); err != nil || i >= len(row.Options) {
			return fmt.Errorf("the repair table names the field %s", e.Field)
		}
		target = &row.Options[i]
	}
	text := []rune(*target)
	if e.From < 0 || e.From > e.To || e.To > len(text) {
		return fmt.Errorf("the repair table reaches beyond %s", e.Field)
	}
	*target = string(text[:e.From]) + e.With + string(text[e.To:])
	return nil
}

func repairTable() map[string]repair {
	var list []repair
	if err := json.Unmarshal(repairsFile, &list); err != nil {
		panic("repairs.json: " + err.Error())
	}
	table := make(map[string]repair, len(list))
	for _, r := range list {
		table[r.LineSHA256] = r
	}
	return table
}

func lineHash(line []byte) string { return digest(string(bytes.TrimSpace(line)))[:16] }
