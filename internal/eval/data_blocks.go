package eval

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const blockTitle = "SAT READING COMPREHENSION TEST"

var (
	questionLine = regexp.MustCompile(`(?m)^Question \d+:[ \t]*`)
	labelLine    = regexp.MustCompile(`^([A-E])\)\s*(.*)$`)
	answerLine   = regexp.MustCompile(`(?m)^Answer:[ \t]*([A-E]?)[ \t]*\)?.*$`)
	marginNumber = regexp.MustCompile(`^(\d{1,3}) +|^ {1,3}(\d{1,3}) +`)
	passageHead  = regexp.MustCompile(`^Passage [12]$`)
)

// block is one text block of the original's training data; line is where it begins in its file.
type block struct {
	text     string
	line     int
	id       string
	answer   string
	requires []string
}

// readBlocks reads the original's text blocks: many in a text file, or one a line in JSONL.
func readBlocks(name string, data []byte) ([]Item, error) {
	read := textBlocks
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		read = jsonBlocks
	}
	blocks, err := read(name, data)
	if err != nil {
		return nil, err
	}
	var items []Item
	for i, b := range blocks {
		item, field, message := b.item(i)
		if field == "" {
			field, message = item.complaint()
		}
		if field != "" {
			return nil, dataError(name, b.line, field, "%s", message)
		}
		items = append(items, item)
	}
	return items, nil
}

func jsonBlocks(name string, data []byte) ([]block, error) {
	var blocks []block
	err := eachLine(name, data, func(line int, text []byte) error {
		var row struct {
			ID           any      `json:"id"`
			Text         string   `json:"text"`
			Answer       string   `json:"answer"`
			RequiresLine bool     `json:"requires_line"`
			Requires     []string `json:"requires"`
		}
		if err := decodeLine(name, line, text, &row); err != nil {
			return err
		}
		b := block{text: row.Text, line: line, answer: strings.TrimSpace(row.Answer), requires: row.Requires}
		if row.ID != nil {
			b.id = fmt.Sprint(row.ID)
		}
		if row.RequiresLine && len(b.requires) == 0 {
			b.requires = []string{"line"}
		}
		blocks = append(blocks, b)
		return nil
	})
	return blocks, err
}

func textBlocks(name string, data []byte) ([]block, error) {
	text := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")
	parts := strings.Split("\n"+text, "\n"+blockTitle)
	if len(parts) < 2 {
		return nil, dataError(name, 1, "", "has no line %q", blockTitle)
	}
	line := 1 + strings.Count(parts[0], "\n")
	var blocks []block
	for _, part := range parts[1:] {
		blocks = append(blocks, block{text: part, line: line})
		line += 1 + strings.Count(part, "\n")
	}
	return blocks, nil
}

// item reads a block: the question is everything from the last "Question n:" to the first labelled line, lines without
// a label continue their choice, and the last "Answer:" counts.
func (b block) item(n int) (item Item, field, message string) {
	text := strings.TrimPrefix(strings.ReplaceAll(b.text, "\r\n", "\n"), blockTitle)
	starts := questionLine.FindAllStringIndex(text, -1)
	if len(starts) == 0 {
		return item, "text", `has no line "Question n:"`
	}
	start := starts[len(starts)-1]
	lines, paired := passageLines(text[:start[0]])
	rest := text[start[1]:]
	answer := b.answer
	if found := answerLine.FindAllStringSubmatchIndex(rest, -1); len(found) > 0 {
		last := found[len(found)-1]
		if answer == "" {
			answer = rest[last[2]:last[3]]
		}
		rest = rest[:last[0]]
	}
	question, choices, ordered := splitChoices(rest)
	if !ordered {
		return item, "choices", "do not carry the letters A, B, C, … in this order"
	}
	passage := strings.Join(lines, "\n")
	item = Item{Schema: ItemSchema, ID: b.id, Source: "blocks", SourceRow: n, SourceSHA256: digest(b.text),
		PassageID: PassageID(passage), Passage: passage, PassageLines: lines, Paired: paired, Question: question,
		Choices: labelled(choices), Answer: answer, Requires: b.requires}
	if item.ID == "" {
		item.ID = fmt.Sprintf("block-%04d", n+1)
	}
	item.Raw = asRaw(item)
	return item, "", ""
}

// splitChoices parts the question from its choices; ordered is false where the letters do not run from A.
func splitChoices(text string) (question string, choices []string, ordered bool) {
	var stem []string
	ordered = true
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		label := labelLine.FindStringSubmatch(line)
		switch {
		case label != nil:
			ordered = ordered && len(choices) < 5 && label[1][0] == "ABCDE"[len(choices)]
			choices = append(choices, label[2])
		case line == "":
		case len(choices) == 0:
			stem = append(stem, line)
		default:
			choices[len(choices)-1] += " " + line
		}
	}
	return strings.Join(stem, " "), choices, ordered
}

// passageLines gives the physical lines of a passage. The first paragraph is the introduction, which is not numbered and
// not part of the passage, unless nothing follows it. Printed numbers in the margin are removed.
func passageLines(text string) (lines []string, paired bool) {
	var paragraphs [][]string
	var current []string
	for line := range strings.SplitSeq(strings.Trim(text, "\n")+"\n", "\n") {
		if line = strings.TrimRight(line, " \t"); line != "" {
			current = append(current, line)
			continue
		}
		if current != nil {
			paragraphs, current = append(paragraphs, current), nil
		}
	}
	if len(paragraphs) > 1 {
		paragraphs = paragraphs[1:]
	}
	for _, p := range paragraphs {
		paired = paired || passageHead.MatchString(p[0])
		lines = append(lines, p...)
	}
	return withoutMargin(lines), paired
}

// withoutMargin removes printed line numbers in the left margin where every one of them names its own line and there
// are enough of them to be no chance: all lines, or every fifth.
func withoutMargin(lines []string) []string {
	numbered, line := map[int]string{}, 0
	for i, text := range lines {
		if passageHead.MatchString(text) {
			continue
		}
		line++
		m := marginNumber.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if value, _ := strconv.Atoi(m[1] + m[2]); value == line {
			numbered[i] = text[len(m[0]):]
		}
	}
	if len(numbered) < max(2, line/numberStep-1) {
		return lines
	}
	clean := make([]string, len(lines))
	for i, text := range lines {
		clean[i] = text
		if bare, ok := numbered[i]; ok {
			clean[i] = bare
		}
	}
	return clean
}
