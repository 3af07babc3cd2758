//go:build unix

package llamacpp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestABinaryIsStartedWithTheFlagsOfOneSlotAndItsKeyOutOfSight(t *testing.T) {
	t.Setenv("VLLM_API_KEY", "secret of the parent")
	t.Setenv("LLAMA_ARG_N_PARALLEL", "8")
	model := manner{}.model(t)
	adapter := manner{}.model(t)
	s := fake(t, Options{}, Spec{Name: "sat-lora", ModelPath: model, AdapterPath: adapter, ContextTokens: 2048, Threads: 3,
		TemplateArgs: map[string]string{"date_string": "11 Jun 2025"}})
	require.NoError(t, ready(t, s))
	e := s.Endpoints()[0]
	got := starts(t, model)[0]
	assert.Equal(t, []string{"--model", model, "--alias", "sat-lora", "--host", "127.0.0.1", "--port", strings.TrimSuffix(strings.TrimPrefix(e.BaseURL, "http://127.0.0.1:"), "/v1"),
		"--ctx-size", "2048", "--parallel", "1", "--cache-ram", "0", "--threads", "3", "--threads-batch", "3", "--metrics", "--no-slots", "--no-webui",
		"--jinja", "--chat-template-kwargs", `{"date_string":"11 Jun 2025"}`, "--lora", adapter}, got.Args)
	assert.NotContains(t, strings.Join(got.Args, " "), e.Key)
	assert.Contains(t, got.Env, "LLAMA_API_KEY="+e.Key)
	for _, entry := range got.Env {
		assert.NotContains(t, entry, "secret of the parent")
		assert.NotContains(t, entry, "LLAMA_ARG_N_PARALLEL")
	}
	assert.Equal(t, got.PID, e.PID, "the watchdog must become the server")
	assert.GreaterOrEqual(t, len(e.Key), 26)
	assert.True(t, e.Up)
	assert.Equal(t, 4096, e.ContextTokens, "as the child says")
}

func TestEachModelHasItsOwnChildPortAndKey(t *testing.T) {
	s := fake(t, Options{}, Spec{Name: "sat-base", ModelPath: manner{}.model(t)}, Spec{Name: "sat-lora", ModelPath: manner{Load: 300 * time.Millisecond}.model(t)})
	require.NoError(t, ready(t, s))
	list := s.Endpoints()
	require.Len(t, list, 2)
	assert.Equal(t, []string{"sat-base", "sat-lora"}, []string{list[0].Name, list[1].Name})
	assert.NotEqual(t, list[0].BaseURL, list[1].BaseURL)
	assert.NotEqual(t, list[0].Key, list[1].Key)
	assert.NotEqual(t, list[0].PID, list[1].PID)
}

func TestAKilledChildComesBackAtItsAddress(t *testing.T) {
	s := fake(t, Options{}, Spec{Name: "sat-base", ModelPath: manner{}.model(t)})
	require.NoError(t, ready(t, s))
	before := s.Endpoints()[0]
	changed := s.Changed()
	require.NoError(t, syscall.Kill(before.PID, syscall.SIGKILL))
	<-changed
	seen := waitFor(t, s, func(e Endpoint) bool { return !e.Up })
	assert.Contains(t, seen.Fault, "signal: killed")
	after := waitFor(t, s, func(e Endpoint) bool { return e.Up })
	assert.Equal(t, before.BaseURL, after.BaseURL)
	assert.Equal(t, before.Key, after.Key)
	assert.NotEqual(t, before.PID, after.PID)
	assert.Equal(t, 1, after.Restarts)
	assert.Empty(t, after.Fault)
}

// waitFor waits until the first endpoint is as wanted.
func waitFor(t *testing.T, s *Supervisor, want func(Endpoint) bool) Endpoint {
	t.Helper()
	deadline := time.After(patience)
	for {
		changed := s.Changed()
		if e := s.Endpoints()[0]; want(e) {
			return e
		}
		select {
		case <-changed:
		case <-deadline:
			require.FailNow(t, "the endpoint never became as wanted", "%+v", s.Endpoints()[0])
		}
	}
}

func TestWaitReadyTellsWhyAChildDoesNotStart(t *testing.T) {
	for name, tc := range map[string]struct {
		how  manner
		want []string
	}{
		"it dies":             {manner{Die: "error: invalid magic characters"}, []string{"does not start", "exit status 1", "invalid magic characters", "GGUF"}},
		"it refuses":          {manner{Refuse: 400}, []string{"refuses a question with status 400", "no chat template"}},
		"it is another model": {manner{Alias: "other"}, []string{"not one of model sat-base"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake(t, Options{}, Spec{Name: "sat-base", ModelPath: tc.how.model(t)})
			err := ready(t, s)
			var problem *Problem
			require.ErrorAs(t, err, &problem)
			for _, part := range tc.want {
				assert.ErrorContains(t, err, part)
			}
			assert.False(t, s.Endpoints()[0].Up)
		})
	}
}

func TestAChildThatDiesBeforeItsFirstAnswerTriesAnotherPort(t *testing.T) {
	model := manner{Die: "couldn't bind", DieTimes: 2}.model(t)
	s := fake(t, Options{}, Spec{Name: "sat-base", ModelPath: model})
	require.NoError(t, ready(t, s))
	list := starts(t, model)
	require.Len(t, list, 3)
	assert.NotEqual(t, flagOf(list[0].Args, "--port"), flagOf(list[1].Args, "--port"))
	assert.Equal(t, 2, s.Endpoints()[0].Restarts)
}

func TestCloseLetsTheAnswerInFlightFinish(t *testing.T) {
	s := fake(t, Options{}, Spec{Name: "sat-base", ModelPath: manner{Slow: 700 * time.Millisecond}.model(t)})
	require.NoError(t, ready(t, s))
	e := s.Endpoints()[0]
	var asked sync.WaitGroup
	asked.Go(func() {
		req, err := http.NewRequest(http.MethodPost, e.BaseURL+"/chat/completions", strings.NewReader(`{}`))
		assert.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+e.Key)
		resp, err := http.DefaultClient.Do(req)
		if assert.NoError(t, err) {
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			_ = resp.Body.Close()
		}
	})
	inFlight(t, s)
	require.NoError(t, s.Close(t.Context()))
	asked.Wait()
	assert.Error(t, syscall.Kill(e.PID, 0), "the process is gone")
	assert.False(t, s.Endpoints()[0].Up)
}

// inFlight waits until the first child works on a question.
func inFlight(t *testing.T, s *Supervisor) {
	assert.Eventually(t, func() bool {
		_, body, err := s.children[0].call(t.Context(), http.MethodGet, s.Endpoints()[0].root()+"/metrics", nil)
		return err == nil && busy(body)
	}, patience, 10*time.Millisecond)
}

func TestCloseKillsWhatDoesNotEnd(t *testing.T) {
	s := fake(t, Options{}, Spec{Name: "sat-base", ModelPath: manner{Stubborn: true, Slow: time.Hour}.model(t)})
	require.NoError(t, ready(t, s))
	pid := s.Endpoints()[0].PID
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Close(ctx))
	assert.Error(t, syscall.Kill(pid, 0))
}

func TestCloseEndsAChildThatIsStillLoading(t *testing.T) {
	s := fake(t, Options{}, Spec{Name: "sat-base", ModelPath: manner{Load: time.Hour}.model(t)})
	pid := waitFor(t, s, func(e Endpoint) bool { return e.PID != 0 }).PID
	require.NoError(t, s.Close(t.Context()))
	assert.Error(t, syscall.Kill(pid, 0))
	assert.ErrorContains(t, s.WaitReady(t.Context()), "shutting down")
}

func TestNoOrphanIsLeftByAParentThatIsKilled(t *testing.T) {
	endpoint := killedParent(t, alias(t, "parent"), alias(t, "llama-server"), manner{}.model(t))
	assert.Eventually(t, func() bool { return gone(endpoint) }, patience, 20*time.Millisecond)
}

func TestTheWatchdogAloneLeavesNoOrphan(t *testing.T) {
	model := manner{}.model(t)
	cmd, _, err := Runtime{server: alias(t, "llama-server")}.command(Spec{Name: "m", ModelPath: model}.withDefaults(), 1, "k")
	require.NoError(t, err)
	port, err := freePort()
	require.NoError(t, err)
	for i, a := range cmd.Args {
		if a == "--port" {
			cmd.Args[i+1] = fmt.Sprint(port)
		}
	}
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return !gone(Endpoint{BaseURL: address(port) + "/v1", PID: cmd.Process.Pid}) }, patience, 20*time.Millisecond)
	require.NoError(t, input.Close())
	assert.ErrorContains(t, cmd.Wait(), "killed")
}

// killedParent runs a parent until its child has answered, kills it with -9, and gives where the child was.
func killedParent(t *testing.T, parent, server, model string) Endpoint {
	t.Helper()
	cmd := exec.Command(parent, server, model)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var e Endpoint
	err = json.NewDecoder(out).Decode(&e)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.NoError(t, err)
	require.NotZero(t, e.PID)
	return e
}

// gone tells whether a child neither answers nor runs. One that its new parent has not buried yet is gone.
func gone(e Endpoint) bool {
	if resp, err := http.Get(e.root() + "/health"); err == nil {
		_ = resp.Body.Close()
		return false
	}
	if syscall.Kill(e.PID, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.PID))
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return err != nil || bytes.HasPrefix(state, []byte("Z"))
}

func TestStartRefusesWhatCannotBeServed(t *testing.T) {
	model := manner{}.model(t)
	for name, tc := range map[string]struct {
		specs []Spec
		want  string
	}{
		"nothing":          {nil, "no model"},
		"no name":          {[]Spec{{ModelPath: model}}, "without a served name"},
		"no file":          {[]Spec{{Name: "m", ModelPath: model + "x"}}, "SAT_MODEL_PATH"},
		"no path":          {[]Spec{{Name: "m"}}, "cannot be read"},
		"a folder":         {[]Spec{{Name: "m", ModelPath: filepath.Dir(model)}}, "no file"},
		"no adapter there": {[]Spec{{Name: "m", ModelPath: model, AdapterPath: model + "x"}}, "cannot be read"},
		"twice":            {[]Spec{{Name: "m", ModelPath: model}, {Name: "m", ModelPath: model}}, "two models"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Start(Runtime{server: "/bin/false"}, tc.specs, Options{})
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestBackoffGrowsToHalfAMinute(t *testing.T) {
	for deaths, want := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 5: 1600 * time.Millisecond, 10: 30 * time.Second, 1000: 30 * time.Second} {
		assert.Equal(t, want, backoff(deaths), "%d deaths", deaths)
	}
}

func TestOutputIsLoggedLineByLineWithoutWhatItQuotes(t *testing.T) {
	var log bytes.Buffer
	w := &logWriter{log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, piece := range []string{"first li", "ne\n\nsyntax error; last read: '\"the miller's daughter'\n", strings.Repeat("x", 3*maxLine) + "\n", "a\nb\nc\nd\n"} {
		n, err := w.Write([]byte(piece))
		assert.NoError(t, err)
		assert.Len(t, piece, n)
	}
	assert.Contains(t, log.String(), `level=DEBUG msg="first line"`)
	assert.Contains(t, log.String(), "syntax error")
	assert.NotContains(t, log.String(), "miller")
	assert.NotContains(t, log.String(), strings.Repeat("x", maxLine+1))
	assert.Equal(t, "a | b | c | d", w.tail())
}
