package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/engine/openaicompat"
)

// start runs a stand-in on a free port and gives its URL and its exit code once stopped.
func start(t *testing.T, args ...string) (url string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	code := make(chan int, 1)
	stderr := new(bytes.Buffer)
	go func() {
		code <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), in, stderr)
		_ = in.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, stderr)
	return strings.TrimSpace(line), func() int {
		cancel()
		return <-code
	}
}

func TestServesAndStops(t *testing.T) {
	dir := t.TempDir()
	key, answers := filepath.Join(dir, "key"), filepath.Join(dir, "answers.json")
	require.NoError(t, os.WriteFile(key, []byte("secret\n"), 0o600))
	require.NoError(t, os.WriteFile(answers, []byte(`{"Why does she leave the mill?":"To find a new ledger"}`), 0o600))
	url, stop := start(t, "-key-file", key, "-answers", answers, "-models", "base,one,two", "-d", "1ms")
	client := openaicompat.New(openaicompat.Options{BaseURL: url, Key: "secret"})
	defer client.Close()
	models, err := client.Models(t.Context())
	require.NoError(t, err)
	assert.Len(t, models, 3)
	resp, err := client.Complete(t.Context(), engine.Request{Model: "two", Messages: enginetest.SampleQuestion(), MaxTokens: 1})
	require.NoError(t, err)
	assert.Equal(t, "D", resp.Text)
	addr := strings.TrimPrefix(url, "http://")
	assert.Zero(t, run(t.Context(), []string{"healthcheck", "-addr", addr}, io.Discard, io.Discard))
	assert.Zero(t, stop())
	var stderr bytes.Buffer
	assert.Equal(t, 1, run(t.Context(), []string{"healthcheck", "-addr", addr}, io.Discard, &stderr))
	assert.Contains(t, stderr.String(), "standin:")
}

func TestHealthWhileLoading(t *testing.T) {
	url, stop := start(t, "-load-time", "1m")
	defer stop()
	addr := strings.Replace(strings.TrimPrefix(url, "http://"), "127.0.0.1", "", 1)
	assert.Equal(t, 1, run(t.Context(), []string{"healthcheck", "-addr", addr}, io.Discard, io.Discard))
}

func TestMistakesInFlags(t *testing.T) {
	for _, args := range [][]string{{"-no-such-flag"}, {"-key-file", "/nonexistent"}, {"-answers", "/nonexistent"}, {"-addr", "nonsense"}} {
		assert.Equal(t, 1, run(t.Context(), args, io.Discard, io.Discard), "%v", args)
	}
	assert.Zero(t, run(t.Context(), []string{"-h"}, io.Discard, io.Discard))
}
