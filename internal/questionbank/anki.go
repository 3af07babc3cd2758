package questionbank

import (
	"fmt"
	"strings"

	"sattutor/internal/sat"
)

// keepAnki gives what a learner's card shows; nothing reads it back.
func keepAnki(it sat.Item) sat.Item {
	it.Framework, it.Requires, it.PreviousID, it.Explanation.Quotes, it.Marks = "", nil, "", nil, nil
	it.Source, it.Licence, it.Split = "", "", ""
	passages := make([]sat.Passage, len(it.Passages))
	for i, p := range it.Passages {
		passages[i] = sat.Passage{Title: p.Title, Attribution: p.Attribution, Lines: p.Lines}
	}
	it.Passages = passages
	return it
}

func writeAnki(w *writer) error {
	w.WriteString("#separator:Tab\n#html:true\n#notetype:SAT Reading\n#deck:SAT Reading\n" +
		"#columns:id\tpassage\tquestion\tchoices\tanswer\texplanation\ttags\n#tags column:7\n")
	for i, it := range w.items {
		var passages, choices, reasons []string
		for _, p := range it.Passages {
			passages = append(passages, ankiPassage(p))
		}
		if it.Explanation.Text != "" {
			reasons = append(reasons, proseHTML(it.Explanation.Text))
		}
		for _, c := range it.Choices {
			choices = append(choices, escape(c.ID+") "+c.Text))
			if c.Why != "" {
				reasons = append(reasons, escape(c.ID+": "+c.Why))
			}
		}
		key := it.Choices[it.Key()]
		cells := []string{it.ID, strings.Join(passages, "<br><br>"), escape(it.Question), strings.Join(choices, "<br>"),
			escape(key.ID + ") " + key.Text), strings.Join(reasons, "<br>"), ankiTags(it)}
		for j, cell := range cells {
			cells[j] = `"` + strings.ReplaceAll(strings.ReplaceAll(cell, "\t", " "), `"`, `""`) + `"`
		}
		w.WriteString(strings.Join(cells, "\t") + "\n")
		w.step(i + 1)
	}
	return nil
}

func ankiPassage(p sat.Passage) string {
	var lines []string
	if p.Title != "" {
		lines = append(lines, "<b>"+escape(p.Title)+"</b>")
	}
	if p.Attribution != "" {
		lines = append(lines, "<i>"+escape(p.Attribution)+"</i>")
	}
	return strings.Join(append(lines, proseHTML(p.Text())), "<br>")
}

// ankiTags gives tags as Anki has them: levels by two colons, no spaces.
func ankiTags(it sat.Item) string {
	tags := []string{fmt.Sprintf("sat::%s::%s", it.Domain, it.Skill)}
	if it.Difficulty != "" {
		tags = append(tags, "difficulty::"+string(it.Difficulty))
	}
	if it.Genre != "" {
		tags = append(tags, "genre::"+string(it.Genre))
	}
	return strings.ReplaceAll(strings.Join(append(tags, it.Tags...), " "), ":::", "::_")
}
