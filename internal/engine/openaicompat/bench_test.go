package openaicompat_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"sattutor/internal/engine"
	"sattutor/internal/engine/openaicompat"
)

// canned answers without a network, so that the benchmark counts the client's own share alone.
type canned struct{ reply string }

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	body := c.reply
	if strings.HasSuffix(r.URL.Path, "/models") {
		body = `{"data":[{"id":"sat-lora","owned_by":"vllm","max_model_len":4096}]}`
	} else if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: r}, nil
}

// BenchmarkComplete measures one letter request without the network, the client's share of the hop's allocations, by the
// short way of the one-token call and by that of all others.
func BenchmarkComplete(b *testing.B) {
	var sampled bytes.Buffer
	for i, name := range []string{"49", "50", "51", "52"} {
		if i > 0 {
			sampled.WriteString(",")
		}
		sampled.WriteString(`{"token":"token_id:` + name + `","logprob":-5.777154922485352,"bytes":[116,111,107,101,110,95,105,100,58,52,57]}`)
	}
	reply := `{"id":"chatcmpl-9d9c31903af4283a","object":"chat.completion","created":1795384121,"model":"sat-lora","choices":[{"index":0,` +
		`"message":{"role":"assistant","content":"A","refusal":null,"annotations":null,"audio":null,"function_call":null,"reasoning":null},` +
		`"logprobs":{"content":[{"token":"token_id:49","logprob":-0.027154920622706413,"bytes":[65],"top_logprobs":[` + sampled.String() +
		`]}]},"finish_reason":"length","stop_reason":null,"token_ids":null}],"service_tier":null,"system_fingerprint":"vllm-0.32.0-032c12a1",` +
		`"usage":{"prompt_tokens":103,"total_tokens":104,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":0},` +
		`"completion_tokens_details":null},"prompt_logprobs":null}`
	client := openaicompat.New(openaicompat.Options{BaseURL: "http://engine", Transport: canned{reply}})
	req := letters("sat-lora")
	req.Messages = []engine.Message{req.Messages[0], {Role: engine.User, Content: strings.Repeat("A passage of usual length. ", 150)}}
	for name, tokens := range map[string]int{"one token": 1, "by go-openai": 2} {
		req.MaxTokens = tokens
		b.Run(name, func(b *testing.B) {
			if _, err := client.Complete(b.Context(), req); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Complete(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
