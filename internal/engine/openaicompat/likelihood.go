package openaicompat

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"sattutor/internal/engine"
)

// errNoEcho says that the server repeats no prompt, as llama-server: it ignores the member and scores what it wrote.
var errNoEcho = errors.New("the server gives no log-probabilities of prompts (echo); vLLM does")

// LogLikelihoods gives, for each continuation, the sum of the log-probabilities of its tokens after the text, as lm-eval
// defines it: its tokens are those that tok(text + continuation) has beyond tok(text). Each costs a whole prefill, for
// prompt log-probabilities go past the prefix cache: an audit's way of asking, not a student's. Errors are
// *[engine.Error], with kind Rejected from a server that has no such log-probabilities.
func (c *Client) LogLikelihoods(ctx context.Context, model, text string, continuations []string) ([]float64, error) {
	shared, err := c.Tokenize(ctx, model, text)
	if err != nil {
		return nil, err
	}
	sums := make([]float64, len(continuations))
	for i, continuation := range continuations {
		whole, err := c.Tokenize(ctx, model, text+continuation)
		if err != nil {
			return nil, err
		}
		if len(whole) <= len(shared) {
			return nil, &engine.Error{Kind: engine.BadOutput, Err: fmt.Errorf("continuation %d adds no token", i)}
		}
		logprobs, err := c.echo(ctx, model, whole)
		if err != nil {
			return nil, err
		}
		for _, l := range logprobs[len(shared):] {
			if l == nil {
				return nil, &engine.Error{Kind: engine.BadOutput, Err: errors.New("a token without a log-probability")}
			}
			sums[i] += *l
		}
	}
	return sums, nil
}

// echo gives the log-probability of each token of a prompt after those before it; the first has none.
func (c *Client) echo(ctx context.Context, model string, prompt []int) ([]*float64, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	body := struct {
		Model       string  `json:"model"`
		Prompt      []int   `json:"prompt"`
		MaxTokens   int     `json:"max_tokens"`
		Temperature float64 `json:"temperature"`
		Logprobs    int     `json:"logprobs"`
		Echo        bool    `json:"echo"`
		Seed        int     `json:"seed"`
	}{Model: model, Prompt: prompt, MaxTokens: 1, Logprobs: 1, Echo: true, Seed: lmEvalSeed}
	var reply struct {
		Choices []struct {
			Logprobs struct {
				Tokens []*float64 `json:"token_logprobs"`
			} `json:"logprobs"`
		} `json:"choices"`
	}
	if err := c.exchange(ctx, http.MethodPost, "/v1/completions", body, &reply); err != nil {
		return nil, err
	}
	if len(reply.Choices) == 0 {
		return nil, fail(ctx, errNoChoices)
	}
	logprobs := reply.Choices[0].Logprobs.Tokens
	if len(logprobs) < len(prompt) {
		return nil, &engine.Error{Kind: engine.Rejected, Err: errNoEcho}
	}
	return logprobs[:len(prompt)], nil // what was generated comes last
}

// lmEvalSeed is the seed that lm-eval sends.
const lmEvalSeed = 1234
