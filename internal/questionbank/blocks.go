package questionbank

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"sattutor/internal/sat"
)

// blockHeader begins each block of the original's training data.
const blockHeader = "SAT READING COMPREHENSION TEST"

var (
	blockQuestion = regexp.MustCompile(`(?m)^Question \d+:[ \t]*`)
	blockChoice   = regexp.MustCompile(`^([A-E])\)\s*(.*)$`)
	blockAnswer   = regexp.MustCompile(`(?m)^Answer:[ \t]*([A-E]?)[ \t]*\)?.*$`)
	blockPassage  = regexp.MustCompile(`^Passage ([12])$`)
	blockMargin   = regexp.MustCompile(`^ {0,3}(\d{1,3}) +`)
)

func keepBlocks(it sat.Item) sat.Item {
	kept := sat.Item{Question: it.Question, Answer: it.Answer, Requires: []sat.Requirement{}}
	for i, p := range it.Passages {
		kept.Passages = append(kept.Passages, sat.Passage{Lines: p.Lines})
		if i == 0 {
			kept.Passages[0].Attribution = p.Attribution
		}
	}
	for _, c := range it.Choices {
		kept.Choices = append(kept.Choices, sat.Choice{ID: c.ID, Text: c.Text})
	}
	return kept
}

func keepBlocksJSONL(it sat.Item) sat.Item {
	kept := keepBlocks(it)
	kept.ID, kept.Requires = it.ID, it.Requires
	return kept
}

// blockText lays an item out as the original's training data does, up to its answer.
func blockText(it sat.Item) string {
	var b strings.Builder
	b.WriteString(blockHeader + "\n\n" + it.Passages[0].Attribution + "\n\n")
	for i, p := range it.Passages {
		if len(it.Passages) > 1 {
			if i > 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "Passage %d\n", i+1)
		}
		b.WriteString(p.Text() + "\n")
	}
	b.WriteString("\n\n\nQuestion 1:\n" + it.Question + "\n")
	for _, c := range it.Choices {
		b.WriteString(c.ID + ") " + c.Text + "\n")
	}
	return b.String() + "\nAnswer:"
}

const notInBlocks = "a text that looks like one of its headings or labels"

func writeBlocks(w *writer) error {
	for i, it := range w.items {
		text := blockText(it) + " " + it.Answer + "\n"
		if !w.readsBack(it, text, Blocks) {
			w.leaveOut(i, "the block layout", notInBlocks)
			continue
		}
		if w.Len() > 0 {
			w.WriteByte('\n')
		}
		w.WriteString(text)
		w.step(i + 1)
	}
	return nil
}

// jsonBlock is a line of the original's data files.
type jsonBlock struct {
	ID           string            `json:"id,omitempty"`
	Text         string            `json:"text"`
	Answer       string            `json:"answer"`
	RequiresLine bool              `json:"requires_line"`
	Requires     []sat.Requirement `json:"requires,omitempty"`
}

func writeBlocksJSONL(w *writer) error {
	for i, it := range w.items {
		line := string(marshal(jsonBlock{it.ID, blockText(it), it.Answer, it.Needs(sat.NeedsLine), it.Requires}))
		if !w.readsBack(it, line, BlocksJSONL) {
			w.leaveOut(i, "the block layout", notInBlocks)
			continue
		}
		w.WriteString(line + "\n")
		w.step(i + 1)
	}
	return nil
}

func readBlocks(r *reader) {
	text := "\n" + string(r.data)
	line := 0
	for i, part := range strings.Split(text, "\n"+blockHeader) {
		at := placed(line, 1)
		line += strings.Count(part, "\n") + 1
		if i == 0 {
			if strings.TrimSpace(part) != "" {
				r.note(0, placed(1, 1), "", CodeLoss, SeverityLoss, "the text before the first line “%s” is left out", blockHeader)
			}
			continue
		}
		n := r.next()
		if n == 0 {
			return
		}
		r.blockItem(n, at, part, sat.Item{})
	}
}

func readBlocksJSONL(r *reader) {
	eachJSONLine(r, jsonFields(reflect.TypeFor[jsonBlock]()), func(n, line int, text []byte) {
		var b jsonBlock
		if !decodeJSON(r, n, line, text, &b) {
			return
		}
		it := sat.Item{ID: readID(b.ID), Answer: strings.TrimSpace(b.Answer), Requires: b.Requires}
		if b.RequiresLine && !it.Needs(sat.NeedsLine) {
			it.Requires = append(it.Requires, sat.NeedsLine)
		}
		body := strings.ReplaceAll(strings.ReplaceAll(b.Text, "\r\n", "\n"), "\r", "\n")
		r.blockItem(n, placed(line, 1), strings.TrimPrefix(body, blockHeader), it)
	})
}

// blockItem reads a block behind its header; it holds what is known besides.
func (r *reader) blockItem(n int, at Place, text string, it sat.Item) {
	starts := blockQuestion.FindAllStringIndex(text, -1)
	if len(starts) == 0 {
		r.reject(n, at, "question", CodeSyntax, `has no line "Question 1:"`)
		return
	}
	start := starts[len(starts)-1]
	rest := text[start[1]:]
	if found := blockAnswer.FindAllStringSubmatchIndex(rest, -1); len(found) > 0 {
		last := found[len(found)-1]
		if it.Answer == "" {
			it.Answer = rest[last[2]:last[3]]
		}
		rest = rest[:last[0]]
	}
	if it.Answer == "" {
		r.reject(n, at, "answer", L01, `is missing; write the letter behind "Answer:"`)
		return
	}
	var ordered bool
	if it.Question, it.Choices, ordered = blockChoices(rest); !ordered {
		r.reject(n, at, "choices", CodeSyntax, "do not carry the letters A), B), C) … in this order")
		return
	}
	it.Passages = blockPassages(text[:start[0]])
	if r.opts.Framework == "" {
		it.Framework = sat.Paper
	}
	r.entry(n, at, it)
}

// blockChoices parts the question from its choices; a line without a letter goes on with its choice.
func blockChoices(text string) (question string, choices []sat.Choice, ordered bool) {
	var stem []string
	var texts [][]string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		label := blockChoice.FindStringSubmatch(line)
		switch last := len(texts) - 1; {
		case label != nil:
			if label[1] != sat.Letter(len(texts)) {
				return "", nil, false
			}
			texts = append(texts, []string{label[2]})
		case line == "":
		case last < 0:
			stem = append(stem, line)
		default:
			texts[last] = append(texts[last], line)
		}
	}
	for i, t := range texts {
		choices = append(choices, sat.Choice{ID: sat.Letter(i), Text: strings.Join(t, " ")})
	}
	return strings.Join(stem, " "), choices, true
}

// blockPassages reads what stands between header and question: an introduction, unless the place for it is empty or
// nothing follows it, and one passage or two under their headings.
func blockPassages(text string) []sat.Passage {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t")
	}
	at := 0
	for at < min(2, len(lines)) && lines[at] == "" { // the rest of the header's line, and one empty line
		at++
	}
	end := at
	for end < len(lines) && lines[end] != "" {
		end++
	}
	attribution := ""
	if strings.TrimSpace(strings.Join(lines[end:], "")) != "" {
		attribution, lines = strings.Join(lines[at:end], " "), lines[end:]
	}
	var passages []sat.Passage
	head := 0
	for i, line := range lines {
		m := blockPassage.FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[1] == "1" && len(passages) == 0 && strings.TrimSpace(strings.Join(lines[:i], "")) == "":
			passages, head = append(passages, sat.Passage{}), i+1
		case m[1] == "2" && len(passages) == 1:
			passages[0].Lines = lines[head:i]
			passages, head = append(passages, sat.Passage{}), i+1
		}
	}
	if len(passages) < 2 {
		passages, head = []sat.Passage{{}}, 0
	}
	passages[len(passages)-1].Lines = lines[head:]
	passages[0].Attribution = attribution
	withoutMargin(passages)
	for i := range passages {
		passages[i].Lines = strings.Split(paragraphs(passages[i].Text()), "\n")
		wrap(&passages[i], nil)
	}
	return passages
}

// withoutMargin removes printed line numbers from the left margin where all of them name their own line, and there are
// enough of them to be no chance: every line, or every fifth.
func withoutMargin(passages []sat.Passage) {
	type numbered struct{ passage, line, width int }
	var found []numbered
	count := 0
	for i, p := range passages {
		for j, text := range p.Lines {
			if text == "" {
				continue
			}
			count++
			if m := blockMargin.FindStringSubmatch(text); m != nil {
				if value, err := strconv.Atoi(m[1]); err == nil && value == count {
					found = append(found, numbered{i, j, len(m[0])})
				}
			}
		}
	}
	const printedEvery = 5
	if len(found) < max(2, count/printedEvery-1) {
		return
	}
	for _, f := range found {
		line := &passages[f.passage].Lines[f.line]
		*line = (*line)[f.width:]
	}
}
