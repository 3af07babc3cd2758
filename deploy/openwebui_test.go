package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joho/godotenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func openWebUI(t *testing.T, variables map[string]string) service {
	t.Helper()
	return load(t, variables, combinations["cpu"]...).Services["open-webui"]
}

// decoded reads a JSON value of the environment. Open WebUI only logs one that is broken, and goes on with its own
// defaults.
func decoded[T any](t *testing.T, svc service, name string) T {
	t.Helper()
	var value T
	dec := json.NewDecoder(strings.NewReader(svc.Environment[name]))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&value), name)
	return value
}

func TestOpenWebUIShowsTwoModelsAndOneArena(t *testing.T) {
	for variable, adapter := range map[string]string{"": "sat-lora", "sat-other": "sat-other"} {
		svc := openWebUI(t, map[string]string{"SAT_LORA_MODEL_NAME": variable})
		connections := decoded[map[string]struct {
			Enable         bool                `json:"enable"`
			ConnectionType string              `json:"connection_type"`
			ModelIDs       []string            `json:"model_ids"`
			Tags           []map[string]string `json:"tags"`
			Headers        map[string]string   `json:"headers"`
		}](t, svc, "OPENAI_API_CONFIGS")
		require.Len(t, connections, 1)
		assert.True(t, connections["0"].Enable)
		assert.Equal(t, []string{"sat-base", adapter}, connections["0"].ModelIDs)
		assert.Equal(t, map[string]string{"X-OWUI-Chat-Id": "{{CHAT_ID}}", "X-OWUI-Message-Id": "{{MESSAGE_ID}}",
			"X-OWUI-User-Message-Id": "{{USER_MESSAGE_ID}}", "X-OWUI-User-Id": "{{USER_ID}}", "X-OWUI-Task": "{{TASK}}"}, connections["0"].Headers)

		arenas := decoded[[]struct {
			ID   string `json:"id"`
			Name string `json:"name"`
			Meta struct {
				Description  string              `json:"description"`
				ModelIDs     []string            `json:"model_ids"`
				FilterMode   string              `json:"filter_mode"`
				AccessGrants []map[string]string `json:"access_grants"`
			} `json:"meta"`
		}](t, svc, "EVALUATION_ARENA_MODELS")
		require.Len(t, arenas, 1)
		assert.Equal(t, []string{"sat-base", adapter}, arenas[0].Meta.ModelIDs)
		assert.Equal(t, "include", arenas[0].Meta.FilterMode)
		assert.Equal(t, []map[string]string{{"principal_type": "user", "principal_id": "*", "permission": "read"}}, arenas[0].Meta.AccessGrants)
		assert.Equal(t, arenas[0].ID, svc.Environment["DEFAULT_MODELS"])
		for _, shown := range []string{arenas[0].Name, arenas[0].Meta.Description} {
			assert.NotRegexp(t, `(?i)base|lora|llama`, shown, "what is shown to evaluators names no model")
		}
	}
}

func TestOpenWebUIKeepsToThePlan(t *testing.T) {
	svc := openWebUI(t, nil)
	for name, want := range map[string]string{
		"OPENAI_API_BASE_URLS": "http://backend:8090/v1", "ENABLE_OLLAMA_API": "False", "ENABLE_PERSISTENT_CONFIG": "False",
		"ENABLE_SIGNUP": "False", "DEFAULT_USER_ROLE": "pending", "OFFLINE_MODE": "True", "HF_HUB_OFFLINE": "1", "RAG_EMBEDDING_ENGINE": "openai",
		"ENABLE_EVALUATION_ARENA_MODELS": "True", "ENABLE_MESSAGE_RATING": "True", "BYPASS_MODEL_ACCESS_CONTROL": "True", "WEBUI_URL": "http://localhost:8080",
	} {
		assert.Equal(t, want, svc.Environment[name], name)
	}
	for _, origin := range []string{"http://localhost:8080", "http://127.0.0.1:8080"} {
		assert.Contains(t, strings.Split(svc.Environment["CORS_ALLOW_ORIGIN"], ";"), origin)
	}
	for _, task := range []string{"TITLE", "TAGS", "FOLLOW_UP", "AUTOCOMPLETE", "SEARCH_QUERY", "RETRIEVAL_QUERY"} {
		assert.Equal(t, "False", svc.Environment["ENABLE_"+task+"_GENERATION"], "no calls behind the evaluator's back")
	}
	for _, right := range []string{"CONTROLS", "PARAMS", "SYSTEM_PROMPT", "FILE_UPLOAD", "EDIT", "TEMPORARY"} {
		assert.Equal(t, "False", svc.Environment["USER_PERMISSIONS_CHAT_"+right], "evaluators cannot change the experiment")
	}
	assert.Equal(t, map[string]any{"function_calling": "legacy", "temperature": 0.0}, decoded[map[string]any](t, svc, "DEFAULT_MODEL_PARAMS"))
	able := decoded[map[string]map[string]bool](t, svc, "DEFAULT_MODEL_METADATA")["capabilities"]
	for name, on := range able {
		assert.Equal(t, name == "usage", on, name)
	}
	assert.Len(t, able, 11)
	decoded[map[string]bool](t, svc, "UI_VISIBILITY")
	assert.Len(t, decoded[[]map[string]any](t, svc, "WEBUI_BANNERS"), 1)
	suggestions := decoded[[]struct {
		Title   []string `json:"title"`
		Content string   `json:"content"`
	}](t, svc, "DEFAULT_PROMPT_SUGGESTIONS")
	require.Len(t, suggestions, 1)
	assert.Contains(t, suggestions[0].Content, "\n\nQuestion: ")
	assert.Contains(t, suggestions[0].Content, "\nD) ")

	assert.Equal(t, []string{"evaluators"}, svc.Profiles)
	assert.Equal(t, []string{"127.0.0.1:8080:8080"}, svc.Ports)
	assert.Contains(t, svc.Volumes, "open-webui-data:/app/backend/data", "accounts and votes outlive the container")
	assert.Equal(t, []string{"65532"}, svc.GroupAdd, "the group that may read the secrets")
	assert.Equal(t, "service_healthy", svc.DependsOn["backend"].Condition)
	assert.Equal(t, "2g", svc.MemLimit)
}

func TestACopiedExampleStartsTheOriginalsFourServices(t *testing.T) {
	example, err := godotenv.Read(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	var started []string
	for name, svc := range load(t, nil, strings.Split(example["COMPOSE_FILE"], ":")...).Services {
		wanted := len(svc.Profiles) == 0 || slices.Contains(svc.Profiles, example["COMPOSE_PROFILES"])
		if wanted && svc.Restart != "no" {
			started = append(started, name)
		}
	}
	assert.ElementsMatch(t, []string{"vllm_app", "backend", "frontend", "open-webui"}, started)
}

// The wrapper puts the secrets where Open WebUI reads them, or says which one is missing.
func TestOpenWebUIStartsWithItsSecrets(t *testing.T) {
	dir := t.TempDir()
	secrets, bin := filepath.Join(dir, "secrets"), filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(secrets, 0o700))
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "bash"), []byte("#!/bin/sh\necho \"$@\"\nenv\n"), 0o700))
	start := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(root, "deploy/openwebui/start.sh"), "more")
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "SECRETS_DIR=" + secrets}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for variable, name := range map[string]string{"WEBUI_SECRET_KEY": "open_webui_session_key", "WEBUI_ADMIN_PASSWORD": "open_webui_admin_password",
		"OPENAI_API_KEYS": "gateway_key"} {
		assert.NotContains(t, openWebUI(t, nil).Environment, variable)
		out, err := start()
		assert.Error(t, err)
		assert.Contains(t, out, "is missing in "+secrets)
		require.NoError(t, os.WriteFile(filepath.Join(secrets, name), []byte("value of "+variable+"\n"), 0o400))
	}
	out, err := start()
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(out, "/app/backend/start.sh more\n"))
	for _, variable := range []string{"WEBUI_SECRET_KEY", "WEBUI_ADMIN_PASSWORD", "OPENAI_API_KEYS"} {
		assert.Contains(t, out, "\n"+variable+"=value of "+variable+"\n")
	}
}
