package setup

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/config"
	"sattutor/internal/testneeds"
)

// TestContractThroughTheBackend asks one question through the whole backend of a real vLLM server, of the base and of
// the adapter, and holds the recorded list of vLLM's series to what the server exports.
func TestContractThroughTheBackend(t *testing.T) {
	address, key := testneeds.VLLM(t)
	cfg := configured(t)
	cfg.OpenAIBaseURL, cfg.EngineKey, cfg.EngineTimeout = address+"/v1", config.Secret(key), 10*time.Minute
	deadlines, log := NewDeadlines(cfg), slog.New(slog.DiscardHandler)
	engine, err := OpenEngine(t.Context(), cfg, log, deadlines)
	require.NoError(t, err)
	b, err := OpenBackend(cfg, log, deadlines, engine)
	require.NoError(t, err)
	defer func() { assert.NoError(t, b.Close(t.Context())) }()
	require.NoError(t, b.Watcher.WaitReady(t.Context()))
	server := httptest.NewServer(b.Listeners()[0].Server.Handler)
	defer server.Close()

	ask := func(model string) (a api.Answer) {
		body := `{"text":"The harbour clock had stopped at noon, and nobody had wound it since.","question":"What had stopped?",` +
			`"choices":["the clock","the boat","the rain","the wind"],"model":"` + model + `"}`
		reply, err := http.Post(server.URL+"/api/v1/answers", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		defer reply.Body.Close()
		text, err := io.ReadAll(reply.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, reply.StatusCode, string(text))
		require.NoError(t, json.Unmarshal(text, &a))
		t.Logf("%s: %s", model, text)
		return a
	}
	base, lora := ask("sat-base"), ask("sat-lora")
	again := ask("sat-lora")
	for _, a := range []api.Answer{base, lora} {
		assert.Contains(t, []string{"A", "B", "C", "D"}, a.Letter)
		assert.Equal(t, "letter", a.Method)
		assert.Len(t, a.Scores, 4)
	}
	assert.Len(t, lora.AdapterSHA256, 64, "the answer names the weights")
	assert.Equal(t, "adapter", lora.Adapter)
	assert.Empty(t, base.AdapterSHA256)
	assert.Equal(t, base.PromptHash, lora.PromptHash)
	assert.NotEqual(t, base.Scores, lora.Scores, "the adapter is really applied")
	assert.Equal(t, lora.Letter, again.Letter)

	scrape, err := http.Get(address + "/metrics")
	require.NoError(t, err)
	defer scrape.Body.Close()
	text, err := io.ReadAll(scrape.Body)
	require.NoError(t, err)
	const path = "../../../deploy/prometheus/testdata/vllm.series"
	found := series(string(text))
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(found), 0o644))
	}
	recorded, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(recorded)) {
		assert.Contains(t, found, line)
	}
}
