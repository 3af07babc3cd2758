package eval

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sattutor/internal/plaintext"
)

// readCSV reads one item a row, with the columns of the question bank; passage, question, a, b and answer are needed.
func readCSV(name string, data []byte) ([]Item, error) {
	rows := csv.NewReader(bytes.NewReader(data))
	header, err := rows.Read()
	if err != nil {
		return nil, dataError(name, 1, "", "has no header")
	}
	header = slices.Clone(header)
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	for _, needed := range []string{"passage", "question", "a", "b", "answer"} {
		if !slices.Contains(header, needed) {
			return nil, dataError(name, 1, needed, "is missing from the header")
		}
	}
	var items []Item
	for {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			var syntax *csv.ParseError
			if errors.As(err, &syntax) {
				return nil, dataError(name, syntax.Line, "", "%v", syntax.Err)
			}
			return nil, dataError(name, 0, "", "cannot be read")
		}
		line, _ := rows.FieldPos(0)
		item := csvItem(header, cells, len(items))
		if field, message := item.complaint(); field != "" {
			return nil, dataError(name, line, field, "%s", message)
		}
		items = append(items, item)
	}
}

func csvItem(header, cells []string, row int) Item {
	cell := func(column string) string {
		i := slices.Index(header, column)
		if i < 0 {
			return ""
		}
		text := strings.ReplaceAll(cells[i], "\r\n", "\n")
		return strings.TrimSpace(plaintext.Unguarded(text))
	}
	var choices []string
	for _, letter := range []string{"a", "b", "c", "d", "e"} {
		if text := cell(letter); text != "" {
			choices = append(choices, text)
		}
	}
	passage, paired := pairedText(cell("passage"))
	item := Item{Schema: ItemSchema, ID: cell("id"), Source: cell("source"), SourceRow: row,
		SourceSHA256: digest(strings.Join(cells, "\x00")), PassageID: cell("passage_id"), Passage: passage,
		PassageLines: strings.Split(cell("passage"), "\n"), Paired: paired, Question: cell("question"),
		Choices: labelled(choices), Answer: strings.ToUpper(cell("answer")), Requires: split(cell("requires"), "|"),
		Skill: skillCode(cell("skill")), Genre: cell("genre"), Split: cell("split"), Solution: cell("explanation"),
		Licence: cell("licence")}
	if item.ID == "" {
		item.ID = fmt.Sprintf("row-%04d", row+1)
	}
	if item.PassageID == "" {
		item.PassageID = PassageID(item.Passage)
	}
	item.Raw = asRaw(item)
	return item
}

// pairedText joins the two bodies of a pair, which a line "%%" separates.
func pairedText(text string) (passage string, paired bool) {
	first, second, paired := strings.Cut(text, "\n%%\n")
	if !paired {
		return text, false
	}
	return "Passage 1\n" + first + "\nPassage 2\n" + second, true
}

func split(s, separator string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, separator)
}
