package setup

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	span "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"sattutor/internal/backend"
	"sattutor/internal/config"
	"sattutor/internal/engine/dispatch"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/modelregistry"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
	"sattutor/internal/telemetry"
	"sattutor/internal/tutor"
)

// receiver is an OTLP receiver over HTTP.
type receiver struct {
	*httptest.Server
	t  *testing.T
	mu sync.Mutex

	paths   []string
	headers []http.Header
	spans   map[string][]received // by service
	raw     strings.Builder       // everything that arrived, as text
}

type received struct {
	*span.Span
	facts map[string]*common.AnyValue
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, spans: map[string][]received{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	body, err := gzip.NewReader(req.Body)
	if !assert.NoError(r.t, err) {
		return
	}
	text, err := io.ReadAll(body)
	assert.NoError(r.t, err)
	var sent collector.ExportTraceServiceRequest
	assert.NoError(r.t, proto.Unmarshal(text, &sent))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths = append(r.paths, req.URL.Path)
	r.headers = append(r.headers, req.Header)
	r.raw.WriteString(sent.String())
	for _, from := range sent.ResourceSpans {
		service := factsOf(from.Resource.Attributes)["service.name"].GetStringValue()
		for _, scope := range from.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans[service] = append(r.spans[service], received{s, factsOf(s.Attributes)})
			}
		}
	}
}

func factsOf(list []*common.KeyValue) map[string]*common.AnyValue {
	facts := map[string]*common.AnyValue{}
	for _, f := range list {
		facts[f.Key] = f.Value
	}
	return facts
}

// one gives the only span of a service under a name.
func (r *receiver) one(service, name string) received {
	r.t.Helper()
	var found []received
	for _, s := range r.spans[service] {
		if s.Name == name {
			found = append(found, s)
		}
	}
	require.Len(r.t, found, 1, "%s of %s", name, service)
	return found[0]
}

// product is backend and pages over a fake vLLM, in this process, each behind a real listener.
type product struct {
	pages, api string
	engine     *enginetest.VLLM
	parents    chan string // traceparent headers of the chats that the engine saw
	close      func()      // ends everything, and sends what is left
	backend    *Backend
	frontend   *Frontend
}

func newProduct(t *testing.T, cfg config.Config, log *slog.Logger) *product {
	t.Helper()
	p := &product{engine: enginetest.NewVLLM(enginetest.Options{Key: cfg.EngineKey.Reveal()}), parents: make(chan string, 64)}
	vllm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/chat/completions" {
			p.parents <- r.Header.Get("Traceparent")
		}
		p.engine.ServeHTTP(w, r)
	}))
	t.Cleanup(vllm.Close)
	cfg.OpenAIBaseURL, cfg.Home = vllm.URL+"/v1", t.TempDir()
	deadlines := NewDeadlines(cfg)
	engine, err := OpenEngine(t.Context(), cfg, log, deadlines)
	require.NoError(t, err)
	b, err := OpenBackend(cfg, log, deadlines, engine)
	require.NoError(t, err)
	api := httptest.NewServer(b.Listeners()[0].Server.Handler)
	t.Cleanup(api.Close)
	cfg.BackendURL = api.URL
	f, err := OpenFrontend(cfg, log, deadlines)
	require.NoError(t, err)
	pages := httptest.NewServer(f.Listeners()[0].Server.Handler)
	t.Cleanup(pages.Close)
	require.NoError(t, b.Watcher.WaitReady(t.Context()))
	for len(p.parents) > 0 {
		assert.Empty(t, <-p.parents, "probes belong to no trace")
	}
	p.pages, p.api, p.backend, p.frontend = pages.URL, api.URL, b, f
	p.close = sync.OnceFunc(func() {
		pages.Close()
		api.Close()
		f.Close(context.Background())
		assert.NoError(t, b.Close(context.Background()))
	})
	t.Cleanup(p.close)
	return p
}

func configured(t *testing.T) config.Config {
	t.Helper()
	dir := t.TempDir()
	cfg, err := config.Load(filepath.Join(dir, "absent"))
	require.NoError(t, err)
	cfg.Home, cfg.DatabaseURL = dir, "sqlite:"+filepath.Join(dir, "sat.db")
	return cfg
}

const passage = "The harbour clock had stopped at noon, canary-passage."

// ask sends the form of the page, as a browser does, and gives the page.
func (p *product) ask(t *testing.T) string {
	t.Helper()
	reply, err := http.PostForm(p.pages+"/ask", url.Values{"do": {"ask"}, "text": {passage}, "question": {"What stopped, canary-question?"},
		"choice": {"the clock, canary-choice", "the boat", "the rain", "the harbour"}})
	require.NoError(t, err)
	defer reply.Body.Close()
	page, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, reply.StatusCode, string(page))
	return string(page)
}

// about gives the page that says what is done with what students write.
func (p *product) about(t *testing.T) string {
	t.Helper()
	reply, err := http.Get(p.pages + "/about")
	require.NoError(t, err)
	defer reply.Body.Close()
	page, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	return string(page)
}

func TestOneQuestionIsOneTrace(t *testing.T) {
	r := newReceiver(t)
	var log strings.Builder
	cfg := configured(t)
	cfg.OTLPEndpoint, cfg.OTLPHeaders = r.URL+"/otel/", "x-api-key=canary%2Dkey, Langsmith-Project=sat"
	p := newProduct(t, cfg, slog.New(slog.NewJSONHandler(&log, nil)))
	p.ask(t)
	assert.NotContains(t, p.about(t), "is also sent to")
	for _, path := range []string{"/health", "/ready"} {
		reply, err := http.Get(p.api + path)
		require.NoError(t, err)
		reply.Body.Close()
	}
	p.close()

	for i, header := range r.headers {
		assert.Equal(t, "/otel/v1/traces", r.paths[i])
		assert.Equal(t, []string{"canary-key", "sat"}, []string{header.Get("X-Api-Key"), header.Get("Langsmith-Project")})
	}
	page := r.one("sat-frontend", "POST /ask")
	call := r.one("sat-backend", "POST /api/v1/answers")
	assert.Empty(t, page.ParentSpanId)
	assert.Equal(t, page.SpanId, call.ParentSpanId)
	assert.Equal(t, "ok", call.facts["sat.result"].GetStringValue())
	assert.Len(t, call.facts["sat.prompt_hash"].GetStringValue(), 64)
	for _, name := range []string{"queue.wait", "prompt.build", "chat sat-lora", "answer.parse"} {
		s := r.one("sat-backend", name)
		assert.Equal(t, call.SpanId, s.ParentSpanId, name)
		assert.Equal(t, page.TraceId, s.TraceId, name)
	}
	chat := r.one("sat-backend", "chat sat-lora")
	text := map[string]string{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "vllm", "gen_ai.system": "vllm",
		"gen_ai.request.model": "sat-lora", "gen_ai.response.model": "sat-lora"}
	for name, want := range text {
		assert.Equal(t, want, chat.facts[name].GetStringValue(), name)
	}
	assert.Greater(t, chat.facts["gen_ai.usage.input_tokens"].GetIntValue(), int64(50))
	assert.EqualValues(t, 1, chat.facts["gen_ai.usage.output_tokens"].GetIntValue())
	assert.NotNil(t, chat.facts["gen_ai.usage.cache_read.input_tokens"])
	assert.NotNil(t, chat.facts["gen_ai.request.temperature"])
	assert.EqualValues(t, 1, chat.facts["gen_ai.request.max_tokens"].GetIntValue())
	assert.Equal(t, "length", chat.facts["gen_ai.response.finish_reasons"].GetArrayValue().Values[0].GetStringValue())
	parsed := r.one("sat-backend", "answer.parse")
	assert.Equal(t, "ok", parsed.facts["sat.outcome"].GetStringValue())
	assert.Equal(t, hexParent(chat), <-p.parents, "the engine's own spans join the trace")

	assert.NotContains(t, r.raw.String(), "canary", "what a person wrote stays here")
	for _, s := range r.spans["sat-backend"] {
		assert.NotContains(t, s.Name, "/health")
		assert.NotContains(t, s.Name, "/ready")
	}
	assert.Contains(t, log.String(), `"trace_id":"`+hexID(page.TraceId)+`"`)
}

func TestContentIsSentWhereItIsWanted(t *testing.T) {
	r := newReceiver(t)
	cfg := configured(t)
	cfg.TraceEndpoint, cfg.OTLPEndpoint, cfg.TraceContent = r.URL+"/own", "http://127.0.0.1:1", true
	p := newProduct(t, cfg, slog.New(slog.DiscardHandler))
	p.ask(t)
	assert.Contains(t, p.about(t), "is also sent to <strong>127.0.0.1</strong>", "students are told")
	p.close()
	assert.Equal(t, "/own", r.paths[0])
	chat := r.one("sat-backend", "chat sat-lora")
	for _, name := range []string{"gen_ai.input.messages", "gen_ai.prompt.1.content"} {
		assert.Contains(t, chat.facts[name].GetStringValue(), passage, name)
	}
	assert.Equal(t, "user", chat.facts["gen_ai.prompt.1.role"].GetStringValue())
	letter := chat.facts["gen_ai.completion.0.content"].GetStringValue()
	assert.Contains(t, "ABCD", letter)
	assert.JSONEq(t, `[{"role":"assistant","parts":[{"type":"text","content":"`+letter+`"}],"finish_reason":"length"}]`,
		chat.facts["gen_ai.output.messages"].GetStringValue())
}

func TestAFailedCallIsTraced(t *testing.T) {
	r := newReceiver(t)
	cfg := configured(t)
	cfg.OTLPEndpoint = r.URL
	p := newProduct(t, cfg, slog.New(slog.DiscardHandler))
	p.engine.Inject(enginetest.Fault{Kind: enginetest.FaultError})
	reply, err := http.Post(p.api+"/submit_mcq", "application/json", strings.NewReader(`{"text":"`+passage+`","question":"Q?","choices":["a","b"]}`))
	require.NoError(t, err)
	reply.Body.Close()
	p.close()
	chat := r.one("sat-backend", "chat sat-lora")
	assert.Equal(t, span.Status_STATUS_CODE_ERROR, chat.Status.Code)
	assert.NotEmpty(t, chat.facts["error.type"].GetStringValue())
	call := r.one("sat-backend", "POST /submit_mcq")
	assert.Equal(t, span.Status_STATUS_CODE_ERROR, call.Status.Code)
	assert.EqualValues(t, reply.StatusCode, call.facts["http.response.status_code"].GetIntValue())
}

func TestWithoutAReceiverNothingIsTraced(t *testing.T) {
	cfg := configured(t)
	cfg.OTLPEndpoint, cfg.TracesOff = "http://127.0.0.1:1", true
	p := newProduct(t, cfg, slog.New(slog.DiscardHandler))
	p.ask(t)
	assert.Empty(t, <-p.parents)
}

func hexParent(s received) string { return "00-" + hexID(s.TraceId) + "-" + hexID(s.SpanId) + "-01" }

func hexID(id []byte) string { return hex.EncodeToString(id) }

// silence is a receiver that takes every request and never answers.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestADeadReceiverCostsNoTime asks more questions than the queue of spans holds, on a clock that stands still unless
// everybody waits.
func TestADeadReceiverCostsNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped atomic.Int64
		var log strings.Builder
		traces, err := telemetry.OpenTraces(t.Context(), telemetry.TraceOptions{Service: "sat-backend", URL: "http://receiver.example/v1/traces",
			Log: slog.New(slog.NewTextHandler(&log, nil)), Dropped: func(n int) { dropped.Add(int64(n)) }, Client: &http.Client{Transport: silence{}}})
		require.NoError(t, err)
		defer func() { closeTraces(t.Context(), traces) }()
		registry := modelregistry.New(modelregistry.Options{Default: "sat-lora"})
		registry.SetServed([]sat.Served{{Name: "sat-base"}, {Name: "sat-lora"}})
		gate := dispatch.NewGate(dispatch.GateOptions{Slots: 1, Budget: func() time.Duration { return time.Second }})
		asking := tutor.New(trace(tutor.Options{Engine: &enginetest.Scripted{}, Models: registry, Gate: gate,
			Record: &recorder{metrics: telemetry.NewMetrics("", "")}}, traces))
		_, err = asking.Probe(t.Context())
		require.NoError(t, err)
		server, err := backend.New(backend.Options{Answers: asking, Models: registry, Parse: prompt.ParseBlock, Traces: traces})
		require.NoError(t, err)

		const questions, spans = 1000, 5
		began := time.Now()
		for range questions {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "http://localhost/submit_mcq", strings.NewReader(`{"text":"P.","question":"Q?","choices":["a","b"]}`))
			r.Header.Set("Content-Type", "application/json")
			server.ServeHTTP(w, r)
			require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		}
		assert.Zero(t, time.Since(began), "a question waited for the receiver")
		assert.Greater(t, dropped.Load(), int64(2000), "what does not fit is dropped")

		began = time.Now()
		closeTraces(t.Context(), traces)
		assert.LessOrEqual(t, time.Since(began), flushLimit)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.LessOrEqual(t, dropped.Load(), int64(questions*spans))
		assert.Equal(t, 1, strings.Count(log.String(), "cannot be delivered"), log.String())
	})
}
