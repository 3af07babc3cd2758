package questionbank

import (
	"fmt"

	"sattutor/internal/sat"
)

// fieldText is a text of an item with the path to it.
type fieldText struct{ field, text string }

// texts gives every text of an item that people read.
func texts(it sat.Item) []fieldText {
	var all []fieldText
	add := func(text, format string, args ...any) {
		if text != "" {
			all = append(all, fieldText{fmt.Sprintf(format, args...), text})
		}
	}
	for i, p := range it.Passages {
		add(p.Title, "passages[%d].title", i)
		add(p.Attribution, "passages[%d].attribution", i)
		for j, line := range p.Lines {
			add(line, "passages[%d].lines[%d]", i, j)
		}
	}
	add(it.Question, "question")
	for i, c := range it.Choices {
		add(c.Text, "choices[%d].text", i)
		add(c.Why, "choices[%d].why", i)
	}
	add(it.Explanation.Text, "explanation.text")
	add(it.Source, "source")
	return all
}
