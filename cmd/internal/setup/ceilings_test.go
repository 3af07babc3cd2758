package setup

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/config"
)

// priced is one request whose cost has a ceiling.
type priced struct {
	name    string
	handler http.Handler
	path    string
	body    []byte
	status  int
}

// TestCeilings holds what one request allocates, in the wired backend and in its client of the engine, below the figures
// of ceilings.tsv. The engine is a process of its own, so that its allocations are not counted.
func TestCeilings(t *testing.T) {
	if os.Getenv("SAT_BENCH") == "" {
		t.Skip("make bench holds the ceilings: the race detector and a busy test binary would be counted too")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	ceilings := ceilingsOf(t)
	for _, p := range pricedRequests(t) {
		t.Run(p.name, func(t *testing.T) {
			ceiling, ok := ceilings[p.name]
			require.True(t, ok, "no ceiling for %s", p.name)
			got := p.cost(t)
			t.Logf("%d allocations of at most %d, %d bytes of at most %d", got.allocations, ceiling.allocations, got.bytes, ceiling.bytes)
			for _, c := range []struct {
				what         string
				got, ceiling uint64
			}{{"allocations", got.allocations, ceiling.allocations}, {"bytes", got.bytes, ceiling.bytes}} {
				switch {
				case c.got > c.ceiling:
					t.Errorf("%d %s; the ceiling is %d", c.got, c.what, c.ceiling)
				case c.got*10 < c.ceiling*9:
					t.Errorf("%d %s are far below the ceiling of %d: lower it, so that it holds", c.got, c.what, c.ceiling)
				}
			}
		})
	}
}

// BenchmarkRequest measures the same requests in time.
func BenchmarkRequest(b *testing.B) {
	for _, p := range pricedRequests(b) {
		b.Run(p.name, func(b *testing.B) {
			ask := p.asker(b)
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}

// pricedRequests opens the backend over a stand-in engine. A refusal without an engine has no ceiling: it has the engine
// looked for at once, and that is counted with it by chance.
func pricedRequests(tb testing.TB) []priced {
	engine := standIn(tb)
	wired := opened(tb, engine, false)
	body := func(q api.MCQRequest) []byte {
		raw, err := json.Marshal(q)
		require.NoError(tb, err)
		return raw
	}
	question := api.MCQRequest{Text: strings.Repeat("The lamp in the harbour office burned late that winter, though no ships were due.\n", 45),
		Question: "In the passage, the lifting of the lamp (lines 10–13) most likely serves as",
		Choices:  []string{"A) a warning to a ship", "B) a silent acknowledgement", "C) a request to come in", "D) a sign for the office"}}
	invalid := question
	invalid.Choices = invalid.Choices[:1]
	return []priced{
		{"answer", wired, "/submit_mcq", body(question), http.StatusOK},
		{"kept", opened(tb, engine, true), "/submit_mcq", body(question), http.StatusOK},
		{"record", wired, "/api/v1/answers", body(question), http.StatusOK},
		{"invalid", wired, "/submit_mcq", body(invalid), http.StatusUnprocessableEntity},
	}
}

// standIn starts the stand-in engine and gives its address.
func standIn(tb testing.TB) string {
	program := filepath.Join(tb.TempDir(), "standin")
	out, err := exec.CommandContext(tb.Context(), "go", "build", "-o", program, "sattutor/internal/engine/enginetest/standin").CombinedOutput()
	require.NoError(tb, err, string(out))
	cmd := exec.Command(program, "-addr", "127.0.0.1:0", "-d", "0")
	address, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(address).ReadString('\n')
	require.NoError(tb, err)
	return strings.TrimSpace(line)
}

// opened wires a backend as the command does, and waits for its engine's first answer.
func opened(tb testing.TB, engineURL string, kept bool) http.Handler {
	cfg, err := config.Load(filepath.Join(tb.TempDir(), "absent"))
	require.NoError(tb, err)
	cfg.OpenAIBaseURL, cfg.MetricsAddr, cfg.Home = engineURL+"/v1", "off", tb.TempDir()
	cfg.KeepAnswers = config.Switch(kept)
	log, deadlines := NewLogger(cfg, io.Discard), NewDeadlines(cfg)
	e, err := OpenEngine(tb.Context(), cfg, log, deadlines)
	require.NoError(tb, err)
	b, err := OpenBackend(cfg, log, deadlines, e)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(tb, b.Close(ctx))
	})
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	require.NoError(tb, b.Watcher.WaitReady(ctx))
	return b.server
}

// cost is what one request allocates.
type cost struct{ allocations, bytes uint64 }

// cost gives the least of several rounds: what happens beside the requests can only add.
func (p priced) cost(tb testing.TB) cost {
	const rounds, requests = 5, 1000
	ask := p.asker(tb)
	for range requests {
		ask()
	}
	var list []cost
	for range rounds {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range requests {
			ask()
		}
		runtime.ReadMemStats(&after)
		list = append(list, cost{(after.Mallocs - before.Mallocs) / requests, (after.TotalAlloc - before.TotalAlloc) / requests})
	}
	return slices.MinFunc(list, func(a, b cost) int {
		return cmp.Or(cmp.Compare(a.allocations, b.allocations), cmp.Compare(a.bytes, b.bytes))
	})
}

// asker gives a function that makes the request once. Request and writer are used again, so that they cost nothing.
func (p priced) asker(tb testing.TB) func() {
	text := bytes.NewReader(p.body)
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "http://127.0.0.1:8090"+p.path, text)
	require.NoError(tb, err)
	request.Header.Set("Content-Type", "application/json")
	request.RemoteAddr, request.RequestURI = "127.0.0.1:50000", p.path
	body := io.NopCloser(text)
	w := &writer{header: http.Header{}}
	return func() {
		_, _ = text.Seek(0, io.SeekStart)
		request.Body = body
		clear(w.header)
		w.status = 0
		p.handler.ServeHTTP(w, request)
		if w.status != p.status {
			tb.Fatalf("%s gave status %d instead of %d", p.name, w.status, p.status)
		}
	}
}

// writer keeps the status alone.
type writer struct {
	header http.Header
	status int
}

func (w *writer) Header() http.Header { return w.header }

// The deadlines of a connection, which a server's own writer can set.

func (w *writer) SetReadDeadline(time.Time) error { return nil }

func (w *writer) SetWriteDeadline(time.Time) error { return nil }

func (w *writer) WriteHeader(status int) { w.status = status }

func (w *writer) Write(b []byte) (int, error) {
	w.status = cmp.Or(w.status, http.StatusOK)
	return len(b), nil
}

// ceilingsOf reads ceilings.tsv.
func ceilingsOf(t *testing.T) map[string]cost {
	raw, err := os.ReadFile("testdata/ceilings.tsv")
	require.NoError(t, err)
	ceilings := map[string]cost{}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var name string
		var c cost
		_, err := fmt.Sscan(line, &name, &c.allocations, &c.bytes)
		require.NoError(t, err, line)
		ceilings[name] = c
	}
	return ceilings
}
