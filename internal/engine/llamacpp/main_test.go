//go:build unix

package llamacpp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test's binary play other programs, by the name under which it is called.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "llama-server":
		fakeServer(os.Args[1:])
	case "parent":
		parent(os.Args[1], os.Args[2])
	default:
		os.Exit(m.Run())
	}
}

// alias gives a path under which the test's binary plays the named program.
func alias(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.Symlink(self, path))
	return path
}

// parent serves one model until it is killed, and prints where. server is a llama-server, or the folder of the
// fetched engine.
func parent(server, model string) {
	opts := FindOptions{Server: server}
	if info, err := os.Stat(server); err == nil && info.IsDir() {
		opts = FindOptions{Home: server}
	}
	runtime, err := Find(context.Background(), opts)
	exitOn(err)
	s, err := Start(runtime, []Spec{{Name: "sat-base", ModelPath: model}}, Options{})
	exitOn(err)
	exitOn(s.WaitReady(context.Background()))
	exitOn(json.NewEncoder(os.Stdout).Encode(s.Endpoints()[0]))
	select {}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// manner is how the fake server behaves: the content of its model file.
type manner struct {
	Die      string        `json:",omitempty"` // written before it dies at once
	DieTimes int           `json:",omitempty"` // so many starts die, the next live; 0 with Die for all
	Load     time.Duration `json:",omitempty"` // before it is healthy
	Slow     time.Duration `json:",omitempty"` // per completion but for the first
	Refuse   int           `json:",omitempty"` // status of every completion
	Alias    string        `json:",omitempty"` // name it gives itself in place of the asked one
	Stubborn bool          `json:",omitempty"` // ignores SIGTERM
}

// model writes a file that makes the fake server behave so.
func (m manner) model(t *testing.T) string {
	t.Helper()
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "model.gguf")
	require.NoError(t, os.WriteFile(path, raw, 0o644))
	return path
}

// started is what the fake server notes beside its model file, a line a start.
type started struct {
	Args []string
	Env  []string
	PID  int
}

func starts(t *testing.T, model string) (list []started) {
	t.Helper()
	raw, err := os.ReadFile(model + ".starts")
	require.NoError(t, err)
	for line := range bytes.Lines(raw) {
		var s started
		require.NoError(t, json.Unmarshal(line, &s))
		list = append(list, s)
	}
	return list
}

func flagOf(args []string, name string) string {
	for i, a := range args {
		if a == name && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// fakeServer plays llama-server.
func fakeServer(args []string) {
	model := flagOf(args, "--model")
	raw, err := os.ReadFile(model)
	exitOn(err)
	var how manner
	exitOn(json.Unmarshal(raw, &how))
	note, err := json.Marshal(started{Args: args, Env: os.Environ(), PID: os.Getpid()})
	exitOn(err)
	f, err := os.OpenFile(model+".starts", os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o644)
	exitOn(err)
	_, err = f.Write(append(note, '\n'))
	exitOn(err)
	before, err := os.ReadFile(model + ".starts")
	exitOn(err)
	if how.Die != "" && (how.DieTimes == 0 || bytes.Count(before, []byte("\n")) <= how.DieTimes) {
		fmt.Fprintln(os.Stderr, how.Die)
		os.Exit(1)
	}
	if how.Stubborn {
		signal.Ignore(syscall.SIGTERM)
	}
	fake := &fakeEngine{how: how, name: flagOf(args, "--alias"), key: os.Getenv("LLAMA_API_KEY"), healthy: time.Now().Add(how.Load)}
	exitOn(http.ListenAndServe("127.0.0.1:"+flagOf(args, "--port"), fake))
}

type fakeEngine struct {
	how     manner
	name    string
	key     string
	healthy time.Time
	asked   atomic.Int64
	busy    atomic.Int64
	left    atomic.Int64 // callers that left before their answer
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if time.Now().Before(f.healthy) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == "/health" {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+f.key {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch r.URL.Path {
	case "/v1/models":
		fmt.Fprintf(w, `{"data":[{"id":%q,"owned_by":"llamacpp","meta":{"n_ctx":4096}}]}`, f.name)
	case "/metrics":
		fmt.Fprintf(w, "# HELP llamacpp:requests_processing Number of requests processing\n# TYPE llamacpp:requests_processing gauge\n"+
			"llamacpp:requests_processing %d\n# HELP fake_left Callers that left\n# TYPE fake_left counter\nfake_left %d\n"+
			"# HELP fake_asked Questions\n# TYPE fake_asked counter\nfake_asked %d\n", f.busy.Load(), f.left.Load(), f.asked.Load())
	case "/tokenize":
		fmt.Fprintf(w, `{"tokens":[%d]}`, len(f.name))
	case "/v1/chat/completions":
		f.complete(w, r)
	case "/die":
		os.Exit(3)
	}
}

func (f *fakeEngine) complete(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if f.how.Refuse != 0 {
		w.WriteHeader(f.how.Refuse)
		fmt.Fprint(w, "no chat template")
		return
	}
	f.busy.Add(1)
	defer f.busy.Add(-1)
	if f.asked.Add(1) > 1 && f.how.Slow > 0 {
		if strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: {}\n\n")
			w.(http.Flusher).Flush()
		}
		select {
		case <-time.After(f.how.Slow):
		case <-r.Context().Done():
			f.left.Add(1)
			return
		}
	}
	name := f.name
	if f.how.Alias != "" {
		name = f.how.Alias
	}
	fmt.Fprintf(w, `{"model":%q,"choices":[{"message":{"content":"A"},"logprobs":{"content":[{"id":49}]}}]}`, name)
}

// fake starts the specs on fake servers.
func fake(t *testing.T, opts Options, specs ...Spec) *Supervisor {
	t.Helper()
	runtime, err := Find(t.Context(), FindOptions{Server: alias(t, "llama-server")})
	require.NoError(t, err)
	opts.backoff = func(int) time.Duration { return 20 * time.Millisecond }
	s, err := Start(runtime, specs, opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.Close(ctx))
	})
	return s
}

// patience is longer than anything takes on a busy machine.
const patience = 30 * time.Second

// ready waits for the first answers, with a deadline.
func ready(t *testing.T, s *Supervisor) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return s.WaitReady(ctx)
}
