package setup

import (
	"bufio"
	"context"
	"encoding/json"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/config"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/engine/llamacpp"
	"sattutor/internal/questionbank"
	"sattutor/internal/sat"
	"sattutor/internal/store"
	"sattutor/internal/testneeds"
)

// embedder is a server of embeddings that counts words, and remembers what it was sent.
type embedder struct {
	*httptest.Server
	mu     sync.Mutex
	texts  []string
	status int // of refusals; 0 for none
}

func newEmbedder(t *testing.T) *embedder {
	e := &embedder{}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *embedder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var asked struct {
		Input []string `json:"input"`
	}
	if e.status != 0 || r.URL.Path != "/v1/embeddings" || r.Header.Get("Authorization") != "Bearer of embeddings" || json.NewDecoder(r.Body).Decode(&asked) != nil {
		http.Error(w, `{"error":{"message":"no"}}`, max(e.status, http.StatusUnauthorized))
		return
	}
	e.texts = append(e.texts, asked.Input...)
	type datum struct {
		Index  int       `json:"index"`
		Vector []float32 `json:"embedding"`
	}
	var data []datum
	for i, text := range asked.Input {
		v := make([]float32, 64)
		for word := range strings.FieldsSeq(strings.ToLower(text)) {
			h := fnv.New32a()
			_, _ = io.WriteString(h, word)
			v[h.Sum32()%64]++
		}
		data = append(data, datum{i, v})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
}

func (e *embedder) refuse(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status = status
}

func (e *embedder) sent() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.texts, "\n")
}

// embedding is a configuration whose bank is embedded by a server.
func embedding(cfg config.Config, url string) config.Config {
	cfg.EmbeddingURL, cfg.EmbeddingModel, cfg.EmbeddingKey, cfg.EmbeddingTimeout = url+"/v1", "small", "of embeddings", 10*time.Second
	return cfg
}

// similar asks until what is alike is found by embeddings, and gives it.
func (r *running) similar(t *testing.T, id string) api.SimilarItems {
	t.Helper()
	var found api.SimilarItems
	require.Eventually(t, func() bool {
		var err error
		found, err = r.client.SimilarItems(t.Context(), id)
		require.NoError(t, err)
		return found.Method == string(sat.ByEmbeddings)
	}, time.Minute, 20*time.Millisecond)
	return found
}

// bankItem is a question that comes with the product.
const bankItem = "bennett-visit-1"

// TestWhatIsFoundNeverReachesAPrompt asks a question of the bank with and without an embedded bank: the engine gets the
// same bytes, and the embedding server nothing of what was asked.
func TestWhatIsFoundNeverReachesAPrompt(t *testing.T) {
	server := newEmbedder(t)
	prompts := map[bool][]byte{}
	for _, on := range []bool{false, true} {
		fake, engineURL := enginetest.Serve(t, enginetest.Options{})
		cfg := testConfig(t, engineURL+"/v1")
		if on {
			cfg = embedding(cfg, server.URL)
		}
		r := start(t, cfg, nil).ready(t)
		it, err := r.client.Item(t.Context(), bankItem)
		require.NoError(t, err)
		if on {
			require.Len(t, r.similar(t, it.ID).Items, 5)
			evidence, err := r.client.ItemEvidence(t.Context(), it.ID)
			require.NoError(t, err)
			require.Equal(t, string(sat.ByEmbeddings), evidence.Method)
			require.Len(t, evidence.Choices, len(it.Choices))
			require.Len(t, evidence.Choices[0].Sentences, 2)
		}
		q := api.MCQRequest{Text: it.Passages[0].Text() + "\nA line of the student's own.", Question: it.Question}
		for _, c := range it.Choices {
			q.Choices = append(q.Choices, c.ID+") "+c.Text)
		}
		status, _, body, err := r.submit(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, body)
		for _, sent := range fake.Bodies() {
			if strings.Contains(string(sent), "A line of the student's own.") {
				prompts[on] = append(prompts[on], sent...)
			}
		}
		require.NoError(t, r.stop())
	}
	require.NotEmpty(t, prompts[false])
	assert.Equal(t, string(prompts[false]), string(prompts[true]))
	assert.NotContains(t, server.sent(), "A line of the student's own.")
	assert.Contains(t, server.sent(), "The", "something was sent")
}

func TestTheBankIsFoundByWordsWhileTheEmbeddingServerIsDown(t *testing.T) {
	server := newEmbedder(t)
	server.refuse(http.StatusServiceUnavailable)
	spans := newReceiver(t)
	_, engineURL := enginetest.Serve(t, enginetest.Options{})
	cfg := embedding(testConfig(t, engineURL+"/v1"), server.URL)
	cfg.OTLPEndpoint = spans.URL
	r := start(t, cfg, nil)
	found, err := r.client.SimilarItems(t.Context(), bankItem)
	require.NoError(t, err)
	assert.Equal(t, string(sat.ByWords), found.Method)
	assert.Len(t, found.Items, 5)
	evidence, err := r.client.ItemEvidence(t.Context(), bankItem)
	require.NoError(t, err)
	assert.Equal(t, string(sat.ByWords), evidence.Method)
	assert.NotEmpty(t, evidence.Choices[0].Sentences)

	server.refuse(0)
	assert.Len(t, r.similar(t, bankItem).Items, 5, "the bank is embedded once the server is there")
	w := httptest.NewRecorder()
	r.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	assert.Contains(t, w.Body.String(), `sat_embedding_items{state="stored"} 56`)
	assert.Contains(t, w.Body.String(), `sat_embedding_duration_seconds_count{result="ok"} 7`)
	require.NoError(t, r.stop())
	for _, s := range spans.spans["sat-backend"] {
		if s.Name == "embeddings small" { // of the reader's call; the background has no trace
			assert.Equal(t, "embeddings", s.facts["gen_ai.operation.name"].GetStringValue())
			assert.Equal(t, "unavailable", s.facts["error.type"].GetStringValue())
			return
		}
	}
	t.Error("no span of the call")
}

func TestDoctorLooksAtTheEmbeddingServer(t *testing.T) {
	server := newEmbedder(t)
	cfg := embedding(config.Config{}, server.URL)
	assert.Equal(t, Finding{Fine, "embeddings at " + server.URL + "/v1", "small makes vectors of 64 numbers", ""}, examineEmbeddings(t.Context(), cfg))
	for status, next := range map[int]string{http.StatusNotImplemented: "--embedding", http.StatusUnauthorized: "SAT_EMBEDDING_KEY", http.StatusBadGateway: "start it"} {
		server.refuse(status)
		f := examineEmbeddings(t.Context(), cfg)
		assert.Equal(t, Missing, f.Verdict)
		assert.Contains(t, f.Next, next, status)
	}
}

// TestARealServerEmbedsTheBank makes the vectors of the questions that come with the product by a real llama-server. The
// small model was not made for it; that it agrees with itself is what can be told.
func TestARealServerEmbedsTheBank(t *testing.T) {
	home, err := filepath.Abs(filepath.Join("..", "..", "..", ".sat"))
	require.NoError(t, err)
	if _, err := llamacpp.Install(t.Context(), home, "", nil); err != nil {
		testneeds.Missing(t, testneeds.GroupEngine, err.Error())
	}
	model, err := llamacpp.DefaultModel(t.Context(), home)
	require.NoError(t, err)
	cfg := config.Config{EmbeddingURL: embeddingServer(t, home, model), EmbeddingModel: "small", EmbeddingKey: "secret", EmbeddingTimeout: 2 * time.Minute}
	f := examineEmbeddings(t.Context(), cfg)
	require.Equal(t, Fine, f.Verdict, f.State)
	assert.Equal(t, "small makes vectors of 576 numbers", f.State)

	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "sat.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	service := openEmbeddings(cfg)
	t.Cleanup(service.close)
	bank := newQuestionBank(s, service, slog.New(slog.DiscardHandler))
	shipped, err := Bank("")
	require.NoError(t, err)
	items := map[string]sat.StoredItem{} // one on each of a few passages, for every one is long work on a CPU
	for _, it := range shipped {
		if p := it.Passages[0].ID; len(items) < 4 && items[p].ID == "" {
			items[p] = questionbank.Stored(questionbank.Canonical(it), 0)
		}
	}
	_, err = s.SaveItems(t.Context(), sat.BankChange{What: "import"}, slices.Collect(maps.Values(items)))
	require.NoError(t, err)
	begun := time.Now()
	require.NoError(t, bank.Renew(t.Context(), func(int, int) {}))
	t.Logf("%d items embedded in %s", bank.Counts().Stored, time.Since(begun).Round(100*time.Millisecond))
	assert.Equal(t, 4, bank.Counts().Stored)
	assert.Zero(t, bank.Counts().Refused, "what is longer than the context of 512 tokens is cut")

	it := items[shipped[0].Passages[0].ID]
	found, err := bank.Similar(t.Context(), it.Item, 3)
	require.NoError(t, err)
	assert.Equal(t, sat.ByEmbeddings, found.Method)
	assert.Len(t, found.Items, 3)
	short := it.Unkeyed() // a reader does not wait for long
	short.Passages = []sat.Passage{{ID: "p", Lines: []string{"The sea was calm. Bees carry pollen."}}}
	evidence, err := bank.Evidence(t.Context(), short, 2)
	require.NoError(t, err)
	assert.Equal(t, sat.ByEmbeddings, evidence.Method)
}

// embeddingServer starts a llama-server that makes embeddings, and gives its address.
func embeddingServer(t *testing.T, home, model string) string {
	t.Helper()
	python := filepath.Join(home, "runtime", "bin", "python")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Minute)
	cmd := exec.CommandContext(ctx, python, "-I", "-u", filepath.Join("testdata", "embedding_server.py"), model)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
		cancel()
	})
	lines := bufio.NewScanner(stdout)
	require.True(t, lines.Scan(), "the server ended at its start")
	return lines.Text()
}
