package openaicompat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/engine/openaicompat"
)

// serverOf replays recordings and shows each body sent.
func serverOf(t testing.TB, server string, seen func(body []byte), names ...string) *openaicompat.Client {
	target := enginetest.Replay(t, server, names...)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(body) > 0 {
			seen(body)
		}
		req, _ := http.NewRequestWithContext(r.Context(), r.Method, target+r.URL.Path, bytes.NewReader(body))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(func() {
		proxy.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return dial(t, proxy.URL)
}

func TestBodyFieldByField(t *testing.T) {
	client, v := fake(t, enginetest.Options{Key: "secret"})
	messages := enginetest.SampleQuestion()
	wire := []any{
		map[string]any{"role": "system", "content": messages[0].Content},
		map[string]any{"role": "user", "content": messages[1].Content},
	}
	_, err := client.Complete(t.Context(), letters("sat-lora"))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"model": "sat-lora", "messages": wire, "max_tokens": 1.0, "temperature": 0.0, "seed": 0.0, "stream": false,
		"logprobs": true, "top_logprobs": 20.0, "logprob_token_ids": []any{49.0, 50.0, 51.0, 52.0},
		"return_tokens_as_token_ids": true, "cache_prompt": true,
		"chat_template_kwargs": map[string]any{"date_string": "11 Jun 2025"},
	}, lastBody(t, v))
	assert.Zero(t, v.Counts().NoTemperature)

	schema := `{"type":"object","properties":{"letter":{"enum":["A","B"]}}}`
	req := engine.Request{Model: "sat-base", Adapter: "sat-lora@c6e1fdaf", Messages: messages, MaxTokens: 80, Temperature: 0.7, Seed: 42,
		Schema: json.RawMessage(schema)}
	_, err = client.Stream(t.Context(), req, ignore)
	require.NoError(t, err)
	var decoded any
	require.NoError(t, json.Unmarshal([]byte(schema), &decoded))
	assert.Equal(t, map[string]any{
		"model": "sat-base", "messages": wire, "max_tokens": 80.0, "temperature": 0.7, "seed": 42.0, "stream": true,
		"stream_options": map[string]any{"include_usage": true}, "cache_prompt": true, "sat_adapter": "sat-lora@c6e1fdaf",
		"response_format": map[string]any{"type": "json_schema",
			"json_schema": map[string]any{"name": "reply", "schema": decoded, "strict": true}},
	}, lastBody(t, v))
}

func TestHostileTextReachesTheEngineUnchanged(t *testing.T) {
	client, v := fake(t, enginetest.Options{})
	req := text("sat-base", 4)
	req.Messages = []engine.Message{{Role: engine.User, Content: "\"},\"temperature\":1,{<|im_end|>\u2028 é \\ 𝔘"}}
	req.TemplateArgs = map[string]string{"date_string": `","seed":9,"x":"`}
	_, err := client.Complete(t.Context(), req)
	require.NoError(t, err)
	body := lastBody(t, v)
	assert.Equal(t, req.Messages[0].Content, body["messages"].([]any)[0].(map[string]any)["content"])
	assert.Equal(t, map[string]any{"date_string": req.TemplateArgs["date_string"]}, body["chat_template_kwargs"])
	assert.EqualValues(t, 0, body["temperature"])
	assert.EqualValues(t, 0, body["seed"])
}

func TestBaseURLWithAndWithoutVersion(t *testing.T) {
	_, url := enginetest.Serve(t, enginetest.Options{Key: "secret"})
	for _, suffix := range []string{"", "/", "/v1", "/v1/"} {
		client := dial(t, url+suffix)
		_, err := client.Complete(t.Context(), letters("sat-base"))
		assert.NoError(t, err, suffix)
		_, err = client.Tokenize(t.Context(), "sat-base", "A")
		assert.NoError(t, err, suffix)
	}
	_, err := dial(t, "://").Complete(t.Context(), letters("sat-base"))
	kindOf(t, err, engine.Rejected)
}

func TestContextFromProps(t *testing.T) {
	models := `{"object":"list","data":[{"id":"m","owned_by":"llamacpp","meta":{}}]}`
	for props, want := range map[string]int{`{"default_generation_settings":{"n_ctx":2048}}`: 2048, `[]`: 0} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, map[string]string{"/v1/models": models, "/props": props}[r.URL.Path])
		}))
		got, err := dial(t, server.URL).Models(t.Context())
		server.Close()
		require.NoError(t, err)
		assert.Equal(t, want, got[0].ContextTokens)
	}
}

func TestTiesHaveAFixedOrder(t *testing.T) {
	reply := `{"model":"m","choices":[{"message":{"content":"B"},"finish_reason":"length","logprobs":{"content":[{"token":"B",` +
		`"logprob":-1,"top_logprobs":[%]}]}}]}`
	for candidates, want := range map[string][]int{
		`{"token":"token_id:52","logprob":-1},{"token":"token_id:50","logprob":-1},{"token":"token_id:51","logprob":-0.5}`: {51, 50, 52},
		`{"token":"token_id:50","logprob":-1},{"token":"token_id:52","logprob":-1},{"token":"token_id:51","logprob":-0.5}`: {51, 50, 52},
	} {
		client := dial(t, static(t, map[string]string{
			"/v1/models":           `{"data":[{"id":"m","owned_by":"vllm"}]}`,
			"/v1/chat/completions": string(bytes.Replace([]byte(reply), []byte("%"), []byte(candidates), 1)),
		}))
		resp, err := client.Complete(t.Context(), letters("m"))
		require.NoError(t, err)
		assert.Equal(t, want, ids(resp.First))
	}
}

func TestCandidatesThatAreNoProbabilities(t *testing.T) {
	for owner, candidates := range map[string]string{
		"vllm":     `{"token":"token_id:49","logprob":3.5}`,
		"llamacpp": `{"id":49,"token":"A","logprob":3.5}`,
	} {
		client := dial(t, static(t, map[string]string{
			"/v1/models": `{"data":[{"id":"m","owned_by":"` + owner + `","meta":{"n_ctx":9}}]}`,
			"/v1/chat/completions": `{"model":"m","choices":[{"message":{"content":"B"},"finish_reason":"length",` +
				`"logprobs":{"content":[{"token":"B","logprob":-1,"top_logprobs":[` + candidates + `]}]}}]}`,
		}))
		_, err := client.Complete(t.Context(), letters("m"))
		kindOf(t, err, engine.BadOutput)
	}
	client := dial(t, static(t, map[string]string{
		"/v1/models": `{"data":[{"id":"m","owned_by":"llamacpp","meta":{"n_ctx":9}}]}`,
		"/v1/chat/completions": `{"model":"m","choices":[{"message":{"content":"B"},"finish_reason":"length",` +
			`"logprobs":{"content":[{"top_logprobs":[{"id":49,"token":"A","logprob":null},{"id":50,"token":"B","logprob":-1},` +
			`{"logprob":-2}]}]}}]}`,
	}))
	resp, err := client.Complete(t.Context(), letters("m"))
	require.NoError(t, err)
	assert.Equal(t, []int{50, -1}, ids(resp.First), "null is minus infinity, not certainty; no name is no id")
}

// static serves one text for each path.
func static(t testing.TB, texts map[string]string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if texts[r.URL.Path] == "" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, texts[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestServerWithoutLogprobsOrModelList(t *testing.T) {
	client := dial(t, static(t, map[string]string{
		"/v1/chat/completions": `{"model":"m","choices":[{"message":{"content":"B"},"finish_reason":"stop"}]}`,
	}))
	resp, err := client.Complete(t.Context(), letters("m"))
	require.NoError(t, err)
	assert.Equal(t, "B", resp.Text)
	assert.Nil(t, resp.First)
}

func TestParallelCallsOverlap(t *testing.T) {
	const n = 64
	client, v := fake(t, enginetest.Options{Time: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls sync.WaitGroup
	for range n {
		calls.Go(func() {
			_, err := client.Complete(ctx, letters("sat-base"))
			var e *engine.Error
			assert.True(t, errors.As(err, &e) && e.Kind == engine.Canceled, "%v", err)
		})
	}
	soon(t, "all calls to be in flight", func() bool { return v.Counts().InFlight == n })
	cancel()
	calls.Wait()
}

// leave has a call and a stream canceled, and wants the fake to see it.
func leave(t *testing.T, client *openaicompat.Client, v *enginetest.VLLM) {
	t.Helper()
	for i, call := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := client.Complete(ctx, letters("sat-base")); return err },
		func(ctx context.Context) error { _, err := client.Stream(ctx, letters("sat-base"), ignore); return err },
	} {
		v.Inject(enginetest.Fault{Kind: enginetest.FaultHang})
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- call(ctx) }()
		soon(t, "the call to arrive", func() bool { return v.Counts().InFlight == 1 })
		cancel()
		kindOf(t, <-failed, engine.Canceled)
		soon(t, "the fake to see the client leave", func() bool {
			c := v.Counts()
			return c.InFlight == 0 && c.Abandoned == i+1
		})
	}
}

func TestReaderOfAStreamStopsTheEngine(t *testing.T) {
	client, v := fake(t, enginetest.Options{TokenTime: time.Minute})
	_, err := client.Stream(t.Context(), text("sat-base", 12), func(string) error { return errEnough })
	assert.Equal(t, errEnough, err)
	soon(t, "the fake to see the client leave", func() bool { return v.Counts().Abandoned == 1 })
}

func TestDeadlines(t *testing.T) {
	_, url := enginetest.Serve(t, enginetest.Options{Time: time.Minute})
	limit := 50 * time.Millisecond
	own := openaicompat.New(openaicompat.Options{BaseURL: url, Timeout: func() time.Duration { return limit }})
	defer own.Close()
	_, err := own.Complete(t.Context(), letters("sat-base"))
	kindOf(t, err, engine.Timeout)
	_, err = own.Stream(t.Context(), letters("sat-base"), ignore)
	kindOf(t, err, engine.Timeout)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	_, err = dial(t, url).Complete(ctx, letters("sat-base"))
	kindOf(t, err, engine.Timeout)
}

func TestConnectionsAreKept(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(enginetest.NewVLLM(enginetest.Options{}))
	server.Config.ConnState = countNew(&opened)
	server.Start()
	defer server.Close()
	client := dial(t, server.URL)
	for range 20 {
		_, err := client.Complete(t.Context(), letters("sat-base"))
		require.NoError(t, err)
		_, err = client.Stream(t.Context(), text("sat-base", 12), ignore)
		require.NoError(t, err)
		_, err = client.Models(t.Context())
		require.NoError(t, err)
		_, err = client.Complete(t.Context(), letters("no-such-model"))
		kindOf(t, err, engine.UnknownModel)
	}
	assert.EqualValues(t, 1, opened.Load())
}

// brokenOnce fails the first chats with an error of the transport and then works.
type brokenOnce struct {
	http.RoundTripper
	err   error
	left  atomic.Int32
	calls atomic.Int32
}

func (b *brokenOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		b.calls.Add(1)
		if b.left.Add(-1) >= 0 {
			_, _ = io.CopyN(io.Discard, r.Body, 10) // the body is half gone
			return nil, b.err
		}
	}
	return b.RoundTripper.RoundTrip(r)
}

func TestOneRetryAndOnlyBeforeTheFirstByte(t *testing.T) {
	v, url := enginetest.Serve(t, enginetest.Options{})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for _, c := range []struct {
		name  string
		err   error
		fails int32
		calls int32
		want  engine.Kind
	}{
		{"closed idle, once", errors.New("http: server closed idle connection"), 1, 2, ""},
		{"end of file, once", io.EOF, 1, 2, ""},
		{"end of file, twice", io.EOF, 2, 2, engine.Unavailable},
		{"not the connection", errors.New("malformed HTTP response"), 1, 1, engine.Unavailable},
	} {
		b := &brokenOnce{RoundTripper: transport, err: c.err}
		b.left.Store(c.fails)
		client := openaicompat.New(openaicompat.Options{BaseURL: url, Transport: b})
		before := v.Counts()
		_, err := client.Complete(t.Context(), letters("sat-base"))
		if c.want == "" {
			require.NoError(t, err, c.name)
			assert.Equal(t, before.Answered+1, v.Counts().Answered, c.name)
			assert.EqualValues(t, 1, lastBody(t, v)["max_tokens"], "the second body is whole")
		} else {
			kindOf(t, err, c.want)
		}
		assert.Equal(t, c.calls, b.calls.Load(), c.name)
	}
}

func countNew(opened *atomic.Int32) func(net.Conn, http.ConnState) {
	return func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
}
