package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"sattutor/internal/engine"
	"sattutor/internal/eval"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

// Method says what the model learns to answer.
type Method string

// The methods of training.
const (
	LetterText Method = "letter_text" // "B) text of the choice", as the original
	Letter     Method = "letter"      // "B"
	Option     Method = "option"      // Yes or No to each choice
)

// Record is one line of training data. Prompt, Completion and ChatTemplateKwargs are what the trainer feeds the model.
type Record struct {
	Prompt             []engine.Message  `json:"prompt"`
	Completion         []engine.Message  `json:"completion"`
	ChatTemplateKwargs map[string]string `json:"chat_template_kwargs"`

	Learnt         Span     `json:"learnt"`
	ID             string   `json:"id"`
	PassageID      string   `json:"passage_id"`
	Group          string   `json:"group"`           // the question; its options share it
	Method         Method   `json:"method"`          //
	Label          *int     `json:"label,omitempty"` // of Option: 1 where the proposed choice is the key
	Answer         string   `json:"answer"`          // the key, in the order of the choices as rendered
	Split          string   `json:"split"`           // train or val
	Requires       []string `json:"requires"`
	Skill          string   `json:"skill"`
	Template       string   `json:"template"`
	TemplateSHA256 string   `json:"template_sha256"`
	Source         string   `json:"source"`
	Licence        string   `json:"licence"`
}

// Span is what of the completion is learnt, in bytes of its text; the token that ends the turn is learnt as well.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// question is an item that is fit for training: canonical, with its key.
type question struct {
	item eval.Item
	ask  sat.Question
	key  int
	unit int // passages that belong together have one number
}

// turned gives the question with its choices in another order.
func (q question) turned(rng *rand.Rand) question {
	order := rng.Perm(len(q.ask.Choices))
	choices, key := make([]string, len(order)), 0
	for to, from := range order {
		choices[to] = q.ask.Choices[from]
		if from == q.key {
			key = to
		}
	}
	q.ask.Choices, q.key = choices, key
	return q
}

// renderer writes records by one method and template.
type renderer struct {
	method   Method
	template string
	hash     string
	kwargs   map[string]string
}

// records gives the lines of one question: one, or one for each choice.
func (r renderer) records(q question, id, split string) ([]Record, error) {
	if r.method != Option {
		messages, err := prompt.Answer(r.template, q.ask)
		if err != nil {
			return nil, err
		}
		reply := sat.Letter(q.key)
		if r.method == LetterText {
			reply = prompt.Target(q.ask, q.key).Content
		}
		return []Record{r.record(q, messages, reply, id, split)}, nil
	}
	var records []Record
	for i := range q.ask.Choices {
		messages, err := prompt.Option(r.template, q.ask, i)
		if err != nil {
			return nil, err
		}
		reply, label := "No", 0
		if i == q.key {
			reply, label = "Yes", 1
		}
		record := r.record(q, messages, reply, fmt.Sprintf("%s/%s", id, sat.Letter(i)), split)
		record.Group, record.Label = id, &label
		records = append(records, record)
	}
	return records, nil
}

func (r renderer) record(q question, messages []engine.Message, reply, id, split string) Record {
	requires := q.item.Requires
	if requires == nil {
		requires = []string{}
	}
	return Record{Prompt: messages, Completion: []engine.Message{{Role: engine.Assistant, Content: reply}},
		ChatTemplateKwargs: r.kwargs, Learnt: Span{0, len(reply)}, ID: id, PassageID: q.item.PassageID, Group: id,
		Method: r.method, Answer: sat.Letter(q.key), Split: split, Requires: requires, Skill: q.item.Skill,
		Template: r.template, TemplateSHA256: r.hash, Source: q.item.Source, Licence: q.item.Licence}
}

// encode gives a record's line. Letters such as < stay readable.
func encode(r Record) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
