package frontend

import (
	"fmt"
	"strings"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// itemChange is one change of a question as its page tells it.
type itemChange struct {
	At     time.Time
	What   string // "made", "changed", "taken out"
	By     string // name of who did it; "" where that is not known any more
	How    string // of the change: "edit", "import", "undo"
	Fields []fieldChange
}

// fieldChange is what one field was before a change and after it.
type fieldChange struct{ Field, Before, After string }

// changesOf tells what each change of a question did, the newest first. The newest led to the question as it is now.
func changesOf(now sat.Item, history api.ItemHistory) []itemChange {
	after := &now
	var list []itemChange
	for _, v := range history.Versions {
		c := itemChange{At: v.Change.At, By: v.Change.ByName, How: v.Change.What}
		switch {
		case v.Before == nil:
			c.What, after = "made", nil
		case after == nil:
			c.What, after = "taken out", &v.Before.Item
		default:
			c.What, c.Fields, after = "changed", fieldChanges(v.Before.Item, *after), &v.Before.Item
		}
		list = append(list, c)
	}
	return list
}

// fieldChanges compares two versions of a question field by field.
func fieldChanges(before, after sat.Item) []fieldChange {
	was, is := fieldsOf(before), fieldsOf(after)
	texts := map[string]string{}
	for _, f := range is {
		texts[f.path] = f.text
	}
	var list []fieldChange
	known := map[string]bool{}
	for _, f := range was {
		known[f.path] = true
		if f.text != texts[f.path] {
			list = append(list, fieldChange{fieldWords(f.path), f.text, texts[f.path]})
		}
	}
	for _, f := range is {
		if !known[f.path] && f.text != "" {
			list = append(list, fieldChange{Field: fieldWords(f.path), After: f.text})
		}
	}
	return list
}

// itemText is the text of one field of a question.
type itemText struct{ path, text string }

// fieldsOf gives the fields of a question as texts, by the paths of the API.
func fieldsOf(it sat.Item) []itemText {
	var list []itemText
	add := func(path, text string) { list = append(list, itemText{path, text}) }
	for i, p := range it.Passages {
		at := fmt.Sprintf("passages[%d]", i)
		add(at, p.Text())
		add(at+".title", p.Title)
		add(at+".attribution", p.Attribution)
	}
	add("question", it.Question)
	for i, c := range it.Choices {
		add(fmt.Sprintf("choices[%d]", i), c.Text)
		add(fmt.Sprintf("choices[%d].why", i), c.Why)
	}
	add("answer", it.Answer)
	add("explanation.text", it.Explanation.Text)
	var quotes []string
	for _, q := range it.Explanation.Quotes {
		quotes = append(quotes, strings.ReplaceAll(it.Quoted(q), "\n", " "))
	}
	add("explanation.quotes", strings.Join(quotes, "\n"))
	add("marks", strings.Join(marksOf(it), "\n"))
	var needs []string
	for _, r := range it.Requires {
		needs = append(needs, string(r))
	}
	for _, f := range []itemText{{"framework", string(it.Framework)}, {"skill", string(it.Skill)}, {"genre", string(it.Genre)},
		{"difficulty", it.Difficulty.Title()}, {"split", string(it.Split)}, {"requires", strings.Join(needs, " ")},
		{"tags", strings.Join(it.Tags, " ")}, {"source", it.Source}, {"licence", it.Licence}, {"previous_id", it.PreviousID}} {
		add(f.path, f.text)
	}
	return list
}
