package enginetest

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sattutor/internal/engine"
)

// Options configure a VLLM. The zero value serves sat-base and sat-lora without a key and without taking time.
type Options struct {
	Models  []string           // the base model's name and then its adapters'; nil for sat-base and sat-lora
	Roots   map[string]string  // what a name stands for, as --lora-modules says it; the name itself when left out
	Key     string             // that /v1 demands; "" demands none
	Context int                // tokens that a model takes; 0 for 4096
	Rule    func(Asked) string // the text of the right choice, "" to leave it to the seed; nil leaves all to it
	Seed    uint64             // of the answers and of the jitter

	Slots            int           // requests computed at once; 0 for 64
	Queue            int           // requests that may wait for a slot, a further one gets 503; 0 for 1024, < 0 for none
	Time             time.Duration // of each request up to the first token
	TokenTime        time.Duration // of each further token
	Modelled         bool          // take the time of timing.go instead of Time and TokenTime
	Load             time.Duration // after New during which everything is 503
	IgnoreDisconnect bool          // compute on for a client that has left
}

// VLLM is an http.Handler that speaks vLLM's dialect as recorded, and answers by an oracle. Besides vLLM's own paths it
// serves GET /admin/counts and POST /admin/fault.
type VLLM struct {
	opts   Options
	oracle *oracle
	mux    *http.ServeMux
	slots  *slots
	clock  *clock
	prefix *prefixCache

	mu      sync.Mutex
	counts  Counts
	prompts map[uint64]struct{} // hashes of the distinct prompts
	bodies  [][]byte            // the last ones of chats
	faults  []Fault
	ready   time.Time // end of loading
}

// NewVLLM gives a fake server.
func NewVLLM(opts Options) *VLLM {
	if opts.Models == nil {
		opts.Models = []string{"sat-base", "sat-lora"}
	}
	if opts.Context == 0 {
		opts.Context = contextTokens
	}
	if opts.Slots == 0 {
		opts.Slots = 64
	}
	if opts.Queue == 0 {
		opts.Queue = 1024
	}
	v := &VLLM{
		opts:    opts,
		oracle:  &oracle{seed: opts.Seed, rule: opts.Rule},
		mux:     http.NewServeMux(),
		slots:   newSlots(opts.Slots, max(opts.Queue, 0)),
		clock:   newClock(opts),
		prefix:  newPrefixCache(),
		prompts: map[uint64]struct{}{},
		ready:   time.Now().Add(opts.Load),
	}
	v.mux.HandleFunc("POST /v1/chat/completions", v.chat)
	v.mux.HandleFunc("POST /v1/completions", v.completions)
	v.mux.HandleFunc("GET /v1/models", v.models)
	v.mux.HandleFunc("POST /tokenize", v.tokenize)
	v.mux.HandleFunc("GET /tokenizer_info", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"tokenizer_class": "TestTokenizer", "eos_token": "<|im_end|>", "bos_token": "<|im_start|>"})
	})
	v.mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	v.mux.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
	v.mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"version": "0.32.0"})
	})
	v.mux.HandleFunc("GET /load", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]int{"server_load": v.Counts().InFlight})
	})
	v.mux.HandleFunc("GET /metrics", v.metrics)
	v.mux.HandleFunc("GET /admin/counts", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, v.Counts())
	})
	v.mux.HandleFunc("POST /admin/fault", v.adminFault)
	return v
}

// Serve runs a fake server for the time of a test and gives its base URL, without /v1.
func Serve(t testing.TB, opts Options) (*VLLM, string) {
	t.Helper()
	v := NewVLLM(opts)
	server := httptest.NewServer(v)
	t.Cleanup(func() {
		server.CloseClientConnections() // a hanging handler ends with its connection
		server.Close()
	})
	return v, server.URL
}

// ServeHTTP implements [http.Handler].
func (v *VLLM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/admin/") {
		if v.loading() {
			writeJSON(w, http.StatusServiceUnavailable,
				failure{"Loading model", "unavailable_error", nil, http.StatusServiceUnavailable}.body())
			return
		}
		if strings.HasPrefix(r.URL.Path, "/v1/") && !v.authorized(r) {
			writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "Unauthorized"})
			return
		}
	}
	if _, pattern := v.mux.Handler(r); pattern == "" {
		writeJSON(w, http.StatusNotFound, map[string]string{"detail": "Not Found"})
		return
	}
	v.mux.ServeHTTP(w, r)
}

func (v *VLLM) loading() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Now().Before(v.ready)
}

func (v *VLLM) authorized(r *http.Request) bool {
	if v.opts.Key == "" {
		return true
	}
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(key), []byte(v.opts.Key)) == 1
}

func (v *VLLM) models(w http.ResponseWriter, _ *http.Request) {
	type model struct {
		ID          string  `json:"id"`
		Object      string  `json:"object"`
		Created     int     `json:"created"`
		OwnedBy     string  `json:"owned_by"`
		Root        string  `json:"root"`
		Parent      *string `json:"parent"`
		MaxModelLen *int    `json:"max_model_len"`
	}
	list := []model{}
	for i, name := range v.opts.Models {
		m := model{ID: name, Object: "model", OwnedBy: "vllm", Root: name}
		if i == 0 {
			m.MaxModelLen = &v.opts.Context
		} else {
			m.Parent = &v.opts.Models[0]
		}
		if root := v.opts.Roots[name]; root != "" {
			m.Root = root
		}
		list = append(list, m)
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

func (v *VLLM) tokenize(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Model    string           `json:"model"`
		Prompt   *string          `json:"prompt"`
		Messages []engine.Message `json:"messages"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		writeFailure(w, invalidJSON)
		return
	}
	if body.Model != "" && !slices.Contains(v.opts.Models, body.Model) {
		writeFailure(w, v.unknownModel(body.Model))
		return
	}
	tokens := []int{}
	for _, m := range body.Messages {
		tokens = append(tokens, tokenize(m.Content)...)
	}
	if body.Prompt != nil {
		tokens = tokenize(*body.Prompt)
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"count": len(tokens), "max_model_len": v.opts.Context, "tokens": tokens, "token_strs": nil,
	})
}

// failure is an error body of vLLM.
type failure struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    int     `json:"code"`
}

func (f failure) body() map[string]failure { return map[string]failure{"error": f} }

func badRequest(param, format string, args ...any) *failure {
	return &failure{fmt.Sprintf(format, args...), "BadRequestError", &param, http.StatusBadRequest}
}

// Failures that need no detail.
var (
	invalidJSON = &failure{"1 validation error:\n  {'type': 'json_invalid', 'msg': 'JSON decode error'}", "Bad Request",
		nil, http.StatusBadRequest}
	engineBusy = &failure{"The engine is currently busy and cannot accept new requests. Please try again later or on a " +
		"different instance.", "Service Unavailable", nil, http.StatusServiceUnavailable}
	shuttingDown = &failure{"cannot schedule new futures after shutdown", "InternalServerError", nil,
		http.StatusInternalServerError}
	engineDied = &failure{"EngineCore encountered an issue. See stack trace (above) for the root cause.",
		"InternalServerError", nil, http.StatusInternalServerError}
)

func (v *VLLM) unknownModel(name string) *failure {
	param := "model"
	return &failure{fmt.Sprintf("The model `%s` does not exist. Valid aliases: %s.", name, v.opts.Models[0]),
		"NotFoundError", &param, http.StatusNotFound}
}

func writeFailure(w http.ResponseWriter, f *failure) { writeJSON(w, f.Code, f.body()) }

// writeJSON writes a whole body with its length, as uvicorn does.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, _ := json.Marshal(body)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
