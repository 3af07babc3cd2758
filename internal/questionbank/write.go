package questionbank

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// WriteOptions are the wishes for a file. The zero value suits everybody.
type WriteOptions struct {
	// PassagesApart writes passages as description questions of their own (Moodle XML), not into each question.
	PassagesApart bool
	Progress      func(items, of int) // told now and then; may be nil
}

// writer holds what is being written.
type writer struct {
	bytes.Buffer
	WriteOptions
	items    []sat.Item // canonical and well formed
	findings []Finding
}

// Write puts items into a file and says, by item and field, what the format does not carry.
func Write(items []sat.Item, format Format, opts WriteOptions) (file []byte, losses []Finding, err error) {
	c, ok := codecOf(format)
	if !ok {
		return nil, nil, sat.Errorf(sat.Invalid, "There is no format %q.", format)
	}
	w := &writer{WriteOptions: opts}
	for i, it := range items {
		it = Canonical(it)
		if err := it.Validate(); err != nil {
			return nil, nil, fmt.Errorf("item %s: %w", it.ID, err)
		}
		w.items = append(w.items, it)
		w.findings = append(w.findings, lost(i+1, it, c)...)
	}
	if err := c.write(w); err != nil {
		return nil, nil, err
	}
	sortFindings(w.findings)
	return w.Bytes(), w.findings, nil
}

// Losses gives what a format does not carry of an item.
func Losses(it sat.Item, format Format) []Finding {
	c, ok := codecOf(format)
	if !ok {
		return nil
	}
	return lost(0, Canonical(it), c)
}

// Summary counts losses by field, in words, the most frequent ones first: "explanation.quotes (56)".
func Summary(losses []Finding) []string {
	counts := map[string]int{}
	for _, f := range losses {
		if f.Severity == SeverityLoss {
			counts[inList.ReplaceAllString(f.Field, "")]++
		}
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s (%d)", name, counts[name])
	}
	return names
}

var inList = regexp.MustCompile(`\[\d+\]`)

func lost(n int, it sat.Item, c codec) []Finding {
	if c.keep == nil {
		return nil
	}
	var losses []Finding
	kept := map[string]string{}
	for _, f := range fields(c.keep(it)) {
		kept[f.field] = f.text
	}
	for _, f := range fields(it) {
		if now := kept[f.field]; now != f.text {
			message := c.Title + " cannot carry it"
			if now != "" {
				message = c.Title + " cannot carry it as it is"
			}
			losses = append(losses, Finding{N: n, ID: it.ID, Field: f.field, Code: CodeLoss, Severity: SeverityLoss, Message: message})
		}
	}
	return losses
}

// step tells how far the writing is.
func (w *writer) step(i int) {
	if w.Progress != nil && (i%100 == 0 || i == len(w.items)) {
		w.Progress(i, len(w.items))
	}
}

// leaveOut says that an item cannot be written at all.
func (w *writer) leaveOut(i int, format, why string) {
	w.findings = append(w.findings, Finding{N: i + 1, ID: w.items[i].ID, Code: CodeUnsupported, Severity: SeverityError,
		Message: fmt.Sprintf("is left out: %s has no way to write %s", format, why)})
}

// readsBack says whether the text of one item, read again, is what the format carries of it: formats without escapes
// have texts that they cannot hold.
func (w *writer) readsBack(it sat.Item, text string, format Format) bool {
	c, _ := codecOf(format)
	opts := ReadOptions{Format: format, Framework: it.Framework, Skill: it.Skill}
	back := Read([]byte(text), opts)
	return !back.Broken && len(back.Entries) == 1 &&
		bytes.Equal(marshal(back.Entries[0].Item), marshal(opts.complete(c.keep(it))))
}

// fields gives every field of an item that holds something, as text.
func fields(it sat.Item) []fieldText {
	all := []fieldText{{"id", it.ID}, {"framework", string(it.Framework)}, {"domain", string(it.Domain)},
		{"skill", string(it.Skill)}, {"genre", string(it.Genre)}, {"difficulty", string(it.Difficulty)},
		{"requires", text(it.Requires)}, {"previous_id", it.PreviousID}, {"question", it.Question}, {"answer", it.Answer},
		{"explanation.text", it.Explanation.Text}, {"explanation.quotes", text(it.Explanation.Quotes)},
		{"marks", text(it.Marks)}, {"tags", text(it.Tags)}, {"source", it.Source}, {"licence", it.Licence}}
	if it.Split != sat.ForPractice {
		all = append(all, fieldText{"split", string(it.Split)})
	}
	for i, p := range it.Passages {
		at := fmt.Sprintf("passages[%d].", i)
		all = append(all, fieldText{at + "id", p.ID}, fieldText{at + "title", p.Title},
			fieldText{at + "attribution", p.Attribution}, fieldText{at + "lines", p.Text()})
		if p.LineStart > 0 {
			all = append(all, fieldText{at + "line_start", fmt.Sprint(p.LineStart)})
		}
	}
	for i, c := range it.Choices {
		at := fmt.Sprintf("choices[%d].", i)
		all = append(all, fieldText{at + "text", c.Text}, fieldText{at + "why", c.Why})
	}
	var held []fieldText
	for _, f := range all {
		if strings.TrimSpace(f.text) != "" {
			held = append(held, f)
		}
	}
	return held
}

// text gives a list as one text, "" for an empty one.
func text[T any](list []T) string {
	if len(list) == 0 {
		return ""
	}
	return string(marshal(list))
}
