package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine/enginetest"
	"sattutor/internal/eval"
	"sattutor/internal/testneeds"
)

// lmSample is what both programs say of an item.
type lmSample struct {
	Doc        int                   `json:"doc_id"`
	DocHash    string                `json:"doc_hash"`
	PromptHash string                `json:"prompt_hash"`
	TargetHash string                `json:"target_hash"`
	Acc        float64               `json:"acc"`
	AccNorm    float64               `json:"acc_norm"`
	Responses  [][]json.RawMessage   `json:"filtered_resps"`
	Arguments  map[string]lmArgument `json:"arguments"`
}

type lmArgument struct {
	Continuation string `json:"arg_1"`
}

// TestLMEvalAgrees runs the real lm-eval and this program over the same twenty items of the same server, and wants the
// same hashes, the same log-likelihoods and the same figures.
func TestLMEvalAgrees(t *testing.T) {
	program := testneeds.LMEval(t)
	_, url := enginetest.Serve(t, enginetest.Options{Context: 1 << 16})
	t.Setenv("SAT_HOME", t.TempDir())
	bank, err := shippedBank()
	require.NoError(t, err)
	data, err := eval.MarshalItems(bank.Items[:20])
	require.NoError(t, err)
	file, dir := filepath.Join(t.TempDir(), "twenty.jsonl"), t.TempDir()
	require.NoError(t, os.WriteFile(file, data, 0o600))

	ours, task, out := filepath.Join(dir, "ours"), filepath.Join(dir, "task"), filepath.Join(dir, "theirs")
	for _, args := range [][]string{
		{"run", "--data", file, "--engine", url, "--model", "sat-base", "--method", "likelihood", "--out", dir},
		{"export", filepath.Join(dir, "sat-base"), "--format", "lm-eval", "--out", ours},
		{"export", filepath.Join(dir, "sat-base"), "--format", "lm-eval-task", "--data", file, "--include-text", "--out", task},
	} {
		code, _, errors := tool(t, append([]string{"eval"}, args...)...)
		require.Equal(t, 0, code, errors)
	}
	cmd := exec.CommandContext(t.Context(), program, "run", "--model", "local-completions", "--model_args",
		"base_url="+url+"/v1/completions,model=sat-base,tokenizer_backend=remote,num_concurrent=1,max_length=60000",
		"--tasks", eval.LMEvalTask, "--include_path", ".", "--output_path", out, "--log_samples", "--batch_size", "1")
	cmd.Dir = task
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "HF_DATASETS_OFFLINE=1", "TRANSFORMERS_OFFLINE=1", "HF_HOME="+t.TempDir())
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)

	mine, theirs := lmSamples(t, ours), lmSamples(t, out)
	require.Len(t, mine, 20)
	require.Len(t, theirs, 20)
	for i := range mine {
		assert.Equal(t, theirs[i].DocHash, mine[i].DocHash, "doc %d", i)
		assert.Equal(t, theirs[i].PromptHash, mine[i].PromptHash, "doc %d", i)
		assert.Equal(t, theirs[i].TargetHash, mine[i].TargetHash, "doc %d", i)
		assert.InDelta(t, theirs[i].Acc, mine[i].Acc, 0, "doc %d", i)
		assert.InDelta(t, theirs[i].AccNorm, mine[i].AccNorm, 0, "doc %d", i)
		require.Len(t, mine[i].Responses, len(theirs[i].Responses))
		for k := range mine[i].Responses {
			assert.InDelta(t, likelihood(t, theirs[i].Responses[k][0]), likelihood(t, mine[i].Responses[k][0]), 1e-6, "doc %d, option %d", i, k)
		}
	}
	for _, figure := range []string{"acc,none", "acc_stderr,none", "acc_norm,none", "acc_norm_stderr,none"} {
		assert.InDelta(t, lmFigure(t, out, figure), lmFigure(t, ours, figure), 5e-5, figure)
	}
	t.Logf("acc %.4f, acc_norm %.4f of 20 by both", lmFigure(t, out, "acc,none"), lmFigure(t, out, "acc_norm,none"))
}

// likelihood reads a number that is written as a number or as a text.
func likelihood(t *testing.T, raw json.RawMessage) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(string(bytes.Trim(raw, `"`)), 64)
	require.NoError(t, err)
	return x
}

// oneFile gives the one file below dir whose name begins as told.
func oneFile(t *testing.T, dir, begins string) []byte {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if match, _ := filepath.Match(begins+"*", filepath.Base(path)); match && err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	}))
	require.Len(t, found, 1, begins)
	text, err := os.ReadFile(found[0])
	require.NoError(t, err)
	return text
}

// lmSamples reads a samples file, by document.
func lmSamples(t *testing.T, dir string) []lmSample {
	t.Helper()
	list := make([]lmSample, 20)
	for line := range bytes.Lines(oneFile(t, dir, "samples_"+eval.LMEvalTask)) {
		var s lmSample
		require.NoError(t, json.Unmarshal(line, &s))
		list[s.Doc] = s
	}
	return list
}

func lmFigure(t *testing.T, dir, name string) float64 {
	t.Helper()
	var results struct {
		Results map[string]map[string]any `json:"results"`
	}
	require.NoError(t, json.Unmarshal(oneFile(t, dir, "results_"), &results))
	x, ok := results.Results[eval.LMEvalTask][name].(float64)
	require.True(t, ok, name)
	return x
}
