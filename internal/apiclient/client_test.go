package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/backend"
	"sattutor/internal/sat"
)

// tutorFunc answers for the real backend.
type tutorFunc func(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error)

func (f tutorFunc) Answer(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
	return f(ctx, q, opts)
}

type list []sat.Listed

func (l list) Models() []sat.Listed { return l }

type readiness struct{ err error }

func (r readiness) Ready() error { return r.err }

// realBackend serves the real handlers over the given tutor, and gives a client of them.
func realBackend(t *testing.T, answer tutorFunc, change func(*backend.Options)) *Client {
	t.Helper()
	opts := backend.Options{
		Answers: answer,
		Models:  list{{Model: sat.Model{Name: "sat-base", Quality: sat.Demo}, Default: true, Available: true}},
		Parse: func(string) (sat.Question, error) {
			return sat.Question{Passage: "p", Stem: "q", Choices: []string{"x", "y"}}, nil
		},
		Version: api.Version{Version: "1.2.3", Go: "go1.26"},
		NewID:   func() string { return "made-1" },
	}
	if change != nil {
		change(&opts)
	}
	s, err := backend.New(opts)
	require.NoError(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return client(t, server.URL)
}

func client(t *testing.T, url string) *Client {
	t.Helper()
	c, err := New(Options{BaseURL: url, Rand: func() float64 { return 0.01 }})
	require.NoError(t, err)
	return c
}

func echo(_ context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
	return sat.Answer{Letter: "B", Text: q.Choices[1], Model: opts.Model, Mode: opts.Mode, Confidence: 0.6,
		Scores: []float64{0.4, 0.6}, Quality: sat.Demo}, nil
}

var question = api.MCQRequest{Text: "The lamp burned.", Question: "What burned?", Choices: []string{"pier", "lamp"}}

func TestEveryCallAgainstTheRealBackend(t *testing.T) {
	c := realBackend(t, echo, nil)
	ctx := WithRequestID(t.Context(), "page-7")

	mcq, err := c.SubmitMCQ(ctx, question)
	require.NoError(t, err)
	assert.Equal(t, "B) lamp", mcq.Answer)

	a, err := c.Answer(ctx, api.AnswerRequest{MCQRequest: question, Model: "sat-base", Mode: "careful"})
	require.NoError(t, err)
	assert.Equal(t, "B", a.Letter)
	assert.Equal(t, map[string]float64{"A": 0.4, "B": 0.6}, a.Scores)
	assert.Equal(t, "careful", a.Mode)
	assert.Equal(t, "page-7", a.RequestID, "the caller's id goes along")

	q, err := c.ParseQuestion(ctx, "a block")
	require.NoError(t, err)
	assert.Equal(t, api.MCQRequest{Text: "p", Question: "q", Choices: []string{"x", "y"}}, q)

	models, err := c.Models(ctx)
	require.NoError(t, err)
	require.Len(t, models, 1)
	assert.True(t, models[0].Default)

	v, err := c.Version(ctx)
	require.NoError(t, err)
	assert.Equal(t, api.Version{Version: "1.2.3", Go: "go1.26"}, v)

	r, err := c.Ready(ctx)
	require.NoError(t, err)
	assert.Equal(t, "ready", r.Status)
}

func TestABackendThatIsNotReadyIsAnAnswer(t *testing.T) {
	c := realBackend(t, echo, func(o *backend.Options) {
		o.Parts = map[string]backend.Readiness{"engine": readiness{sat.Errorf(sat.Unavailable, "The engine is starting.")}}
	})
	r, err := c.Ready(t.Context())
	require.NoError(t, err)
	assert.Equal(t, api.Ready{Status: "not-ready", Missing: []string{"engine"},
		Details: map[string]string{"engine": "The engine is starting."}}, r)
	r, err = c.Ready(t.Context(), "store")
	require.NoError(t, err)
	assert.Equal(t, "ready", r.Status, "only what is needed is asked")
}

// The backend's map from codes to statuses and the client's inverse are total, and inverse.
func TestStatusMapAndItsInverseAreTotal(t *testing.T) {
	seen := map[int]sat.Code{}
	for _, code := range sat.Codes() {
		status := backend.Status(code)
		assert.NotContains(t, seen, status, "%s and %s share a status", code, seen[status])
		seen[status] = code
		assert.Equal(t, code, codeOf(status))
	}
	assert.Equal(t, sat.Internal, codeOf(http.StatusTeapot))
}

func TestErrorsSurviveTheWay(t *testing.T) {
	for _, code := range sat.Codes() {
		t.Run(string(code), func(t *testing.T) {
			sent := &sat.Error{Code: code, Message: "A sentence for people.", RetryAfter: 7 * time.Second,
				Fields: []sat.FieldError{{Field: "choices[1]", Message: "is empty"}}, Err: errors.New("10.0.0.7 refused")}
			if code == sat.Unavailable {
				sent.Reason = "overloaded"
			}
			c := realBackend(t, func(context.Context, sat.Question, sat.Options) (sat.Answer, error) { return sat.Answer{}, sent }, nil)
			_, err := c.Answer(t.Context(), api.AnswerRequest{MCQRequest: question})
			var got *sat.Error
			require.ErrorAs(t, err, &got)
			assert.Equal(t, code, got.Code)
			assert.Equal(t, sent.Message, got.Message)
			assert.Equal(t, sent.Fields, got.Fields)
			assert.Equal(t, sent.Reason, got.Reason)
			assert.Equal(t, sent.RetryAfter, got.RetryAfter)
			assert.Equal(t, "made-1", RequestIDOf(err))
			assert.NotContains(t, err.Error(), "10.0.0.7", "the cause stays behind")
		})
	}
}

func TestBaseURL(t *testing.T) {
	for given, want := range map[string]string{
		"http://localhost:8090":             "http://localhost:8090",
		"http://localhost:8090/":            "http://localhost:8090",
		"http://localhost:8090/submit_mcq":  "http://localhost:8090",
		"http://localhost:8090/submit_mcq/": "http://localhost:8090",
		"https://x.example/tutor":           "https://x.example/tutor",
	} {
		c, err := New(Options{BaseURL: given})
		require.NoError(t, err)
		assert.Equal(t, want, c.BaseURL())
	}
	for _, bad := range []string{"", "localhost:8090", "ftp://x.example", "http://"} {
		_, err := New(Options{BaseURL: bad})
		assert.Error(t, err, "%q", bad)
	}
}

// counted serves h and counts its calls.
func counted(t *testing.T, h func(n int64, w http.ResponseWriter)) (*Client, *atomic.Int64) {
	t.Helper()
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h(calls.Add(1), w)
	}))
	t.Cleanup(server.Close)
	return client(t, server.URL), &calls
}

func writeProblem(w http.ResponseWriter, p api.Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func TestRetries(t *testing.T) {
	unavailable := func(reason string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			writeProblem(w, api.Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Reason: reason})
		}
	}
	foreign := func(w http.ResponseWriter) { http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway) }
	ours := func(w http.ResponseWriter) {
		writeProblem(w, api.Problem{Status: http.StatusBadGateway, Code: "bad_output"})
	}
	reset := func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}
	for _, c := range []struct {
		name    string
		failure func(http.ResponseWriter)
		get     bool // a GET is sent again
	}{
		{"draining", unavailable("draining"), true},
		{"engine not ready", unavailable("engine-not-ready"), true},
		{"storage", unavailable("storage"), true},
		{"overloaded", unavailable("overloaded"), false},
		{"a gateway without a backend", foreign, true},
		{"bad output of ours", ours, false},
		{"a connection reset", reset, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			failing := func(n int64, w http.ResponseWriter) {
				if n == 1 {
					c.failure(w)
					return
				}
				_, _ = io.WriteString(w, `{"models":[]}`)
			}
			cl, calls := counted(t, failing)
			_, err := cl.Models(t.Context())
			assert.Equal(t, c.get, err == nil, "GET: %v", err)
			assert.Equal(t, c.get, calls.Load() == 2)

			cl, calls = counted(t, failing)
			_, err = cl.SubmitMCQ(t.Context(), question)
			assert.Error(t, err, "a POST that may have arrived is never sent again")
			assert.EqualValues(t, 1, calls.Load())
		})
	}
}

// A question that never arrived may be sent again: the backend is restarting.
func TestAPostIsSentAgainAfterARefusedConnection(t *testing.T) {
	again := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"answer":"A) x"}`) }))
	defer again.Close()
	dials := 0
	var dialer net.Dialer
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) { // nobody listens on port 1
		dials++
		return dialer.DialContext(ctx, network, map[bool]string{true: "127.0.0.1:1", false: again.Listener.Addr().String()}[dials < 3])
	}
	c, err := New(Options{BaseURL: again.URL, Rand: func() float64 { return 0 }, Transport: &http.Transport{DialContext: dial}})
	require.NoError(t, err)
	a, err := c.SubmitMCQ(t.Context(), question)
	require.NoError(t, err)
	assert.Equal(t, "A) x", a.Answer)
}

func TestNoReply(t *testing.T) {
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hanging.Close()
	c, err := New(Options{BaseURL: hanging.URL, Timeout: func() time.Duration { return 50 * time.Millisecond }})
	require.NoError(t, err)
	_, err = c.SubmitMCQ(t.Context(), question)
	assert.Equal(t, sat.Timeout, sat.CodeOf(err))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client(t, hanging.URL).SubmitMCQ(ctx, question)
	assert.ErrorIs(t, err, context.Canceled)

	c, err = New(Options{BaseURL: "http://127.0.0.1:1", Timeout: func() time.Duration { return 200 * time.Millisecond }})
	require.NoError(t, err)
	_, err = c.SubmitMCQ(t.Context(), question)
	var e *sat.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, sat.Unavailable, e.Code)
	assert.Equal(t, ReasonUnreachable, e.Reason)
}

func TestStrangeReplies(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   sat.Code
	}{
		{"no JSON", 200, "<html>", sat.Internal},
		{"a redirect", 302, "", sat.Internal},
		{"a proxy's page", 504, "<html>", sat.Timeout},
		{"a code of the protocol", 415, `{"status":415,"code":"media_type","detail":"d"}`, sat.Internal},
		{"malformed", 400, `{"status":400,"code":"malformed","detail":"d"}`, sat.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl, _ := counted(t, func(_ int64, w http.ResponseWriter) {
				w.Header().Set("Location", "http://evil.example/")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := cl.SubmitMCQ(t.Context(), question)
			assert.Equal(t, c.want, sat.CodeOf(err))
			assert.NotContains(t, err.Error(), "html")
		})
	}
}

func TestCallsSayForWhomTheyAre(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	client, err := New(Options{BaseURL: server.URL, Secret: "sat_k_own", FrontendKey: "both-know"})
	require.NoError(t, err)
	_, err = client.Me(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "Bearer sat_k_own", got.Get("Authorization"))
	assert.Empty(t, got.Get(api.HeaderFrontendKey), "nobody's address, nothing to believe")
	_, err = client.Me(WithFor(t.Context(), For{Secret: "sat_s_ada", Address: "203.0.113.9", Once: "once-1"}))
	require.NoError(t, err)
	assert.Equal(t, "Bearer sat_s_ada", got.Get("Authorization"))
	assert.Equal(t, "203.0.113.9", got.Get(api.HeaderClientAddr))
	assert.Equal(t, "both-know", got.Get(api.HeaderFrontendKey))
	assert.Equal(t, "once-1", got.Get("Idempotency-Key"))
}

// TestALongReplyIsNoShortOne: what is longer than a bound is an error, and a file of the caller's data has a bound of its own.
func TestALongReplyIsNoShortOne(t *testing.T) {
	sent := bytes.Repeat([]byte("x"), maxReply+1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(sent) }))
	defer server.Close()
	c := client(t, server.URL)
	_, err := c.Models(t.Context())
	assert.Equal(t, sat.Internal, sat.CodeOf(err))
	file, err := c.Export(t.Context())
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	got, err := io.ReadAll(file)
	require.NoError(t, err)
	assert.Len(t, got, len(sent))

	_, err = io.ReadAll(&bounded{bytes.NewReader(sent), maxReply})
	assert.ErrorIs(t, err, errLong)
	_, err = io.ReadAll(&bounded{bytes.NewReader(sent[1:]), maxReply})
	assert.NoError(t, err)
}
