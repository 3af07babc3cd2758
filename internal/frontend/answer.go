package frontend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// answerPanel is an answer as the page shows it.
type answerPanel struct {
	Letter, Text string
	Scored       bool // the method gives scores
	Percent      int  // how sure, of 100
	Dots         []dot
	Record       string // how often the model was right, with its n
	Scores       []score
	Tied         bool
	Seen         bool // in training
	Quality      quality
	Model        string
	Took         string
	RequestID    string
	Curl         string
}

// dot is one of the ten dots that draw how sure the tutor is.
type dot struct {
	X    int
	Full bool
}

// score is one row of the scores.
type score struct {
	Letter, Figure string
	Width          string // of the bar, of 100
	Chosen         bool
}

// noRecord stands where a record would.
const noRecord = "no record: how often this model is right has not been measured here"

// panelOf makes the panel of an answer to a question, given the record of the model that answered.
func panelOf(a api.Answer, m api.Model, q api.AnswerRequest, apiURL string) (*answerPanel, error) {
	command, err := curl(apiURL, q)
	if err != nil {
		return nil, err
	}
	p := &answerPanel{
		Letter: a.Letter, Text: a.Text, Tied: a.Tied, Seen: a.Seen, Record: noRecord,
		Scored: len(a.Scores) > 0, Percent: int(math.Round(100 * a.Confidence)),
		Quality: qualityOf(a.Quality, a.QualityNote, m.Evaluations), Model: modelName(a.Model, a.Base, a.Adapter),
		Took: seconds(a.TotalMS), RequestID: a.RequestID, Curl: command,
	}
	same := func(e api.Evaluation) bool { return e.Method == a.Method && e.Template == a.Template }
	if i := slices.IndexFunc(m.Evaluations, same); i >= 0 {
		p.Record = recordOf(m.Evaluations[i], "such questions")
	}
	for i := range 10 {
		p.Dots = append(p.Dots, dot{X: 6 + 12*i, Full: i < int(math.Round(10*a.Confidence))})
	}
	for i := range q.Choices {
		letter := sat.Letter(i)
		value := a.Scores[letter]
		p.Scores = append(p.Scores, score{Letter: letter, Figure: fmt.Sprintf("%.2f", value),
			Width: fmt.Sprintf("%.1f", 100*value), Chosen: letter == a.Letter})
	}
	return p, nil
}

// seconds words a time in milliseconds as people say it: "0.3 s", "42 s".
func seconds(milliseconds float64) string {
	d := time.Duration(milliseconds * float64(time.Millisecond))
	if d < 100*time.Millisecond {
		return "less than 0.1 s"
	}
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// curl gives the shell command that asks the same question through the API.
func curl(apiURL string, q api.AnswerRequest) (string, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(q); err != nil {
		return "", err
	}
	return "curl -s " + quoted(strings.TrimRight(apiURL, "/")+"/api/v1/answers") +
		" \\\n  -H 'Content-Type: application/json' \\\n  -d " + quoted(strings.TrimSpace(body.String())), nil
}

// quoted makes one word of any text for a POSIX shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
