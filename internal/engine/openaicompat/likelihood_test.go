package openaicompat_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
)

// TestLogLikelihoods adds the fake's own figures, asked for by the text, and wants the same sums.
func TestLogLikelihoods(t *testing.T) {
	client, v := fake(t, enginetest.Options{})
	const text = "The clerk counted the crates"
	tails := []string{" again.", " (B) and went home"}
	sums, err := client.LogLikelihoods(t.Context(), "sat-base", text, tails)
	require.NoError(t, err)

	for i, tail := range tails {
		request := httptest.NewRequest(http.MethodPost, "/v1/completions", jsonBody(t, map[string]any{
			"model": "sat-base", "prompt": text + tail, "max_tokens": 1, "logprobs": 1, "echo": true}))
		w := httptest.NewRecorder()
		v.ServeHTTP(w, request)
		var reply struct {
			Choices []struct {
				Logprobs struct {
					Tokens []*float64 `json:"token_logprobs"`
				} `json:"logprobs"`
			} `json:"choices"`
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &reply))
		logprobs := reply.Choices[0].Logprobs.Tokens
		require.Nil(t, logprobs[0], "the first token has nothing before it")
		const shared = 5 // words of text
		var sum float64
		for _, l := range logprobs[shared : len(logprobs)-1] {
			sum += *l
		}
		assert.InDelta(t, sum, sums[i], 1e-12)
	}
	other, err := client.LogLikelihoods(t.Context(), "sat-lora", text, tails)
	require.NoError(t, err)
	assert.NotEqual(t, sums, other, "another model")
}

// TestLogLikelihoodsNeedEcho is llama-server's reply: it scores what it generated and passes over the prompt.
func TestLogLikelihoodsNeedEcho(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tokenize" {
			var body struct {
				Prompt string `json:"prompt"`
			}
			assert.NoError(t, json.NewDecoder(r.Body).Decode(&body))
			_ = json.NewEncoder(w).Encode(map[string]any{"tokens": make([]int, len(body.Prompt))})
			return
		}
		_, _ = w.Write([]byte(`{"choices":[{"logprobs":{"token_logprobs":[-0.5]}}]}`))
	}))
	defer server.Close()
	_, err := dial(t, server.URL).LogLikelihoods(t.Context(), "m", "a text", []string{" goes on"})
	kindOf(t, err, engine.Rejected)

	_, err = dial(t, server.URL).LogLikelihoods(t.Context(), "m", "a text", []string{""})
	kindOf(t, err, engine.BadOutput)
}
