package eval

import (
	"encoding/json"
	"strings"

	"sattutor/internal/sat"
)

// readItems reads our own JSONL: cleaned items (sat-item/v1), or the question bank's form, which says "v": 1.
func readItems(name string, data []byte) ([]Item, error) {
	var items []Item
	err := eachLine(name, data, func(line int, text []byte) error {
		var head struct {
			V      *int   `json:"v"`
			Schema string `json:"schema"`
		}
		if err := decodeLine(name, line, text, &head); err != nil {
			return err
		}
		read := readItem
		switch {
		case head.V != nil && *head.V != 1:
			return dataError(name, line, "v", "is %d; only 1 is known", *head.V)
		case head.V != nil:
			read = readBankItem
		case head.Schema != "" && head.Schema != ItemSchema:
			return dataError(name, line, "schema", "is not %s", ItemSchema)
		}
		item, err := read(name, line, text)
		if err != nil {
			return err
		}
		item.Raw = asRaw(item)
		if item.SourceSHA256 == "" {
			item.SourceSHA256 = digest(strings.TrimSpace(string(text)))
		}
		if field, message := item.complaint(); field != "" {
			return dataError(name, line, field, "%s", message)
		}
		items = append(items, item)
		return nil
	})
	return items, err
}

func readItem(name string, line int, text []byte) (Item, error) {
	var item Item
	if err := decodeLine(name, line, text, &item); err != nil {
		return item, err
	}
	if item.Passage == "" {
		item.Passage = strings.Join(item.PassageLines, "\n")
	}
	if item.PassageID == "" {
		item.PassageID = PassageID(item.Passage)
	}
	item.Skill = skillCode(item.Skill)
	return item, nil
}

func readBankItem(name string, line int, text []byte) (Item, error) {
	var b sat.Item
	if err := decodeLine(name, line, text, &b); err != nil {
		return Item{}, err
	}
	if n := len(b.Passages); n < 1 || n > sat.MaxPassages {
		return Item{}, dataError(name, line, "passages", "has %d entries; 1 or 2 are allowed", n)
	}
	item := Item{Schema: ItemSchema, ID: b.ID, Source: b.Source, SourceRow: line - 1, Paired: len(b.Passages) == 2,
		Passage: b.PassageText(), Question: b.Question, Answer: b.Answer, Skill: skillCode(string(b.Skill)),
		Genre: string(b.Genre), Split: string(b.Split), Solution: b.Explanation.Text, Licence: b.Licence}
	var ids []string
	for _, p := range b.Passages {
		item.PassageLines = append(item.PassageLines, p.Lines...)
		ids = append(ids, p.ID)
	}
	item.PassageID = strings.Join(ids, "+")
	for _, r := range b.Requires {
		item.Requires = append(item.Requires, string(r))
	}
	for _, c := range b.Choices {
		item.Choices = append(item.Choices, Choice{Label: c.ID, Text: c.Text})
	}
	return item, nil
}

// skillCode gives the taxonomy's code for a skill's older name, and other names as they are.
func skillCode(name string) string {
	codes := map[string]string{"main_idea": "CID", "detail": "CID", "inference": "INF", "evidence": "COE-T", "table": "COE-Q",
		"vocab": "WIC", "function": "TSP", "tone": "TSP", "paired": "CTC", "paired passages": "CTC"}
	if code, old := codes[name]; old {
		return code
	}
	return name
}

// asRaw gives an item that was never anything but clean its row for lm-eval.
func asRaw(it Item) Raw {
	options := make([]string, len(it.Choices))
	for i, c := range it.Choices {
		options[i] = "(" + c.Label + ")" + c.Text
	}
	return Raw{Passage: it.Passage, Question: it.Question, Options: options}
}

// source gives the row of an item, made from the clean item where none was read.
func (it Item) source() Raw {
	if len(it.Raw.Options) == len(it.Choices) {
		return it.Raw
	}
	return asRaw(it)
}

// MarshalItems writes items as JSONL in the form sat-item/v1.
func MarshalItems(items []Item) ([]byte, error) {
	var out []byte
	for _, it := range items {
		it.Schema = ItemSchema
		line, err := json.Marshal(it)
		if err != nil {
			return nil, err
		}
		out = append(append(out, line...), '\n')
	}
	return out, nil
}
