package frontend

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// field is one text area of the form.
type field struct {
	ID, Name, Label string
	Value           string
	Placeholder     string
	Rows            int
	Limit           int    // characters that the backend takes; 0 for a box without a count
	Hint            string // id of an element that describes the field; "" for none
	Error           string
	Focus           bool // receives the focus when the page loads
	Hidden          bool // the fifth choice before it is asked for
}

// form is what a student typed.
type form struct {
	Block    string
	Passage  string
	Question string
	Choices  [sat.MaxChoices]string
	Fifth    bool   // the fifth choice is shown
	Model    string // name of the model to be asked; "" for the default one
}

// formOf reads the form. Browsers send line ends as CR LF; they are made line feeds.
func formOf(values url.Values) form {
	text := func(name string) string { return lineFeeds(values.Get(name)) }
	f := form{Block: text("block"), Passage: text("text"), Question: text("question"), Model: values.Get("model")}
	for i, choice := range values["choice"] {
		if i < len(f.Choices) {
			f.Choices[i] = lineFeeds(choice)
		}
	}
	f.Fifth = values.Get("fifth") != "" || f.Choices[4] != ""
	return f
}

// formFrom shows a question in the form, to be put to a model.
func formFrom(q api.MCQRequest, model string) form {
	f := form{Passage: q.Text, Question: q.Question, Model: model}
	copy(f.Choices[:], q.Choices)
	f.Fifth = f.Choices[4] != ""
	return f
}

func lineFeeds(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// request gives the question as the API takes it. Choices that were left empty at the end are no choices.
func (f form) request() api.MCQRequest {
	choices := slices.Clone(f.Choices[:])
	for len(choices) > 0 && strings.TrimSpace(choices[len(choices)-1]) == "" {
		choices = choices[:len(choices)-1]
	}
	return api.MCQRequest{Text: f.Passage, Question: f.Question, Choices: choices}
}

// noQuestion tells that neither the question nor any choice was filled in.
func (f form) noQuestion() bool {
	return strings.TrimSpace(f.Question+strings.Join(f.Choices[:], "")) == ""
}

// wholeQuestion finds a choice A and, below it, a choice B, each at the start of its line.
var wholeQuestion = regexp.MustCompile(`(?ms)^[ \t]*\(?A[).:][ \t].*^[ \t]*\(?B[).:][ \t]`)

// looksWhole tells that the passage holds the question and its choices too.
func (f form) looksWhole() bool { return wholeQuestion.MatchString(f.Passage) }

// Ids of the fields in the page. Choices are choice-0 to choice-4.
const (
	idBlock    = "block"
	idPassage  = "text"
	idQuestion = "question"
	idChoices  = "choices"
)

func choiceID(i int) string { return "choice-" + string(rune('0'+i)) }

// placeholders of the choices.
var choicePlaceholders = [sat.MaxChoices]string{"First choice", "Second choice", "Third choice", "Fourth choice", "Fifth choice"}

// fill puts the form into the page.
func (p *askPage) fill(f form) {
	p.Block = field{ID: idBlock, Name: "block", Label: "Whole question", Value: f.Block, Rows: 8,
		Placeholder: "The passage …\n\nThe question?\nA) …\nB) …\nC) …\nD) …"}
	p.Passage = field{ID: idPassage, Name: "text", Label: "The passage", Value: f.Passage, Rows: 12, Limit: sat.MaxPassage,
		Placeholder: "Paste the passage here. Its line breaks are kept."}
	p.Question = field{ID: idQuestion, Name: "question", Label: "The question", Value: f.Question, Rows: 2, Limit: sat.MaxQuestion,
		Placeholder: "Which choice best …"}
	p.Choices = p.Choices[:0]
	for i, value := range f.Choices {
		p.Choices = append(p.Choices, field{ID: choiceID(i), Name: "choice", Label: sat.Letter(i) + ")", Value: value, Rows: 1,
			Limit: sat.MaxChoice, Placeholder: choicePlaceholders[i], Hidden: i == 4 && !f.Fifth})
	}
	p.Fifth = f.Fifth
	p.BlockOpen = f.Block != ""
}
