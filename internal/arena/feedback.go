package arena

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Feedback is one rating as Open WebUI exports it, reduced to what is read here.
type Feedback struct {
	ID        string
	UserID    string
	CreatedAt int64 // seconds
	Rating    int   // 1, -1, or 0 for none
	Model     string
	Siblings  []string // the models of the other answers, one entry an answer
	Reason    string
	Comment   string
	Score     int    // 1 to 10; 0 for none
	Asked     string // the name that was asked: the arena's, or a model's own
	MessageID string
	ChatID    string
	Messages  map[string]Message // the chat as it stood; nil where the export has no transcripts
}

// Message is one turn of an exported chat.
type Message struct {
	ID        string
	Parent    string
	Role      string
	Content   string
	Model     string // the model that wrote it, the arena's choice included
	Column    int
	Timestamp int64
	LatencyMS float64 // as the gateway told it in the usage; 0 where unknown
}

// feedbackRow is the exported form.
type feedbackRow struct {
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	CreatedAt int64  `json:"created_at"`
	Data      struct {
		Rating   any      `json:"rating"` // a number, or the same as text
		ModelID  string   `json:"model_id"`
		Siblings []string `json:"sibling_model_ids"`
		Reason   string   `json:"reason"`
		Comment  string   `json:"comment"`
		Details  *struct {
			Rating float64 `json:"rating"`
		} `json:"details"`
	} `json:"data"`
	Meta struct {
		ModelID   string `json:"model_id"`
		MessageID string `json:"message_id"`
		ChatID    string `json:"chat_id"`
	} `json:"meta"`
	Snapshot *struct {
		Chat struct {
			Chat struct {
				History struct {
					Messages map[string]messageRow `json:"messages"`
				} `json:"history"`
			} `json:"chat"`
		} `json:"chat"`
	} `json:"snapshot"`
}

type messageRow struct {
	ID       string `json:"id"`
	ParentID string `json:"parentId"`
	Role     string `json:"role"`
	Content  any    `json:"content"` // text, or parts
	Output   []struct {
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
	} `json:"output"`
	Model     string         `json:"model"`
	Selected  string         `json:"selectedModelId"`
	Column    int            `json:"modelIdx"`
	Timestamp float64        `json:"timestamp"`
	Usage     map[string]any `json:"usage"`
}

// LatencyField is the field of the gateway's usage that tells how long the answer took, in milliseconds. Open WebUI
// keeps it with the message.
const LatencyField = "latency_ms"

// ReadFeedback reads Open WebUI's exported feedback: one JSON array. The error names the row that cannot be read.
func ReadFeedback(r io.Reader) ([]Feedback, error) {
	dec := json.NewDecoder(r)
	if start, err := dec.Token(); err != nil || start != json.Delim('[') {
		return nil, errors.New("the feedback must be a JSON array, as Open WebUI exports it")
	}
	var all []Feedback
	for dec.More() {
		var row feedbackRow
		if err := dec.Decode(&row); err != nil {
			return nil, fmt.Errorf("feedback row %d: %w", len(all)+1, err)
		}
		all = append(all, row.feedback())
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("the feedback ends after row %d without its closing bracket", len(all))
	}
	return all, nil
}

func (row feedbackRow) feedback() Feedback {
	f := Feedback{
		ID: row.ID, UserID: row.UserID, CreatedAt: row.CreatedAt, Rating: ratingOf(row.Data.Rating),
		Model: row.Data.ModelID, Siblings: row.Data.Siblings, Reason: row.Data.Reason, Comment: row.Data.Comment,
		Asked: row.Meta.ModelID, MessageID: row.Meta.MessageID, ChatID: row.Meta.ChatID,
	}
	if d := row.Data.Details; d != nil && d.Rating >= 1 && d.Rating <= 10 {
		f.Score = int(d.Rating)
	}
	if row.Snapshot == nil {
		return f
	}
	f.Messages = make(map[string]Message, len(row.Snapshot.Chat.Chat.History.Messages))
	for id, m := range row.Snapshot.Chat.Chat.History.Messages {
		f.Messages[id] = m.message(id)
	}
	return f
}

// ratingOf accepts what Open WebUI's own leaderboard accepts: 1 and -1, as numbers or as text.
func ratingOf(v any) int {
	switch fmt.Sprint(v) {
	case "1":
		return 1
	case "-1":
		return -1
	}
	return 0
}

func (m messageRow) message(id string) Message {
	out := Message{ID: id, Parent: m.ParentID, Role: m.Role, Model: m.Model, Column: m.Column, Timestamp: int64(m.Timestamp)}
	if m.Selected != "" {
		out.Model = m.Selected
	}
	out.Content, _ = m.Content.(string)
	if out.Content == "" {
		var parts []string
		for _, o := range m.Output {
			for _, c := range o.Content {
				parts = append(parts, c.Text)
			}
		}
		out.Content = strings.Join(parts, "\n")
	}
	out.LatencyMS, _ = m.Usage[LatencyField].(float64)
	return out
}

// pair gives the answers that stood side by side with the rated one, in reading order, and what they answered.
func (f Feedback) pair() (question Message, answers []Message, ok bool) {
	rated, ok := f.Messages[f.MessageID]
	if !ok {
		return Message{}, nil, false
	}
	question, ok = f.Messages[rated.Parent]
	if !ok {
		return Message{}, nil, false
	}
	for _, m := range f.Messages {
		if m.Parent == rated.Parent && m.Role == "assistant" {
			answers = append(answers, m)
		}
	}
	slices.SortFunc(answers, func(a, b Message) int {
		if a.Column != b.Column {
			return a.Column - b.Column
		}
		if a.Timestamp != b.Timestamp {
			return int(a.Timestamp - b.Timestamp)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return question, answers, true
}

// answerLetter is the first line of an answer in the gateway's shape.
var answerLetter = regexp.MustCompile(`^\W*Answer\W*([A-E])\b`)

// letterOf gives the letter that an answer's text begins with, "" where it has none.
func letterOf(text string) string {
	if m := answerLetter.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
