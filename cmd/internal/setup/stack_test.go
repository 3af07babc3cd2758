package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/apiclient"
	"sattutor/internal/config"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
)

// testConfig is a configuration as Load gives it for an empty environment, with an engine elsewhere and free ports.
func testConfig(t *testing.T, engineURL string) config.Config {
	t.Helper()
	cfg := config.Config{Host: "127.0.0.1", OpenAIBaseURL: engineURL, DefaultModel: "sat-lora", BaseModel: "base", LoraModel: "lora",
		MaxModelLen: 4096, EngineTimeout: 20 * time.Second, PublicURL: "http://localhost:7860", LogLevel: "info", MetricsAddr: "off",
		DatabaseURL: "sqlite:" + filepath.Join(t.TempDir(), "sat.db"), KeepAnswers: true,
		Home: t.TempDir()}
	cfg, err := ChoosePorts(t.Context(), cfg)
	require.NoError(t, err)
	return cfg
}

// running is a backend that serves, with what a test wants of it.
type running struct {
	*Backend
	client *apiclient.Client
	url    string
	stop   func() error // ends it as SIGTERM does, and waits
}

// start serves the backend over the engine of the configuration until the test ends.
func start(t *testing.T, cfg config.Config, deadlines *Deadlines) *running {
	t.Helper()
	if deadlines == nil {
		deadlines = NewDeadlines(cfg)
	}
	log := slog.New(slog.DiscardHandler)
	e, err := OpenEngine(t.Context(), cfg, log, deadlines)
	require.NoError(t, err)
	b, err := OpenBackend(cfg, log, deadlines, e)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	opened, served := make(chan struct{}, 4), make(chan error, 1)
	go func() {
		served <- Serve(ctx, log, deadlines.Backend, func(string, net.Addr) { opened <- struct{}{} }, b.Listeners()...)
	}()
	<-opened
	stop := sync.OnceValue(func() error {
		cancel()
		err := <-served
		ending, end := context.WithTimeout(context.Background(), 20*time.Second)
		defer end()
		assert.NoError(t, b.Close(ending))
		return err
	})
	t.Cleanup(func() { assert.NoError(t, stop()) })
	client, err := apiclient.New(apiclient.Options{BaseURL: cfg.BackendURL, Timeout: deadlines.Frontend})
	require.NoError(t, err)
	return &running{Backend: b, client: client, url: cfg.BackendURL, stop: stop}
}

// ready waits for the first answer of the engine.
func (r *running) ready(t *testing.T) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, r.Watcher.WaitReady(ctx))
	return r
}

func lamp() api.MCQRequest {
	return api.MCQRequest{Text: "The lamp burned late.", Question: "What burned?", Choices: []string{"A) The lamp", "B) The pier", "C) The ship", "D) The book"}}
}

// submit posts the question by the original's call, once, and gives status, Retry-After and body.
func (r *running) submit(ctx context.Context, q api.MCQRequest) (status int, retry, body string, err error) {
	raw, err := json.Marshal(q)
	if err != nil {
		return 0, "", "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/submit_mcq", bytes.NewReader(raw))
	if err != nil {
		return 0, "", "", err
	}
	request.Header.Set("Content-Type", "application/json")
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", "", err
	}
	defer func() { _ = reply.Body.Close() }()
	got, err := io.ReadAll(reply.Body)
	return reply.StatusCode, reply.Header.Get("Retry-After"), string(got), err
}

func TestAQuestionGoesTheWholeWay(t *testing.T) {
	fake, engineURL := enginetest.Serve(t, enginetest.Options{Key: "secret", Rule: enginetest.ByKey(map[string]string{"What burned?": "The ship"})})
	cfg := testConfig(t, engineURL+"/v1")
	cfg.EngineKey = "secret"
	r := start(t, cfg, nil).ready(t)
	status, _, body, err := r.submit(t.Context(), lamp())
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `{"answer":"C) The ship"}`, body)

	a, err := r.client.Answer(t.Context(), api.AnswerRequest{MCQRequest: lamp()})
	require.NoError(t, err)
	assert.Equal(t, "sat-lora", a.Model, "the adapter is the default where the engine lists it")
	assert.Equal(t, "lora", a.Adapter)
	assert.Equal(t, "demo", a.Quality, "nothing was measured")

	bodies := fake.Bodies()
	var sent map[string]any
	require.NoError(t, json.Unmarshal(bodies[len(bodies)-1], &sent))
	assert.Equal(t, 0.0, sent["temperature"])
	assert.Equal(t, map[string]any{"date_string": "11 Jun 2025"}, sent["chat_template_kwargs"])
}

// The original answered one question at a time.
func TestS12SixtyFourQuestionsOverlapAtTheEngine(t *testing.T) {
	const questions = 64
	fake, engineURL := enginetest.Serve(t, enginetest.Options{Time: 4 * time.Second})
	cfg := testConfig(t, engineURL)
	cfg.EngineTimeout = time.Minute
	r := start(t, cfg, nil).ready(t)
	var done sync.WaitGroup
	for range questions {
		done.Go(func() {
			status, _, body, err := r.submit(t.Context(), lamp())
			assert.NoError(t, err)
			assert.Equal(t, http.StatusOK, status, body)
		})
	}
	done.Wait()
	assert.GreaterOrEqual(t, fake.Counts().MaxInFlight, 60)
}

func TestS13ALeavingClientFreesTheEngine(t *testing.T) {
	fake, engineURL := enginetest.Serve(t, enginetest.Options{})
	r := start(t, testConfig(t, engineURL), nil).ready(t)
	fake.Inject(enginetest.Fault{Kind: enginetest.FaultHang})
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		_, _, _, err := r.submit(ctx, lamp())
		assert.ErrorIs(t, err, context.Canceled)
	}()
	require.Eventually(t, func() bool { return fake.Counts().InFlight == 1 }, 20*time.Second, time.Millisecond)
	leave()
	<-left
	require.Eventually(t, func() bool { c := fake.Counts(); return c.InFlight == 0 && c.Abandoned == 1 }, 20*time.Second, time.Millisecond)
}

// With a slow model and the matching setting the answer still arrives: all limits follow one.
func TestASlowModelOnlyNeedsOneSetting(t *testing.T) {
	_, engineURL := enginetest.Serve(t, enginetest.Options{Time: 1500 * time.Millisecond})
	cfg := testConfig(t, engineURL)
	cfg.EngineTimeout, cfg.EngineTimeoutSet = time.Second, true
	short := start(t, cfg, nil)
	_, err := short.client.Answer(t.Context(), api.AnswerRequest{MCQRequest: lamp()})
	assert.Contains(t, []sat.Code{sat.Timeout, sat.Unavailable}, sat.CodeOf(err))

	cfg = testConfig(t, engineURL)
	cfg.EngineTimeout, cfg.EngineTimeoutSet = 30*time.Second, true
	slow := start(t, cfg, nil).ready(t)
	a, err := slow.client.Answer(t.Context(), api.AnswerRequest{MCQRequest: lamp()})
	require.NoError(t, err)
	assert.Greater(t, a.EngineMS, 1400.0)
}

func TestSIGTERMDuringAQuestionStillAnswersIt(t *testing.T) {
	fake, engineURL := enginetest.Serve(t, enginetest.Options{})
	r := start(t, testConfig(t, engineURL), nil).ready(t)
	fake.Inject(enginetest.Fault{Kind: enginetest.FaultLatency, For: 500 * time.Millisecond})
	answered := make(chan int, 1)
	go func() {
		status, _, _, err := r.submit(t.Context(), lamp())
		assert.NoError(t, err)
		answered <- status
	}()
	require.Eventually(t, func() bool { return fake.Counts().InFlight == 1 }, 20*time.Second, time.Millisecond)
	require.NoError(t, r.stop())
	assert.Equal(t, http.StatusOK, <-answered)
	_, _, _, err := r.submit(t.Context(), lamp())
	assert.Error(t, err, "nothing new is taken")
}

// proxy stands between backend and engine, and can be torn down and put back at one address.
type proxy struct {
	t        *testing.T
	addr     string
	target   string
	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]bool
}

func (p *proxy) up() {
	p.t.Helper()
	l, err := net.Listen("tcp", p.addr)
	require.NoError(p.t, err)
	p.listener, p.addr = l, l.Addr().String()
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", p.target)
			if err != nil {
				_ = in.Close()
				continue
			}
			p.mu.Lock()
			p.open[in], p.open[out] = true, true
			p.mu.Unlock()
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
}

func (p *proxy) kill() {
	_ = p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
	clear(p.open)
}

func TestAnEngineThatDiesGives503AndComesBackByItself(t *testing.T) {
	fake, engineURL := enginetest.Serve(t, enginetest.Options{})
	p := &proxy{t: t, addr: "127.0.0.1:0", target: strings.TrimPrefix(engineURL, "http://"), open: map[net.Conn]bool{}}
	p.up()
	t.Cleanup(p.kill)
	r := start(t, testConfig(t, "http://"+p.addr), nil).ready(t)

	fake.Inject(enginetest.Fault{Kind: enginetest.FaultHang, Times: -1})
	type result struct {
		status int
		retry  string
		body   string
	}
	results := make(chan result, 4)
	for range cap(results) {
		go func() {
			status, retry, body, err := r.submit(t.Context(), lamp())
			assert.NoError(t, err)
			results <- result{status, retry, body}
		}()
	}
	require.Eventually(t, func() bool { return fake.Counts().InFlight == cap(results) }, 20*time.Second, time.Millisecond)
	p.kill()
	for range cap(results) {
		got := <-results
		assert.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
		assert.NotEmpty(t, got.retry)
		assert.Contains(t, got.body, `"code":"unavailable"`)
		assert.NotContains(t, got.body, p.addr)
	}
	require.Eventually(t, func() bool { return r.Watcher.Ready() != nil }, 20*time.Second, 5*time.Millisecond)
	status, _, _, err := r.submit(t.Context(), lamp())
	require.NoError(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, status, "refused at once")

	fake.Inject()
	p.up()
	require.Eventually(t, func() bool {
		status, _, _, err := r.submit(t.Context(), lamp())
		return err == nil && status == http.StatusOK
	}, 30*time.Second, 50*time.Millisecond, "answers return by themselves")
}

func TestTheWatcherNoticesOtherModels(t *testing.T) {
	_, firstURL := enginetest.Serve(t, enginetest.Options{Models: []string{"sat-base"}})
	_, secondURL := enginetest.Serve(t, enginetest.Options{Models: []string{"sat-base", "sat-lora"}})
	p := &proxy{t: t, addr: "127.0.0.1:0", target: strings.TrimPrefix(firstURL, "http://"), open: map[net.Conn]bool{}}
	p.up()
	t.Cleanup(p.kill)
	r := start(t, testConfig(t, "http://"+p.addr), nil).ready(t)
	m, err := r.Registry.Resolve("")
	require.NoError(t, err)
	assert.Equal(t, "sat-base", m.Name)
	p.kill()
	p.target = strings.TrimPrefix(secondURL, "http://")
	p.up()
	r.Watcher.Kick()
	require.Eventually(t, func() bool {
		m, err := r.Registry.Resolve("")
		return err == nil && m.Name == "sat-lora"
	}, 30*time.Second, 10*time.Millisecond)
}

func TestTheEngineSaysWhatItsNamesStandFor(t *testing.T) {
	handler := http.NewServeMux()
	fake := enginetest.NewVLLM(enginetest.Options{Models: []string{"sat-lora"}})
	var says atomic.Pointer[string]
	tells := func(members string) { says.Store(&members) }
	tells(`"root":"smollm2-135m"`)
	handler.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":[{"id":"sat-lora","owned_by":"vllm","max_model_len":4096,`+*says.Load()+`}]}`)
	})
	handler.Handle("/", fake)
	server := &http.Server{Handler: handler}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	cfg := testConfig(t, "http://"+l.Addr().String())
	cfg.BaseModel, cfg.LoraModel = "meta-llama/Llama-3.2-3B-Instruct", "tiviluson/Llama-3.2-3B-SAT"
	r := start(t, cfg, nil).ready(t)
	a, err := r.client.Answer(t.Context(), api.AnswerRequest{MCQRequest: lamp()})
	require.NoError(t, err)
	manifest, err := modelregistry.Lookup("smollm2-135m")
	require.NoError(t, err)
	assert.Equal(t, manifest.Base, a.Base)
	assert.Equal(t, string(manifest.Method), a.Method)

	// The same name stands for another adapter, and then for one that the engine tells of.
	answered := func(adapter string) api.Answer {
		var a api.Answer
		require.Eventually(t, func() bool {
			r.Watcher.Kick()
			var err error
			a, err = r.client.Answer(t.Context(), api.AnswerRequest{MCQRequest: lamp()})
			return err == nil && a.Adapter == adapter
		}, 30*time.Second, 10*time.Millisecond)
		return a
	}
	tells(`"root":"sat-lora@c6e1fdaf"`)
	a = answered("sat-lora@c6e1fdaf")
	assert.NotContains(t, a.Base, "Llama")
	assert.Equal(t, "letter", a.Method)
	told := manifest.Model("sat-lora")
	told.Adapter, told.AdapterSHA256 = "sat-lora@0badf00d", strings.Repeat("0badf00d", 8)
	tells(`"root":"sat-lora@0badf00d","sat":` + string(modelregistry.Card(told)))
	a = answered("sat-lora@0badf00d")
	assert.Equal(t, told.AdapterSHA256, a.AdapterSHA256)
	assert.Equal(t, manifest.Base, a.Base)
	assert.Equal(t, "option", a.Method)
	assert.Equal(t, "q4_1", a.Precision)
}
