package backend

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// answerFunc is an Answerer.
type answerFunc func(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error)

func (f answerFunc) Answer(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
	return f(ctx, q, opts)
}

// firstChoice validates and answers A.
func firstChoice(_ context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
	if err := q.Validate(); err != nil {
		return sat.Answer{}, err
	}
	return sat.Answer{Letter: "A", Text: q.Choices[0], Confidence: 0.75, Scores: []float64{0.75, 0.25}, Mode: sat.Fast,
		Method: sat.MethodLetter, Model: "sat-base", Quality: sat.Demo}, nil
}

type models []sat.Listed

func (m models) Models() []sat.Listed { return m }

// part is a Readiness with a fixed verdict.
type part struct{ err error }

func (p part) Ready() error { return p.err }

func newServer(t *testing.T, change func(*Options)) *Server {
	t.Helper()
	opts := Options{
		Answers: answerFunc(firstChoice),
		Models: models{{Model: sat.Model{Name: "sat-base", Base: "SmolLM2", Method: sat.MethodOption, Template: "option_v1",
			Precision: "q4_1", Quality: sat.Demo, QualityNote: "near chance"}, Default: true, Available: true, ContextTokens: 4096}},
		Parse: func(block string) (sat.Question, error) {
			return sat.Question{Passage: block, Stem: "Why?", Choices: []string{"x", "y"}}, nil
		},
		Version: api.Version{Version: "1.2.3", Revision: "abc", Go: "go1.26"},
		Public:  "http://tutor.example",
	}
	if change != nil {
		change(&opts)
	}
	s, err := New(opts)
	require.NoError(t, err)
	return s
}

// call sends one request and reads the reply.
func call(t testing.TB, h http.Handler, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost:8090"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	got, err := io.ReadAll(w.Result().Body)
	require.NoError(t, err)
	return w.Result(), string(got)
}

const goodBody = `{"text":"The lamp burned late.","question":"What burned?","choices":["The lamp","The pier"]}`

func TestTheOriginalsContract(t *testing.T) {
	s := newServer(t, nil)
	for _, c := range []struct{ name, method, path, body, want string }{
		{"submit", http.MethodPost, "/submit_mcq", goodBody, `{"answer":"A) The lamp"}`},
		{"root", http.MethodGet, "/", "", `{"message":"SAT Reading Tutor Backend is running!"}`},
		{"health", http.MethodGet, "/health", "", `{"status":"healthy","service":"SAT Reading Tutor Backend","version":"1.2.3"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := call(t, s, c.method, c.path, c.body)
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.JSONEq(t, c.want, body)
			assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
			assert.NotEmpty(t, resp.Header.Get("X-Request-Id"))
		})
	}
}

// recordOptions notes what was wished for, and answers A.
type recordOptions struct{ got *sat.Options }

func (r recordOptions) Answer(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
	*r.got = opts
	return firstChoice(ctx, q, opts)
}

func posts() []string {
	return []string{"/submit_mcq", "/api/v1/answers", "/api/v1/questions:parse"}
}

// problemIn reads a problem and checks what every problem has.
func problemIn(t testing.TB, resp *http.Response, body string) api.Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"), "body: %s", body)
	var p api.Problem
	require.NoError(t, json.Unmarshal([]byte(body), &p), "body: %s", body)
	assert.Equal(t, resp.StatusCode, p.Status)
	assert.Equal(t, http.StatusText(p.Status), p.Title)
	assert.NotEmpty(t, p.Code)
	assert.NotEmpty(t, p.Detail)
	assert.Equal(t, resp.Header.Get("X-Request-Id"), p.RequestID)
	assert.True(t, strings.HasPrefix(p.Type, "/docs#"), p.Type)
	return p
}
