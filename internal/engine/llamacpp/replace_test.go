//go:build unix

package llamacpp

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// two are a base and an adapter over it.
func two(t *testing.T, lora manner) (base, adapter Spec) {
	base = Spec{Name: "sat-base", ModelPath: manner{}.model(t), Root: "smollm2-135m"}
	return base, Spec{Name: "sat-lora", ModelPath: lora.model(t), Root: "sat-lora@aaaaaaaa"}
}

func TestAnAdapterTakesThePlaceOfAnotherWhileItAnswers(t *testing.T) {
	base, old := two(t, manner{Slow: 700 * time.Millisecond})
	s := fake(t, Options{linger: time.Millisecond}, base, old)
	require.NoError(t, ready(t, s))
	server := httptest.NewServer(s.Handler("k"))
	t.Cleanup(server.Close)
	before := s.Endpoints()
	answered := make(chan int, 1)
	go func() {
		resp, _ := request(t, http.MethodPost, server.URL+"/v1/chat/completions", "k", `{"model":"sat-lora"}`)
		answered <- resp.StatusCode
	}()
	require.Eventually(t, func() bool {
		_, body, err := s.children[1].call(t.Context(), http.MethodGet, before[1].root()+"/metrics", nil)
		return err == nil && busy(body)
	}, patience, 10*time.Millisecond)

	fresh := Spec{Name: "sat-lora", ModelPath: manner{}.model(t), Root: "sat-lora@bbbbbbbb"}
	commit, err := s.Prepare(t.Context(), []Spec{base, fresh})
	require.NoError(t, err)
	_, body := request(t, http.MethodGet, server.URL+"/v1/models", "k", "")
	assert.Contains(t, body, "sat-lora@aaaaaaaa", "until the switch the old one is served")
	commit()
	_, body = request(t, http.MethodGet, server.URL+"/v1/models", "k", "")
	assert.Contains(t, body, "sat-lora@bbbbbbbb")
	after := s.Endpoints()
	assert.Equal(t, before[0].PID, after[0].PID, "what stays is not touched")
	assert.NotEqual(t, before[1].PID, after[1].PID)
	assert.True(t, after[1].Up, "the new one has answered before it is listed")
	assert.Equal(t, http.StatusOK, <-answered, "what the old one works on is finished")
	assert.Eventually(t, func() bool { return syscall.Kill(before[1].PID, 0) != nil }, patience, 10*time.Millisecond, "and then it ends")
	resp, _ := request(t, http.MethodPost, server.URL+"/v1/chat/completions", "k", `{"model":"sat-lora"}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestAnAdapterThatDoesNotStartLeavesTheOldOne(t *testing.T) {
	base, old := two(t, manner{})
	s := fake(t, Options{linger: time.Millisecond}, base, old)
	require.NoError(t, ready(t, s))
	before := s.Endpoints()
	broken := Spec{Name: "sat-lora", ModelPath: manner{Die: "error: bad adapter"}.model(t)}
	_, err := s.Prepare(t.Context(), []Spec{base, broken})
	assert.ErrorContains(t, err, "bad adapter")
	slow, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Prepare(slow, []Spec{base, {Name: "sat-lora", ModelPath: manner{Load: time.Hour}.model(t)}})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = s.Prepare(t.Context(), []Spec{base, base})
	assert.ErrorContains(t, err, "two models are to be served")
	assert.Equal(t, before, s.Endpoints())
}

func TestNamesComeAndGoAndOnlyWhatIsSaidOfThemMayChange(t *testing.T) {
	base, lora := two(t, manner{})
	s := fake(t, Options{linger: time.Millisecond}, base)
	require.NoError(t, ready(t, s))
	commit, err := s.Prepare(t.Context(), []Spec{base, lora})
	require.NoError(t, err)
	commit()
	list := s.Endpoints()
	require.Len(t, list, 2)
	lora.Card = []byte(`{"quality":"demo"}`)
	commit, err = s.Prepare(t.Context(), []Spec{base, lora})
	require.NoError(t, err)
	commit()
	assert.Equal(t, list, s.Endpoints(), "a new record takes no new process")
	rows, _ := s.list()
	assert.JSONEq(t, `{"quality":"demo"}`, string(rows[1].Card))
	commit, err = s.Prepare(t.Context(), []Spec{base})
	require.NoError(t, err)
	commit()
	require.Len(t, s.Endpoints(), 1)
	assert.Eventually(t, func() bool { return syscall.Kill(list[1].PID, 0) != nil }, patience, 10*time.Millisecond)
}

// TestNobodyGetsTheAnswerOfAnotherAdapter: a backend elsewhere hears of the switch some seconds later.
func TestNobodyGetsTheAnswerOfAnotherAdapter(t *testing.T) {
	base, old := two(t, manner{})
	s := fake(t, Options{linger: time.Hour}, base, old)
	require.NoError(t, ready(t, s))
	server := httptest.NewServer(s.Handler("k"))
	t.Cleanup(server.Close)
	ask := func(adapter string) int {
		resp, _ := request(t, http.MethodPost, server.URL+"/v1/chat/completions", "k", `{"model":"sat-lora","sat_adapter":"`+adapter+`"}`)
		return resp.StatusCode
	}
	fresh := Spec{Name: "sat-lora", ModelPath: manner{}.model(t), Root: "sat-lora@bbbbbbbb"}
	commit, err := s.Prepare(t.Context(), []Spec{base, fresh})
	require.NoError(t, err)
	former := s.children[1]
	commit()
	asked := func(c *child) int64 {
		_, body, err := c.call(t.Context(), http.MethodGet, c.url()+"/metrics", nil)
		require.NoError(t, err)
		var n int64
		for line := range strings.Lines(string(body)) {
			if _, err := fmt.Sscanf(line, "fake_asked %d", &n); err == nil {
				break
			}
		}
		return n
	}
	warm := asked(former)
	assert.Equal(t, http.StatusOK, ask("sat-lora@aaaaaaaa"))
	assert.Equal(t, warm+1, asked(former), "the former one answers who means it")
	assert.Equal(t, http.StatusOK, ask("sat-lora@bbbbbbbb"))
	assert.Equal(t, http.StatusOK, ask(""))
	assert.Equal(t, http.StatusOK, ask("owner/repository"), "of such names our engine knows nothing")
	assert.Equal(t, warm+1, asked(former))
	assert.Equal(t, http.StatusServiceUnavailable, ask("sat-lora@cccccccc"))
	commit, err = s.Prepare(t.Context(), []Spec{base})
	require.NoError(t, err)
	commit()
	assert.Equal(t, http.StatusOK, ask("sat-lora@bbbbbbbb"), "one that was retired, too")
	assert.Equal(t, http.StatusNotFound, ask(""))
}

func TestARollbackSoonAfterNeedsNoStart(t *testing.T) {
	base, old := two(t, manner{})
	s := fake(t, Options{linger: time.Hour}, base, old)
	require.NoError(t, ready(t, s))
	before := s.Endpoints()
	fresh := Spec{Name: "sat-lora", ModelPath: manner{}.model(t), Root: "sat-lora@bbbbbbbb"}
	for _, specs := range [][]Spec{{base, fresh}, {base, old}} {
		commit, err := s.Prepare(t.Context(), specs)
		require.NoError(t, err)
		commit()
	}
	assert.Equal(t, before, s.Endpoints(), "the former process answers again")
	assert.Len(t, starts(t, old.ModelPath), 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(t, s.leaving, 1)
	assert.Equal(t, fresh.ModelPath, s.leaving[0].spec.ModelPath, "now the other one leaves")
}
