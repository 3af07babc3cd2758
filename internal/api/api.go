// Package api holds the JSON shapes of the HTTP API and their conversion to and from the types of package sat.
//
// The backend writes these shapes and its client reads them; nobody retypes them.
package api

// MCQRequest is a question in the original contract, body of POST /submit_mcq.
type MCQRequest struct {
	Text     string   `json:"text" doc:"The passage. Physical line breaks are kept." example:"The lamp in the harbour office burned late that winter."`
	Question string   `json:"question" doc:"The question, one paragraph." example:"What was burning?"`
	Choices  []string `json:"choices" doc:"Two to five choices, bare or each with its own letter: \"A) …\"." example:"[\"A) The lamp\",\"B) The pier\"]"`
}

// MCQResponse is the answer in the original contract: always one of the offered choices, as "B) text".
type MCQResponse struct {
	Answer string `json:"answer" example:"A) The lamp"`
}

// AnswerRequest is the body of POST /api/v1/answers.
type AnswerRequest struct {
	MCQRequest
	Model string `json:"model,omitempty" doc:"A name from GET /api/v1/models; the default model when left out."`
	Mode  string `json:"mode,omitempty" enum:"fast,careful" doc:"fast reads the question once; careful reads it with every rotation of the choices."`
	Store *bool  `json:"store,omitempty" doc:"false: do not keep this question and its answer."`
}

// Answer is the whole answer record. Scores and ChoiceScores follow the order of the choices.
type Answer struct {
	Letter        string             `json:"letter"`
	Text          string             `json:"text" doc:"The chosen choice, word for word."`
	Answer        string             `json:"answer" doc:"The original contract's form: letter, bracket, text."`
	Confidence    float64            `json:"confidence" doc:"Calibrated probability of the chosen letter, 0 to 1; 0 when the method gives none."`
	Margin        float64            `json:"margin" doc:"Probability of the winner less that of the second."`
	Scores        map[string]float64 `json:"scores,omitempty" doc:"Probability of each letter."`
	Mode          string             `json:"mode" doc:"The mode that took effect."`
	Method        string             `json:"method" doc:"The method that took effect: letter, option or generate."`
	LetterMass    float64            `json:"letter_mass" doc:"Probability that the model gave to all letters together."`
	Clipped       bool               `json:"clipped"`
	Tied          bool               `json:"tied"`
	Raw           string             `json:"raw,omitempty" doc:"What the model wrote, for method generate."`
	Model         string             `json:"model"`
	Base          string             `json:"base,omitempty"`
	Adapter       string             `json:"adapter,omitempty"`
	AdapterSHA256 string             `json:"adapter_sha256,omitempty"`
	Precision     string             `json:"precision" doc:"Precision of the base weights as served."`
	Template      string             `json:"template"`
	PromptHash    string             `json:"prompt_hash" doc:"SHA-256 of the rendered messages."`
	PriorID       string             `json:"prior_id,omitempty" doc:"Letter prior that was divided out of the scores."`
	Temperature   float64            `json:"temperature,omitempty" doc:"Calibration temperature of the scores; absent where none was applied."`
	Seed          int64              `json:"seed"`
	Quality       string             `json:"quality" enum:"production,demo"`
	QualityNote   string             `json:"quality_note,omitempty"`
	Seen          bool               `json:"seen_in_training,omitempty" doc:"The model was trained on this passage: its answer says nothing of how well it reads."`
	Usage         Usage              `json:"usage"`
	EngineMS      float64            `json:"engine_ms"`
	TotalMS       float64            `json:"total_ms"`
	RequestID     string             `json:"request_id"`
}

// Usage counts the tokens of all engine calls behind one answer.
type Usage struct {
	Prompt     int `json:"prompt"`
	Cached     int `json:"cached"`
	Completion int `json:"completion"`
}

// ParseRequest is the body of POST /api/v1/questions:parse: a whole question pasted as one block of text.
type ParseRequest struct {
	Block string `json:"block" doc:"Passage, question and choices as copied, or the same as JSON."`
}

// Model is one served model as GET /api/v1/models lists it.
type Model struct {
	Name          string       `json:"name"`
	Default       bool         `json:"default"`
	Available     bool         `json:"available" doc:"Whether the engine serves it now."`
	Record        string       `json:"record,omitempty" doc:"Record of the machine that serves it, in which its quality is kept."`
	Base          string       `json:"base,omitempty"`
	Revision      string       `json:"revision,omitempty" doc:"Edition of the weights: a hub revision or the file's SHA-256."`
	Adapter       string       `json:"adapter,omitempty"`
	AdapterSHA256 string       `json:"adapter_sha256,omitempty"`
	Precision     string       `json:"precision"`
	Licence       string       `json:"licence,omitempty"`
	Method        string       `json:"method"`
	Template      string       `json:"template"`
	Quality       string       `json:"quality" enum:"production,demo"`
	QualityNote   string       `json:"quality_note,omitempty"`
	ContextTokens int          `json:"context_tokens,omitempty"`
	PriorID       string       `json:"prior_id,omitempty"`
	Temperature   float64      `json:"temperature,omitempty" doc:"Calibration temperature; 1 leaves scores as they are."`
	Evaluations   []Evaluation `json:"evaluations,omitempty"`
}

// Evaluation is one measured accuracy with what must be said beside it.
type Evaluation struct {
	Pool     string  `json:"pool"`
	DataHash string  `json:"data_hash,omitempty"`
	Method   string  `json:"method"`
	Template string  `json:"template"`
	Correct  int     `json:"correct"`
	N        int     `json:"n"`
	Low      float64 `json:"low" doc:"Lower end of the 95 % Wilson interval."`
	High     float64 `json:"high"`
	ECE      float64 `json:"ece,omitempty"`
	Date     string  `json:"date"`
	Verdict  string  `json:"verdict,omitempty"`

	Mode      string `json:"mode,omitempty"`
	Base      string `json:"base,omitempty"`
	Precision string `json:"precision,omitempty" doc:"Of the base model as it was measured."`
	Engine    string `json:"engine,omitempty" doc:"What computed the answers."`
}

// ModelList is the body of GET /api/v1/models.
type ModelList struct {
	Models []Model `json:"models"`
}

// Message is the body of GET /, kept from the original.
type Message struct {
	Message string `json:"message"`
}

// Health is the body of GET /health: the process lives, nothing else was asked.
type Health struct {
	Status  string `json:"status"`
	Service string `json:"service"`
	Version string `json:"version"`
}

// Ready is the body of GET /ready.
type Ready struct {
	Status  string            `json:"status" enum:"ready,not-ready"`
	Missing []string          `json:"missing,omitempty" doc:"What is not ready: engine, store, queue."`
	Details map[string]string `json:"details,omitempty" doc:"One sentence for each missing part."`
}

// Version is the body of GET /version.
type Version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
}

// Problem is every error body: application/problem+json, RFC 9457.
type Problem struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail"`
	Instance  string         `json:"instance,omitempty"`
	Code      string         `json:"code" doc:"A code of the domain, or malformed, method_not_allowed, media_type, wrong_host."`
	Reason    string         `json:"reason,omitempty" doc:"Of code unavailable: engine-not-ready, overloaded, draining, storage."`
	Errors    []ProblemField `json:"errors,omitempty"`
	RequestID string         `json:"request_id,omitempty"`
}

// ProblemField names one field and what is wrong with it; it never holds the value.
type ProblemField struct {
	Location string `json:"location" example:"choices[2]"`
	Message  string `json:"message"`
}

// Names of the response headers that carry extra facts beside the original contract.
const (
	HeaderRequestID  = "X-Request-Id"
	HeaderModel      = "X-Sat-Model"
	HeaderConfidence = "X-Sat-Confidence"
	HeaderQuality    = "X-Sat-Quality"
	HeaderAdapter    = "X-Sat-Adapter"
)
