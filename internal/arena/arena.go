// Package arena compares models blind: which of two nameless answers does a person prefer, and what do many such votes
// show.
//
// A [Vote] is one judged pair, wherever it was cast. Votes of Open WebUI arrive as its exported feedback and are
// normalised ([ReadFeedback], [Normaliser]); those of our own page are cast on a [Pair], whose sides a keyed hash
// decides ([Draw]). [Summarise] turns votes into win rates with intervals, and [Elo] replays ratings as Open WebUI does.
package arena

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Winner says which answer of a pair was preferred. A is the left one, B the right one.
type Winner string

// What a vote may say.
const (
	A       Winner = "a"
	B       Winner = "b"
	Tie     Winner = "tie"
	BothBad Winner = "both_bad"
)

// Valid tells whether w is one of the four.
func (w Winner) Valid() bool { return w == A || w == B || w == Tie || w == BothBad }

// Decisive tells whether one answer was preferred.
func (w Winner) Decisive() bool { return w == A || w == B }

// Where a vote was cast.
const (
	FromOpenWebUI = "open-webui"
	FromPage      = "page"
)

// Vote is one judged pair of answers of two different models to one question.
type Vote struct {
	ID            string    `json:"feedback_id"`
	Source        string    `json:"source"`
	At            time.Time `json:"created_at"`
	Evaluator     string    `json:"evaluator"` // a pseudonym
	ChatID        string    `json:"chat_id,omitempty"`
	UserMessageID string    `json:"user_message_id,omitempty"`
	QuestionID    string    `json:"question_id"`          // the same for the same words, whatever their line breaks
	Question      string    `json:"question,omitempty"`   // the question alone, without its passage
	PassageID     string    `json:"passage_id,omitempty"` // where the question is in the bank
	Key           string    `json:"key,omitempty"`        // letter of the right choice, where known
	ModelA        string    `json:"model_a"`
	ModelB        string    `json:"model_b"`
	LetterA       string    `json:"letter_a,omitempty"`
	LetterB       string    `json:"letter_b,omitempty"`
	Side          Winner    `json:"side,omitempty"` // the answer that was rated, where answers are rated singly
	Winner        Winner    `json:"winner"`
	First         Winner    `json:"first_winner,omitempty"` // what the first rating alone said, where a second changed it
	Reasons       []string  `json:"reasons,omitempty"`
	Score         int       `json:"score,omitempty"` // 1 to 10, where given
	Comment       string    `json:"comment,omitempty"`
	LatencyA      float64   `json:"latency_ms_a,omitempty"`
	LatencyB      float64   `json:"latency_ms_b,omitempty"`
	CorrectA      *bool     `json:"correct_a,omitempty"` // nil where key or letter is not known
	CorrectB      *bool     `json:"correct_b,omitempty"`
	Texts         *Texts    `json:"texts,omitempty"` // only where asked for
}

// Texts are what was asked and answered, word for word.
type Texts struct {
	Question string `json:"question"`
	AnswerA  string `json:"answer_a"`
	AnswerB  string `json:"answer_b"`
}

// mark sets what the key tells of the two letters.
func (v *Vote) mark() { v.CorrectA, v.CorrectB = v.right(v.LetterA), v.right(v.LetterB) }

func (v *Vote) right(letter string) *bool {
	if v.Key == "" || letter == "" {
		return nil
	}
	right := letter == v.Key
	return &right
}

// Pseudonym gives the name under which a person appears in exports: the same for the same key and id, and no way back
// without the key.
func Pseudonym(key []byte, id string) string { return keyed(key, "evaluator", id)[:16] }

// keyed gives an HMAC-SHA-256 in hex. The purpose keeps one use of the key from being another's.
func keyed(key []byte, purpose, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose + "\x00" + text))
	return hex.EncodeToString(mac.Sum(nil))
}
