package backend

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine/enginetest"
	"sattutor/internal/testneeds"
)

// openaiPython is the environment that `make gateway-client` makes.
const openaiPython = "../../.cache/openai-client/bin/python"

type streamed struct {
	Text, Finish string
	Usage        bool
}

// OpenAI's own client lists, asks, streams and is refused as it is used to.
func TestOpenAIsOwnClient(t *testing.T) {
	if _, err := os.Stat(openaiPython); err != nil {
		testneeds.Missing(t, testneeds.GroupOpenAI, "there is no "+openaiPython+"; `make gateway-client` makes it")
	}
	s, scripted := newGateway(t, func(o *Options) { o.GatewayKey = "k-1" })
	scripted.Rule = enginetest.ByLetter("B")
	server := httptest.NewServer(s)
	defer server.Close()
	out, err := exec.CommandContext(t.Context(), openaiPython, "testdata/openai_client.py", server.URL+"/v1", "k-1").Output()
	var failed *exec.ExitError
	if assert.NoError(t, err); err != nil {
		require.ErrorAs(t, err, &failed)
		require.Fail(t, string(failed.Stderr))
	}
	t.Logf("%s", out)
	var told struct {
		Version   string
		Models    []string
		Retrieved string
		Plain     struct {
			Text, Model, Finish string
			Tokens              bool
		}
		Streamed, Uncounted, Chat streamed
		Together                  []string
		Refused                   map[string][]any
	}
	require.NoError(t, json.Unmarshal(out, &told))
	assert.Equal(t, []string{"sat-base", "sat-lora"}, told.Models)
	assert.Equal(t, "sat-base", told.Retrieved)
	assert.Equal(t, []any{"Answer: B) The pier", "sat-lora", "stop", true}, []any{told.Plain.Text, told.Plain.Model, told.Plain.Finish, told.Plain.Tokens})
	assert.Equal(t, streamed{"Answer: B) The pier", "stop", true}, told.Streamed)
	assert.Equal(t, streamed{"Answer: B) The pier", "stop", false}, told.Uncounted)
	assert.Contains(t, told.Chat.Text, "test engine")
	assert.Equal(t, []string{"sat-base", "sat-lora", "sat-base"}, told.Together)
	assert.Equal(t, map[string][]any{
		"model":      {"NotFoundError", 404.0, "model_not_found", true},
		"retrieve":   {"NotFoundError", 404.0, "model_not_found", true},
		"empty":      {"BadRequestError", 400.0, "invalid_value", true},
		"picture":    {"BadRequestError", 400.0, "invalid_value", true},
		"several":    {"BadRequestError", 400.0, "invalid_value", true},
		"key":        {"AuthenticationError", 401.0, "invalid_api_key", true},
		"embeddings": {"NotFoundError", 404.0, "not_found", true},
	}, told.Refused)
}
