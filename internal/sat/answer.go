package sat

import "time"

// Mode is how much work an answer is worth.
type Mode string

// The modes of answering.
const (
	Fast    Mode = "fast"    // one reading of the question
	Careful Mode = "careful" // the four rotations of the choices, averaged; equals Fast for method "option"
)

// Options are the caller's wishes for one answer. The zero value asks the default model, fast.
type Options struct {
	Model string // a served name; "" for the default
	Mode  Mode   // "" for Fast
}

// Usage counts the tokens of all engine calls behind one answer.
type Usage struct {
	Prompt     int // tokens of the prompts
	Cached     int // of these, read from the engine's prefix cache
	Completion int // tokens generated
}

// Answer is the tutor's answer to one question, with all that is needed to judge and to repeat it.
type Answer struct {
	Letter     string    // "A" to "E"
	Text       string    // the chosen choice, word for word from the request
	Confidence float64   // calibrated probability of the chosen letter; 0 when the method gives none (generate)
	Margin     float64   // probability of the winner less that of the second
	Scores     []float64 // probability of each choice, by position; nil when the method gives none
	Mode       Mode      // the mode that took effect
	Method     Method    // the method that took effect, after any fallback
	LetterMass float64   // Σ exp(log p) over the letters before normalising; 0 for method generate
	Clipped    bool      // a letter was missing from the engine's list and got an upper bound
	Tied       bool      // two choices shared the best score; the first was taken
	Raw        string    // what the model generated, for method generate

	Model         string // served name
	Base          string
	Adapter       string
	AdapterSHA256 string
	Precision     string
	Template      string  // template version: "answer_v1"
	PromptHash    string  // SHA-256 over the rendered messages, hex
	PriorID       string  // letter prior that was divided out; "" for none
	Temperature   float64 // calibration temperature of the scores; 0 where none was applied
	Seed          int64
	Quality       Quality
	QualityNote   string
	Seen          bool // the model was trained on this passage, so the answer says nothing of its reading

	Usage  Usage
	Engine time.Duration // spent in engine calls
	Total  time.Duration // spent from the accepted question to the answer
}

// AdapterEdition names the adapter that answered with the first eight hex of its digest; "" for a base model.
func (a Answer) AdapterEdition() string {
	if a.Adapter == "" {
		return ""
	}
	return edition(a.Adapter, a.AdapterSHA256)
}

// Choice gives the answer in the form of the original contract: "B) text".
func (a Answer) Choice() string { return a.Letter + ") " + a.Text }
