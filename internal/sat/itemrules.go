package sat

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of an item, in characters unless said otherwise; those of the question hold too.
const (
	MaxPassages    = 2
	MaxLines       = 400 // of one passage
	MaxLine        = 400
	MaxTitle       = 200
	MaxAttribution = 1_000
	MaxWhy         = 2_000
	MaxExplanation = 5_000
	MaxQuotes      = 8
	MaxMarks       = 200
	MaxTags        = 20
	MaxSource      = 500
)

var (
	idForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	tagForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,50}$`)
)

// ValidID says whether s can be the id of an item or a passage.
func ValidID(s string) bool { return idForm.MatchString(s) }

// ValidTag says whether s can be a tag.
func ValidTag(s string) bool { return tagForm.MatchString(s) }

const idRule = "must be 1 to 64 of a-z, 0-9, full stop, _ and -, and begin with a letter or digit"

// Validate checks the rules that a stored item must keep and reports every broken one at once as an Error with code
// Invalid, whose Fields are paths into the item's JSON. What makes an item good rather than well formed is lint's
// business, in package questionbank.
func (it Item) Validate() error {
	var c complaints
	c.identity(it)
	c.taxonomy(it)
	c.passages(it)
	c.text("question", it.Question, "the question", MaxQuestion)
	if strings.Contains(it.Question, "\n") {
		c.add("question", "has a line break; write it as one paragraph")
	}
	c.choices(it)
	c.explanation(it)
	c.marks(it)
	if c.fields == nil {
		return nil
	}
	return &Error{Code: Invalid, Message: "The item has " + count(len(c.fields), "problem") + ".", Fields: c.fields}
}

// complaints collects what is wrong with an item.
type complaints struct{ fields []FieldError }

func (c *complaints) add(field, format string, args ...any) {
	c.fields = append(c.fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// text demands a text that is neither empty nor too long.
func (c *complaints) text(field, value, what string, limit int) {
	if wrong := textFault(value, what, limit); wrong != "" {
		c.add(field, "%s", wrong)
	}
}

// short bounds a text that may be empty.
func (c *complaints) short(field, value string, limit int) {
	if n := utf8.RuneCountInString(value); n > limit {
		c.add(field, "has %d characters; at most %d are allowed", n, limit)
	}
}

func (c *complaints) identity(it Item) {
	if !ValidID(it.ID) {
		c.add("id", idRule)
	}
	if it.PreviousID != "" && !ValidID(it.PreviousID) {
		c.add("previous_id", idRule)
	}
	if it.PreviousID != "" && it.PreviousID == it.ID {
		c.add("previous_id", "names the item itself")
	}
	c.short("source", it.Source, MaxSource)
	c.short("licence", it.Licence, MaxSource)
	if n := len(it.Tags); n > MaxTags {
		c.add("tags", "has %d entries; at most %d are allowed", n, MaxTags)
		return
	}
	for i, tag := range it.Tags {
		if !ValidTag(tag) {
			c.add(fmt.Sprintf("tags[%d]", i), "must be 1 to 50 letters, digits, and the signs _ . : -")
		}
	}
}

func (c *complaints) taxonomy(it Item) {
	oneOf(c, "framework", it.Framework, Frameworks(), false)
	oneOf(c, "domain", it.Domain, Domains(), false)
	oneOf(c, "skill", it.Skill, Skills(), false)
	if d := it.Skill.Domain(); d != "" && slices.Contains(Domains(), it.Domain) && it.Domain != d {
		c.add("skill", "%s belongs to domain %s, not to %s", it.Skill, d, it.Domain)
	}
	oneOf(c, "genre", it.Genre, Genres(), true)
	oneOf(c, "difficulty", it.Difficulty, Difficulties(), true)
	oneOf(c, "split", it.Split, Splits(), true)
	if n := len(it.Requires); n > len(Requirements()) {
		c.add("requires", "has %d entries; there are only %d", n, len(Requirements()))
		return
	}
	for i, r := range it.Requires {
		oneOf(c, fmt.Sprintf("requires[%d]", i), r, Requirements(), false)
	}
}

// oneOf demands one of the known codes.
func oneOf[T ~string](c *complaints, field string, value T, known []T, optional bool) {
	if optional && value == "" || slices.Contains(known, value) {
		return
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	wrong := "is not known"
	if value == "" {
		wrong = "is missing"
	}
	c.add(field, "%s; give one of %s", wrong, strings.Join(names, ", "))
}

func (c *complaints) passages(it Item) {
	if n := len(it.Passages); n < 1 || n > MaxPassages {
		c.add("passages", "has %d entries; give 1, or 2 for a pair", n)
		return
	}
	if n := utf8.RuneCountInString(it.PassageText()); n > MaxPassage {
		c.add("passages", "has %d characters in all; at most %d are allowed", n, MaxPassage)
	}
	for i, p := range it.Passages {
		at := fmt.Sprintf("passages[%d]", i)
		if !ValidID(p.ID) {
			c.add(at+".id", idRule)
		} else if i > 0 && p.ID == it.Passages[0].ID {
			c.add(at+".id", "is the id of the first passage; the passages of a pair need different ids")
		}
		c.short(at+".title", p.Title, MaxTitle)
		c.short(at+".attribution", p.Attribution, MaxAttribution)
		c.lines(at, p)
		if p.LineStart < 0 || p.LineStart > 100_000 {
			c.add(at+".line_start", "must be the number of the first line, at most 100000")
		}
	}
}

func (c *complaints) lines(at string, p Passage) {
	if strings.TrimSpace(p.Text()) == "" {
		c.add(at+".lines", "is empty; give the passage")
		return
	}
	if n := len(p.Lines); n > MaxLines {
		c.add(at+".lines", "has %d lines; at most %d are allowed", n, MaxLines)
		return
	}
	for j, line := range p.Lines {
		field := fmt.Sprintf("%s.lines[%d]", at, j)
		c.short(field, line, MaxLine)
		if strings.Contains(line, "\n") {
			c.add(field, "has a line break; each line is an entry of its own")
		}
	}
}

func (c *complaints) choices(it Item) {
	if n := len(it.Choices); n < MinChoices || n > MaxChoices {
		c.add("choices", "has %d entries; give %d to %d", n, MinChoices, MaxChoices)
		return
	}
	first := make(map[string]int, len(it.Choices))
	for i, choice := range it.Choices {
		at := fmt.Sprintf("choices[%d]", i)
		if choice.ID != Letter(i) {
			c.add(at+".id", "must be %s: choices are lettered by their position", Letter(i))
		}
		c.text(at+".text", choice.Text, "the text of this choice", MaxChoice)
		c.short(at+".why", choice.Why, MaxWhy)
		key := Fold(choice.Text)
		if j, seen := first[key]; seen && key != "" {
			c.add(at, "says the same as choice %s; each choice must differ", Letter(j))
		} else {
			first[key] = i
		}
	}
	if it.Key() < 0 {
		c.add("answer", "names none of the choices; give %s to %s", Letter(0), Letter(len(it.Choices)-1))
	}
}

func (c *complaints) explanation(it Item) {
	c.short("explanation.text", it.Explanation.Text, MaxExplanation)
	if n := len(it.Explanation.Quotes); n > MaxQuotes {
		c.add("explanation.quotes", "has %d entries; at most %d are allowed", n, MaxQuotes)
		return
	}
	for i, q := range it.Explanation.Quotes {
		at := fmt.Sprintf("explanation.quotes[%d]", i)
		from, to, ok := it.LinesOf(q.PassageID, q.Start, q.End)
		switch {
		case !it.has(q.PassageID):
			c.add(at+".passage_id", "names no passage of this item")
		case !ok:
			c.add(at, "does not begin and end on text of the passage")
		case from != q.LineFrom || to != q.LineTo:
			c.add(at, "says lines %d to %d, but its offsets are on lines %d to %d", q.LineFrom, q.LineTo, from, to)
		}
	}
}

func (it Item) has(passageID string) bool {
	return slices.ContainsFunc(it.Passages, func(p Passage) bool { return p.ID == passageID })
}

func (c *complaints) marks(it Item) {
	if n := len(it.Marks); n > MaxMarks {
		c.add("marks", "has %d entries; at most %d are allowed", n, MaxMarks)
		return
	}
	for i, m := range it.Marks {
		at := fmt.Sprintf("marks[%d]", i)
		oneOf(c, at+".kind", m.Kind, MarkKinds(), false)
		oneOf(c, at+".in", m.In, []MarkPlace{InPassage, InQuestion}, false)
		length := utf8.RuneCountInString(it.Question)
		if m.In == InPassage {
			p := slices.IndexFunc(it.Passages, func(p Passage) bool { return p.ID == m.PassageID })
			if p < 0 {
				c.add(at+".passage_id", "names no passage of this item")
				continue
			}
			length = it.Passages[p].Length()
		}
		if m.Start < 0 || m.Start >= m.End || m.End > length {
			c.add(at, "does not lie inside the text, which has %d characters", length)
		}
	}
}
