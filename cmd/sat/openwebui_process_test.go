package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sattutor/internal/backend"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/modelregistry"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
	"sattutor/internal/testneeds"
	"sattutor/internal/tutor"
)

// webUIFolder is the environment that `make e2e-openwebui` makes.
const webUIFolder = "../../.cache/open-webui"

const (
	webUIKey      = "gateway-key-of-the-test"
	adminEmail    = "admin@localhost"
	adminPassword = "admin-password-of-the-test"
)

// request is one call that arrived at the gateway.
type request struct {
	Header http.Header
	Body   map[string]any
}

// gateway is our /v1 with a scripted engine behind it, and a record of what came.
type gateway struct {
	url      string
	scripted *enginetest.Scripted

	mu       sync.Mutex
	requests []request
}

// chats gives the completions that were asked for.
func (g *gateway) chats() []request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]request{}, g.requests...)
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{scripted: &enginetest.Scripted{}}
	registry := modelregistry.New(modelregistry.Options{Default: "sat-lora"})
	asking := tutor.New(tutor.Options{Engine: g.scripted, Models: registry})
	found, err := asking.Probe(t.Context())
	require.NoError(t, err)
	served := make([]sat.Served, len(found))
	for i, f := range found {
		served[i] = f.Served
	}
	registry.SetServed(served)
	server, err := backend.New(backend.Options{Answers: asking, Chats: asking, Models: registry, Parse: prompt.ParseBlock, GatewayKey: webUIKey})
	require.NoError(t, err)
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			raw, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(raw))
			got := request{Header: r.Header.Clone()}
			_ = json.Unmarshal(raw, &got.Body)
			g.mu.Lock()
			g.requests = append(g.requests, got)
			g.mu.Unlock()
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(listening.Close)
	g.url = listening.URL + "/v1"
	return g
}

// webUI is a real Open WebUI, started with the environment that the compose file gives it.
type webUI struct {
	t    *testing.T
	url  string
	env  map[string]string
	stop func()
}

func startWebUI(t *testing.T, gatewayURL string) *webUI {
	t.Helper()
	if _, err := os.Stat(filepath.Join(webUIFolder, "bin/open-webui")); err != nil {
		testneeds.Missing(t, testneeds.GroupOpenWebUI, "there is no "+webUIFolder+"; `make e2e-openwebui` makes it")
	}
	port := freePort(t)
	url := "http://localhost:" + strconv.Itoa(port)
	env := composeEnvironment(t, "open-webui")
	maps.Copy(env, map[string]string{
		"OPENAI_API_BASE_URLS": gatewayURL, "WEBUI_URL": url, "CORS_ALLOW_ORIGIN": url, "PORT": strconv.Itoa(port),
		"OPENAI_API_KEYS": webUIKey, "WEBUI_SECRET_KEY": "session-key-of-the-test", "WEBUI_ADMIN_PASSWORD": adminPassword, // as start.sh does
		"DATA_DIR": t.TempDir(), "HOME": t.TempDir(), "PATH": os.Getenv("PATH"),
	})
	u := &webUI{t: t, url: url, env: env}
	u.start()
	t.Cleanup(func() { u.stop() })
	return u
}

// start starts the process and waits until it is ready.
func (u *webUI) start() {
	u.t.Helper()
	log := &bytes.Buffer{}
	cmd := exec.Command(filepath.Join(webUIFolder, "bin/open-webui"), "serve", "--host", "127.0.0.1", "--port", u.env["PORT"])
	cmd.Path, _ = filepath.Abs(cmd.Path)
	cmd.Dir, cmd.Stdout, cmd.Stderr = u.env["DATA_DIR"], log, log
	for name, value := range u.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	require.NoError(u.t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	u.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if u.t.Failed() {
			u.t.Logf("Open WebUI said:\n%s", log.Bytes()[max(0, log.Len()-6000):])
		}
	})
	ready := func() bool {
		resp, err := http.Get(u.url + "/ready")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode == http.StatusOK
	}
	if !assert.Eventually(u.t, ready, 4*time.Minute, time.Second, "Open WebUI is not ready") {
		u.stop()
		u.t.FailNow()
	}
}

// call makes one API call of Open WebUI and decodes its reply.
func (u *webUI) call(method, path, token string, body, into any) int {
	u.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(u.t, err)
	ctx, cancel := context.WithTimeout(u.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, u.url+path, bytes.NewReader(raw))
	require.NoError(u.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(u.t, err)
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	require.NoError(u.t, err)
	if into != nil {
		require.NoError(u.t, json.Unmarshal(got, into), "%s %s: %.300s", method, path, got)
	}
	return resp.StatusCode
}

// signIn gives a token.
func (u *webUI) signIn(email, password string) string {
	u.t.Helper()
	var in struct{ Token string }
	require.Equal(u.t, http.StatusOK, u.call(http.MethodPost, "/api/v1/auths/signin", "", map[string]string{"email": email, "password": password}, &in))
	return in.Token
}

// models gives the ids that an account sees.
func (u *webUI) models(token string) (ids []string) {
	u.t.Helper()
	var list struct{ Data []struct{ ID string } }
	require.Equal(u.t, http.StatusOK, u.call(http.MethodGet, "/api/models", token, nil, &list))
	for _, m := range list.Data {
		ids = append(ids, m.ID)
	}
	return ids
}

// composeEnvironment gives a service's environment as docker-compose.yaml has it where nothing is set.
func composeEnvironment(t *testing.T, name string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("../../docker-compose.yaml")
	require.NoError(t, err)
	var file struct {
		Services map[string]struct{ Environment map[string]string }
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	env := file.Services[name].Environment
	require.NotEmpty(t, env)
	variable := regexp.MustCompile(`\$\{[A-Z0-9_]+(?::?-([^}]*))?\}`)
	for key, value := range env {
		env[key] = variable.ReplaceAllString(value, "$1")
	}
	return env
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
