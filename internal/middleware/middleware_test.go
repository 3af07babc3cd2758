package middleware

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plainFail answers 418 with the error's text, so that tests see what was refused.
func plainFail(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusTeapot)
}

// serve runs one request through the given concerns around a route "/items/{id}".
func serve(t *testing.T, r *http.Request, h http.HandlerFunc, wraps ...Wrap) *httptest.ResponseRecorder {
	t.Helper()
	router := chi.NewRouter()
	router.Use(wraps...)
	router.Handle("/items/{id}", h)
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	return w
}

func get(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func fixedID() string { return "made-1" }

func TestRequestID(t *testing.T) {
	for _, c := range []struct{ name, given, want string }{
		{"none", "", "made-1"},
		{"the caller's", "Trace_7.b-2", "Trace_7.b-2"},
		{"with a line feed", "a\nb", "made-1"},
		{"with markup", "<b>", "made-1"},
		{"too long", string(bytes.Repeat([]byte("x"), 65)), "made-1"},
		{"as long as allowed", string(bytes.Repeat([]byte("x"), 64)), string(bytes.Repeat([]byte("x"), 64))},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := get("/items/1")
			r.Header.Set("X-Request-Id", c.given)
			var inside string
			w := serve(t, r, func(w http.ResponseWriter, r *http.Request) { inside = IDOf(r.Context()); ok(w, r) }, RequestID(fixedID))
			assert.Equal(t, c.want, inside)
			assert.Equal(t, c.want, w.Header().Get("X-Request-Id"))
		})
	}
	assert.Empty(t, IDOf(t.Context()), "outside of a request")
}

func TestAccessLogNamesTheRouteAndNeverThePath(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	serve(t, get("/items/canary-7?q=canary"), func(w http.ResponseWriter, r *http.Request) {
		Note(r.Context(), slog.String("model", "sat-base"))
		http.Error(w, "canary", http.StatusBadGateway)
	}, RequestID(fixedID), AccessLog(log))
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), out.String())
	assert.Equal(t, "WARN", line["level"], "a server error warns")
	assert.Equal(t, "made-1", line["request_id"])
	assert.Equal(t, "/items/{id}", line["route"])
	assert.EqualValues(t, http.StatusBadGateway, line["status"])
	assert.Equal(t, "sat-base", line["model"])
	assert.Contains(t, line, "dur_ms")
	assert.NotContains(t, line, "client", "addresses stand in the log at debug level alone")
	assert.NotContains(t, out.String(), "canary")
}

func TestAccessLogAtDebugLevelNamesTheClient(t *testing.T) {
	for _, c := range []struct {
		name    string
		trusted []string
		want    string
	}{
		{"nobody is trusted", nil, "192.0.2.1"},
		{"the peer is a trusted proxy", []string{"192.0.2.0/24"}, "203.0.113.9"},
		{"another range is trusted", []string{"10.0.0.0/8"}, "192.0.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
			addr, err := ClientAddr(c.trusted)
			require.NoError(t, err)
			r := get("/items/1")
			r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.9")
			serve(t, r, ok, RequestID(fixedID), addr, AccessLog(log))
			assert.Contains(t, out.String(), `"client":"`+c.want+`"`)
		})
	}
	_, err := ClientAddr([]string{"10.0.0.0/99"})
	assert.Error(t, err)
}

// counts is a Recorder.
type counts struct {
	requests []string
	panics   []string
}

func (c *counts) Request(route, method string, status int, _ time.Duration) {
	c.requests = append(c.requests, method+" "+route+" "+http.StatusText(status))
}
func (c *counts) Panic(route string) { c.panics = append(c.panics, route) }

func TestMetricsHaveBoundedLabels(t *testing.T) {
	var rec counts
	serve(t, get("/items/1"), ok, Metrics(&rec))
	serve(t, get("/items/2"), func(http.ResponseWriter, *http.Request) {}, Metrics(&rec))
	serve(t, get("/nowhere/3"), ok, Metrics(&rec))
	serve(t, httptest.NewRequest("BREW", "/items/4", nil), ok, Metrics(&rec))
	assert.Equal(t, []string{
		"GET /items/{id} No Content", "GET /items/{id} OK", "GET unmatched Not Found", "OTHER unmatched Method Not Allowed",
	}, rec.requests)
}

func TestRecoverTurnsAPanicIntoAnError(t *testing.T) {
	var out bytes.Buffer
	var rec counts
	log := slog.New(slog.NewJSONHandler(&out, nil))
	w := serve(t, get("/items/1"), func(http.ResponseWriter, *http.Request) { panic("canary of a passage") },
		RequestID(fixedID), Metrics(&rec), Recover(log, &rec, plainFail))
	assert.Equal(t, http.StatusTeapot, w.Code)
	assert.Equal(t, []string{"/items/{id}"}, rec.panics)
	assert.Equal(t, []string{"GET /items/{id} I'm a teapot"}, rec.requests, "a panic is a counted reply")
	assert.Contains(t, out.String(), "made-1")
	assert.Contains(t, out.String(), "middleware_test.go", "the stack")
	assert.NotContains(t, out.String()+w.Body.String(), "canary")
}

func TestRecoverBreaksOffAReplyThatHadBegun(t *testing.T) {
	var rec counts
	begun := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("too late")
	}
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		serve(t, get("/items/1"), begun, Recover(slog.New(slog.DiscardHandler), &rec, plainFail))
	})
	assert.Len(t, rec.panics, 1)
	aborting := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		serve(t, get("/items/1"), aborting, Recover(slog.New(slog.DiscardHandler), &rec, plainFail))
	})
	assert.Len(t, rec.panics, 1, "an abort is no panic of ours")
}

func TestHeadersOfApiAndPages(t *testing.T) {
	w := serve(t, get("/items/1"), ok, Headers(APIHeaders(false)))
	assert.Equal(t, "default-src 'none'; frame-ancestors 'none'", w.Header().Get("Content-Security-Policy"))
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Empty(t, w.Header().Get("Strict-Transport-Security"))

	w = serve(t, get("/items/1"), ok, Headers(PageHeaders(true)))
	assert.NotContains(t, w.Header().Get("Content-Security-Policy"), "unsafe")
	assert.Equal(t, "same-origin", w.Header().Get("Cross-Origin-Opener-Policy"))
	assert.Equal(t, "max-age=31536000; includeSubDomains", w.Header().Get("Strict-Transport-Security"))
}

func TestHeadersAreNotSharedBetweenReplies(t *testing.T) {
	wrap := Headers([]Header{{"cache-control", "no-store"}})
	serve(t, get("/items/1"), func(w http.ResponseWriter, _ *http.Request) { w.Header().Add("Cache-Control", "private") }, wrap)
	w := serve(t, get("/items/1"), ok, wrap)
	assert.Equal(t, []string{"no-store"}, w.Header().Values("Cache-Control"))
}

func TestHost(t *testing.T) {
	for _, c := range []struct {
		host    string
		allowed bool
	}{
		{"localhost:8090", true}, {"backend", true}, {"127.0.0.1:8090", true}, {"[::1]:8090", true}, {"::1", true},
		{"tutor.example", true}, {"TUTOR.example:443", true}, {"tutor.example.", true}, {"", true},
		{"evil.example", false}, {"tutor.example.evil.example", false}, {"127.0.0.1.evil.example", false}, {"localhost.evil:80", false},
	} {
		t.Run(c.host, func(t *testing.T) {
			r := get("/items/1")
			r.Host = c.host
			w := serve(t, r, ok, Host("tutor.example", []string{"/items/exempt"}, plainFail))
			assert.Equal(t, c.allowed, w.Code == http.StatusNoContent)
		})
	}
	r := get("/items/exempt")
	r.Host = "evil.example"
	assert.Equal(t, http.StatusNoContent, serve(t, r, ok, Host("tutor.example", []string{"/items/exempt"}, plainFail)).Code)
}
