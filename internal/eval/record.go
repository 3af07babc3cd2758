package eval

import (
	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// Outcome is what became of one item.
type Outcome string

// The outcomes. Unparsed counts as wrong in every accuracy; an error makes the run incomplete.
const (
	Correct  Outcome = "correct"
	Wrong    Outcome = "wrong"
	Unparsed Outcome = "unparsed" // the model's output holds no answer
	Failed   Outcome = "error"    // the engine gave none
)

// Record is one line of samples.jsonl: one answer to one item.
type Record struct {
	ID         string             `json:"id"`
	Repeat     int                `json:"repeat,omitempty"` // from 0
	SourceRow  int                `json:"source_row"`
	PassageID  string             `json:"passage_id"`
	Skill      string             `json:"skill,omitempty"`
	Genre      string             `json:"genre,omitempty"`
	Split      string             `json:"split,omitempty"`
	Requires   []string           `json:"requires,omitempty"`
	DocHash    string             `json:"doc_hash"`      // lm-eval's, over the raw row
	TargetHash string             `json:"target_hash"`   // lm-eval's, over the gold list
	PromptHash string             `json:"prompt_hash"`   // of what was really asked
	Raw        string             `json:"raw,omitempty"` // what the model generated, for method generate
	Letter     string             `json:"letter"`
	Outcome    Outcome            `json:"outcome"`
	Key        string             `json:"key"`
	Correct    bool               `json:"correct"`
	OrigExact  *bool              `json:"orig_exact,omitempty"` // right by the original's rule; method generate only
	Scores     map[string]float64 `json:"scores,omitempty"`     // probability by letter of the item's own order
	LetterMass float64            `json:"letter_mass,omitempty"`
	Clipped    bool               `json:"clipped,omitempty"`
	Tied       bool               `json:"tied,omitempty"`
	Confidence float64            `json:"confidence,omitempty"`
	Margin     float64            `json:"margin,omitempty"`
	Mode       sat.Mode           `json:"mode,omitempty"`   // that took effect
	Method     sat.Method         `json:"method,omitempty"` // that took effect
	Rotations  [][]float64        `json:"rotations,omitempty"`
	Chosen     []int              `json:"chosen,omitempty"` // content chosen under each rotation
	Likelihood *Likelihood        `json:"likelihood,omitempty"`
	LatencyMS  float64            `json:"latency_ms"` // of all requests for this item
	EngineMS   float64            `json:"engine_ms"`
	Tokens     Tokens             `json:"tokens"`
	Attempt    int                `json:"attempt"` // from 1
	Error      string             `json:"error,omitempty"`
}

// Tokens counts the tokens behind a record.
type Tokens struct {
	Prompt     int `json:"prompt"`
	Cached     int `json:"cached"`
	Completion int `json:"completion"`
}

// Likelihood is a record's part by lm-eval's definition.
type Likelihood struct {
	LL         []float64 `json:"ll"` // log-likelihood of each option, in nats
	NormLetter string    `json:"norm_letter"`
	AccNorm    bool      `json:"acc_norm"`
}

// probabilities gives the scores by position, nil when there are none.
func (r Record) probabilities() []float64 {
	if len(r.Scores) == 0 {
		return nil
	}
	p := make([]float64, len(r.Scores))
	for i := range p {
		p[i] = r.Scores[sat.Letter(i)]
	}
	return p
}

func (r *Record) setScores(p []float64) {
	if len(p) == 0 {
		return
	}
	r.Scores = make(map[string]float64, len(p))
	for i, x := range p {
		r.Scores[sat.Letter(i)] = x
	}
}

// key gives the position of the key.
func (r Record) key() int {
	i, _ := sat.LetterIndex(r.Key)
	return i
}

// judge compares the letter with the key.
func (r *Record) judge() {
	switch {
	case r.Letter == "":
		r.Outcome = Unparsed
	case r.Letter == r.Key:
		r.Outcome = Correct
	default:
		r.Outcome = Wrong
	}
	r.Correct = r.Outcome == Correct
}

// newRecord begins the record of an item.
func newRecord(it Item, repeat int) Record {
	doc := it.document()
	return Record{DocHash: doc.hash(), TargetHash: doc.targetHash(), ID: it.ID, Repeat: repeat, SourceRow: it.SourceRow, PassageID: it.PassageID, Skill: it.Skill, Genre: it.Genre,
		Split: it.Split, Requires: it.Requires, Key: it.Answer, Attempt: 1}
}

// take notes one answer: the whole of it when it is the only one, and what it cost in any case.
func (r *Record) take(a sat.Answer) {
	r.PromptHash, r.Raw, r.Letter, r.Mode, r.Method = a.PromptHash, a.Raw, a.Letter, a.Mode, a.Method
	r.LetterMass, r.Clipped, r.Tied = a.LetterMass, a.Clipped, a.Tied
	r.Confidence, r.Margin = a.Confidence, a.Margin
	r.setScores(a.Scores)
	r.cost(a)
}

func (r *Record) cost(a sat.Answer) {
	r.EngineMS += float64(a.Engine.Microseconds()) / 1000
	r.Tokens.Prompt += a.Usage.Prompt
	r.Tokens.Cached += a.Usage.Cached
	r.Tokens.Completion += a.Usage.Completion
}

// average decides by the mean over rotations, each given by position.
func (r *Record) average(rotations [][]float64) {
	r.Rotations = rotations
	r.Chosen = make([]int, len(rotations))
	for turn, p := range rotations {
		r.Chosen[turn] = (stats.ArgMax(p) + turn) % len(p)
	}
	mean := stats.RotationAverage(rotations)
	best := stats.ArgMax(mean)
	r.setScores(mean)
	r.Letter, r.Confidence, r.Margin = sat.Letter(best), mean[best], margin(mean)
}

// margin gives the best probability less the second.
func margin(p []float64) float64 {
	best := stats.ArgMax(p)
	second := 0.0
	for i, x := range p {
		if i != best && x > second {
			second = x
		}
	}
	return p[best] - second
}
