package enginetest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine/enginetest"
	"sattutor/internal/engine/openaicompat"
)

// TestRecordingsConform runs the suite on recorded replies of the real servers, as far as they were recorded.
func TestRecordingsConform(t *testing.T) {
	for server, target := range map[string]struct {
		model, unknown string
		names          []string
	}{
		"vllm": {"sat-lora", "sat-nope", []string{"models", "chat_letter_token_ids_and_top20", "chat_base_same_prompt",
			"chat_unknown_model", "chat_stream_error_unknown_model"}},
		"llama-server": {"smollm2-135m", "no-such-model", []string{"smollm2-135m.v1-models", "smollm2-135m.chat-letter-cold",
			"smollm2-135m.chat-wrong-model"}},
	} {
		t.Run(server, func(t *testing.T) {
			client := openaicompat.New(openaicompat.Options{BaseURL: enginetest.Replay(t, server, target.names...)})
			t.Cleanup(client.Close)
			enginetest.Conformance(t, enginetest.Target{Engine: client, Model: target.model, Unknown: target.unknown,
				LetterIDs: []int{49, 50, 51, 52}})
		})
	}
}

func TestReplayChoosesByShape(t *testing.T) {
	url := enginetest.Replay(t, "vllm", "chat_letter_token_ids", "chat_json_schema", "chat_stream", "chat_unknown_model", "models")
	for body, want := range map[string]string{
		`{"model":"sat-lora","logprobs":true,"logprob_token_ids":[49,50,51,52],"seed":0}`:      `"logprob"`,
		`{"model":"sat-lora","response_format":{"type":"json_schema"},"seed":0}`:               `reason`,
		`{"model":"sat-lora","stream":true,"max_tokens":3}`:                                    `data: [DONE]`,
		`{"model":"sat-nope","max_tokens":1}`:                                                  `NotFoundError`,
		`{"model":"sat-lora","max_tokens":1}`:                                                  `not recorded`,
		`{"model":"sat-lora","logprobs":true,"logprob_token_ids":[1],"max_tokens":1,"seed":0}`: `not recorded`,
	} {
		resp, err := http.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		text := new(strings.Builder)
		_, err = io.Copy(text, resp.Body)
		require.NoError(t, err)
		_ = resp.Body.Close()
		assert.Contains(t, text.String(), want, body)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestRecordingsAreWhole(t *testing.T) {
	for _, server := range []string{"vllm", "llama-server"} {
		list := enginetest.Load(t, server)
		assert.Greater(t, len(list), 20)
		for _, r := range list {
			assert.NotZero(t, r.Response.Status, r.Name)
			assert.NotEmpty(t, r.Request.Path, r.Name)
			assert.NotContains(t, string(r.Request.Body), "Bearer", r.Name)
		}
	}
}
