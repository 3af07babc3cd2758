//go:build e2e

package deploy

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheStackWithAStandInEngine(t *testing.T) {
	dir := checkout(t)
	env := "COMPOSE_FILE=docker-compose.yaml:deploy/compose/ci.yaml\n# " + canary + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(env), 0o600))
	c := newComposed(t, dir)
	c.compose("up", "-d")
	t.Run("S14 pages work while the engine loads", c.engineLoads)
	for _, name := range []string{"backend", "frontend", "vllm_app"} {
		t.Run(name+" is held tight", func(t *testing.T) { c.heldTight(t, name) })
	}
	t.Run("who reaches whom", c.reach)
	t.Run("a stop finishes the question", c.stopFinishes)
	t.Run("an engine that dies is an honest 503", c.engineDies)
	t.Run("a crash is mended", c.crashIsMended)
	t.Run("a token of the model hub goes in by standard input", func(t *testing.T) {
		run(t, c.dir, c.env, "sh", "-c", "echo given-token | docker-compose run --rm -T init set hf_token")
		kept, err := c.exec("backend", "cat /run/secrets/hf_token")
		assert.NoError(t, err)
		assert.Equal(t, "given-token", kept)
	})
	t.Run("secrets and passages stay where they belong", c.nothingLeaks)
	t.Run("the keys stay over a second start", func(t *testing.T) {
		key := c.key()
		c.compose("down")
		c.compose("up", "-d")
		assert.Equal(t, key, c.key())
		c.answers()
	})
	t.Run("nothing is left", c.nothingLeft)
}

// From a clean clone, with nothing set up: no .env, no keys, no COMPOSE_FILE.
func TestS28NothingSetStartsTheEngineWithoutGPU(t *testing.T) {
	dir := checkout(t)
	wheels(t, dir)
	c := newComposed(t, dir)
	begun := time.Now()
	c.compose("up", "-d")
	c.answers()
	t.Logf("first answer after %s, images built", time.Since(begun).Round(time.Second))
	begun = time.Now()
	assert.Regexp(t, `^{"answer":"[A-D]\) .+"}`, c.readmesCurl())
	t.Logf("the README's question was answered in %s", time.Since(begun).Round(time.Millisecond))
	t.Run("vllm_app is held tight", func(t *testing.T) { c.heldTight(t, "vllm_app") })
	t.Run("who reaches whom", c.reach)
	t.Run("the engine's own crash is mended", func(t *testing.T) {
		c.kill("vllm_app")
		c.answers()
	})
	t.Run("secrets and passages stay where they belong", c.nothingLeaks)
	t.Run("the engine stops when asked", func(t *testing.T) { c.stops(t, "vllm_app") })
	t.Run("nothing is left", c.nothingLeft)
}

func TestS19TwoBuildsAreTheSame(t *testing.T) {
	sums := map[string]string{}
	for _, dir := range []string{checkout(t), checkout(t)} {
		for _, program := range []string{"backend", "frontend", "sat"} {
			out := filepath.Join(dir, "out-"+program)
			run(t, dir, []string{"CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false"},
				"go", "build", "-mod=vendor", "-ldflags", "-s -w", "-o", out, "./cmd/"+program)
			text, err := os.ReadFile(out)
			require.NoError(t, err)
			sum := fmt.Sprintf("%x", sha256.Sum256(text))
			if earlier, ok := sums[program]; ok {
				assert.Equal(t, earlier, sum, program)
			}
			sums[program] = sum
		}
	}
	for _, program := range []string{"backend", "frontend", "sat"} {
		run(t, root, []string{"CGO_ENABLED=0", "GOARCH=arm64"}, "go", "build", "-o", os.DevNull, "./cmd/"+program)
	}
}

// engineLoads wants everything but answers while the engine is there and has not loaded its model.
func (c *composed) engineLoads(t *testing.T) {
	c.fault(`{"kind":"loading","ms":3600000}`)
	require.Eventually(t, func() bool { return status(c.frontend+"/") == 200 }, patience, 100*time.Millisecond)
	r := c.ask()
	assert.Equal(t, 503, r.code, r.text)
	assert.NotEmpty(t, r.retryAfter)
	assert.Less(t, r.took, 5*time.Second)
	assert.Equal(t, 200, status(c.backend+"/health"))
	assert.Eventually(t, func() bool { return status(c.backend+"/ready") == 503 }, patience, 100*time.Millisecond)
	assert.Equal(t, 200, status(c.frontend+"/ask"))
	c.fault(`{}`)
	c.answers()
	assert.Equal(t, 200, status(c.backend+"/ready"))
}

func (c *composed) heldTight(t *testing.T, name string) {
	format := `{{with .HostConfig}}{{.ReadonlyRootfs}} {{.CapDrop}} {{.SecurityOpt}} {{.Privileged}} {{index .LogConfig.Config "max-size"}}{{end}} {{.Config.User}}`
	want := "true [ALL] [no-new-privileges:true] false 10m 65532:65532"
	assert.Equal(t, want, inspect(t, c.container(name), format))
	assert.NotContains(t, inspect(t, c.container(name), "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"), "0 ")
	for command, want := range map[string]string{
		"id -u":                                "65532",
		"cat /proc/1/status":                   "CapEff:\t0000000000000000",
		"cat /proc/self/status":                "NoNewPrivs:\t1",
		"touch /x 2>&1 || echo refused":        "refused",
		"touch /usr/x 2>&1 || echo refused":    "refused",
		"touch /run/secrets/x || echo refused": "refused",
	} {
		out, err := c.exec(name, command)
		assert.NoError(t, err, out)
		assert.Contains(t, out, want, command)
	}
}

func (c *composed) reach(t *testing.T) {
	engine := c.engine()
	ports := `{{range $port, $to := .NetworkSettings.Ports}}{{range $to}}{{.HostPort}}{{end}}{{end}}`
	assert.Empty(t, inspect(t, c.container("vllm_app"), ports), "a published port")
	assert.NoError(t, c.probe("backend", "vllm_app:8000"))
	assert.NoError(t, c.probe("backend", engine))
	assert.NoError(t, c.probe("frontend", "backend:8090"))
	assert.Error(t, c.probe("frontend", "vllm_app:8000"), "the pages reach the engine by name")
	assert.Error(t, c.probe("frontend", engine), "the pages reach the engine by address")

	// Only beyond this host is outside: Docker lets a container of an internal network reach the host's own addresses.
	outside := c.outside(t)
	require.Eventually(t, func() bool { return status("http://"+outside+"/health") == 200 }, patience, 50*time.Millisecond)
	assert.NoError(t, c.probe("backend", outside))
	assert.Error(t, c.probe("vllm_app", outside), "the engine reaches the outside")

	for key, want := range map[string]int{"": 401, "wrong": 401, c.key(): 200} {
		request, err := http.NewRequest(http.MethodGet, "http://"+engine+"/v1/models", nil)
		require.NoError(t, err)
		if key != "" {
			request.Header.Set("Authorization", "Bearer "+key)
		}
		resp, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_ = resp.Body.Close()
		assert.Equal(t, want, resp.StatusCode)
	}
}

func (c *composed) stopFinishes(t *testing.T) {
	for name, ask := range map[string]func() reply{"backend": c.ask, "frontend": c.askPage} {
		answered := c.inFlight(`{"kind":"latency","ms":10000}`, ask)
		begun := time.Now()
		c.stops(t, name)
		r := <-answered
		assert.Equal(t, 200, r.code, "%s: %s", name, r.text)
		assert.True(t, r.at.After(begun), "%s had answered before it was stopped", name)
		run(t, c.dir, nil, "docker", "start", c.container(name))
		c.answers()
	}
}

// stops wants a service to end by itself.
func (c *composed) stops(t *testing.T, name string) {
	id := c.container(name)
	run(t, c.dir, nil, "docker", "stop", "-t", "45", id)
	assert.Equal(t, "exited 0", inspect(t, id, "{{.State.Status}} {{.State.ExitCode}}"))
}

// engineDies kills the engine while one question of the API and one of the pages are with it.
func (c *composed) engineDies(t *testing.T) {
	answered := c.inFlight(`{"kind":"hang","times":2}`, c.ask, c.askPage)
	killed := time.Now()
	c.kill("vllm_app")
	for range 2 {
		r := <-answered
		assert.Equal(t, 503, r.code, r.text)
		assert.NotEmpty(t, r.retryAfter)
		t.Logf("503 %s after the kill, Retry-After: %s", r.at.Sub(killed).Round(time.Millisecond), r.retryAfter)
		assert.Less(t, r.at.Sub(killed), 5*time.Second)
		if r.page {
			assert.Contains(t, r.text, canary, "the page keeps its input")
		}
	}
	r := c.ask()
	assert.Equal(t, 503, r.code, "while it loads: %s", r.text)
	t.Logf("503 in %s while the engine loads", r.took.Round(time.Millisecond))
	assert.Less(t, r.took, 5*time.Second)
	c.answers()
}

func (c *composed) crashIsMended(t *testing.T) {
	for _, name := range []string{"backend", "frontend"} {
		c.kill(name)
		c.answers()
	}
	assert.Eventually(t, func() bool { return c.askPage().code == 200 }, patience, 100*time.Millisecond)
}

func (c *composed) nothingLeaks(t *testing.T) {
	key := c.key()
	seen := map[string]io.Reader{"logs": strings.NewReader(c.compose("logs", "--no-color")), "config": strings.NewReader(c.compose("config"))}
	for _, name := range []string{"backend", "frontend", "vllm_app"} {
		id := c.container(name)
		image := inspect(t, id, "{{.Image}}")
		seen["container "+name] = strings.NewReader(run(t, c.dir, nil, "docker", "inspect", id))
		seen["image "+name] = strings.NewReader(run(t, c.dir, nil, "docker", "inspect", image))
		seen["history "+name] = strings.NewReader(run(t, c.dir, nil, "docker", "history", "--no-trunc", image))
		seen["layers "+name] = output(t, "docker", "save", image)
	}
	for where, text := range seen {
		assert.Empty(t, found(t, text, map[string]string{"the key": key, "the canary": canary}), where)
	}
}

func (c *composed) nothingLeft(t *testing.T) {
	c.compose("down", "-v")
	for _, list := range [][]string{{"ps", "-aq"}, {"volume", "ls", "-q"}, {"network", "ls", "-q"}} {
		args := append(list, "--filter", "label=com.docker.compose.project="+c.project)
		assert.Empty(t, run(t, c.dir, nil, "docker", args...), list)
	}
}
