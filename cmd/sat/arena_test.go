package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/arena"
)

const recordedFeedback = "../../internal/arena/testdata/feedback-export.json"

// sat runs the tool in an empty folder and gives what it said.
func runSat(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("SAT_HOME", filepath.Join(t.TempDir(), "home"))
	var out, complaints bytes.Buffer
	code = run(t.Context(), append([]string{"sat"}, args...), strings.NewReader(stdin), &out, &complaints)
	return code, out.String(), complaints.String()
}

// openWebUI serves the recorded feedback to an administrator whose password is "right".
func openWebUI(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/auths/signin", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if !bytes.Contains(body, []byte(`"right"`)) {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, `{"token":"t","role":"admin"}`)
	})
	mux.HandleFunc("GET /api/v1/evaluations/feedbacks/all/export", func(w http.ResponseWriter, _ *http.Request) {
		raw, err := os.ReadFile(recordedFeedback)
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(raw)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestArenaExport(t *testing.T) {
	out := filepath.Join(t.TempDir(), "votes")
	code, stdout, stderr := runSat(t, "right\n", "arena", "export", "--url", openWebUI(t), "--password-file", "-", "--out", out)
	require.Equal(t, setup.ExitOK, code, stderr)
	assert.Contains(t, stdout, "blind votes: 4\n")
	assert.Contains(t, stdout, "left out: 4, a model against itself")

	lines, err := os.Open(filepath.Join(out, "votes.jsonl"))
	require.NoError(t, err)
	defer func() { _ = lines.Close() }()
	votes, err := arena.ReadJSONL(lines)
	require.NoError(t, err)
	assert.Len(t, votes, 4)
	table, err := os.ReadFile(filepath.Join(out, "votes.csv"))
	require.NoError(t, err)
	assert.Equal(t, 5, strings.Count(string(table), "\r\n"))
	found, err := os.ReadDir(out)
	require.NoError(t, err)
	assert.Len(t, found, 2, "no transcripts unless they are asked for")

	code, _, stderr = runSat(t, "", "arena", "export", "--from", recordedFeedback, "--out", out, "--texts")
	require.Equal(t, setup.ExitOK, code, stderr)
	text, err := os.ReadFile(filepath.Join(out, "votes.jsonl"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "Passage: p1")
	assert.FileExists(t, filepath.Join(out, "feedback.json"))
}

// A question of the shipped bank brings its passage and its key, however its line breaks were altered on the way.
func TestArenaExportJoinsTheBank(t *testing.T) {
	items, err := setup.Bank("")
	require.NoError(t, err)
	it := items[0]
	q := it.Asked()
	text := "Passage: " + strings.ReplaceAll(q.Passage, "\n", " ") + "\n  \nQuestion: " + q.Stem + "\n  \n"
	for i := range q.Choices {
		text += q.Labelled(i) + "\n"
	}
	raw, err := os.ReadFile(recordedFeedback)
	require.NoError(t, err)
	was, err := json.Marshal("Q1: Passage: p1\nQuestion: q?\nA) 1\nB) 2\nC) 3\nD) 4")
	require.NoError(t, err)
	is, err := json.Marshal(text)
	require.NoError(t, err)
	require.True(t, bytes.Contains(raw, was))
	feedback := filepath.Join(t.TempDir(), "feedback.json")
	require.NoError(t, os.WriteFile(feedback, bytes.ReplaceAll(raw, was, is), 0o600))

	code, stdout, stderr := runSat(t, "", "arena", "export", "--from", feedback, "--out", filepath.Join(t.TempDir(), "out"))
	require.Equal(t, setup.ExitOK, code, stderr+stdout)
	code, stdout, stderr = runSat(t, "", "arena", "report", "--json", feedback)
	require.Equal(t, setup.ExitOK, code, stderr)
	var report struct{ Pairs []arena.PairReport }
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	require.Len(t, report.Pairs, 1)
	assert.Equal(t, 1, report.Pairs[0].WithKey)
	assert.Equal(t, 1, report.Pairs[0].Right.N)
}

func TestArenaReport(t *testing.T) {
	code, stdout, stderr := runSat(t, "", "arena", "report", recordedFeedback)
	require.Equal(t, setup.ExitOK, code, stderr)
	assert.Contains(t, stdout, "50.0 % (2 of 4, 15.0 to 85.0 %)")
	assert.Contains(t, stdout, "sat-lora                  1014   4 won, 3 lost", "the recorded leaderboard")
	assert.Contains(t, stderr, "blind votes: 4")

	vote := `{"feedback_id":"1","question_id":"q","evaluator":"e","model_a":"x","model_b":"y","winner":"b"}` + "\n"
	code, stdout, stderr = runSat(t, vote, "arena", "report")
	require.Equal(t, setup.ExitOK, code, stderr)
	assert.Contains(t, stdout, "y against x")
}

func TestArenaTellsWhatIsWrong(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct {
		args  []string
		stdin string
		code  int
		says  string
	}{
		"no password":      {[]string{"export"}, "", setup.ExitUsage, "--password-file"},
		"a wrong password": {[]string{"export", "--url", openWebUI(t), "--password-file", "-"}, "wrong", setup.ExitFailure, "password is wrong"},
		"nobody there":     {[]string{"export", "--url", gone.URL, "--password-file", "-"}, "right", setup.ExitUnavailable, "nothing answers"},
		"no file":          {[]string{"export", "--from", "absent.json"}, "", setup.ExitNoInput, "absent.json"},
		"no feedback":      {[]string{"export", "--from", "-"}, "<html>", setup.ExitData, "JSON array"},
		"no bank":          {[]string{"export", "--from", recordedFeedback, "--bank", "absent"}, "", setup.ExitNoInput, "bank cannot be read"},
		"no votes":         {[]string{"report", "-"}, `{"model_a":"x"}`, setup.ExitData, "line 1"},
		"no such file":     {[]string{"report", "absent"}, "", setup.ExitNoInput, "absent"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := runSat(t, c.stdin, append([]string{"arena"}, c.args...)...)
			assert.Equal(t, c.code, code, stderr)
			assert.Contains(t, stderr, c.says)
		})
	}
}
