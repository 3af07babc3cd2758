package sat

import "fmt"

// The speakers of an ordinary conversation.
const (
	SpeakerSystem    = "system"
	SpeakerUser      = "user"
	SpeakerAssistant = "assistant"
)

// Limits of an ordinary conversation.
const (
	MaxTurns       = 64  // messages
	DefaultReply   = 256 // tokens of a reply whose length is not named
	MaxReply       = 512 // tokens of a reply
	MaxTemperature = 2
)

// Turn is one message of an ordinary conversation.
type Turn struct {
	Speaker string
	Text    string
}

// Chat is an ordinary conversation that a model is to continue. It has none of a question's guarantees.
type Chat struct {
	Model       string // a served name; "" for the default
	Turns       []Turn
	ReplyTokens int // 0 for DefaultReply
	Temperature float64
	Seed        int64
}

// Continuation is how a model continued a conversation.
type Continuation struct {
	Model  string // served name
	Text   string
	Finish string // "stop" or "length"
	Usage  Usage
}

// Validate checks the limits and reports every broken one at once, by the names of OpenAI's API.
func (c Chat) Validate() error {
	var fields []FieldError
	add := func(field, message string) { fields = append(fields, FieldError{Field: field, Message: message}) }
	switch n := len(c.Turns); {
	case n == 0:
		add("messages", "is empty; give at least one message of the user")
	case n > MaxTurns:
		add("messages", fmt.Sprintf("has %d messages; at most %d are read, so begin a new conversation", n, MaxTurns))
	case c.Turns[n-1].Speaker != SpeakerUser:
		add("messages", "does not end with a message of the user")
	case c.Turns[n-1].Text == "":
		add("messages", "ends with an empty message; write something")
	}
	if c.ReplyTokens < 0 || c.ReplyTokens > MaxReply {
		add("max_tokens", fmt.Sprintf("is out of range; give 1 to %d", MaxReply))
	}
	if !(c.Temperature >= 0 && c.Temperature <= MaxTemperature) {
		add("temperature", fmt.Sprintf("is out of range; give 0 to %d", MaxTemperature))
	}
	if fields == nil {
		return nil
	}
	return &Error{Code: Invalid, Message: "The conversation breaks a rule.", Fields: fields}
}
