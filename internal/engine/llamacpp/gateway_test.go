//go:build unix

package llamacpp

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gatewayOf serves sat-base and sat-lora on fake servers behind one address with the key "k".
func gatewayOf(t *testing.T, base, lora manner) (*Supervisor, string) {
	s := fake(t, Options{}, Spec{Name: "sat-base", ModelPath: base.model(t)}, Spec{Name: "sat-lora", ModelPath: lora.model(t)})
	server := httptest.NewServer(s.Handler("k"))
	t.Cleanup(server.Close)
	return s, server.URL
}

// request makes one request with the key and gives status and body.
func request(t *testing.T, method, url, key, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(text)
}

func TestHandlerRoutesByModel(t *testing.T) {
	s, url := gatewayOf(t, manner{}, manner{})
	require.NoError(t, ready(t, s))
	for name, tc := range map[string]struct {
		path, key, body string
		status          int
		says            string
	}{
		"the first model":       {"/v1/chat/completions", "k", `{"model":"sat-base"}`, 200, `"model":"sat-base"`},
		"the second model":      {"/v1/chat/completions", "k", `{"model":"sat-lora"}`, 200, `"model":"sat-lora"`},
		"no model":              {"/v1/chat/completions", "k", `{}`, 200, `"model":"sat-base"`},
		"tokens":                {"/tokenize", "k", `{"content":"A","model":"sat-lora"}`, 200, `"tokens"`},
		"unknown model":         {"/v1/chat/completions", "k", `{"model":"gpt"}`, 404, `model \"gpt\" does not exist`},
		"no json":               {"/v1/chat/completions", "k", `{"model":"the miller's daughter`, 400, "no JSON object"},
		"model of a wrong type": {"/tokenize", "k", `{"model":5}`, 400, "no JSON object"},
		"too long":              {"/tokenize", "k", `{"content":"` + strings.Repeat("x", maxBody) + `"}`, 413, "longer than"},
		"wrong key":             {"/v1/chat/completions", "wrong", `{}`, 401, "Invalid API Key"},
		"no key":                {"/tokenize", "", `{}`, 401, "authentication_error"},
		"a path of the child":   {"/die", "k", `{}`, 404, "nothing at this address"},
		"a method":              {"/health", "k", `{}`, 404, "nothing at this address"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := request(t, http.MethodPost, url+tc.path, tc.key, tc.body)
			assert.Equal(t, tc.status, resp.StatusCode)
			assert.Contains(t, body, tc.says)
			assert.NotContains(t, body, "miller")
			if tc.status != 200 {
				var shape struct {
					Error struct{ Message, Type string }
				}
				require.NoError(t, json.Unmarshal([]byte(body), &shape))
				assert.NotEmpty(t, shape.Error.Message+shape.Error.Type)
			}
		})
	}
}

func TestHandlerListsAllModelsAndTellsThatItIsWell(t *testing.T) {
	s, url := gatewayOf(t, manner{}, manner{})
	require.NoError(t, ready(t, s))
	resp, body := request(t, http.MethodGet, url+"/v1/models", "k", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.JSONEq(t, `{"object":"list","data":[
		{"id":"sat-base","object":"model","created":0,"owned_by":"llamacpp","meta":{"n_ctx":4096}},
		{"id":"sat-lora","object":"model","created":0,"owned_by":"llamacpp","meta":{"n_ctx":4096}}]}`, body)
	told := fake(t, Options{}, Spec{Name: "sat-lora", ModelPath: manner{}.model(t), Root: "sat-lora@c6e1fdaf", Card: json.RawMessage(`{"method":"option"}`)})
	require.NoError(t, ready(t, told))
	server := httptest.NewServer(told.Handler(""))
	defer server.Close()
	_, body = request(t, http.MethodGet, server.URL+"/v1/models", "", "")
	assert.JSONEq(t, `{"object":"list","data":[{"id":"sat-lora","object":"model","created":0,"owned_by":"llamacpp","root":"sat-lora@c6e1fdaf",
		"sat":{"method":"option"},"meta":{"n_ctx":4096}}]}`, body)
	resp, _ = request(t, http.MethodGet, url+"/v1/models", "", "")
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	resp, body = request(t, http.MethodGet, url+"/health", "", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.JSONEq(t, `{"status":"ok"}`, body)
}

func TestHandlerSaysLoadingUntilTheModelsAnswer(t *testing.T) {
	s, url := gatewayOf(t, manner{}, manner{Load: time.Hour})
	waitFor(t, s, func(e Endpoint) bool { return e.Up })
	for path, method := range map[string]string{"/health": http.MethodGet, "/v1/models": http.MethodGet, "/v1/chat/completions": http.MethodPost} {
		resp, body := request(t, method, url+path, "k", `{"model":"sat-lora"}`)
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, path)
		assert.Equal(t, "1", resp.Header.Get("Retry-After"), path)
		assert.Contains(t, body, "Loading model", path)
	}
	resp, _ := request(t, http.MethodPost, url+"/v1/chat/completions", "k", `{"model":"sat-base"}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode, "the other model answers")
}

func TestHandlerSaysUnavailableWhileADeadChildIsStartedAgain(t *testing.T) {
	s, url := gatewayOf(t, manner{Slow: time.Minute}, manner{})
	require.NoError(t, ready(t, s))
	go func() {
		inFlight(t, s)
		_ = syscall.Kill(s.Endpoints()[0].PID, syscall.SIGKILL)
	}()
	resp, _ := request(t, http.MethodPost, url+"/v1/chat/completions", "k", `{"model":"sat-base"}`)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "in flight")
	assert.Equal(t, "1", resp.Header.Get("Retry-After"))
	waitFor(t, s, func(e Endpoint) bool { return e.Up && e.Restarts == 1 })
	resp, _ = request(t, http.MethodPost, url+"/tokenize", "k", `{"model":"sat-base"}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	resp, _ = request(t, http.MethodGet, url+"/v1/models", "k", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestHandlerStreamsAndFreesTheChildWhenTheCallerLeaves(t *testing.T) {
	s, url := gatewayOf(t, manner{Slow: time.Hour}, manner{})
	require.NoError(t, ready(t, s))
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(`{"model":"sat-base","stream":true}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer k")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "data: {}\n", line, "the first event comes before the end")
	leave()
	assert.Eventually(t, func() bool {
		_, body := request(t, http.MethodGet, url+"/metrics", "", "")
		return strings.Contains(body, `fake_left{model="sat-base"} 1`)
	}, patience, 20*time.Millisecond)
}

func TestHandlerMergesTheMetricsOfAllModels(t *testing.T) {
	s, url := gatewayOf(t, manner{}, manner{})
	require.NoError(t, ready(t, s))
	_, body := request(t, http.MethodGet, url+"/metrics", "", "")
	assert.Equal(t, `# HELP sat_engine_up Whether the model's engine answers.
# TYPE sat_engine_up gauge
sat_engine_up{model="sat-base"} 1
sat_engine_up{model="sat-lora"} 1
# HELP sat_engine_restarts_total Times that the model's engine was started again.
# TYPE sat_engine_restarts_total counter
sat_engine_restarts_total{model="sat-base"} 0
sat_engine_restarts_total{model="sat-lora"} 0
# HELP llamacpp:requests_processing Number of requests processing
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing{model="sat-base"} 0
llamacpp:requests_processing{model="sat-lora"} 0
# HELP fake_left Callers that left
# TYPE fake_left counter
fake_left{model="sat-base"} 0
fake_left{model="sat-lora"} 0
# HELP fake_asked Questions
# TYPE fake_asked counter
fake_asked{model="sat-base"} 1
fake_asked{model="sat-lora"} 1
`, body)
}

func TestHandlerWithoutAKeyLetsAllIn(t *testing.T) {
	s := fake(t, Options{}, Spec{Name: "sat-base", ModelPath: manner{}.model(t)})
	require.NoError(t, ready(t, s))
	server := httptest.NewServer(s.Handler(""))
	defer server.Close()
	resp, _ := request(t, http.MethodPost, server.URL+"/tokenize", "", `{}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}
