package eval

import (
	"bytes"
	"encoding/json"
	"time"

	"sattutor/internal/sat"
)

// Figures are what came of a run, as they are kept beside its header.
type Figures struct {
	Correct  int     `json:"correct"`
	Answered int     `json:"answered"` // of these, some may hold no readable answer
	Unparsed int     `json:"unparsed"`
	Failed   int     `json:"failed"`
	Low      float64 `json:"low"` // Wilson interval of 95 %
	High     float64 `json:"high"`
	Sentence string  `json:"sentence"` // for people, with everything that must be said beside a figure
}

// Kept is a run as a database keeps it.
type Kept struct {
	Header
	Figures Figures `json:"figures"`
}

// Keep gives a run as it is kept beyond its directory: header, figures and who was right, without a text of an item or
// of a model. A run that goes on later keeps its ID.
func (run *Run) Keep() (sat.EvaluationRun, error) {
	summary := Summarise(run)
	low, high := summary.Accuracy.Interval().Low, summary.Accuracy.Interval().High
	correct, _ := summary.Accuracy.Counts()
	kept := Kept{Header: run.Header, Figures: Figures{Correct: correct, Answered: summary.Answered, Unparsed: summary.Unparsed,
		Failed: summary.Failed, Low: low, High: high, Sentence: summary.Accuracy.String()}}
	header, err := json.Marshal(kept)
	if err != nil {
		return sat.EvaluationRun{}, err
	}
	name, err := json.Marshal([]any{run.Header.Started.Format(time.RFC3339), identity(run.Header)})
	if err != nil {
		return sat.EvaluationRun{}, err
	}
	var samples bytes.Buffer
	lines := json.NewEncoder(&samples)
	for _, r := range run.Records {
		r.Raw, r.Error = "", ""
		if err := lines.Encode(r); err != nil {
			return sat.EvaluationRun{}, err
		}
	}
	h := run.Header
	return sat.EvaluationRun{ID: digest(string(name))[:12], StartedAt: h.Started, Model: h.Model.Name, Pool: h.Data.Pool, N: h.Data.N,
		Complete: h.Complete, Header: header, Samples: samples.Bytes()}, nil
}
