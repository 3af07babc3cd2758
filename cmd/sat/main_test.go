package main

import (
	"bytes"
	"context"
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
)

// inEmptyFolder runs the command in an empty folder, so that no .env of the developer is read.
func inEmptyFolder(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"sat"}, args...), strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"help", []string{"--help"}, 0, "doctor", ""},
		{"nothing is help", nil, 0, "up", ""},
		{"version", []string{"version"}, 0, setup.Version(), ""},
		{"every command has examples", []string{"ask", "--help"}, 0, "sat ask question.txt", ""},
		{"completion", []string{"completion", "bash"}, 0, "complete", ""},
		{"unknown command", []string{"fly"}, setup.ExitUsage, "", `no command "fly"`},
		{"unknown flag", []string{"up", "--fast"}, setup.ExitUsage, "", "`sat up --help`"},
		{"no such file", []string{"ask", "absent.txt"}, setup.ExitNoInput, "", "absent.txt"},
		{"nothing to ask", []string{"ask"}, setup.ExitNoInput, "", "has no choices"},
		{"secret without a name", []string{"secrets", "set"}, setup.ExitUsage, "", "hf_token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := inEmptyFolder(t, "", c.args...)
			assert.Equal(t, c.code, code, stderr)
			assert.Contains(t, stdout, c.stdout)
			assert.Contains(t, stderr, c.stderr)
		})
	}
}

func TestBadConfigurationIsReportedWhole(t *testing.T) {
	t.Setenv("BACKEND_PORT", "99999")
	t.Setenv("LOG_LEVEL", "loud")
	code, _, stderr := inEmptyFolder(t, "", "up")
	assert.Equal(t, setup.ExitConfig, code)
	assert.Contains(t, stderr, "BACKEND_PORT")
	assert.Contains(t, stderr, "LOG_LEVEL")
}

func TestAnEngineForOthersNeedsAKey(t *testing.T) {
	t.Setenv("HOST", "0.0.0.0")
	code, _, stderr := inEmptyFolder(t, "", "engine")
	assert.Equal(t, setup.ExitConfig, code)
	assert.Contains(t, stderr, "VLLM_API_KEY")
}

func TestUnknownModelNamesTheKnown(t *testing.T) {
	home := t.TempDir()
	t.Setenv("SAT_HOME", home)
	t.Setenv("SAT_LLAMA_SERVER", os.Args[0])
	code, _, stderr := inEmptyFolder(t, "", "up", "--model", "gpt-9")
	assert.Equal(t, setup.ExitUnavailable, code)
	assert.Contains(t, stderr, "llama-3.2-3b")
}

// tutorServer is a backend that answers B and notes what it was asked.
func tutorServer(t *testing.T, status int, body string) *bytes.Buffer {
	t.Helper()
	var asked bytes.Buffer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&asked, r.Body)
		w.Header().Set("Content-Type", "application/json")
		if status != http.StatusOK {
			w.Header().Set("Content-Type", "application/problem+json")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	t.Setenv("BACKEND_URL", server.URL+"/submit_mcq")
	return &asked
}

const answerB = `{"letter":"B","text":"The pier","answer":"B) The pier","confidence":0.6,"margin":0.3,"scores":{"A":0.4,"B":0.6},` +
	`"model":"sat-base","quality":"demo","quality_note":"Near chance.","total_ms":312.5,"prompt_hash":"abcdef0123456789"}`

func TestAsk(t *testing.T) {
	block := "The lamp burned late.\n\nWhat burned?\nA) The lamp\nB) The pier\n"
	file := filepath.Join(t.TempDir(), "q.txt")
	require.NoError(t, os.WriteFile(file, []byte(block), 0o600))
	for _, c := range []struct {
		name  string
		stdin string
		args  []string
	}{
		{"file", "", []string{"ask", file}},
		{"standard input", block, []string{"ask"}},
		{"a dash", block, []string{"ask", "-"}},
		{"JSON", `{"text":"The lamp burned late.","question":"What burned?","choices":["The lamp","The pier"]}`, []string{"ask"}},
		{"flags", "", []string{"ask", "--passage", "The lamp burned late.", "--question", "What burned?", "--choice", "The lamp", "--choice", "The pier"}},
		{"passage from a file", "", []string{"ask", "--passage", "@" + file, "--question", "What burned?", "--choice", "The lamp", "--choice", "The pier"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := tutorServer(t, http.StatusOK, answerB)
			code, stdout, stderr := inEmptyFolder(t, c.stdin, c.args...)
			require.Equal(t, 0, code, stderr)
			assert.Contains(t, stdout, "Tutor's answer (not an official key): B) The pier")
			assert.Contains(t, stdout, "demo quality")
			assert.Contains(t, asked.String(), "The lamp burned late.")
			assert.Contains(t, asked.String(), `"question":"What burned?"`)
		})
	}
	tutorServer(t, http.StatusOK, answerB)
	code, stdout, _ := inEmptyFolder(t, block, "ask", "--json")
	assert.Equal(t, 0, code)
	assert.Contains(t, stdout, `"prompt_hash": "abcdef0123456789"`)
}

func TestAskTellsWhatWentWrong(t *testing.T) {
	block := "P.\n\nQ?\nA) one\nB) two\n"
	problem := func(code, detail, errors string) string {
		return `{"type":"x","title":"x","status":0,"code":"` + code + `","detail":"` + detail + `","errors":` + errors + `}`
	}
	for _, c := range []struct {
		name   string
		status int
		body   string
		code   int
		stderr string
	}{
		{"invalid", 422, problem("invalid", "The question has 1 problem.", `[{"location":"choices[1]","message":"is empty"}]`), setup.ExitData, "choices[1]: is empty"},
		{"timeout", 504, problem("timeout", "The model did not answer in time.", "[]"), setup.ExitTemporary, "in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tutorServer(t, c.status, c.body)
			code, _, stderr := inEmptyFolder(t, block, "ask")
			assert.Equal(t, c.code, code)
			assert.Contains(t, stderr, c.stderr)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		t.Setenv("BACKEND_URL", "http://127.0.0.1:1")
		code, _, stderr := inEmptyFolder(t, block, "ask")
		assert.Equal(t, setup.ExitUnavailable, code)
		assert.Contains(t, stderr, "sat up")
	})
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := inEmptyFolder(t, "", "secrets", "init", "--dir", dir)
	require.Equal(t, 0, code, stderr)
	assert.Contains(t, stdout, "made vllm_api_key")
	code, stdout, _ = inEmptyFolder(t, "", "secrets", "init", "--dir", dir)
	assert.Equal(t, 0, code)
	assert.Empty(t, stdout)
	code, _, stderr = inEmptyFolder(t, "canary\n", "secrets", "set", "--dir", dir, "hf_token")
	require.Equal(t, 0, code, stderr)
	raw, err := os.ReadFile(filepath.Join(dir, "hf_token"))
	require.NoError(t, err)
	assert.Equal(t, "canary\n", string(raw))
}

func TestDoctorNamesTheNextStep(t *testing.T) {
	t.Setenv("SAT_HOME", t.TempDir())
	t.Setenv("BACKEND_PORT", "1")
	t.Setenv("FRONTEND_PORT", "2")
	t.Setenv("PATH", "")
	code, stdout, _ := inEmptyFolder(t, "", "doctor")
	assert.Equal(t, setup.ExitFailure, code)
	for _, line := range []string{"Python · not found · install Python 3.10", "embedded engine · not fetched yet", "backend on port 1 · not running", "Docker Compose · not found", "NVIDIA GPU · not found"} {
		assert.Contains(t, stdout, line)
	}
	assert.NotContains(t, stdout, "\x1b[", "no colours outside of a terminal")
	_, stdout, _ = inEmptyFolder(t, "", "doctor", "--json")
	assert.Contains(t, stdout, `"What": "Python"`)

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":[{"id":"sat-base","owned_by":"vllm"}]}`)
	}))
	defer server.Close()
	t.Setenv("OPENAI_API_BASE_URL", server.URL+"/v1")
	_, stdout, _ = inEmptyFolder(t, "", "doctor")
	assert.Contains(t, stdout, "serves sat-base")
	assert.Contains(t, stdout, "the adapter sat-lora is not served")
}

func TestInterruptedIsSaid(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	t.Setenv("SAT_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	var errs bytes.Buffer
	code := run(ctx, []string{"sat", "up"}, strings.NewReader(""), io.Discard, &errs)
	assert.Equal(t, setup.ExitInterrupted, code, errs.String())
}
