package openaicompat_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/engine/openaicompat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial gives a client of the server at url.
func dial(t testing.TB, url string) *openaicompat.Client {
	c := openaicompat.New(openaicompat.Options{BaseURL: url, Key: "secret"})
	t.Cleanup(c.Close)
	return c
}

// replay gives a client of recorded replies.
func replay(t testing.TB, server string, names ...string) *openaicompat.Client {
	return dial(t, enginetest.Replay(t, server, names...))
}

// fake gives a client of the fake vLLM.
func fake(t testing.TB, opts enginetest.Options) (*openaicompat.Client, *enginetest.VLLM) {
	v, url := enginetest.Serve(t, opts)
	return dial(t, url), v
}

var letterIDs = []int{49, 50, 51, 52}

// letters asks a model for one token and the letters' log-probabilities.
func letters(model string) engine.Request {
	return engine.Request{Model: model, Messages: enginetest.SampleQuestion(), MaxTokens: 1, LogprobIDs: letterIDs,
		TemplateArgs: map[string]string{"date_string": "11 Jun 2025"}}
}

// text asks a model for up to n tokens.
func text(model string, n int) engine.Request {
	return engine.Request{Model: model, Messages: enginetest.SampleQuestion(), MaxTokens: n}
}

func ignore(string) error { return nil }

// kindOf wants err to be an engine's, and gives it.
func kindOf(t testing.TB, err error, kind engine.Kind) *engine.Error {
	t.Helper()
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind, "%v", err)
	return e
}

// ids gives the ids of candidates in their order.
func ids(tokens []engine.Token) []int {
	var list []int
	for _, t := range tokens {
		list = append(list, t.ID)
	}
	return list
}

// lastBody gives the last chat that the fake got, decoded.
func lastBody(t testing.TB, v *enginetest.VLLM) map[string]any {
	t.Helper()
	bodies := v.Bodies()
	require.NotEmpty(t, bodies)
	var body map[string]any
	require.NoError(t, json.Unmarshal(bodies[len(bodies)-1], &body))
	return body
}

// patience is longer than anything takes on a busy machine.
const patience = 30 * time.Second

// soon waits for a condition that another goroutine brings about.
func soon(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			require.Fail(t, "waited in vain", what)
		}
	}
}

var errEnough = errors.New("enough")

func jsonBody(t testing.TB, body any) io.Reader {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	return bytes.NewReader(text)
}
