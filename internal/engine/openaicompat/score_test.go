package openaicompat_test

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/engine/openaicompat"
)

// wire is a server in memory: it keeps the last chat that it got and answers with reply.
type wire struct {
	owner string // of its model: tells the dialect
	reply string
	sent  []byte
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	text := w.reply
	if r.Method == http.MethodGet {
		text = `{"data":[{"id":"m","owned_by":"` + w.owner + `","max_model_len":4096}]}`
	} else {
		var err error
		if w.sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		if int64(len(w.sent)) != r.ContentLength {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: int64(len(text)),
		Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func (w *wire) client() *openaicompat.Client {
	return openaicompat.New(openaicompat.Options{BaseURL: "http://engine", Transport: w})
}

// body decodes what was sent last.
func (w *wire) body(t *testing.T) map[string]any {
	t.Helper()
	var body map[string]any
	require.NoError(t, json.Unmarshal(w.sent, &body), "%s", w.sent)
	return body
}

// FuzzBothWaysSendTheSame holds the short way of the one-token call to what encoding/json makes of the same request.
func FuzzBothWaysSendTheSame(f *testing.F) {
	f.Add("sat-lora", "user", "Read the passage.\n\n\"Who?\"", "date_string", "11 Jun 2025", int64(0), 0.0, 49)
	f.Add("m", "system", "tab\t, back\\slash, nul\x00, del\x7f, <b>&amp;</b>, \u2028 \u2029 \ufeff 🜚", "k\"", "\x1f", int64(-1), 1e-9, -7)
	f.Add("\xff\"", "", "half a rune \xe2\x82 and \xed\xa0\x80 a surrogate", "", "\xc3\x28", int64(math.MaxInt64), 1e300, math.MaxInt32)
	f.Fuzz(func(t *testing.T, model, role, content, name, value string, seed int64, temperature float64, id int) {
		if model == "" || math.IsNaN(temperature) || math.IsInf(temperature, 0) {
			return
		}
		w := &wire{owner: "vllm"}
		req := engine.Request{Model: model, Seed: seed, Temperature: temperature, MaxTokens: 1, LogprobIDs: []int{id, 0},
			Messages:     []engine.Message{{Role: engine.System, Content: "Be brief."}, {Role: engine.Role(role), Content: content}},
			TemplateArgs: map[string]string{"date_string": "11 Jun 2025", name: value}}
		_, _ = w.client().Complete(t.Context(), req)
		short := w.body(t)
		req.MaxTokens = 2
		_, err := w.client().Complete(t.Context(), req)
		if strings.Contains(err.Error(), "max_tokens") || strings.Contains(err.Error(), "MaxTokens") {
			return // go-openai does not send it to models that are named like some of OpenAI's
		}
		long := w.body(t)
		assert.EqualValues(t, 1, short["max_tokens"])
		delete(short, "max_tokens")
		delete(long, "max_tokens")
		if _, stream := long["stream"]; !stream {
			assert.Equal(t, false, short["stream"])
			delete(short, "stream")
		}
		assert.Equal(t, long, short)
	})
}

// FuzzBothWaysReadTheSame feeds both ways any reply: neither panics, what one accepts the other reads alike, and what
// is accepted is a list of probabilities.
func FuzzBothWaysReadTheSame(f *testing.F) {
	for server, names := range map[string][]string{
		"vllm":         {"chat_letter_token_ids_and_top20", "chat_letter_token_ids", "fp32head_letter_lora", "chat_json_schema"},
		"llama-server": {"smollm2-135m.chat-letter-cold", "smollm2-135m.chat-wrong-model"},
	} {
		for _, name := range names {
			f.Add(string(enginetest.Load(f, server, name)[0].Text()))
		}
	}
	f.Add(`{"model":"m","choices":[{"finish_reason":"stop","logprobs":{"content":[{"top_logprobs":[{"token":"token_id:x","logprob":null},` +
		`{"id":null,"token":"token_id:7","logprob":-1e-400},{"token":"\ud800","logprob":-9999}]}]}}]}`)
	f.Add(`{"model":"m","choices":[{"finish_reason":"stop","logprobs":{"content":null}}],"usage":null}`)
	f.Add(`{"model":"m","choices":[{"finish_reason":"stop","logprobs":[]}]}`)
	f.Fuzz(func(t *testing.T, reply string) {
		var named struct{ Model string }
		_ = json.Unmarshal([]byte(reply), &named)
		req := letters(named.Model)
		w := &wire{owner: "llamacpp", reply: reply}
		short, shortErr := w.client().Complete(t.Context(), req)
		req.MaxTokens = 2
		long, longErr := w.client().Complete(t.Context(), req)
		if shortErr != nil {
			assert.Zero(t, short)
			return
		}
		for i, token := range short.First {
			assert.LessOrEqual(t, token.Logprob, 1e-3)
			assert.True(t, i == 0 || token.Logprob <= short.First[i-1].Logprob, "best first")
		}
		if longErr == nil { // go-openai also minds members that nobody needs
			assert.Equal(t, long, short)
		}
	})
}
