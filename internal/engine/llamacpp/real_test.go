//go:build unix

package llamacpp_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/engine/llamacpp"
	"sattutor/internal/engine/openaicompat"
	"sattutor/internal/testneeds"
)

// home is the repository's data folder, so that the engine is fetched once for all tests and for the product.
func home(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".sat")
		}
		require.NotEqual(t, dir, filepath.Dir(dir), "no go.mod above the test")
		dir = filepath.Dir(dir)
	}
}

// embedded gives the embedded engine and its small model, fetched where they are not there yet.
func embedded(t *testing.T) (llamacpp.Runtime, string) {
	t.Helper()
	runtime, err := llamacpp.Install(t.Context(), home(t), "", nil)
	if err != nil {
		testneeds.Missing(t, testneeds.GroupEngine, err.Error())
	}
	model, err := llamacpp.DefaultModel(t.Context(), home(t))
	require.NoError(t, err)
	return runtime, model
}

// started starts the specs, waits for their first answers, and closes them with the test.
func started(t *testing.T, runtime llamacpp.Runtime, specs ...llamacpp.Spec) *llamacpp.Supervisor {
	t.Helper()
	begun := time.Now()
	s, err := llamacpp.Start(runtime, specs, llamacpp.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		assert.NoError(t, s.Close(ctx))
	})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	require.NoError(t, s.WaitReady(ctx))
	t.Logf("%d models answered after %s", len(specs), time.Since(begun).Round(time.Millisecond))
	return s
}

func client(t *testing.T, url, key string) *openaicompat.Client {
	c := openaicompat.New(openaicompat.Options{BaseURL: url, Key: key, Timeout: func() time.Duration { return 3 * time.Minute }})
	t.Cleanup(c.Close)
	return c
}

// scores asks the sample question for one letter.
func scores(t *testing.T, c engine.Engine, model string) (engine.Response, time.Duration) {
	t.Helper()
	begun := time.Now()
	resp, err := c.Complete(t.Context(), engine.Request{Model: model, Messages: enginetest.SampleQuestion(), MaxTokens: 1, LogprobIDs: []int{49, 50, 51, 52}})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(resp.First), 4)
	return resp, time.Since(begun)
}

func TestTheEmbeddedEngineConforms(t *testing.T) {
	runtime, model := embedded(t)
	s := started(t, runtime, llamacpp.Spec{Name: "sat-base", ModelPath: model})
	e := s.Endpoints()[0]
	enginetest.Conformance(t, enginetest.Target{Engine: client(t, e.BaseURL, e.Key), Model: "sat-base", Schema: true, Overflow: true, Tolerance: 0.1})
}

func TestBaseAndAdapterConformBehindOneAddress(t *testing.T) {
	runtime, model := embedded(t)
	s := started(t, runtime, llamacpp.Spec{Name: "sat-base", ModelPath: model}, llamacpp.Spec{Name: "sat-lora", ModelPath: model, AdapterPath: adapter(t)})
	server := httptest.NewServer(s.Handler("the key of all"))
	defer server.Close()
	enginetest.Conformance(t, enginetest.Target{Engine: client(t, server.URL, "the key of all"), Model: "sat-base", Adapter: "sat-lora",
		Schema: true, Overflow: true, Tolerance: 0.1})
}

// TestABinaryConforms runs where a llama-server is installed.
func TestABinaryConforms(t *testing.T) {
	path, err := exec.LookPath("llama-server")
	if err != nil {
		t.Skip("no llama-server on PATH")
	}
	_, model := embedded(t)
	runtime, err := llamacpp.Find(t.Context(), llamacpp.FindOptions{Server: path})
	require.NoError(t, err)
	s := started(t, runtime, llamacpp.Spec{Name: "sat-base", ModelPath: model}, llamacpp.Spec{Name: "sat-lora", ModelPath: model, AdapterPath: adapter(t)})
	server := httptest.NewServer(s.Handler(""))
	defer server.Close()
	enginetest.Conformance(t, enginetest.Target{Engine: client(t, server.URL, ""), Model: "sat-base", Adapter: "sat-lora", Schema: true, Overflow: true, Tolerance: 0.1})
}

func TestTheEmbeddedEngineComesBackAndAnswersAgain(t *testing.T) {
	runtime, model := embedded(t)
	s := started(t, runtime, llamacpp.Spec{Name: "sat-base", ModelPath: model})
	before := s.Endpoints()[0]
	c := client(t, before.BaseURL, before.Key)
	first, cold := scores(t, c, "sat-base")
	again, warm := scores(t, c, "sat-base")
	t.Logf("%d tokens cold in %s; warm, %d of them cached, in %s", first.Usage.Prompt, cold, again.Usage.Cached, warm)
	assert.Greater(t, again.Usage.Cached, first.Usage.Prompt/2, "the slot must keep the passage")

	changed := s.Changed()
	require.NoError(t, syscall.Kill(before.PID, syscall.SIGKILL))
	<-changed
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	require.NoError(t, s.WaitReady(ctx))
	after := s.Endpoints()[0]
	assert.Equal(t, before.BaseURL, after.BaseURL)
	assert.NotEqual(t, before.PID, after.PID)
	afresh, _ := scores(t, c, "sat-base")
	assert.InDelta(t, first.First[0].Logprob, afresh.First[0].Logprob, 0.1)
}

func TestTheEmbeddedEngineRefusesAWrongKey(t *testing.T) {
	runtime, model := embedded(t)
	s := started(t, runtime, llamacpp.Spec{Name: "sat-base", ModelPath: model})
	e := s.Endpoints()[0]
	_, err := client(t, e.BaseURL, "wrong").Tokenize(t.Context(), "sat-base", "A")
	var refused *engine.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, engine.Unauthorized, refused.Kind)
	if line, err := os.ReadFile("/proc/" + strconv.Itoa(e.PID) + "/cmdline"); err == nil {
		assert.NotContains(t, string(line), e.Key)
	}
}

func TestNoEmbeddedEngineIsLeftByAParentThatIsKilled(t *testing.T) {
	_, model := embedded(t)
	e := llamacpp.KilledParent(t, llamacpp.Alias(t, "parent"), home(t), model)
	assert.Eventually(t, func() bool { return llamacpp.Gone(e) }, llamacpp.Patience, 20*time.Millisecond)
}

func TestTheSecondInstallOnlyLooks(t *testing.T) {
	embedded(t)
	begun := time.Now()
	_, err := llamacpp.Install(t.Context(), home(t), "no-such-python", nil)
	require.NoError(t, err)
	t.Logf("Install found the engine in %s", time.Since(begun))
}
