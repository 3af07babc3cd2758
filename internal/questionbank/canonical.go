package questionbank

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"sattutor/internal/plaintext"
	"sattutor/internal/sat"
)

// Canonical gives an item in the one form in which items are stored and compared: clean texts, lists without
// repetition, marks by line, defaults spelled out. Offsets move with the texts. It changes no meaning and makes no
// wrong item right, and doing it twice changes nothing.
func Canonical(it sat.Item) sat.Item {
	text := it.Question
	it.Question = paragraph(text)
	marks := canonicalMarks(it, text)
	it.Passages, it.Explanation.Quotes = canonicalPassages(it)
	it.Marks = marks
	it.Choices = canonicalChoices(it.Choices)
	it.Explanation.Text = prose(it.Explanation.Text)
	it.Source, it.Licence = paragraph(it.Source), paragraph(it.Licence)
	it.Requires = set(it.Requires, sat.Requirements())
	it.Tags = set(it.Tags, nil)
	if len(it.Tags) == 0 {
		it.Tags = nil
	}
	it.Split = cmp.Or(it.Split, sat.ForPractice)
	return it
}

// set gives the entries without repetition, in the order of known, unknown ones after these.
func set[T ~string](entries, known []T) []T {
	out := make([]T, 0, min(len(entries), sat.MaxTags))
	have := make(map[T]bool, cap(out))
	for _, e := range entries {
		if !have[e] {
			have[e] = true
			out = append(out, e)
		}
	}
	rank := func(e T) int {
		if i := slices.Index(known, e); i >= 0 {
			return i
		}
		return len(known)
	}
	slices.SortFunc(out, func(a, b T) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return out
}

// sane says whether an item is small enough for its offsets to be worth moving; a larger one is refused anyway.
func sane(it sat.Item) bool {
	if len(it.Passages) > sat.MaxPassages || len(it.Explanation.Quotes) > sat.MaxQuotes || len(it.Marks) > sat.MaxMarks {
		return false
	}
	return len(it.Question) <= 16*sat.MaxQuestion &&
		!slices.ContainsFunc(it.Passages, func(p sat.Passage) bool { return p.Length() > 4*sat.MaxPassage })
}

func canonicalPassages(it sat.Item) ([]sat.Passage, []sat.Quote) {
	var quotes []sat.Quote
	quotes = append(quotes, it.Explanation.Quotes...)
	passages := make([]sat.Passage, len(it.Passages))
	next := 1
	for i, p := range it.Passages {
		text := p.Text()
		clean := paragraphs(text)
		if clean != text && sane(it) {
			for j, q := range quotes {
				if q.PassageID == p.ID {
					quotes[j].Start, quotes[j].End = moved(paragraphs, text, q.Start), moved(paragraphs, text, q.End)
				}
			}
		}
		p.Title, p.Attribution = paragraph(p.Title), paragraph(p.Attribution)
		p.Lines = strings.Split(clean, "\n")
		if p.LineStart == next {
			p.LineStart = 0
		}
		_, next = p.Numbers(next)
		passages[i] = p
	}
	return passages, quotes
}

// canonicalMarks gives the marks with the offsets that they have in the canonical texts; question is the text before.
func canonicalMarks(it sat.Item, question string) []sat.Mark {
	if !sane(it) {
		return it.Marks
	}
	var marks []sat.Mark
	for _, m := range it.Marks {
		clean, text := paragraph, question
		if m.In == sat.InPassage {
			i := slices.IndexFunc(it.Passages, func(p sat.Passage) bool { return p.ID == m.PassageID })
			if i < 0 {
				marks = append(marks, m)
				continue
			}
			clean, text = paragraphs, it.Passages[i].Text()
		} else {
			m.PassageID = ""
		}
		if wrong := m.Start < 0 || m.Start >= m.End || m.End > utf8.RuneCountInString(text); wrong {
			marks = append(marks, m)
			continue
		}
		canonical := clean(text)
		if canonical != text {
			m.Start, m.End = moved(clean, text, m.Start), moved(clean, text, m.End)
		}
		marks = append(marks, byLine(m, canonical)...)
	}
	return merged(marks)
}

// byLine cuts a mark at line feeds.
func byLine(m sat.Mark, text string) []sat.Mark {
	var parts []sat.Mark
	start := m.Start
	runes := []rune(text)
	for at := m.Start; at <= min(m.End, len(runes)); at++ {
		if at == m.End || at < len(runes) && runes[at] == '\n' {
			if at > start {
				part := m
				part.Start, part.End = start, at
				parts = append(parts, part)
			}
			start = at + 1
		}
	}
	return parts
}

// merged joins marks of one kind that touch, but not over a line feed, where byLine has cut them; and sorts them.
func merged(marks []sat.Mark) []sat.Mark {
	slices.SortFunc(marks, func(a, b sat.Mark) int {
		return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.PassageID, b.PassageID), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	var out []sat.Mark
	for _, m := range marks {
		if n := len(out) - 1; n >= 0 && out[n].In == m.In && out[n].PassageID == m.PassageID && out[n].Kind == m.Kind &&
			m.Start <= out[n].End && m.Start >= 0 {
			out[n].End = max(out[n].End, m.End)
			continue
		}
		out = append(out, m)
	}
	return out
}

// labels are the ways in which a choice may carry its letter.
var labels = []*regexp.Regexp{regexp.MustCompile(`^([A-E])[).:] +`), regexp.MustCompile(`^\(([A-E])\) +`)}

func canonicalChoices(choices []sat.Choice) []sat.Choice {
	out := make([]sat.Choice, len(choices))
	for i, c := range choices {
		out[i] = sat.Choice{ID: c.ID, Text: paragraph(c.Text), Why: paragraph(c.Why)}
	}
	for unlabelled(out) {
	}
	return out
}

// unlabelled takes their own letters off the choices if each of them carries one, and reports whether it did.
func unlabelled(choices []sat.Choice) bool {
	texts := make([]string, len(choices))
	for i, c := range choices {
		for _, label := range labels {
			if m := label.FindStringSubmatch(c.Text); m != nil && m[1] == sat.Letter(i) {
				texts[i] = c.Text[len(m[0]):]
			}
		}
		if texts[i] == "" {
			return false
		}
	}
	for i := range choices {
		choices[i].Text = texts[i]
	}
	return len(choices) > 0
}

// ContentKey identifies what an item asks, whatever its id, its key and the breaks of its lines: "k-" and 32 hex digits.
func ContentKey(it sat.Item) string {
	passages, choices := make([]string, len(it.Passages)), make([]string, len(it.Choices))
	for i, p := range it.Passages {
		passages[i] = folded(p.Text())
	}
	for i, c := range it.Choices {
		choices[i] = folded(c.Text)
	}
	return "k-" + digest(marshal([]any{passages, folded(it.Question), choices}))[:32]
}

// folded gives a text with its white space as single spaces.
func folded(s string) string { return strings.Join(strings.Fields(plaintext.Clean(s)), " ") }

// derivedID gives the id of an item from a file without ids.
func derivedID(it sat.Item) string { return "x-" + strings.TrimPrefix(ContentKey(it), "k-")[:12] }

// passageID gives the id of a passage from a file without ids.
func passageID(lines []string) string { return "p-" + digest(marshal(lines))[:12] }

// marshal gives JSON without white space, with the signs of HTML as they are.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // structs of strings and numbers cannot fail
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
