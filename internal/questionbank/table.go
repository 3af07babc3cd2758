package questionbank

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sattutor/internal/plaintext"
	"sattutor/internal/sat"
)

// Columns of a table of questions: those that are always written, and those that are written when used.
var (
	columns = []string{"id", "framework", "domain", "skill", "difficulty", "passage_id", "passage_title", "passage", "question",
		"a", "b", "c", "d", "answer", "explanation", "why_a", "why_b", "why_c", "why_d", "requires", "tags", "source", "licence"}
	extraColumns = []string{"e", "why_e", "genre", "split", "attribution", "previous_id"}
	needed       = []string{"passage", "question", "a", "b", "answer"}
)

const (
	maxColumns = 64
	maxCell    = 1 << 20
)

func keepTable(it sat.Item) sat.Item {
	it.Explanation.Quotes, it.Marks = nil, nil
	it.Passages = slices.Clone(it.Passages)
	for i := range it.Passages {
		it.Passages[i].LineStart = 0
	}
	return it
}

// The bodies of a pair stand in one cell with a line %% between; a line of the text that looks so gets one more sign.
const pairLine = "%%"

var percents = regexp.MustCompile(`(?m)^%%+$`)

func pairBody(p sat.Passage) string { return percents.ReplaceAllString(p.Text(), "$0%") }

func pairBodies(cell string) []string {
	bodies := [][]string{nil}
	for line := range strings.SplitSeq(cell, "\n") {
		last := len(bodies) - 1
		switch {
		case line == pairLine:
			bodies = append(bodies, nil)
		case percents.MatchString(line):
			bodies[last] = append(bodies[last], line[1:])
		default:
			bodies[last] = append(bodies[last], line)
		}
	}
	texts := make([]string, len(bodies))
	for i, lines := range bodies {
		texts[i] = strings.Join(lines, "\n")
	}
	return texts
}

// barred joins the texts of a pair. A bar or backslash inside of them is escaped.
func barred(texts []string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	escaped := make([]string, len(texts))
	for i, t := range texts {
		escaped[i] = strings.ReplaceAll(strings.ReplaceAll(t, `\`, `\\`), "|", `\|`)
	}
	if strings.Join(escaped, "") == "" {
		return ""
	}
	return strings.Join(escaped, "|")
}

// unbarred is the inverse of barred for n texts.
func unbarred(cell string, n int) []string {
	if n == 1 {
		return []string{cell}
	}
	texts := []string{""}
	escaped := false
	for _, r := range cell {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == '|' && len(texts) < n:
			texts = append(texts, "")
			continue
		}
		texts[len(texts)-1] += string(r)
		escaped = false
	}
	for len(texts) < n {
		texts = append(texts, "")
	}
	return texts
}

// row gives an item's cells by column.
func row(it sat.Item) map[string]string {
	cells := map[string]string{"id": it.ID, "framework": string(it.Framework), "domain": string(it.Domain),
		"skill": string(it.Skill), "difficulty": string(it.Difficulty), "question": it.Question, "answer": it.Answer,
		"explanation": it.Explanation.Text, "tags": strings.Join(it.Tags, "|"), "source": it.Source, "licence": it.Licence,
		"genre": string(it.Genre), "previous_id": it.PreviousID}
	if it.Split != sat.ForPractice {
		cells["split"] = string(it.Split)
	}
	var ids, titles, bodies, attributions, requires []string
	for _, p := range it.Passages {
		ids, titles, attributions = append(ids, p.ID), append(titles, p.Title), append(attributions, p.Attribution)
		bodies = append(bodies, pairBody(p))
	}
	cells["passage_id"], cells["passage_title"], cells["attribution"] = barred(ids), barred(titles), barred(attributions)
	cells["passage"] = strings.Join(bodies, "\n"+pairLine+"\n")
	for _, r := range it.Requires {
		requires = append(requires, string(r))
	}
	cells["requires"] = strings.Join(requires, "|")
	for _, c := range it.Choices {
		letter := strings.ToLower(c.ID)
		cells[letter], cells["why_"+letter] = c.Text, c.Why
	}
	for name, cell := range cells {
		cells[name] = plaintext.Guarded(cell)
	}
	return cells
}

// rows gives header and cells of a table.
func rows(items []sat.Item) [][]string {
	all := make([]map[string]string, len(items))
	used := map[string]bool{}
	for i, it := range items {
		all[i] = row(it)
		for name, cell := range all[i] {
			used[name] = used[name] || cell != ""
		}
	}
	header := slices.Clone(columns)
	for _, name := range extraColumns {
		if used[name] {
			header = append(header, name)
		}
	}
	out := [][]string{header}
	for _, cells := range all {
		line := make([]string, len(header))
		for i, name := range header {
			line[i] = cells[name]
		}
		out = append(out, line)
	}
	return out
}

// tableReader reads rows by the names of their columns.
type tableReader struct {
	*reader
	header []string
}

// begin takes the header, and reports whether the table can be read.
func (t *tableReader) begin(header []string, at spot) bool {
	if len(header) > maxColumns {
		t.broken(at.Place, CodeLimit, "the table has %d columns; at most %d are taken", len(header), maxColumns)
		return false
	}
	for i, name := range header {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
		case slices.Contains(t.header, name):
			t.broken(at.Place, CodeHeader, "the column %q stands twice in the header", shortened(name))
			return false
		case !slices.Contains(columns, name) && !slices.Contains(extraColumns, name):
			t.add(Finding{Place: at.Place, Field: shortened(name), Code: CodeUnknownField, Severity: SeverityLoss,
				Message: fmt.Sprintf("column %d is not known and is left out", i+1)})
		}
		t.header = append(t.header, name)
	}
	var missing []string
	for _, name := range needed {
		if !slices.Contains(t.header, name) {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		t.broken(at.Place, CodeHeader, "the header lacks %s; the first row must name the columns, at least %s",
			strings.Join(missing, ", "), strings.Join(needed, ", "))
		return false
	}
	return true
}

// item makes an item of a row; where gives the place of a column, from 0.
func (t *tableReader) item(n int, line []string, where func(column int) spot) {
	cells := map[string]string{}
	for i, cell := range line {
		if i < len(t.header) {
			cells[t.header[i]] = plaintext.Unguarded(cell)
		} else if strings.TrimSpace(cell) != "" {
			t.add(Finding{N: n, Place: where(i).Place, Cell: where(i).Cell, Code: CodeHeader, Severity: SeverityError,
				Message: fmt.Sprintf("the row has %d cells, but the header only %d; is a quotation mark missing?", len(line), len(t.header))})
			return
		}
	}
	it := sat.Item{ID: strings.TrimSpace(cells["id"]), PreviousID: strings.TrimSpace(cells["previous_id"]), Question: cells["question"],
		Explanation: sat.Explanation{Text: cells["explanation"]}, Source: cells["source"], Licence: cells["licence"],
		Framework: word[sat.Framework](cells["framework"]), Domain: word[sat.Domain](cells["domain"]), Skill: word[sat.Skill](cells["skill"]),
		Genre: word[sat.Genre](cells["genre"]), Difficulty: word[sat.Difficulty](cells["difficulty"]), Split: word[sat.Split](cells["split"]),
		Answer: strings.ToUpper(strings.TrimSpace(cells["answer"]))}
	for r := range strings.SplitSeq(cells["requires"], "|") {
		if r = strings.TrimSpace(r); r != "" {
			it.Requires = append(it.Requires, sat.Requirement(r))
		}
	}
	for tag := range strings.SplitSeq(cells["tags"], "|") {
		if tag = strings.TrimSpace(tag); sat.ValidTag(tag) {
			it.Tags = append(it.Tags, tag)
		} else if tag != "" {
			readTag(&it, tag)
		}
	}
	bodies := pairBodies(cells["passage"])
	ids, titles := unbarred(cells["passage_id"], len(bodies)), unbarred(cells["passage_title"], len(bodies))
	attributions := unbarred(cells["attribution"], len(bodies))
	for i, body := range bodies {
		p := sat.Passage{ID: strings.TrimSpace(ids[i]), Title: titles[i], Attribution: attributions[i], Lines: strings.Split(body, "\n")}
		wrap(&p, nil)
		it.Passages = append(it.Passages, p)
	}
	it.Choices = tableChoices(cells)
	e := t.entry(n, where(0).Place, it)
	e.Cell = where(0).Cell
	header := t.header
	t.spots[n] = func(field string) spot { return spotOf(header, field, where) }
}

// word gives a cell that holds a code.
func word[T ~string](cell string) T { return T(strings.TrimSpace(cell)) }

// tableChoices gives the choices up to the last one that is filled.
func tableChoices(cells map[string]string) []sat.Choice {
	var choices []sat.Choice
	for i := range sat.MaxChoices {
		letter := strings.ToLower(sat.Letter(i))
		choices = append(choices, sat.Choice{ID: sat.Letter(i), Text: cells[letter], Why: cells["why_"+letter]})
	}
	for len(choices) > 0 && strings.TrimSpace(choices[len(choices)-1].Text+choices[len(choices)-1].Why) == "" {
		choices = choices[:len(choices)-1]
	}
	return choices
}

var choiceField = regexp.MustCompile(`^choices\[(\d)\](\.why)?`)

// spotOf gives the cell that a field of an item comes from.
func spotOf(header []string, field string, where func(int) spot) spot {
	name, _, _ := strings.Cut(field, "[")
	name, _, _ = strings.Cut(name, ".")
	if m := choiceField.FindStringSubmatch(field); m != nil {
		name = string('a' + m[1][0] - '0')
		if m[2] != "" {
			name = "why_" + name
		}
	}
	switch {
	case strings.HasSuffix(field, ".id") && strings.HasPrefix(field, "passages"):
		name = "passage_id"
	case strings.HasSuffix(field, ".title"):
		name = "passage_title"
	case strings.HasSuffix(field, ".attribution"):
		name = "attribution"
	case strings.HasPrefix(field, "passages"):
		name = "passage"
	}
	if i := slices.Index(header, name); i >= 0 {
		return where(i)
	}
	return spot{}
}
