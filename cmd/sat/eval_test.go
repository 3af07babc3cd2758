package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/eval"
	"sattutor/internal/questionbank/shipped"
	"sattutor/internal/sat"
)

// tool runs the program and gives its exit code and what it printed.
func tool(t *testing.T, args ...string) (code int, out, errors string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"sat"}, args...), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// bankKey gives the right choice of each question of the shipped bank.
func bankKey(t *testing.T) map[string]string {
	t.Helper()
	data, err := io.ReadAll(shipped.Open())
	require.NoError(t, err)
	bank, err := eval.Parse(shipped.Name, eval.FormatItems, data)
	require.NoError(t, err)
	key := map[string]string{}
	for _, it := range bank.Items {
		key[it.Question] = it.Choices[it.Answer[0]-'A'].Text
	}
	return key
}

// knowing serves a fake engine whose model sat-lora knows the bank, and whose base model guesses.
func knowing(t *testing.T) (*enginetest.VLLM, string) {
	t.Helper()
	t.Setenv("DATABASE_URL", "sqlite:"+filepath.Join(t.TempDir(), "sat.db"))
	knows := enginetest.ByKey(bankKey(t))
	v, url := enginetest.Serve(t, enginetest.Options{Rule: func(a enginetest.Asked) string {
		if a.Model != "sat-lora" {
			return ""
		}
		return knows(a)
	}})
	t.Setenv("SAT_HOME", t.TempDir())
	return v, url
}

func TestEvalRunComparesModels(t *testing.T) {
	_, url := knowing(t)
	dir := t.TempDir()
	code, out, errors := tool(t, "eval", "run", "--data", "bank", "--engine", url, "--model", "sat-base", "--model", "sat-lora",
		"--out", dir, "--method", "option", "--allow-contaminated")
	require.Equal(t, 0, code, errors)
	assert.Contains(t, out, "letter accuracy 94.6 %: 53 of 56 right")
	assert.Contains(t, out, "sat-lora is better than sat-base")
	assert.Contains(t, out, "exact p < 0.0001")
	assert.Contains(t, errors, "sat-lora 56/56", "progress")

	code, out, _ = tool(t, "eval", "compare", filepath.Join(dir, "sat-base"), filepath.Join(dir, "sat-lora"), "--flips",
		"--html", filepath.Join(dir, "r.html"), "--junit", filepath.Join(dir, "r.xml"), "--fail-if", "verdict == better")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "gained")
	page, err := os.ReadFile(filepath.Join(dir, "r.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "default-src &#39;none&#39;")

	code, _, errors = tool(t, "eval", "run", "--data", "bank", "--engine", url, "--model", "sat-lora", "--out", t.TempDir(),
		"--allow-contaminated", "--fail-if", "acc < 1.1")
	assert.Equal(t, 1, code)
	assert.Contains(t, errors, "acc < 1.1: measured 0.")

	code, out, _ = tool(t, "eval", "export", filepath.Join(dir, "sat-lora"), "--format", "lm-eval", "--out", filepath.Join(dir, "lm"))
	require.Equal(t, 0, code)
	assert.Contains(t, out, "results_")
}

// TestEvalRunGoesOn stops a run in its middle and wants the resumed one to be that which was never stopped.
func TestEvalRunGoesOn(t *testing.T) {
	_, url := knowing(t)
	whole, broken := t.TempDir(), t.TempDir()
	args := []string{"sat", "eval", "run", "--data", "bank", "--engine", url, "--model", "sat-base", "--out"}
	require.Equal(t, 0, run(t.Context(), append(args, whole), nil, io.Discard, io.Discard))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop := &stopAt{line: "sat-base 1/56", cancel: cancel}
	require.Equal(t, int(eval.ExitInterrupted), run(ctx, append(args, broken), nil, io.Discard, stop))
	code, _, errors := tool(t, append(args[1:], broken)...)
	assert.Equal(t, int(eval.ExitConfig), code)
	assert.Contains(t, errors, "--resume")
	require.Equal(t, 0, run(t.Context(), append(args, broken, "--resume"), nil, io.Discard, io.Discard))

	assert.True(t, maps.Equal(answers(t, whole), answers(t, broken)), "letters, scores and prompts of every item")
}

// stopAt cancels when a line of the progress begins as told.
type stopAt struct {
	line   string
	cancel func()
}

func (s *stopAt) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), s.line) {
		s.cancel()
	}
	return len(p), nil
}

// answers gives letters and scores by item.
func answers(t *testing.T, dir string) map[string]string {
	t.Helper()
	loaded, err := eval.Load(filepath.Join(dir, "sat-base"))
	require.NoError(t, err)
	require.True(t, loaded.Header.Complete)
	all := map[string]string{}
	for _, r := range loaded.Records {
		scores, err := json.Marshal(r.Scores)
		require.NoError(t, err)
		all[r.ID] = r.Letter + string(scores) + r.PromptHash
	}
	return all
}

// behind gives the address of a backend in front of an engine.
func behind(t *testing.T, url string) string {
	t.Helper()
	t.Setenv("OPENAI_API_BASE_URL", url)
	cfg, err := config.Load("")
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	deadlines := setup.NewDeadlines(cfg)
	engine, err := setup.OpenEngine(t.Context(), cfg, log, deadlines)
	require.NoError(t, err)
	b, err := setup.OpenBackend(cfg, log, deadlines, engine)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close(context.Background())) })
	require.NoError(t, b.Watcher.WaitReady(t.Context()))
	server := httptest.NewServer(b.Listeners()[0].Server.Handler)
	t.Cleanup(server.Close)
	return server.URL
}

// TestARunThroughTheBackendCanBeGated: the API names the adapter, so that what it learnt, its fingerprints and its record
// are found; that of RACE nothing was measured is not passed over.
func TestARunThroughTheBackendCanBeGated(t *testing.T) {
	t.Setenv("SAT_HOME", t.TempDir())
	cfg, err := config.Load("")
	require.NoError(t, err)
	require.NoError(t, setup.OpenShelf(cfg).AddShipped())
	_, url := enginetest.Serve(t, enginetest.Options{Rule: enginetest.ByKey(bankKey(t)), Roots: map[string]string{"sat-lora": "/adapters/" + shippedAdapter}})
	out := t.TempDir()
	code, _, errors := tool(t, "eval", "run", "--data", "bank", "--model", "sat-lora", "--url", behind(t, url), "--out", out)
	require.Equal(t, 0, code, errors)
	loaded, err := eval.Load(filepath.Join(out, "sat-lora"))
	require.NoError(t, err)
	m := loaded.Header.Model
	assert.Equal(t, []string{shippedAdapter, shippedAdapter}, []string{m.Record, m.Adapter})
	assert.Contains(t, m.AdapterSHA256, "857b4311")
	assert.Equal(t, learnt(t, shippedAdapter), m.Learnt)
	assert.True(t, loaded.Header.Contamination.Clean(), "its fingerprints lie on the shelf")

	code, said, errors := tool(t, "model", "gate", filepath.Join(out, "sat-lora"), "--store")
	require.Equal(t, 0, code, errors)
	assert.Regexp(t, `failed  RACE's test part +not measured \(`, said)
	e, err := setup.OpenShelf(cfg).Entry(shippedAdapter)
	require.NoError(t, err)
	assert.Equal(t, sat.Demo, e.Gate.Quality)
	assert.Equal(t, []string{"unknown", "sat-backend"}, []string{e.Gate.Evaluation.Precision, e.Gate.Evaluation.Engine})
}

// TestEvalThroughTheBackend measures what students get: the prompts are those of the tutor in this process.
func TestEvalThroughTheBackend(t *testing.T) {
	_, url := knowing(t)
	server := behind(t, url)
	own, through := t.TempDir(), t.TempDir()
	args := []string{"eval", "run", "--data", "bank", "--limit", "8", "--model", "sat-base", "--out"}
	code, _, errors := tool(t, append(args, own)...)
	require.Equal(t, 0, code, errors)
	code, out, errors := tool(t, append(args, through, "--url", server)...)
	require.Equal(t, 0, code, errors)
	assert.Contains(t, out, "reached through backend")
	assert.Equal(t, prompts(t, own), prompts(t, through))

	code, _, errors = tool(t, append(args, t.TempDir(), "--url", server, "--method", "option")...)
	assert.Equal(t, int(eval.ExitConfig), code)
	assert.Contains(t, errors, "--engine URL")
}

func prompts(t *testing.T, dir string) map[string]string {
	t.Helper()
	loaded, err := eval.Load(filepath.Join(dir, "sat-base"))
	require.NoError(t, err)
	all := map[string]string{}
	for _, r := range loaded.Records {
		all[r.ID] = r.PromptHash
	}
	require.Len(t, all, 8)
	return all
}

func TestEvalLikelihood(t *testing.T) {
	_, url := knowing(t)
	code, out, errors := tool(t, "eval", "run", "--data", "bank", "--engine", url, "--model", "sat-base", "--method", "likelihood", "--out", t.TempDir())
	require.Equal(t, 0, code, errors)
	assert.Contains(t, out, "lm-eval acc_norm")
}

func TestEvalSaysWhatIsWrong(t *testing.T) {
	_, url := knowing(t)
	broken := filepath.Join(t.TempDir(), "broken.jsonl")
	require.NoError(t, os.WriteFile(broken, []byte(`{"id":"x","passage":"p","question":"q","choices":[],"answer":"A"}`), 0o600))
	out := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		code eval.Exit
		says string
	}{
		"no data":         {[]string{"run", "--out", out}, eval.ExitUsage, "--data is missing"},
		"no file":         {[]string{"run", "--data", "absent.jsonl", "--out", out}, eval.ExitNoFile, "there is no file absent.jsonl"},
		"malformed":       {[]string{"run", "--data", broken, "--out", out}, eval.ExitData, "broken.jsonl:1: choices"},
		"no out":          {[]string{"run", "--data", "bank"}, eval.ExitUsage, "out"},
		"unknown pool":    {[]string{"run", "--data", "bank", "--pool", "x", "--out", out}, eval.ExitUsage, "dev-133"},
		"two targets":     {[]string{"run", "--data", "bank", "--url", url, "--engine", url, "--out", out}, eval.ExitUsage, "either"},
		"no engine":       {[]string{"run", "--data", "bank", "--engine", "http://127.0.0.1:1/v1", "--out", out}, eval.ExitUnreachable, "does not answer"},
		"no backend":      {[]string{"run", "--data", "bank", "--url", "http://127.0.0.1:1", "--out", out}, eval.ExitUnreachable, "does not answer"},
		"unknown model":   {[]string{"run", "--data", "bank", "--engine", url, "--model", "x", "--out", out}, eval.ExitUnreachable, "sat-lora"},
		"unknown method":  {[]string{"run", "--data", "bank", "--engine", url, "--method", "x", "--model", "sat-base", "--out", out}, eval.ExitConfig, "refused"},
		"wrong condition": {[]string{"run", "--data", "bank", "--out", out, "--fail-if", "delta < 1"}, eval.ExitUsage, "sat eval compare"},
		"no run":          {[]string{"compare", out, out}, eval.ExitNoFile, "no run directory"},
		"one run":         {[]string{"compare", out}, eval.ExitUsage, "two run directories"},
		"unknown format":  {[]string{"export", "--format", "x", out}, eval.ExitNoFile, "no run directory"},
		"training items":  {[]string{"run", "--data", "bank", "--engine", url, "--model", "sat-lora", "--out", out}, eval.ExitContaminated, "--allow-contaminated"},
	} {
		code, _, errors := tool(t, append([]string{"eval"}, c.args...)...)
		assert.Equal(t, int(c.code), code, name+": "+errors)
		assert.Contains(t, errors, c.says, name)
	}
}

// TestEvalTotals says of the original's claim what its totals allow.
func TestEvalTotals(t *testing.T) {
	code, out, _ := tool(t, "eval", "compare", "--totals", "18,28,38")
	require.Equal(t, 0, code)
	assert.Contains(t, out, "not knowable")
	assert.Contains(t, out, "0.0020 to 0.0987")
	assert.Contains(t, out, "58.0 %–85.0 %")
}
