package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDefaults(t *testing.T) {
	c, err := parse(nil, nil)
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:8090", c.BackendAddr())
	assert.Equal(t, "127.0.0.1:7860", c.FrontendAddr())
	assert.Equal(t, "http://localhost:8090", c.BackendBase())
	assert.Equal(t, "", c.EngineURL())
	assert.Equal(t, 20*time.Second, c.EngineTimeout)
	assert.False(t, c.EngineTimeoutSet)
	assert.Empty(t, c.Warnings)
}

func TestEnvironmentBeatsFile(t *testing.T) {
	c, err := parse(map[string]string{"BACKEND_PORT": "1", "FRONTEND_PORT": "2"}, map[string]string{"BACKEND_PORT": "3", "FRONTEND_PORT": ""})
	require.NoError(t, err)
	assert.Equal(t, 3, c.BackendPort)
	assert.Equal(t, 2, c.FrontendPort, "an empty value counts as absent")
}

func TestS22EveryVariableChangesTheConfiguration(t *testing.T) {
	values := map[string]string{
		"HOST": "0.0.0.0", "OPENAI_API_BASE_URL": "http://a:1/v1", "VLLM_API_BASE_URL": "http://b:1/v1", "BACKEND_URL": "http://c:1",
		"PUBLIC_URL": "https://tutor.example", "SAT_MODEL_URL": "https://d/e.gguf", "SAT_MODEL_SHA256": strings.Repeat("a", 64),
		"SAT_ENGINE_TIMEOUT": "61s", "SAT_ANSWER_BUDGET": "7s", "LOG_LEVEL": "debug", "SAT_CORS_ORIGINS": "https://f.example",
		"SAT_TRUSTED_PROXIES": "10.0.0.0/8", "MAX_MODEL_LEN": "2048",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://g:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://g:4318/v1/traces",
		"OTEL_EXPORTER_OTLP_HEADERS": "a=b", "OTEL_SDK_DISABLED": "true", "SAT_TRACE_CONTENT": "1",
		"DATABASE_URL": "sqlite:/tmp/x.db", "SAT_KEEP_ANSWERS": "off", "SAT_AUTH": "on", "SAT_GUESTS": "off", "SAT_REGISTRATION": "open",
		"SAT_LIMITS": "off", "SAT_EMBEDDING_URL": "http://h:1/v1", "SAT_EMBEDDING_TIMEOUT": "7s",
	}
	base, err := parse(nil, nil)
	require.NoError(t, err)
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			value := values[name]
			if value == "" {
				value = "7"
			}
			given := map[string]string{name: value}
			if name == "SAT_MODEL_URL" {
				given["SAT_MODEL_SHA256"] = values["SAT_MODEL_SHA256"]
			}
			if name == "SAT_EMBEDDING_URL" || name == "SAT_EMBEDDING_MODEL" { // they need each other
				given["SAT_EMBEDDING_URL"], given["SAT_EMBEDDING_MODEL"] = values["SAT_EMBEDDING_URL"], "some"
			}
			c, err := parse(nil, given)
			require.NoError(t, err)
			assert.NotEqual(t, base, c)
			assert.NotEmpty(t, Doc(name))
		})
	}
}

func TestX1OneKeyTwoNames(t *testing.T) {
	c, err := parse(map[string]string{"OPENAI_API_KEY": "k1"}, nil)
	require.NoError(t, err)
	assert.Equal(t, "k1", c.EngineKey.Reveal())
	c, err = parse(map[string]string{"OPENAI_API_KEY": "k1", "VLLM_API_KEY": "k2"}, nil)
	require.NoError(t, err)
	assert.Equal(t, "k2", c.EngineKey.Reveal())
}

func TestSecretFromFileAndNeverPrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("canary-41\n"), 0o600))
	c, err := parse(nil, map[string]string{"VLLM_API_KEY_FILE": path})
	require.NoError(t, err)
	assert.Equal(t, "canary-41", c.EngineKey.Reveal())
	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	for _, printed := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), string(encoded)} {
		assert.NotContains(t, printed, "canary-41")
	}

	_, err = parse(nil, map[string]string{"VLLM_API_KEY_FILE": path, "VLLM_API_KEY": "x"})
	assert.ErrorContains(t, err, "both set")
	_, err = parse(nil, map[string]string{"VLLM_API_KEY_FILE": path + ".absent"})
	assert.ErrorContains(t, err, "VLLM_API_KEY_FILE")
}

func TestAllMistakesTogether(t *testing.T) {
	_, err := parse(nil, map[string]string{"BACKEND_PORT": "eighty", "SAT_ENGINE_TIMEOUT": "soon"})
	require.Error(t, err)
	assert.ErrorContains(t, err, "BACKEND_PORT is not a whole number")
	assert.ErrorContains(t, err, "SAT_ENGINE_TIMEOUT is not a duration")
	assert.NotContains(t, err.Error(), "eighty")

	_, err = parse(nil, map[string]string{"BACKEND_PORT": "70000", "LOG_LEVEL": "loud", "OPENAI_API_BASE_URL": "engine",
		"SAT_MODEL_URL": "https://d/e", "SAT_CORS_ORIGINS": "*", "SAT_TRUSTED_PROXIES": "here", "MAX_MODEL_LEN": "3",
		"SAT_ENGINE_SLOTS": "-1", "SAT_ENGINE_TIMEOUT": "1ms",
		"SAT_EMBEDDING_URL": "embedder", "SAT_EMBEDDING_TIMEOUT": "1h"})
	for _, name := range []string{"BACKEND_PORT", "LOG_LEVEL", "OPENAI_API_BASE_URL", "SAT_MODEL_URL", "SAT_CORS_ORIGINS",
		"SAT_TRUSTED_PROXIES", "MAX_MODEL_LEN", "SAT_ENGINE_SLOTS", "SAT_ENGINE_TIMEOUT", "SAT_EMBEDDING_URL is no",
		"SAT_EMBEDDING_URL and SAT_EMBEDDING_MODEL need each other", "SAT_EMBEDDING_TIMEOUT"} {
		assert.ErrorContains(t, err, name)
	}
}

func TestUnknownNamesAreReported(t *testing.T) {
	c, err := parse(map[string]string{"BACKEND_PROT": "1"}, map[string]string{"SAT_MODLE": "x", "PATH": "/bin", "SAT_TEST_REQUIRE": "chromium"})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"BACKEND_PROT is not a known setting and is ignored; did you mean BACKEND_PORT?",
		"SAT_MODLE is not a known setting and is ignored; did you mean SAT_MODEL?",
	}, c.Warnings)
}

func TestTwoEngineURLs(t *testing.T) {
	c, err := parse(nil, map[string]string{"OPENAI_API_BASE_URL": "http://a/v1", "VLLM_API_BASE_URL": "http://b/v1"})
	require.NoError(t, err)
	assert.Equal(t, "http://a/v1", c.EngineURL())
	assert.Len(t, c.Warnings, 1)
}

func TestBackendBase(t *testing.T) {
	for given, want := range map[string]string{
		"http://backend:8090/submit_mcq":  "http://backend:8090",
		"http://backend:8090/submit_mcq/": "http://backend:8090",
		"http://backend:8090/":            "http://backend:8090",
		"http://backend:8090":             "http://backend:8090",
	} {
		assert.Equal(t, want, Config{BackendURL: given}.BackendBase())
	}
}

func TestLoadReadsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(path, []byte("# a comment\nMAX_MODEL_LEN=2048\n"), 0o600))
	c, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, 2048, c.MaxModelLen)
	_, err = Load(path + ".absent")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("no equals sign\n"), 0o600))
	_, err = Load(path)
	assert.Error(t, err)
}

func TestTracesGoToTheStandardVariables(t *testing.T) {
	for want, given := range map[string]map[string]string{
		"":                             {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318", "OTEL_SDK_DISABLED": "true"},
		"http://h:4318/v1/traces":      {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318"},
		"http://h:4318/otel/v1/traces": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318/otel/"},
		"http://h:4318/own":            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:4318/own", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://i"},
	} {
		c, err := parse(nil, given)
		require.NoError(t, err)
		assert.Equal(t, want, c.TracesURL())
	}
	c, err := parse(nil, map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=a%2Cb , Langsmith-Project=sat=1,"})
	require.NoError(t, err)
	headers, err := c.TraceHeaders()
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"x-api-key": "a,b", "Langsmith-Project": "sat=1"}, headers)
	for _, broken := range []string{"no pair", "=value", "a=%zz"} {
		_, err := parse(nil, map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": broken})
		assert.ErrorContains(t, err, "OTEL_EXPORTER_OTLP_HEADERS holds a part that is no NAME=VALUE")
		assert.NotContains(t, err.Error(), broken)
	}
}

func TestOthersAreServedWithAccountsAlone(t *testing.T) {
	for _, c := range []struct {
		host, published string
		auth            Switch
		allowed         bool
	}{
		{"127.0.0.1", "", false, true}, {"::1", "", false, true}, {"localhost", "", false, true}, {"0.0.0.0", "", false, false},
		{"192.0.2.1", "", false, false}, {"", "", false, false}, {"0.0.0.0", "127.0.0.1", false, true}, {"0.0.0.0", "0.0.0.0", false, false},
		{"127.0.0.1", "192.0.2.1", false, false}, {"0.0.0.0", "", true, true}, {"0.0.0.0", "0.0.0.0", true, true},
	} {
		err := Config{Host: c.host, PublishedOn: c.published, Auth: c.auth}.CheckReach()
		assert.Equal(t, c.allowed, err == nil, "%+v", c)
		if err != nil {
			assert.ErrorContains(t, err, "SAT_AUTH=on")
		}
	}
}

func TestTheDatabasesAddress(t *testing.T) {
	for want, c := range map[string]Config{
		"sqlite:.sat/sat.db":               {Home: ".sat"},
		"sqlite:/data/sat.db":              {Home: ".sat", DatabaseURL: "sqlite:/data/sat.db"},
		"postgres://sat:p%40ss@db/sat":     {DatabaseURL: "postgres://sat@db/sat", DatabasePassword: "p@ss"},
		"postgres://sat:given@db:5432/sat": {DatabaseURL: "postgres://sat:given@db:5432/sat", DatabasePassword: "other"},
	} {
		assert.Equal(t, want, c.Database())
	}
	for _, bad := range []map[string]string{{"DATABASE_URL": "mysql://x"}, {"SAT_AUTH": "maybe"}, {"SAT_REGISTRATION": "all"}, {"SAT_KEY_LIMIT": "0"}} {
		_, err := parse(nil, bad)
		assert.Error(t, err)
	}
}
