package enginetest

import (
	"embed"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// recordings holds replies of real servers: vLLM 0.32.0 (CPU build, SmolLM2-135M with an adapter) and llama.cpp's
// server b11434, one file a case. Figures in them belong to those builds.
//
//go:embed testdata
var recordings embed.FS

// Recording is one exchange with a real server.
type Recording struct {
	Name    string `json:"-"`
	Request struct {
		Method string          `json:"method"`
		Path   string          `json:"path"`
		Body   json.RawMessage `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"` // JSON, or a string that holds the raw text of anything else
	} `json:"response"`
}

// Text is the body as it was on the wire, but for white space.
func (r Recording) Text() []byte {
	var raw string
	if json.Unmarshal(r.Response.Body, &raw) == nil {
		return []byte(raw)
	}
	return r.Response.Body
}

// Load gives the recordings of a server, "vllm" or "llama-server": those named, or all.
func Load(t testing.TB, server string, names ...string) []Recording {
	t.Helper()
	if len(names) == 0 {
		entries, err := recordings.ReadDir(path.Join("testdata", server))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, strings.TrimSuffix(e.Name(), ".json"))
		}
	}
	var list []Recording
	for _, name := range names {
		text, err := recordings.ReadFile(path.Join("testdata", server, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		r := Recording{Name: name}
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list = append(list, r)
	}
	return list
}

// Replay serves the named recordings of a server for the time of a test, and gives the base URL without /v1. Where
// several have a request's method and path, its shape decides: the one whose members are most like those sent. A
// request that was not recorded gets 501.
func Replay(t testing.TB, server string, names ...string) string {
	t.Helper()
	list := Load(t, server, names...)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		best, ok := choose(list, r, sent)
		if !ok {
			writeJSON(w, http.StatusNotImplemented, map[string]string{"detail": "not recorded"})
			return
		}
		for name, value := range best.Response.Headers {
			if strings.EqualFold(name, "Content-Type") || strings.EqualFold(name, "Retry-After") {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(best.Response.Status)
		_, _ = w.Write(best.Text())
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func choose(list []Recording, r *http.Request, sent []byte) (Recording, bool) {
	of := slices.DeleteFunc(slices.Clone(list), func(rec Recording) bool {
		return rec.Request.Method != r.Method || rec.Request.Path != r.URL.Path
	})
	if len(of) == 1 {
		return of[0], true
	}
	best, bestScore := -1, -1
	for i, rec := range of {
		if score := rec.likeness(sent); score > bestScore {
			best, bestScore = i, score
		}
	}
	if best < 0 {
		return Recording{}, false
	}
	return of[best], true
}

// Members of a body that decide what a reply looks like, and those that do not.
var (
	shaping = []string{"model", "stream", "logprobs", "response_format"}
	soft    = []string{"messages", "max_tokens", "temperature", "top_logprobs", "stream_options", "chat_template_kwargs"}
)

// likeness counts equal members; -1 where the shapes differ. A refusal has no shape but the model's name.
func (r Recording) likeness(sent []byte) int {
	var was, is map[string]any
	if json.Unmarshal(r.Request.Body, &was) != nil || json.Unmarshal(sent, &is) != nil {
		return -1
	}
	decisive := shaping
	if r.Response.Status != http.StatusOK {
		decisive = shaping[:1]
	}
	score := 0
	for _, name := range decisive {
		same := reflect.DeepEqual(was[name], is[name])
		if name == "response_format" {
			same = (was[name] == nil) == (is[name] == nil)
		}
		if on, _ := is[name].(bool); !same && (on || was[name] != nil) {
			return -1
		}
	}
	for name, value := range was {
		switch {
		case reflect.DeepEqual(value, is[name]):
			score++
		case !slices.Contains(shaping, name) && !slices.Contains(soft, name):
			return -1
		}
	}
	return score
}
