package frontend

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/apiclient"
	"sattutor/internal/sat"
)

// standIn is a backend that speaks the API's shapes and does what a test says.
type standIn struct {
	server *httptest.Server

	mu     sync.Mutex
	asked  []api.AnswerRequest
	blocks []string
	answer http.HandlerFunc // nil for the answer B
	split  http.HandlerFunc // nil for a fixed question
	models []api.Model
	arena  arenaStandIn
}

// demoModel is the model that a stand-in serves unless told otherwise.
var demoModel = api.Model{
	Name: "sat-base", Default: true, Available: true, Base: "SmolLM2-135M-Instruct", Precision: "q4_1", Licence: "Apache-2.0",
	Method: "option", Template: "option_v1", Quality: "demo", ContextTokens: 4096,
	QualityNote: "This small model shows how everything works; its answers are near chance.",
}

// measuredModel is one with a record.
var measuredModel = api.Model{
	Name: "sat-lora", Default: true, Available: true, Base: "Llama-3.2-3B-Instruct", Adapter: "sat-lora", Precision: "nf4",
	Licence: "Llama 3.2 Community", Method: "letter", Template: "answer_v1", Quality: "production", ContextTokens: 2048,
	QualityNote: "Passed the gate on 60 held-out questions.",
	Evaluations: []api.Evaluation{{Pool: "held-out-60", Method: "letter", Template: "answer_v1", Correct: 41, N: 60,
		Low: 0.558, High: 0.787, Date: "2026-11-20"}},
}

func newStandIn(t testing.TB) *standIn {
	t.Helper()
	b := &standIn{models: []api.Model{demoModel}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/answers", func(w http.ResponseWriter, r *http.Request) {
		var q api.AnswerRequest
		if json.NewDecoder(r.Body).Decode(&q) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		b.mu.Lock()
		b.asked = append(b.asked, q)
		h := b.answer
		b.mu.Unlock()
		if h == nil {
			reply(w, answerB(q.MCQRequest))
			return
		}
		h(w, r)
	})
	mux.HandleFunc("POST /api/v1/questions:parse", func(w http.ResponseWriter, r *http.Request) {
		var in api.ParseRequest
		_ = json.NewDecoder(r.Body).Decode(&in)
		b.mu.Lock()
		b.blocks = append(b.blocks, in.Block)
		h := b.split
		b.mu.Unlock()
		if h == nil {
			reply(w, api.MCQRequest{Text: "A split passage.", Question: "Which one?", Choices: []string{"red", "green", "blue", "grey"}})
			return
		}
		h(w, r)
	})
	mux.HandleFunc("GET /api/v1/models", func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		reply(w, api.ModelList{Models: b.models})
	})
	mux.HandleFunc("GET /api/v1/me", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, api.Me{Manner: "local", ID: "local", Role: "student", KeepAnswers: true, Registration: "closed", Stored: true})
	})
	mux.HandleFunc("GET /api/v1/me/answers", func(w http.ResponseWriter, _ *http.Request) { reply(w, api.StoredAnswers{}) })
	mux.HandleFunc("GET /api/v1/me/export", func(w http.ResponseWriter, _ *http.Request) { reply(w, struct{}{}) })
	b.arena.register(mux)
	b.server = httptest.NewServer(mux)
	t.Cleanup(b.server.Close)
	return b
}

func (b *standIn) setAnswer(h http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = h
}

func (b *standIn) setSplit(h http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.split = h
}

func (b *standIn) setModels(models ...api.Model) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.models = models
}

func (b *standIn) questions() []api.AnswerRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]api.AnswerRequest(nil), b.asked...)
}

// answerB is a whole answer record for choice B.
func answerB(q api.MCQRequest) api.Answer {
	return api.FromAnswer(sat.Answer{
		Letter: "B", Text: q.Choices[1], Confidence: 0.62, Margin: 0.43, Scores: []float64{0.11, 0.62, 0.19, 0.08, 0}[:len(q.Choices)],
		Mode: sat.Fast, Method: sat.MethodOption, Model: demoModel.Name, Base: demoModel.Base, Precision: demoModel.Precision,
		Template: "option_v1", Quality: sat.Demo, QualityNote: demoModel.QualityNote, Total: 312 * time.Millisecond,
	}, "01J9ZK4T7QX5W2")
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// refuseWith answers as the backend's problem reply does.
func refuseWith(status int, e *sat.Error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		p := api.Problem{Type: "/docs#" + string(e.Code), Title: http.StatusText(status), Status: status, Detail: e.Message,
			Code: string(e.Code), Reason: e.Reason, RequestID: "backend-request-7"}
		for _, f := range e.Fields {
			p.Errors = append(p.Errors, api.ProblemField{Location: f.Field, Message: f.Message})
		}
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter.Seconds())))
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(p)
	}
}

// site is the pages in front of a stand-in.
type site struct {
	*httptest.Server
	backend *standIn
	pages   *Server

	mu     sync.Mutex
	served []string // method and path of every request that was not refused
}

// record notes what the pages served.
func (s *site) record(w http.ResponseWriter, r *http.Request) {
	ww := chimiddleware.NewWrapResponseWriter(w, r.ProtoMajor)
	s.pages.ServeHTTP(ww, r)
	if ww.Status() < http.StatusBadRequest {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.served = append(s.served, r.Method+" "+r.URL.Path)
	}
}

// done gives what the pages served so far.
func (s *site) done() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.served...)
}

// newSite starts the pages in front of a new stand-in; change may alter the options.
func newSite(t testing.TB, change ...func(*Options)) *site {
	t.Helper()
	b := newStandIn(t)
	client, err := apiclient.New(apiclient.Options{BaseURL: b.server.URL})
	require.NoError(t, err)
	opts := Options{Backend: client, Version: "v0.0.0-test"}
	for _, c := range change {
		c(&opts)
	}
	pages, err := New(opts)
	require.NoError(t, err)
	pages.models.timeout = 2 * time.Second // a busy machine is no backend that is away
	s := &site{backend: b, pages: pages}
	s.Server = httptest.NewServer(http.HandlerFunc(s.record))
	t.Cleanup(s.Close)
	return s
}
