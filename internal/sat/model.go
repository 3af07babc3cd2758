package sat

import "strings"

// Method is the way in which a model's choice is read off the engine.
type Method string

// The answering methods; which one a model uses is a property of its record.
const (
	MethodLetter   Method = "letter"   // log-probabilities of the letters at the first answer token
	MethodOption   Method = "option"   // log p(Yes) - log p(No), asked once for each option
	MethodGenerate Method = "generate" // generated text, parsed
)

// Quality says what a model's answers are worth.
type Quality string

// Quality labels. A model is "production" only when a stored evaluation passes the gate.
const (
	Production Quality = "production"
	Demo       Quality = "demo"
)

// Model is what the tutor knows of a served model: how to ask it and what its answers are worth.
type Model struct {
	Record        string // name of the record that this was made of; "" where there is none
	Name          string // the name that the engine serves it under: "sat-base", "sat-lora"
	Base          string // the weights, as people know them: "SmolLM2-135M-Instruct"
	Adapter       string // name of the LoRA adapter; "" for a base model
	AdapterSHA256 string // digest of the adapter's file; "" for a base model
	Revision      string // which edition of the weights: a hub revision or a file's SHA-256; "" where unknown
	Precision     string // precision of the base weights as served: "q4_1", "nf4", "bf16"; "unknown" where the engine does not say
	Licence       string // SPDX name or title of the weights' licence
	Method        Method
	Template      string            // prompt template: "answer_v1", "option_v1"
	TemplateArgs  map[string]string // chat-template arguments sent with every request, such as the pinned date
	Quality       Quality
	QualityNote   string       // one sentence for people: why this label
	Prior         []float64    // letter prior to be divided out, by position; nil for none
	PriorID       string       // identity of the prior; "" for none
	Temperature   float64      // calibration temperature T of p = softmax(s/T); 0 or 1 leaves scores as they are
	Evaluations   []Evaluation // newest first; empty when nothing was measured
	Fingerprints  string       // file of the training passages' fingerprints; "" for none
}

// Edition tells apart what has answered under one name at different times: an adapter with the first eight hex of its
// digest, or the base with its revision.
func (m Model) Edition() string {
	if m.Adapter != "" {
		return edition(m.Adapter, m.AdapterSHA256)
	}
	return edition(m.Base, m.Revision)
}

func edition(name, digest string) string {
	if digest == "" || strings.Contains(name, "@") {
		return name
	}
	return name + "@" + digest[:min(8, len(digest))]
}

// Served is one name that an engine serves, as a probe of the engine found it.
type Served struct {
	Name          string
	Parent        string // for an adapter: the served name of its base; "" otherwise or where unknown
	Root          string // what the name stands for, as the engine says; a name of the catalogue where it is one
	Card          []byte // what our own engine tells of the model, JSON; nil of any other engine
	ContextTokens int    // prompt and completion together; 0 where the engine does not say
	TextOnly      bool   // the engine's log-probabilities cannot be used: the model is asked by MethodGenerate
}

// Listed is a model with what holds for it at this moment.
type Listed struct {
	Model
	Default       bool // takes the questions that name no model
	Available     bool // the engine serves it now
	ContextTokens int  // prompt and completion together; 0 where the engine does not say
}

// Evaluation is one measured accuracy of a model, with everything that must be said beside it.
type Evaluation struct {
	Pool     string  `json:"pool"`               // the items: "dev-133", "race-test"
	DataHash string  `json:"data_hash"`          // SHA-256 of the data file
	Method   Method  `json:"method"`             // the method measured
	Template string  `json:"template"`           // the template measured
	Correct  int     `json:"correct"`            // k
	N        int     `json:"n"`                  // n
	Low      float64 `json:"low"`                // Wilson interval, 95 %
	High     float64 `json:"high"`               //
	ECE      float64 `json:"ece,omitempty"`      // expected calibration error, 10 bins; 0 when not measured
	Date     string  `json:"date"`               // day of the run, ISO 8601
	PriorID  string  `json:"prior_id,omitempty"` // letter prior that was divided out
	Passed   bool    `json:"passed,omitempty"`   // it passes the gate
	Verdict  string  `json:"verdict,omitempty"`  // what the gate says of it, one sentence

	Mode         Mode   `json:"mode,omitempty"`          // fast or careful
	Base         string `json:"base,omitempty"`          // weights of the base model
	BaseRevision string `json:"base_revision,omitempty"` // which edition of them
	Precision    string `json:"precision,omitempty"`     // in which they were served
	Engine       string `json:"engine,omitempty"`        // what computed the answers: "llama-server", "vllm", "sat-backend"
}
