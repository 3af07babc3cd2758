package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/eval"
)

// items writes a data file of n questions on n/2 passages.
func items(t *testing.T, name string, n int) string {
	t.Helper()
	var list []eval.Item
	for i := range n {
		it := eval.Item{ID: fmt.Sprintf("%s-%d", name, i), Passage: fmt.Sprintf("The %s clerk counted %d crates.", name, i/2),
			Question: fmt.Sprintf("How many crates did the %s clerk count in case %d?", name, i), Answer: string(rune('A' + i%4))}
		for k, text := range []string{"All", "None", "Some", "Five"} {
			it.Choices = append(it.Choices, eval.Choice{Label: string(rune('A' + k)), Text: text})
		}
		list = append(list, it)
	}
	data, err := eval.MarshalItems(list)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name+".jsonl")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// TestCalibrationIsStoredAndServed goes the whole way: a record is added, calibrated and gated, and answers use it.
func TestCalibrationIsStoredAndServed(t *testing.T) {
	_, url := knowing(t)
	record := filepath.Join(t.TempDir(), "sat-base.json")
	require.NoError(t, os.WriteFile(record, []byte(`{"name":"sat-base","base":"Test-3B","licence":"MIT","for":"tests","method":"letter",
		"template":"answer_v1","template_args":{},"precision":"bf16","quality":"demo","quality_note":"Not measured.","prior":null,
		"temperature":1,"evaluations":[]}`), 0o600))
	tune, held, out := items(t, "tune", 24), items(t, "held", 24), t.TempDir()
	calibrate := []string{"eval", "calibrate", "--engine", url, "--model", "sat-base", "--data", tune, "--held-data", held,
		"--method", "letter", "--out"}

	code, _, errors := tool(t, append(calibrate, out, "--store")...)
	assert.Equal(t, int(eval.ExitConfig), code, "no record yet")
	assert.Contains(t, errors, "sat model add")
	code, said, errors := tool(t, "model", "add", record)
	require.Equal(t, 0, code, errors)
	assert.Contains(t, said, "The record of sat-base is kept")

	code, said, errors = tool(t, append(calibrate, t.TempDir(), "--store")...)
	require.Equal(t, 0, code, errors)
	assert.Contains(t, said, "from 56 unlabelled items")
	assert.Contains(t, said, "On 24 held-out items")
	assert.Contains(t, said, "Kept in the record of sat-base")

	code, said, errors = tool(t, "model", "show", "sat-base")
	require.Equal(t, 0, code, errors)
	var kept struct {
		Prior       []float64 `json:"prior"`
		PriorID     string    `json:"prior_id"`
		Temperature float64   `json:"temperature"`
		Calibration struct {
			TemplateHash string `json:"template_hash"`
			TuneData     string `json:"tune_data"`
			HeldItems    int    `json:"held_items"`
		} `json:"calibration"`
	}
	require.NoError(t, json.Unmarshal([]byte(said), &kept))
	assert.Len(t, kept.Prior, 4)
	assert.Len(t, kept.Calibration.TemplateHash, 64)
	assert.Len(t, kept.Calibration.TuneData, 64)
	assert.Equal(t, 24, kept.Calibration.HeldItems)

	code, said, errors = tool(t, append(calibrate, t.TempDir(), "--from", filepath.Join(out, "heldout"))...)
	assert.Equal(t, int(eval.ExitConfig), code, said)
	assert.Contains(t, errors, "another data file")
	code, _, errors = tool(t, "eval", "calibrate", "--data", held, "--from", filepath.Join(out, "heldout"), "--out", t.TempDir())
	assert.Equal(t, int(eval.ExitConfig), code)
	assert.Contains(t, errors, "both among the tuning and the held-out items")

	served, raw, again := t.TempDir(), t.TempDir(), t.TempDir()
	run := func(dir string, more ...string) *eval.Run {
		args := append([]string{"eval", "run", "--engine", url, "--model", "sat-base", "--data", held, "--out", dir}, more...)
		code, _, errors := tool(t, args...)
		require.Equal(t, 0, code, errors)
		loaded, err := eval.Load(filepath.Join(dir, "sat-base"))
		require.NoError(t, err)
		return loaded
	}
	calibrated := run(served)
	assert.Equal(t, kept.PriorID, calibrated.Header.Asked.PriorID)
	assert.InDelta(t, kept.Temperature, calibrated.Header.Asked.Temperature, 1e-12)
	plain := run(raw, "--uncalibrated")
	assert.NotEqual(t, plain.Records[0].Confidence, calibrated.Records[0].Confidence)
	byFile := run(again, "--calibration", filepath.Join(out, calibrationFile))
	assert.InDelta(t, calibrated.Records[0].Confidence, byFile.Records[0].Confidence, 1e-12)

	code, said, errors = tool(t, "eval", "gate", filepath.Join(served, "sat-base"), "--store", "--against", filepath.Join(raw, "sat-base"))
	require.Equal(t, 0, code, errors)
	assert.Contains(t, said, "sat-base: demo")
	assert.Contains(t, said, "gain by the passage                not measured")
	code, _, _ = tool(t, "model", "gate", filepath.Join(served, "sat-base"), "--require")
	assert.Equal(t, 1, code)
	_, said, _ = tool(t, "model", "list")
	assert.Regexp(t, `sat-base .* \d+ of 24 on all`, said)
	_, said, _ = tool(t, "model", "verify", "sat-base")
	assert.Contains(t, said, "keeps the rules")
}
