//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/modelregistry"
)

// weaker gives an adapter's GGUF with a smaller alpha, so that it scores otherwise.
func weaker(t *testing.T, gguf []byte) []byte {
	t.Helper()
	const key, float32Kind = "adapter.lora.alpha", 6
	i := bytes.Index(gguf, []byte(key))
	require.Positive(t, i)
	i += len(key)
	require.EqualValues(t, float32Kind, binary.LittleEndian.Uint32(gguf[i:]))
	out := bytes.Clone(gguf)
	binary.LittleEndian.PutUint32(out[i+4:], math.Float32bits(2))
	return out
}

// otherAdapter puts an adapter onto the shelf that holds the bytes of gguf.
func otherAdapter(t *testing.T, shelf *modelregistry.Shelf, version string, gguf []byte) string {
	t.Helper()
	sum := sha256.Sum256(gguf)
	manifest, err := json.Marshal(map[string]any{
		"schema": modelregistry.AdapterSchema, "name": "sat-lora", "version": version,
		"base":    map[string]any{"id": "HuggingFaceTB/SmolLM2-135M-Instruct", "licence": "Apache-2.0"},
		"adapter": map[string]any{"r": 16}, "gguf": map[string]any{"sha256": hex.EncodeToString(sum[:])},
		"prompt":  map[string]any{"method": "option", "template": "option_v1", "date_string": "11 Jun 2025"},
		"licence": map[string]any{"label": "research-only"},
	})
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "manifest.json"), manifest, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "adapter.gguf"), gguf, 0o600))
	e, err := shelf.Add(os.DirFS(folder))
	require.NoError(t, err)
	return e.ID()
}

// TestStudentsGetWhatWasPromotedWhileTheEngineRuns promotes, rolls back and promotes something broken under `sat up`,
// while questions are asked all the time: none fails, and each answer is of the adapter that it names.
func TestStudentsGetWhatWasPromotedWhileTheEngineRuns(t *testing.T) {
	out, errs := &console{}, &console{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cfg := config.Config{Host: "127.0.0.1", DefaultModel: "sat-lora", MaxModelLen: 4096, Home: engineHome(t), Model: "smollm2-135m",
		Shelf: filepath.Join(t.TempDir(), "adapters"), DatabaseURL: "sqlite:" + filepath.Join(t.TempDir(), "sat.db"),
		EngineTimeout: 2 * time.Minute, EngineTimeoutSet: true, AnswerBudget: 2 * time.Minute, PublicURL: "http://localhost:7860",
		LogLevel: "info", MetricsAddr: "off"}
	ended := make(chan error, 1)
	go func() { ended <- up(ctx, cfg, out, errs) }()
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "in your browser. Ctrl-C stops everything.") },
		3*time.Minute, 50*time.Millisecond, "%s %s", out, errs)
	backend := regexp.MustCompile(`API +(http://localhost:\d+)`).FindStringSubmatch(out.String())[1]
	ask := func() (adapter string, scores map[string]float64) {
		status, reply := post(t, backend+"/api/v1/answers", "application/json", readmeQuestion(t))
		require.Equal(t, http.StatusOK, status, reply)
		var a struct {
			Adapter string
			Scores  map[string]float64
		}
		require.NoError(t, json.Unmarshal([]byte(reply), &a))
		return a.Adapter, a.Scores
	}
	shelf := setup.OpenShelf(cfg)
	served, err := shelf.Served()
	require.NoError(t, err)
	first := served["sat-lora"].ID()
	weights, err := os.ReadFile(served["sat-lora"].GGUFPath())
	require.NoError(t, err)
	second := otherAdapter(t, shelf, "22222222", weaker(t, weights))
	broken := otherAdapter(t, shelf, "bbbbbbbb", []byte("no GGUF at all"))
	scores := map[string]map[string]float64{}
	// until asks one question after the other until an adapter answers, and wants of each the scores that it gave before.
	until := func(want string) {
		begun := time.Now()
		for adapter := ""; adapter != want; {
			var got map[string]float64
			adapter, got = ask()
			if scores[adapter] == nil {
				scores[adapter] = got
			}
			require.InDeltaMapValues(t, scores[adapter], got, 0.02, "%s did not answer itself", adapter)
			require.Less(t, time.Since(begun), 3*time.Minute, errs)
		}
		t.Logf("%s answers %v after the command", want, time.Since(begun).Round(10*time.Millisecond))
	}
	until(first)
	require.NoError(t, shelf.Promote("sat-lora", second, modelregistry.Serving{}, true))
	until(second)
	require.NotEmpty(t, scores[first])
	difference := 0.0
	for i := range scores[first] {
		difference = max(difference, math.Abs(scores[first][i]-scores[second][i]))
	}
	require.Greater(t, difference, 0.05, "the two adapters can be told apart: %v", scores)
	_, err = shelf.Rollback("sat-lora")
	require.NoError(t, err)
	until(first)
	assert.Contains(t, errs.String(), "another model is served from now on")

	require.NoError(t, shelf.Promote("sat-lora", broken, modelregistry.Serving{}, true))
	require.Eventually(t, func() bool { return strings.Contains(errs.String(), "so what is served stays") }, 2*time.Minute, 50*time.Millisecond)
	until(first)
	stop()
	require.NoError(t, <-ended)
	assert.Empty(t, childrenOf(t, os.Getpid()), "no orphan")
}
