package setup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/config"
	"sattutor/internal/engine/enginetest"
)

// journal is a log that may be written to from everywhere.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// canaries puts a word of its own into every secret of the configuration, and gives them by setting.
func canaries(cfg *config.Config) map[string]string {
	words := map[string]string{}
	value := reflect.ValueOf(cfg).Elem()
	for i := range value.NumField() {
		if field := value.Type().Field(i); field.Type == reflect.TypeFor[config.Secret]() {
			word := fmt.Sprintf("canary%dbird", i)
			words[field.Tag.Get("env")] = word
			value.Field(i).SetString(word)
		}
	}
	return words
}

// TestNoSecretIsTold asks and provokes everything that answers, logs, traces or counts, at the most talkative settings,
// and looks for the secrets in all of it.
func TestNoSecretIsTold(t *testing.T) {
	r := newReceiver(t)
	cfg := configured(t)
	words := canaries(&cfg)
	require.GreaterOrEqual(t, len(words), 3, "%v", words)
	cfg.OTLPHeaders = config.Secret("x-api-key=" + words["OTEL_EXPORTER_OTLP_HEADERS"])
	cfg.OTLPEndpoint, cfg.TraceContent = r.URL, true
	var log, told journal
	p := newProduct(t, cfg, slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))

	call := func(method, url, body string, header ...string) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		reply, err := http.DefaultClient.Do(req)
		if err != nil {
			return // a connection that the server broke off tells nothing
		}
		defer reply.Body.Close()
		text, _ := io.ReadAll(reply.Body)
		_, _ = fmt.Fprintf(&told, "%s %v\n%s\n", reply.Status, reply.Header, text)
	}
	const question = `{"text":"The clock stopped.","question":"What stopped?","choices":["the clock","the boat"]}`
	key := "Bearer " + words["SAT_GATEWAY_KEY"]
	for _, path := range []string{"/", "/health", "/ready", "/version", "/docs", "/openapi.json", "/api/v1/models", "/nothing", "/v1/models", "/metrics", "/debug/pprof/"} {
		call(http.MethodGet, p.api+path, "", "Authorization", key)
		call(http.MethodGet, p.pages+path, "")
	}
	chat := `{"model":"sat-lora","messages":[{"role":"user","content":"Hello"}]}`
	faults := []enginetest.FaultKind{"", enginetest.FaultError, enginetest.FaultReset, enginetest.FaultGateway, enginetest.FaultBusy,
		enginetest.FaultTruncate, enginetest.FaultEmpty, enginetest.FaultOtherModel, enginetest.FaultForeign}
	for _, fault := range faults {
		for _, body := range []string{question, `{`, `{"text":""}`, `{"model":"nobody","text":"a","question":"b","choices":["c","d"]}`} {
			if fault != "" {
				p.engine.Inject(enginetest.Fault{Kind: fault})
			}
			call(http.MethodPost, p.api+"/submit_mcq", body)
			call(http.MethodPost, p.api+"/api/v1/answers", body)
		}
		call(http.MethodPost, p.api+"/v1/chat/completions", chat, "Authorization", key)
		call(http.MethodPost, p.api+"/v1/chat/completions", chat, "Authorization", key+"x")
		call(http.MethodPost, p.api+"/v1/chat/completions", chat)
	}
	p.engine.Inject()
	p.ask(t)
	for _, metrics := range []http.Handler{p.backend.Listeners()[1].Server.Handler, p.frontend.Listeners()[1].Server.Handler} {
		w := httptest.NewRecorder()
		metrics.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		_, _ = told.Write(w.Body.Bytes())
	}
	p.close()
	written, err := json.Marshal(cfg)
	require.NoError(t, err)
	_, _ = fmt.Fprintf(&told, "%v %+v %#v %s", cfg, cfg, cfg, written)

	require.Contains(t, told.text.String(), "503", "something was provoked")
	require.Contains(t, r.raw.String(), "gen_ai.input.messages")
	for name, word := range words {
		assert.NotContains(t, told.text.String(), word, "%s in a reply, in /metrics or in a printed configuration", name)
		assert.NotContains(t, log.text.String(), word, "%s in the log", name)
		assert.NotContains(t, r.raw.String(), word, "%s in a trace", name)
	}
	assert.NotContains(t, log.text.String(), "The clock stopped", "what a student typed in the log")
}
