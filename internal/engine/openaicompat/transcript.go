package openaicompat

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"

	"sattutor/internal/engine"
)

// errNoChoices says that a reply with status 200 holds no answer.
var errNoChoices = errors.New("no choices")

// event is a whole reply, or one event of a stream: then its text stands under delta.
type event struct {
	Model       string `json:"model"`
	Fingerprint string `json:"system_fingerprint"`
	Choices     []struct {
		Message struct {
			Content string `json:"content"`
		} `json:"message"`
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
		Logprobs     logprobs `json:"logprobs"`
		FinishReason string   `json:"finish_reason"`
	} `json:"choices"`
	Usage usage `json:"usage"`
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Details    struct {
		Cached int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

func (u usage) counts() engine.Usage {
	return engine.Usage{Prompt: u.Prompt, Cached: u.Details.Cached, Completion: u.Completion}
}

// transcript gathers the events of a stream.
type transcript struct {
	text strings.Builder
	resp engine.Response
}

// add takes one event and gives the piece of text in it.
func (t *transcript) add(text []byte) (string, error) {
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return "", err
	}
	t.resp.Model = cmp.Or(e.Model, t.resp.Model)
	t.resp.Fingerprint = cmp.Or(e.Fingerprint, t.resp.Fingerprint)
	if e.Usage.Prompt > 0 {
		t.resp.Usage = e.Usage.counts()
	}
	if len(e.Choices) == 0 {
		return "", nil
	}
	choice := &e.Choices[0]
	t.resp.FinishReason = cmp.Or(choice.FinishReason, t.resp.FinishReason)
	if t.resp.First == nil {
		var err error
		if t.resp.First, err = choice.Logprobs.first(); err != nil {
			return "", err
		}
	}
	t.text.WriteString(choice.Delta.Content)
	return choice.Delta.Content, nil
}

func (t *transcript) response() engine.Response {
	t.resp.Text = t.text.String()
	return t.resp
}
