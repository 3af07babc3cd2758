package frontend

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// samplesFile holds our own sample questions, each with its key and the evidence that proves it.
//
//go:embed samples.json
var samplesFile []byte

// sample is one of our own questions. Its passage is a list of physical lines.
type sample struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Source   string     `json:"source"`
	Licence  string     `json:"licence"`
	Passage  []string   `json:"passage"`
	Question string     `json:"question"`
	Choices  []string   `json:"choices"`
	Key      string     `json:"key"`
	Evidence []evidence `json:"evidence"`
	Why      string     `json:"why"`
}

// evidence is a piece of one line of the passage.
type evidence struct {
	Line  int    `json:"line"` // counted from 1
	Quote string `json:"quote"`
}

// example is a sample with its key and evidence, as the start page shows it.
type example struct {
	ID       string
	Lines    []line
	Question string
	Choices  []exampleChoice
	Letter   string
	Why      string
}

// line is one physical line of a passage.
type line struct {
	Number int // 0 where none is printed
	Parts  []part
}

type part struct {
	Text   string
	Marked bool
}

type exampleChoice struct {
	Letter, Text string
	Key          bool
}

// numberEvery is the distance of printed line numbers, as on paper.
const numberEvery = 5

// loadSamples reads the samples and checks that each could be asked and that its evidence is where it says.
func loadSamples() ([]sample, error) {
	var list []sample
	if err := json.Unmarshal(samplesFile, &list); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("none")
	}
	for _, s := range list {
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("%q: %w", s.ID, err)
		}
	}
	return list, nil
}

func (s sample) check() error {
	if err := s.request().Domain().Validate(); err != nil {
		return err
	}
	if i, ok := sat.LetterIndex(s.Key); !ok || i >= len(s.Choices) {
		return errors.New("the key is none of the choices")
	}
	for _, e := range s.Evidence {
		if e.Line < 1 || e.Line > len(s.Passage) || !strings.Contains(s.Passage[e.Line-1], e.Quote) {
			return fmt.Errorf("line %d does not hold its evidence", e.Line)
		}
	}
	return nil
}

// request gives the sample as the API takes it, without its key.
func (s sample) request() api.MCQRequest {
	return api.MCQRequest{Text: strings.Join(s.Passage, "\n"), Question: s.Question, Choices: s.Choices}
}

// example gives the sample with its proof.
func (s sample) example() *example {
	x := &example{ID: s.ID, Question: s.Question, Letter: s.Key, Why: s.Why}
	for i, text := range s.Passage {
		l := line{Parts: []part{{Text: text}}}
		if (i+1)%numberEvery == 0 {
			l.Number = i + 1
		}
		for _, e := range s.Evidence {
			if e.Line == i+1 {
				l.Parts = marked(text, e.Quote)
			}
		}
		x.Lines = append(x.Lines, l)
	}
	for i, text := range s.Choices {
		x.Choices = append(x.Choices, exampleChoice{sat.Letter(i), text, sat.Letter(i) == s.Key})
	}
	return x
}

// marked cuts a line into the quotation and what stands around it.
func marked(text, quote string) []part {
	before, after, _ := strings.Cut(text, quote)
	return slices.DeleteFunc([]part{{before, false}, {quote, true}, {after, false}}, func(p part) bool { return p.Text == "" })
}

// sampleIndex finds a sample by its id.
func (s *Server) sampleIndex(id string) (int, bool) {
	i := slices.IndexFunc(s.samples, func(x sample) bool { return x.ID == id })
	return i, i >= 0
}
