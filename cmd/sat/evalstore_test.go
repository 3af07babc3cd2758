package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/eval"
)

func TestRunsAreStoredAndLookedUp(t *testing.T) {
	_, url := knowing(t)
	ask := func(dir string, more ...string) (int, string) {
		code, _, errors := tool(t, append([]string{"eval", "run", "--data", "bank", "--engine", url, "--model", "sat-base", "--out", dir}, more...)...)
		return code, errors
	}
	code, _ := ask(t.TempDir(), "--no-store")
	require.Equal(t, setup.ExitOK, code)
	code, out, errors := tool(t, "eval", "list")
	require.Equal(t, setup.ExitOK, code, errors)
	assert.Contains(t, out, "no run is stored")

	dir := t.TempDir()
	code, errors = ask(dir, "--limit", "10")
	require.Equal(t, setup.ExitOK, code, errors)
	id := regexp.MustCompile("stored as ([0-9a-f]{12});").FindStringSubmatch(errors)
	require.NotNil(t, id, errors)
	code, again := ask(dir, "--limit", "10", "--resume")
	require.Equal(t, setup.ExitOK, code, again)
	assert.Contains(t, again, id[1], "a run that goes on stays one run")
	_, out, _ = tool(t, "eval", "list", "--model", "sat-base")
	assert.Contains(t, out, id[1])
	assert.Contains(t, out, "the run is partial")
	_, out, _ = tool(t, "eval", "list", "--model", "sat-lora")
	assert.Contains(t, out, "no run is stored")

	_, out, _ = tool(t, "eval", "show", id[1])
	var kept eval.Kept
	require.NoError(t, json.Unmarshal([]byte(out), &kept))
	run, err := eval.Load(filepath.Join(dir, "sat-base"))
	require.NoError(t, err)
	assert.Equal(t, run.Header, kept.Header)
	assert.Equal(t, 10, kept.Figures.Answered)
	_, out, _ = tool(t, "eval", "show", "--answers", id[1])
	assert.Equal(t, 10, strings.Count(out, "\n"))
	code, _, errors = tool(t, "eval", "show", "nothing")
	assert.Equal(t, setup.ExitNoInput, code)
	assert.Contains(t, errors, "sat eval list")

	t.Setenv("DATABASE_URL", "postgres://sat@127.0.0.1:1/sat?sslmode=disable")
	code, errors = ask(t.TempDir())
	assert.Equal(t, setup.ExitOK, code, "the run is there all the same")
	assert.Contains(t, errors, "not stored in the database")
}
