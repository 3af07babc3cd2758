package frontend

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sattutor/internal/sat"
)

// choiceField reads the position out of the API's name of a choice.
var choiceField = regexp.MustCompile(`choices\[(\d)\]`)

// digits finds figures that are read more easily in groups of three.
var digits = regexp.MustCompile(`\d{4,}`)

// complainAll marks every field that the error names. With none named, the notice alone speaks.
func (p *askPage) complainAll(err error) {
	var e *sat.Error
	if !errors.As(err, &e) {
		return
	}
	for _, f := range e.Fields {
		id, name := fieldOf(f.Field)
		if id == "" {
			p.Notice.Fields = append(p.Notice.Fields, complaint{Message: name + ": " + f.Message + "."})
			continue
		}
		p.complain(id, p.wording(id, name, f.Message))
	}
	if e.Code == sat.TooLarge && len(e.Fields) == 0 {
		p.Passage.Focus = true
	}
	fields := p.complaints()
	if len(fields) == 0 {
		return
	}
	p.Notice.Fields = append(fields, p.Notice.Fields...)
	if e.Code == sat.Invalid {
		p.Notice.Still = "Nothing was lost. " + count(len(fields), "This field needs a look:", "These fields need a look:")
	}
}

// fieldOf gives the id of the field that the API names, and how sentences call it.
func fieldOf(location string) (id, name string) {
	switch location {
	case "text":
		return idPassage, "The passage"
	case "question":
		return idQuestion, "The question"
	case "choices":
		return idChoices, "The choices"
	}
	if m := choiceField.FindStringSubmatch(location); m != nil {
		if i, err := strconv.Atoi(m[1]); err == nil && i < sat.MaxChoices {
			return choiceID(i), "Choice " + sat.Letter(i)
		}
	}
	return "", location
}

// wording makes a sentence for people of what the API says of a field.
func (p *askPage) wording(id, name, message string) string {
	if strings.HasPrefix(message, "is empty") || strings.HasPrefix(message, "is missing") {
		return name + " is empty."
	}
	if id == idChoices {
		return "Fill in at least two choices, beginning with A."
	}
	message = choiceField.ReplaceAllStringFunc(message, func(location string) string {
		_, other := fieldOf(location)
		return strings.ToLower(other[:1]) + other[1:]
	})
	message = digits.ReplaceAllStringFunc(message, func(figure string) string {
		n, err := strconv.Atoi(figure)
		if err != nil {
			return figure
		}
		return grouped(n)
	})
	return name + " " + strings.TrimSuffix(message, ".") + "."
}

// complain marks one field; the first that is marked receives the focus.
func (p *askPage) complain(id, message string) {
	first := len(p.complaints()) == 0
	if id == idChoices {
		p.ChoicesError = message
		p.Choices[0].Focus = first
		return
	}
	f := p.field(id)
	f.Error, f.Focus = message, first
	f.Hidden = false
}

// field gives the field with the id, which must be one of the page's.
func (p *askPage) field(id string) *field {
	all := []*field{&p.Block, &p.Passage, &p.Question}
	for i := range p.Choices {
		all = append(all, &p.Choices[i])
	}
	for _, f := range all {
		if f.ID == id {
			return f
		}
	}
	panic("frontend: no field " + id)
}

// complaints lists what was said of the fields, in the page's order.
func (p *askPage) complaints() []complaint {
	var list []complaint
	add := func(id, message string) {
		if message != "" {
			list = append(list, complaint{id, message})
		}
	}
	add(p.Block.ID, p.Block.Error)
	add(p.Passage.ID, p.Passage.Error)
	add(p.Question.ID, p.Question.Error)
	add(p.Choices[0].ID, p.ChoicesError)
	for _, c := range p.Choices {
		add(c.ID, c.Error)
	}
	return list
}

// sentence gives what the error says first: of its fields, else of the whole.
func sentence(lead string, e *sat.Error) string {
	if len(e.Fields) > 0 {
		return lead + strings.TrimSuffix(e.Fields[0].Message, ".") + "."
	}
	return e.Message
}

func count(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// grouped writes a figure with its thousands apart: 20,000.
func grouped(n int) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
