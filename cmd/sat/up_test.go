//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/config"
	"sattutor/internal/engine/llamacpp"
	"sattutor/internal/testneeds"
)

// console is what a person sees, readable while it is written.
type console struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

// engineHome is the repository's data folder, so that the engine is fetched once for all tests and for the product.
func engineHome(t *testing.T) string {
	t.Helper()
	home, err := filepath.Abs(filepath.Join("..", "..", ".sat"))
	require.NoError(t, err)
	if _, err := llamacpp.Install(t.Context(), home, "", nil); err != nil {
		testneeds.Missing(t, testneeds.GroupEngine, err.Error())
	}
	return home
}

// TestUpAnswersRealQuestions starts everything as `make run` does, asks by page and by the original's curl, kills the
// engine, sees it come back, and stops.
func TestUpAnswersRealQuestions(t *testing.T) {
	home := engineHome(t)
	out, errs := &console{}, &console{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cfg := config.Config{Host: "127.0.0.1", DefaultModel: "sat-lora", MaxModelLen: 4096, Home: home, Model: "smollm2-135m",
		EngineTimeout: 2 * time.Minute, EngineTimeoutSet: true, AnswerBudget: time.Minute, PublicURL: "http://localhost:7860",
		LogLevel: "info", MetricsAddr: "off"}
	ended := make(chan error, 1)
	go func() { ended <- up(ctx, cfg, out, errs) }()
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "in your browser. Ctrl-C stops everything.") },
		3*time.Minute, 50*time.Millisecond, "%s %s", out, errs)
	address := regexp.MustCompile(`(?:Students|API) +(http://localhost:\d+)`).FindAllStringSubmatch(out.String(), -1)
	require.Len(t, address, 2, out.String())
	page, backend := address[0][1], address[1][1]
	assert.Contains(t, out.String(), "The first question was answered")
	assert.Contains(t, out.String(), "demo quality")

	body := readmeQuestion(t)
	status, answer := post(t, backend+"/submit_mcq", "application/json", body)
	require.Equal(t, http.StatusOK, status, answer)
	var got struct{ Answer string }
	var asked struct{ Choices []string }
	require.NoError(t, json.Unmarshal([]byte(body), &asked))
	require.NoError(t, json.Unmarshal([]byte(answer), &got))
	assert.Contains(t, asked.Choices, got.Answer)

	form := url.Values{"text": {"The lamp burned late."}, "question": {"What burned?"}, "choice": {"The lamp", "The pier", "The ship", "The book"}}
	status, answer = post(t, page+"/ask", "application/x-www-form-urlencoded", form.Encode())
	require.Equal(t, http.StatusOK, status)
	assert.Contains(t, answer, "Tutor’s answer")

	engines := childrenOf(t, os.Getpid())
	require.NotEmpty(t, engines, "the engine is a child of this process")
	for _, pid := range engines {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	require.Eventually(t, func() bool {
		status, _ := post(t, backend+"/submit_mcq", "application/json", body)
		return status == http.StatusServiceUnavailable
	}, time.Minute, 10*time.Millisecond, "no engine, no answer")
	require.Eventually(t, func() bool {
		status, _ := post(t, backend+"/submit_mcq", "application/json", body)
		return status == http.StatusOK
	}, 2*time.Minute, 100*time.Millisecond, "the engine comes back by itself")

	stop()
	require.NoError(t, <-ended)
	assert.Contains(t, out.String(), "Stopping.")
	assert.Empty(t, childrenOf(t, os.Getpid()), "no orphan")
	assert.NotContains(t, errs.String(), "The lamp", "no log holds what a student wrote")
}

func post(t *testing.T, address, kind, body string) (status int, reply string) {
	t.Helper()
	resp, err := http.Post(address, kind, strings.NewReader(body))
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

// childrenOf lists the living child processes of a process, by /proc.
func childrenOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("this system has no /proc")
	}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		_, rest, ok := strings.Cut(string(raw), ") ")
		fields := strings.Fields(rest)
		if !ok || len(fields) < 2 || fields[0] == "Z" {
			continue
		}
		var pid, ppid int
		if json.Unmarshal([]byte(e.Name()), &pid) == nil && json.Unmarshal([]byte(fields[1]), &ppid) == nil && ppid == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}
