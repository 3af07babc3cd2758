package openaicompat

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	openai "github.com/sashabaranov/go-openai"

	"sattutor/internal/engine"
)

// logprobs is the member of that name of a choice, with the ids that llama-server writes and go-openai drops.
type logprobs struct {
	Content []struct {
		TopLogprobs []candidate `json:"top_logprobs"`
	} `json:"content"`
}

type candidate struct {
	ID      *int     `json:"id"`
	Token   string   `json:"token"`
	Logprob *float64 `json:"logprob"`
}

// first reads the candidates at the first position: from raw where the server writes ids beside the names, else from
// go-openai's reading, where vLLM puts the id into the name.
func first(read *openai.LogProbs, raw *bytes.Buffer) ([]engine.Token, error) {
	if raw != nil {
		var reply struct {
			Choices []struct {
				Logprobs *logprobs `json:"logprobs"`
			} `json:"choices"`
		}
		if err := json.NewDecoder(raw).Decode(&reply); err != nil {
			return nil, err
		}
		if len(reply.Choices) == 0 {
			return nil, errors.New("no choices")
		}
		return reply.Choices[0].Logprobs.first()
	}
	if read == nil || len(read.Content) == 0 {
		return nil, nil
	}
	tokens := make([]engine.Token, 0, len(read.Content[0].TopLogProbs))
	for _, t := range read.Content[0].TopLogProbs {
		tokens = append(tokens, named(t.Token, t.LogProb))
	}
	return ordered(tokens)
}

func (l *logprobs) first() ([]engine.Token, error) {
	if l == nil || len(l.Content) == 0 {
		return nil, nil
	}
	tokens := make([]engine.Token, 0, len(l.Content[0].TopLogprobs))
	for _, c := range l.Content[0].TopLogprobs {
		if c.Logprob == nil { // null stands for minus infinity
			continue
		}
		t := named(c.Token, *c.Logprob)
		if c.ID != nil {
			t = engine.Token{ID: *c.ID, Text: c.Token, Logprob: *c.Logprob}
		}
		tokens = append(tokens, t)
	}
	return ordered(tokens)
}

// named reads a token's name: "token_id:49" is an id without text, anything else a text without id. Its bytes are no
// help: vLLM spells the name in them.
func named(name string, logprob float64) engine.Token {
	if digits, ok := strings.CutPrefix(name, "token_id:"); ok {
		if id, err := strconv.Atoi(digits); err == nil {
			return engine.Token{ID: id, Logprob: logprob}
		}
	}
	return engine.Token{ID: -1, Text: name, Logprob: logprob}
}

// ordered sorts best first, equal ones by id and text so that the order never depends on the server's, and refuses
// what is no logarithm of a probability.
func ordered(tokens []engine.Token) ([]engine.Token, error) {
	const rounding = 1e-3
	slices.SortFunc(tokens, func(a, b engine.Token) int {
		return cmp.Or(cmp.Compare(b.Logprob, a.Logprob), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Text, b.Text))
	})
	if len(tokens) > 0 && tokens[0].Logprob > rounding {
		return nil, fmt.Errorf("log-probability %g above 0", tokens[0].Logprob)
	}
	return tokens, nil
}

// transcript gathers the events of a stream.
type transcript struct {
	text strings.Builder
	resp engine.Response
}

// add takes one event and gives the piece of text in it.
func (t *transcript) add(event []byte) (string, error) {
	var e struct {
		Model       string `json:"model"`
		Fingerprint string `json:"system_fingerprint"`
		Choices     []struct {
			Delta struct {
				Content string `json:"content"`
			} `json:"delta"`
			Logprobs     *logprobs `json:"logprobs"`
			FinishReason string    `json:"finish_reason"`
		} `json:"choices"`
		Usage *openai.Usage `json:"usage"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return "", err
	}
	t.resp.Model = cmp.Or(e.Model, t.resp.Model)
	t.resp.Fingerprint = cmp.Or(e.Fingerprint, t.resp.Fingerprint)
	if e.Usage != nil {
		t.resp.Usage = usageOf(e.Usage)
	}
	if len(e.Choices) == 0 {
		return "", nil
	}
	choice := e.Choices[0]
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
