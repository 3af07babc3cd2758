// Package engine says what the tutor needs from an inference engine: messages in; text, log-probabilities and counts out.
//
// It is the one contract in the program that has several implementations: openaicompat speaks to vLLM and to
// llama-server over HTTP, dispatch puts engines in front of an engine, enginetest holds the scripted engine of the
// tests. The conformance suite in enginetest is run against each.
package engine

import (
	"context"
	"encoding/json"
	"time"
)

// Engine answers completions. Its methods are safe for concurrent use, honour the context's end by freeing the
// engine at once, and give errors of type *[Error].
type Engine interface {
	// Complete runs one request to its end.
	Complete(ctx context.Context, req Request) (Response, error)
	// Stream runs one request and hands over each piece of text as it arrives; an error from each stops the engine
	// and is returned as it is. The returned Response holds the whole text and the counts.
	Stream(ctx context.Context, req Request, each func(text string) error) (Response, error)
	// Tokenize gives the ids of the tokens of text by the named model's tokenizer, without special tokens added.
	Tokenize(ctx context.Context, model, text string) ([]int, error)
	// Models lists what the engine serves now, in the engine's own order.
	Models(ctx context.Context) ([]Model, error)
}

// Role is the speaker of a message.
type Role string

// The roles of a chat.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn of a chat.
type Message struct {
	Role    Role   `json:"role"`
	Content string `json:"content"`
}

// Request is one completion to be made. The zero values of Temperature and Seed are real values and are sent.
type Request struct {
	Model        string
	Adapter      string // the adapter that the name is taken to stand for: our own engine answers by no other; "" for any
	Messages     []Message
	MaxTokens    int               // at least 1
	Temperature  float64           // 0 is greedy
	Seed         int64             //
	LogprobIDs   []int             // ids of tokens whose log-probability at the first position is wanted; nil for none
	TemplateArgs map[string]string // arguments of the chat template: {"date_string": "11 Jun 2025"}
	Schema       json.RawMessage   // JSON schema that the text must obey; nil for free text
}

// Response is a finished completion.
type Response struct {
	Model        string  // as the engine names it
	Text         string  // the generated text
	FinishReason string  // "stop" or "length"
	First        []Token // log-probabilities at the first generated position, best first; nil unless asked for
	Usage        Usage
	Fingerprint  string // the engine's build and configuration, where it says so
}

// Token is one candidate at a position of the output.
type Token struct {
	ID      int     // id in the model's vocabulary; -1 where the engine gave text only
	Text    string  // the token's text; "" where the engine gave the id only
	Logprob float64 // natural logarithm of its probability over the whole vocabulary
}

// Usage counts tokens.
type Usage struct {
	Prompt     int // tokens of the prompt
	Cached     int // of these, taken from the prefix cache
	Completion int // tokens generated
}

// Model is one name that an engine serves.
type Model struct {
	ID            string
	OwnedBy       string // "vllm", "llamacpp": tells the dialect
	Parent        string // for an adapter: the base model's id; "" otherwise or where unknown
	Root          string // what the name stands for, as the engine says: a path, a hub id, a name of the catalogue; may be ""
	Card          []byte // what our own engine tells of the model, JSON; nil of any other engine
	ContextTokens int    // prompt and completion together; 0 where the engine does not say
}

// Kind says why an engine gave no answer.
type Kind string

// The kinds of failure.
const (
	Unavailable  Kind = "unavailable"   // refused, closed, loading or shutting down
	Overloaded   Kind = "overloaded"    // more is waiting than can be answered in time
	Timeout      Kind = "timeout"       // the deadline passed before the answer was whole
	TooLarge     Kind = "too_large"     // more tokens than the model's context
	BadOutput    Kind = "bad_output"    // a reply that cannot be used
	UnknownModel Kind = "unknown_model" // the name is not served
	Unauthorized Kind = "unauthorized"  // the engine refused the key
	Rejected     Kind = "rejected"      // the engine refused the request's form: a mistake on our side
	Canceled     Kind = "canceled"      // the caller left
)

// Error is a failure of an engine.
type Error struct {
	Kind       Kind
	Tokens     int           // with TooLarge: tokens of the prompt, 0 where the engine does not say
	Limit      int           // with TooLarge: tokens that fit, 0 where the engine does not say
	RetryAfter time.Duration // with Unavailable and Overloaded: when to try again; 0 where unknown
	Ahead      int           // with Overloaded: questions that wait before this one
	Err        error         // the cause, for the log
}

// Error gives kind and cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return "engine: " + string(e.Kind)
	}
	return "engine: " + string(e.Kind) + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
