package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// The original answered one request at a time, and /health stalled meanwhile.
func TestS12RequestsOverlapAndHealthDoesNotWait(t *testing.T) {
	const questions = 64
	var arrived sync.WaitGroup
	arrived.Add(questions)
	release := make(chan struct{})
	s := newServer(t, func(o *Options) {
		o.Answers = answerFunc(func(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
			arrived.Done()
			<-release
			return firstChoice(ctx, q, opts)
		})
	})
	server := httptest.NewServer(s)
	defer server.Close()
	statuses := make(chan int, questions)
	for range questions {
		go func() {
			reply, err := http.Post(server.URL+"/submit_mcq", "application/json", strings.NewReader(goodBody))
			if err != nil {
				statuses <- 0
				return
			}
			_ = reply.Body.Close()
			statuses <- reply.StatusCode
		}()
	}
	arrived.Wait() // hangs, and fails by the test's deadline, where requests do not overlap
	begin := time.Now()
	reply, err := http.Get(server.URL + "/health")
	require.NoError(t, err)
	_ = reply.Body.Close()
	assert.Equal(t, http.StatusOK, reply.StatusCode)
	assert.Less(t, time.Since(begin), time.Second, "the target is 50 ms; the margin is for busy machines")
	close(release)
	for range questions {
		assert.Equal(t, http.StatusOK, <-statuses)
	}
}

// The original's backend waited for ever, and nothing was cancelled when a student left.
func TestS13DeadlineAndDisconnectEndTheQuestion(t *testing.T) {
	began, ended := make(chan bool, 2), make(chan error, 2)
	hang := answerFunc(func(ctx context.Context, _ sat.Question, _ sat.Options) (sat.Answer, error) {
		began <- true
		<-ctx.Done()
		ended <- ctx.Err()
		code := sat.Timeout
		return sat.Answer{}, &sat.Error{Code: code, Message: "The engine did not answer in time.", RetryAfter: 5 * time.Second, Err: ctx.Err()}
	})
	s := newServer(t, func(o *Options) {
		o.Answers = hang
		o.Timeout = func() time.Duration { return 50 * time.Millisecond }
	})
	resp, body := call(t, s, http.MethodPost, "/submit_mcq", goodBody)
	assert.Equal(t, http.StatusGatewayTimeout, resp.StatusCode)
	assert.Equal(t, "timeout", problemIn(t, resp, body).Code)
	assert.Equal(t, "5", resp.Header.Get("Retry-After"))
	<-began
	assert.Equal(t, context.DeadlineExceeded, <-ended)

	var lines syncBuffer
	s = newServer(t, func(o *Options) {
		o.Answers = hang
		o.Log = slog.New(slog.NewJSONHandler(&lines, nil))
	})
	server := httptest.NewServer(s)
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-began; leave() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/submit_mcq", strings.NewReader(goodBody))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	_, err = http.DefaultClient.Do(r)
	require.Error(t, err)
	select {
	case err := <-ended:
		assert.Equal(t, context.Canceled, err)
	case <-time.After(10 * time.Second):
		t.Fatal("the question went on although its client had left")
	}
	assert.Eventually(t, func() bool { return strings.Contains(lines.String(), `"status":499`) }, 5*time.Second, 5*time.Millisecond)
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// The original's /health was "healthy" whatever was broken, and there was nothing else to ask.
func TestS14HealthIsTheProcessAndReadyNamesWhatIsMissing(t *testing.T) {
	engine := &part{}
	s := newServer(t, func(o *Options) {
		o.Parts = map[string]Readiness{"engine": engine, "store": part{}}
	})
	ready := func(path string) (int, api.Ready, string) {
		resp, body := call(t, s, http.MethodGet, path, "")
		var r api.Ready
		require.NoError(t, json.Unmarshal([]byte(body), &r))
		return resp.StatusCode, r, resp.Header.Get("Retry-After")
	}
	status, r, _ := ready("/ready")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, api.Ready{Status: "ready"}, r)

	engine.err = &sat.Error{Code: sat.Unavailable, Message: "The engine is starting.", Err: errors.New("dial tcp 10.0.0.7:8000")}
	status, r, retry := ready("/ready")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, api.Ready{Status: "not-ready", Missing: []string{"engine"}, Details: map[string]string{"engine": "The engine is starting."}}, r)
	assert.Equal(t, "2", retry)
	resp, _ := call(t, s, http.MethodGet, "/health", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode, "the process lives without an engine")
	status, _, _ = ready("/ready?need=store")
	assert.Equal(t, http.StatusOK, status, "practice goes on without an engine")
	status, _, _ = ready("/ready?need=store,engine")
	assert.Equal(t, http.StatusServiceUnavailable, status)

	engine.err = errors.New("dial tcp 10.0.0.7:8000: refused")
	_, r, _ = ready("/ready")
	assert.Equal(t, "It is not ready.", r.Details["engine"], "no cause for people")
	engine.err = nil
	s.Drain()
	status, r, _ = ready("/ready?need=store")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, []string{"server"}, r.Missing)
	resp, _ = call(t, s, http.MethodPost, "/submit_mcq", goodBody)
	assert.Equal(t, http.StatusOK, resp.StatusCode, "what still arrives is answered")
}

// Every failure of the original was a 500 with str(e) in it.
func TestS15EachFailureHasItsStatusAndTellsNoInternals(t *testing.T) {
	cause := errors.New("Post \"http://10.0.0.7:8000/v1\": goroutine 7 [running]: canary passage")
	for _, c := range []struct {
		err    error
		status int
		code   string
		kind   string
		retry  string
	}{
		{&sat.Error{Code: sat.Unavailable, Reason: "overloaded", RetryAfter: 1200 * time.Millisecond, Err: cause}, 503, "unavailable", "overloaded", "2"},
		{&sat.Error{Code: sat.Unavailable, Reason: "engine-not-ready", Err: cause}, 503, "unavailable", "engine-not-ready", "2"},
		{&sat.Error{Code: sat.Timeout, RetryAfter: 5 * time.Second, Err: cause}, 504, "timeout", "timeout", "5"},
		{&sat.Error{Code: sat.BadOutput, Err: cause}, 502, "bad_output", "bad_output", ""},
		{&sat.Error{Code: sat.TooLarge, Err: cause}, 413, "too_large", "too_large", ""},
		{&sat.Error{Code: sat.Internal, Err: cause}, 500, "internal", "internal", ""},
		{cause, 500, "internal", "internal", ""},
	} {
		t.Run(c.kind, func(t *testing.T) {
			var lines syncBuffer
			s := newServer(t, func(o *Options) {
				o.Answers = answerFunc(func(context.Context, sat.Question, sat.Options) (sat.Answer, error) {
					var e *sat.Error
					if errors.As(c.err, &e) {
						e.Message = "A sentence."
					}
					return sat.Answer{}, c.err
				})
				o.Log = slog.New(slog.NewJSONHandler(&lines, nil))
			})
			resp, body := call(t, s, http.MethodPost, "/submit_mcq", goodBody)
			p := problemIn(t, resp, body)
			assert.Equal(t, c.status, p.Status)
			assert.Equal(t, c.code, p.Code)
			assert.Equal(t, "/docs#"+c.kind, p.Type)
			assert.Equal(t, c.retry, resp.Header.Get("Retry-After"))
			for _, internal := range []string{"10.0.0.7", "goroutine", "canary"} {
				assert.NotContains(t, body, internal)
			}
			assert.Contains(t, lines.String(), p.RequestID)
			assert.Contains(t, lines.String(), `"result":"`+c.code+`"`)
		})
	}
}

// The original allowed every origin together with credentials.
func TestS17CrossOriginNeedsAnEntry(t *testing.T) {
	_, err := New(Options{Answers: answerFunc(firstChoice), Models: models{}, Parse: newServer(t, nil).opts.Parse,
		CORS: CORS{Origins: []string{"*"}, Credentials: true}})
	assert.ErrorContains(t, err, "credentials")

	preflight := func(s *Server, origin string) string {
		resp, _ := call(t, s, http.MethodOptions, "/submit_mcq", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
		return resp.Header.Get("Access-Control-Allow-Origin")
	}
	closed := newServer(t, nil)
	assert.Empty(t, preflight(closed, "https://school.example"), "no origin but its own by default")
	listed := newServer(t, func(o *Options) { o.CORS = CORS{Origins: []string{"https://school.example"}, Credentials: true} })
	assert.Equal(t, "https://school.example", preflight(listed, "https://school.example"))
	assert.Empty(t, preflight(listed, "https://evil.example"))

	resp, body := call(t, listed, http.MethodPost, "/submit_mcq", goodBody, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, resp.StatusCode, body)
	assert.Equal(t, "forbidden", problemIn(t, resp, body).Code)
	resp, _ = call(t, listed, http.MethodPost, "/submit_mcq", goodBody, "Origin", "https://school.example", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "https://school.example", resp.Header.Get("Access-Control-Allow-Origin"))
	resp, _ = call(t, closed, http.MethodPost, "/submit_mcq", goodBody, "Sec-Fetch-Site", "same-origin")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

// A passage must never reach the log, whatever becomes of the question.
func TestLogsHoldNoPassage(t *testing.T) {
	var lines syncBuffer
	s := newServer(t, func(o *Options) {
		o.Log = slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for _, body := range []string{goodBody, `{"text":"The lamp`, `{"text":["The lamp"]}`, `{"text":"The lamp"}`} {
		for _, path := range posts() {
			call(t, s, http.MethodPost, path+"?q=lamp", body)
		}
	}
	assert.NotContains(t, lines.String(), "lamp")
	for line := range strings.Lines(lines.String()) {
		var facts map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &facts))
		for _, key := range []string{"time", "level", "msg", "request_id", "route", "status", "dur_ms", "result"} {
			assert.Contains(t, facts, key)
		}
	}
	assert.Contains(t, lines.String(), `"model":"sat-base"`)
}

// An answer that takes longer than a client may take to send its question must not be cut off.
func TestAnAnswerMayTakeLongerThanTheRead(t *testing.T) {
	s := newServer(t, func(o *Options) {
		o.Answers = answerFunc(func(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
			select {
			case <-time.After(300 * time.Millisecond):
				return firstChoice(ctx, q, opts)
			case <-ctx.Done():
				return sat.Answer{}, ctx.Err()
			}
		})
	})
	server := httptest.NewUnstartedServer(s)
	server.Config = s.HTTPServer("")
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	defer server.Close()
	reply, err := http.Post(server.URL+"/submit_mcq", "application/json", strings.NewReader(goodBody))
	require.NoError(t, err)
	body, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	_ = reply.Body.Close()
	assert.JSONEq(t, `{"answer":"A) The lamp"}`, string(body))
}
