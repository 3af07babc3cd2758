package llamacpp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// facts are what a child says of its model.
type facts struct {
	Meta    json.RawMessage // as in llama-server's list of models
	Context int             // tokens
}

const (
	pollEvery = 50 * time.Millisecond
	maxReply  = 1 << 20 // bytes read of a child's own replies
)

// firstAnswer waits until a child has loaded its model, has answered a question of the shape that the tutor sends,
// and is the child that was started: with its key, under its name, and with log-probabilities.
func (c *child) firstAnswer(ctx context.Context, url string) (*facts, error) {
	for {
		status, _, err := c.call(ctx, http.MethodGet, url+"/health", nil)
		if err == nil && status == http.StatusOK {
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pollEvery):
		}
	}
	if err := c.warmUp(ctx, url); err != nil {
		return nil, err
	}
	status, body, err := c.call(ctx, http.MethodGet, url+"/v1/models", nil)
	var list struct {
		Data []struct {
			ID   string          `json:"id"`
			Meta json.RawMessage `json:"meta"`
		} `json:"data"`
	}
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil || status != http.StatusOK || len(list.Data) == 0 {
		return nil, fmt.Errorf("its list of models cannot be read (status %d): %w", status, err)
	}
	said := &facts{Meta: list.Data[0].Meta, Context: c.spec.ContextTokens}
	var meta struct {
		Context int `json:"n_ctx"`
	}
	if json.Unmarshal(said.Meta, &meta) == nil && meta.Context > 0 {
		said.Context = meta.Context
	}
	return said, nil
}

// warmUp asks one question.
func (c *child) warmUp(ctx context.Context, url string) error {
	question, err := json.Marshal(map[string]any{
		"model": c.spec.Name, "max_tokens": 1, "temperature": 0, "seed": 0, "logprobs": true, "top_logprobs": 20,
		"chat_template_kwargs": c.spec.TemplateArgs,
		"messages": []map[string]string{
			{"role": "system", "content": "You are a helpful AI assistant."},
			{"role": "user", "content": "Which letter comes first?\n\nA) B\nB) A\n\nRespond with ONLY the letter."},
		},
	})
	if err != nil {
		return err
	}
	status, body, err := c.call(ctx, http.MethodPost, url+"/v1/chat/completions", question)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("it refuses a question with status %d: %.300s", status, body)
	}
	var reply struct {
		Model   string `json:"model"`
		Choices []struct {
			Logprobs struct {
				Content []json.RawMessage `json:"content"`
			} `json:"logprobs"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return fmt.Errorf("its answer is no JSON: %w", err)
	}
	if reply.Model != c.spec.Name || len(reply.Choices) == 0 || len(reply.Choices[0].Logprobs.Content) == 0 {
		return fmt.Errorf("its answer is not one of model %s with log-probabilities", c.spec.Name)
	}
	return nil
}

// call makes one request of our own to a child.
func (c *child) call(ctx context.Context, method, url string, body []byte) (status int, reply []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.supervisor.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	reply, err = io.ReadAll(io.LimitReader(resp.Body, maxReply))
	return resp.StatusCode, reply, err
}

// waitIdle waits until the child works on nothing, until it cannot be asked, or until ctx ends.
func (c *child) waitIdle(ctx context.Context, url string) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		status, body, err := c.call(ctx, http.MethodGet, url+"/metrics", nil)
		if err != nil || status != http.StatusOK || !busy(body) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// busy reads from a child's metrics whether questions are answered or wait.
func busy(metrics []byte) bool {
	return slices.ContainsFunc(strings.Split(string(metrics), "\n"), func(line string) bool {
		name, value, _ := strings.Cut(line, " ")
		return (name == "llamacpp:requests_processing" || name == "llamacpp:requests_deferred") && value != "0"
	})
}
