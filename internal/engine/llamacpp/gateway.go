package llamacpp

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
)

// maxBody is the longest request that Handler takes, in bytes.
const maxBody = 1 << 20

// Handler puts the children behind one address, in the dialect of llama-server: completions and /tokenize go to the
// child that serves the request's model, the first one where none is named; /v1/models lists all. Callers need key
// ("" lets all in), but for /health and /metrics. While a child is loading, its callers get 503 with Retry-After.
func (s *Supervisor) Handler(key string) http.Handler {
	g := &gateway{supervisor: s}
	g.proxy = &httputil.ReverseProxy{
		Transport:     s.client.Transport,
		FlushInterval: -1,
		Rewrite:       func(*httputil.ProxyRequest) {}, // route prepares the request
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			s.opts.Log.DebugContext(r.Context(), "a model's engine gave no reply", "err", err)
			refuse(w, loading)
		},
		ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", g.health)
	mux.HandleFunc("GET /metrics", g.metrics)
	mux.Handle("GET /v1/models", guarded(key, g.models))
	for _, path := range []string{"/v1/chat/completions", "/v1/completions", "/tokenize"} {
		mux.Handle("POST "+path, guarded(key, g.route))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, refusal{http.StatusNotFound, "not_found_error", "There is nothing at this address"})
	})
	return mux
}

type gateway struct {
	supervisor *Supervisor
	proxy      *httputil.ReverseProxy
}

// refusal is an error in the shape of OpenAI's API.
type refusal struct {
	status  int
	kind    string
	message string
}

// loading is what llama-server says before it has loaded its model.
var loading = refusal{http.StatusServiceUnavailable, "unavailable_error", "Loading model"}

func refuse(w http.ResponseWriter, r refusal) {
	if r.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	reply(w, r.status, map[string]any{"error": map[string]any{"message": r.message, "type": r.kind, "code": r.status}})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may have left
}

// guarded lets those in who bear the key. Digests are compared, so that the time tells nothing, not even its length.
func guarded(key string, next http.HandlerFunc) http.Handler {
	want := sha256.Sum256([]byte(key))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(bearer))
		if key != "" && subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			refuse(w, refusal{http.StatusUnauthorized, "authentication_error", "Invalid API Key"})
			return
		}
		next(w, r)
	})
}

// route sends a request to the child that serves its model.
func (g *gateway) route(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		refuse(w, refusal{http.StatusRequestEntityTooLarge, "invalid_request_error", fmt.Sprintf("The request is longer than %d bytes", maxBody)})
		return
	case err != nil:
		return // the caller left
	}
	var asked struct {
		Model   string `json:"model"`
		Adapter string `json:"sat_adapter"`
	}
	if json.Unmarshal(body, &asked) != nil {
		refuse(w, refusal{http.StatusBadRequest, "invalid_request_error", "The request is no JSON object with a model's name"})
		return
	}
	child, done, refused := g.find(asked.Model, asked.Adapter)
	if refused.status != 0 {
		refuse(w, refused)
		return
	}
	defer done()
	out := r.Clone(r.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	target, err := url.Parse(child.root())
	if err != nil {
		refuse(w, loading)
		return
	}
	out.URL.Scheme, out.URL.Host, out.Host = target.Scheme, target.Host, target.Host
	out.Header.Set("Authorization", "Bearer "+child.Key)
	g.proxy.ServeHTTP(w, out)
}

// find gives the child that serves a model, which lives until done is called. A caller that names the adapter, and has
// not heard yet that another one took its name, gets the former child for a while, and then none: never an answer of the
// other adapter.
func (g *gateway) find(model, adapter string) (e Endpoint, done func(), refused refusal) {
	g.supervisor.mu.Lock()
	defer g.supervisor.mu.Unlock()
	refused = refusal{http.StatusNotFound, "not_found_error", fmt.Sprintf("The model %.100q does not exist", model)}
	for i, c := range slices.Concat(g.supervisor.children, g.supervisor.leaving) {
		switch e = c.endpoint(); {
		case model != c.spec.Name && (model != "" || i > 0):
			continue
		case i >= len(g.supervisor.children) && adapter == "":
			continue
		case strings.Contains(adapter, "@") && adapter != c.root || !e.Up:
			refused = loading
			continue
		}
		c.users.Add(1)
		return e, c.users.Done, refusal{}
	}
	return Endpoint{}, nil, refused
}

func (g *gateway) health(w http.ResponseWriter, _ *http.Request) {
	for _, e := range g.supervisor.Endpoints() {
		if !e.Up {
			refuse(w, loading)
			return
		}
	}
	reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// models lists the served names, those of a child that is down just now too.
func (g *gateway) models(w http.ResponseWriter, _ *http.Request) {
	list, all := g.supervisor.list()
	if !all {
		refuse(w, loading)
		return
	}
	reply(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}
