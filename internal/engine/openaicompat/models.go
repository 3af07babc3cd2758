package openaicompat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"sattutor/internal/engine"
)

// dialect is how a server differs from the other.
type dialect struct {
	topLogprobs int // candidates to ask for
}

// The dialects, by owned_by. vLLM refuses more than 20 candidates and needs none, for it obeys logprob_token_ids;
// llama-server ignores that member and has no cap, so 200 keep unlikely letters from being clipped.
var (
	vllm     = dialect{topLogprobs: 20}
	llamacpp = dialect{topLogprobs: 200}
)

// speaks gives the server's dialect, and asks for it where it is not known yet. A server without a list of models is
// taken as the stricter one.
func (c *Client) speaks(ctx context.Context) (*dialect, error) {
	if d := c.dialect.Load(); d != nil {
		return d, nil
	}
	_, err := c.Models(ctx)
	var refused *engine.Error
	if errors.As(err, &refused) && refused.Kind == engine.Rejected {
		return &vllm, nil
	}
	if err != nil {
		return nil, err
	}
	return c.dialect.Load(), nil
}

// Models implements [engine.Engine].
func (c *Client) Models(ctx context.Context) ([]engine.Model, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	var list struct {
		Data []struct {
			ID          string          `json:"id"`
			OwnedBy     string          `json:"owned_by"`
			Parent      string          `json:"parent"`
			Root        string          `json:"root"`
			MaxModelLen int             `json:"max_model_len"`
			Card        json.RawMessage `json:"sat"`
			Meta        struct {
				Context int `json:"n_ctx"`
			} `json:"meta"`
		} `json:"data"`
	}
	if err := c.exchange(ctx, http.MethodGet, "/v1/models", nil, &list); err != nil {
		return nil, err
	}
	speaks := &vllm
	tokens := map[string]int{} // context by model: an adapter has its base model's
	models := make([]engine.Model, 0, len(list.Data))
	for _, m := range list.Data {
		limit := max(m.MaxModelLen, m.Meta.Context)
		if m.OwnedBy == "llamacpp" {
			speaks = &llamacpp
			if limit == 0 {
				limit = c.contextFromProps(ctx)
			}
		}
		if limit == 0 {
			limit = tokens[m.Parent]
		}
		tokens[m.ID] = limit
		models = append(models, engine.Model{ID: m.ID, OwnedBy: m.OwnedBy, Parent: m.Parent, Root: m.Root, Card: m.Card, ContextTokens: limit})
	}
	c.dialect.Store(speaks)
	return models, nil
}

// contextFromProps asks a llama-server whose model list lacks the context; 0 where it does not say.
func (c *Client) contextFromProps(ctx context.Context) int {
	var props struct {
		Settings struct {
			Context int `json:"n_ctx"`
		} `json:"default_generation_settings"`
	}
	if err := c.exchange(ctx, http.MethodGet, "/props", nil, &props); err != nil {
		return 0
	}
	return props.Settings.Context
}

// Tokenize implements [engine.Engine]. The body is the union of both dialects'; each server ignores the other's half.
func (c *Client) Tokenize(ctx context.Context, model, text string) ([]int, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	body := struct {
		Model            string `json:"model"`
		Prompt           string `json:"prompt"`
		AddSpecialTokens bool   `json:"add_special_tokens"`
		Content          string `json:"content"`
		AddSpecial       bool   `json:"add_special"`
	}{Model: model, Prompt: text, Content: text}
	var reply struct {
		Tokens []int `json:"tokens"`
	}
	if err := c.exchange(ctx, http.MethodPost, "/tokenize", body, &reply); err != nil {
		return nil, err
	}
	if reply.Tokens == nil {
		return nil, &engine.Error{Kind: engine.BadOutput, Err: errors.New("no tokens")}
	}
	return reply.Tokens, nil
}

// exchange sends in, where there is any, and reads the reply into out.
func (c *Client) exchange(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return &engine.Error{Kind: engine.Rejected, Err: err}
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.root+path, bytes.NewReader(body))
	if err != nil {
		return &engine.Error{Kind: engine.Rejected, Err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.doer.Do(req)
	if err != nil {
		return fail(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fail(ctx, err)
	}
	return nil
}
