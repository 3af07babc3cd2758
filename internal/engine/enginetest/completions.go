package enginetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// completionRequest is what the fake reads of a body of /v1/completions.
type completionRequest struct {
	Model     string          `json:"model"`
	Prompt    json.RawMessage `json:"prompt"` // a text, its tokens, or a list of either
	MaxTokens int             `json:"max_tokens"`
	Logprobs  *int            `json:"logprobs"`
	Echo      bool            `json:"echo"`
}

type (
	completionChoice struct {
		Index    int                 `json:"index"`
		Text     string              `json:"text"`
		Logprobs *completionLogprobs `json:"logprobs"`
		Finish   string              `json:"finish_reason"`
	}
	completionLogprobs struct {
		Offsets  []int                `json:"text_offset"`
		Logprobs []*float64           `json:"token_logprobs"`
		Tokens   []string             `json:"tokens"`
		Top      []map[string]float64 `json:"top_logprobs"`
	}
)

// completions is /v1/completions with scripted log-probabilities of the prompt: those of a token depend on the model and
// on the few tokens before it, so that texts that share a beginning share its scores.
func (v *VLLM) completions(w http.ResponseWriter, r *http.Request) {
	var req completionRequest
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<20)).Decode(&req) != nil {
		writeFailure(w, invalidJSON)
		return
	}
	if req.Model == "" {
		req.Model = v.opts.Models[0]
	}
	if !slices.Contains(v.opts.Models, req.Model) {
		writeFailure(w, v.unknownModel(req.Model))
		return
	}
	var choices []completionChoice
	usage := chatUsage{}
	for i, tokens := range prompts(req.Prompt) {
		if len(tokens) > v.opts.Context {
			writeFailure(w, badRequest("input_tokens", "This model's maximum context length is %d tokens. However, your prompt "+
				"contains at least %d input tokens.", v.opts.Context, len(tokens)))
			return
		}
		choices = append(choices, v.completion(req, i, tokens))
		usage.Prompt += len(tokens)
		usage.Completion++
	}
	usage.Total = usage.Prompt + usage.Completion
	writeJSON(w, http.StatusOK, map[string]any{"id": "cmpl-1", "object": "text_completion", "created": 0, "model": req.Model,
		"choices": choices, "usage": usage})
}

// prompts reads the member prompt in each of its four forms.
func prompts(raw json.RawMessage) [][]int {
	var one string
	var texts []string
	var tokens []int
	var lists [][]int
	switch {
	case json.Unmarshal(raw, &one) == nil:
		return [][]int{tokenize(one)}
	case json.Unmarshal(raw, &tokens) == nil:
		return [][]int{tokens}
	case json.Unmarshal(raw, &texts) == nil:
		for _, t := range texts {
			lists = append(lists, tokenize(t))
		}
		return lists
	}
	_ = json.Unmarshal(raw, &lists)
	return lists
}

func (v *VLLM) completion(req completionRequest, index int, prompt []int) completionChoice {
	const generated = 19556 // "Hello"
	choice := completionChoice{Index: index, Text: tokenText(generated), Finish: "length"}
	tokens := []int{generated}
	if req.Echo {
		tokens = append(slices.Clone(prompt), generated)
	}
	if req.Logprobs == nil {
		return choice
	}
	choice.Logprobs = &completionLogprobs{}
	for i, id := range tokens {
		name := fmt.Sprintf("token_id:%d", id)
		choice.Logprobs.Offsets = append(choice.Logprobs.Offsets, i)
		choice.Logprobs.Tokens = append(choice.Logprobs.Tokens, name)
		if req.Echo && i == 0 {
			choice.Logprobs.Logprobs = append(choice.Logprobs.Logprobs, nil)
			choice.Logprobs.Top = append(choice.Logprobs.Top, nil)
			continue
		}
		l := v.oracle.likelihood(req.Model, tokens[max(0, i-3):i+1])
		choice.Logprobs.Logprobs = append(choice.Logprobs.Logprobs, &l)
		choice.Logprobs.Top = append(choice.Logprobs.Top, map[string]float64{name: l})
	}
	return choice
}

// likelihood is the log-probability of the last token after those before it.
func (o *oracle) likelihood(model string, tokens []int) float64 {
	return -0.05 - 4*o.hash(model, strings.Trim(fmt.Sprint(tokens), "[]"))
}
