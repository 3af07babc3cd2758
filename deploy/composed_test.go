//go:build e2e

package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience is longer than anything takes on a busy machine, images being there.
const patience = 3 * time.Minute

// canary is text that must not show up where it was not sent to: in logs, images, descriptions.
const canary = "canary-7f3a91"

// question is ours; its passage carries the canary.
var question = struct {
	Text     string   `json:"text"`
	Question string   `json:"question"`
	Choices  []string `json:"choices"`
}{
	Text:     "The " + canary + " kept the ledger in the mill, and nobody asked who would read it.",
	Question: "What did nobody ask?",
	Choices:  []string{"Where the mill stood", "Who would read it", "When it rained", "Why the ledger was blue"},
}

// composed is a stack of containers.
type composed struct {
	t                 *testing.T
	dir               string
	project           string
	env               []string
	backend, frontend string // URLs on this host
}

func newComposed(t *testing.T, dir string) *composed {
	c := &composed{t: t, dir: dir, project: "sate2e", env: []string{"COMPOSE_PROJECT_NAME=sate2e",
		"BACKEND_IMAGE=sat-backend:e2e", "FRONTEND_IMAGE=sat-frontend:e2e", "LLAMA_APP_IMAGE=sat-llama:e2e"}}
	for variable, at := range map[string]*string{"BACKEND_PORT": &c.backend, "FRONTEND_PORT": &c.frontend} {
		port := freePort(t)
		c.env = append(c.env, variable+"="+port)
		*at = "http://127.0.0.1:" + port
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.compose("ps"), c.compose("logs", "--no-color", "--tail=40"))
		}
		c.compose("down", "-v", "--remove-orphans", "--rmi", "all")
		_ = exec.Command("docker", "image", "rm", "sat-standin:ci").Run() // where Compose did not
	})
	run(t, dir, nil, "docker", "build", "-q", "-f", "deploy/ci/Dockerfile", "-t", "sat-standin:ci",
		"--build-arg", "GO_IMAGE="+os.Getenv("GO_IMAGE"), "--build-arg", "RUNTIME_IMAGE="+os.Getenv("RUNTIME_IMAGE"), ".")
	return c
}

func (c *composed) compose(args ...string) string {
	return run(c.t, c.dir, c.env, "docker-compose", args...)
}

// container gives the id of a service's container.
func (c *composed) container(name string) string {
	label := "label=com.docker.compose."
	return strings.TrimSpace(run(c.t, c.dir, nil, "docker", "ps", "-aq", "--filter", label+"project="+c.project, "--filter", label+"service="+name))
}

func (c *composed) exec(service, command string) (string, error) {
	out, err := exec.Command("docker", "exec", c.container(service), "sh", "-c", command).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// engine gives the engine's address, which this host alone may use.
func (c *composed) engine() string {
	return inspect(c.t, c.container("vllm_app"), `{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}`) + ":8000"
}

func (c *composed) key() string {
	key, err := c.exec("backend", "cat /run/secrets/vllm_api_key")
	require.NoError(c.t, err, key)
	require.NotEmpty(c.t, key)
	return key
}

// reply is what came back of a question; code 0 says that nothing did.
type reply struct {
	code       int
	text       string
	retryAfter string
	page       bool
	took       time.Duration
	at         time.Time
}

// post sends a question, by the API or by a page.
func post(address, kind, body string) (r reply) {
	begun := time.Now()
	resp, err := (&http.Client{Timeout: time.Minute}).Post(address, kind, strings.NewReader(body))
	if err != nil {
		return reply{text: err.Error()}
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	return reply{code: resp.StatusCode, text: string(text), retryAfter: resp.Header.Get("Retry-After"), took: time.Since(begun), at: time.Now()}
}

// ask posts the original's request through the published port.
func (c *composed) ask() reply {
	body, err := json.Marshal(question)
	assert.NoError(c.t, err)
	return post(c.backend+"/submit_mcq", "application/json", string(body))
}

// askPage fills in the form, as a browser without JavaScript does.
func (c *composed) askPage() reply {
	form := url.Values{"text": {question.Text}, "question": {question.Question}, "choice": question.Choices, "do": {"ask"}}
	r := post(c.frontend+"/ask", "application/x-www-form-urlencoded", form.Encode())
	r.page = true
	return r
}

// answers waits until a question is answered with one of its choices.
func (c *composed) answers() {
	c.t.Helper()
	var r reply
	require.Eventually(c.t, func() bool {
		r = c.ask()
		return r.code != 0 && r.code != 503 // not there yet
	}, patience, 250*time.Millisecond, "nothing but 503")
	require.Equal(c.t, 200, r.code, r.text)
	var said struct{ Answer string }
	require.NoError(c.t, json.Unmarshal([]byte(r.text), &said))
	assert.Contains(c.t, question.Choices, said.Answer[len("A) "):])
}

// readmesCurl runs the README's command against this stack's port and gives what it prints.
func (c *composed) readmesCurl() string {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(c.t, err)
	command := regexp.MustCompile("(?s)```sh\n(curl -X POST http://localhost:8090/submit_mcq .*?)\n```").FindSubmatch(text)
	require.NotNil(c.t, command, "the README has lost its curl")
	return run(c.t, c.dir, nil, "sh", "-c", strings.Replace(string(command[1]), "http://localhost:8090", c.backend, 1))
}

// inFlight asks questions that meet a fault of the stand-in engine, and waits until they are with it.
func (c *composed) inFlight(fault string, ask ...func() reply) (answered chan reply) {
	c.fault(fault)
	answered = make(chan reply, len(ask))
	for _, one := range ask {
		go func() { answered <- one() }()
	}
	address := "http://" + c.engine() + "/admin/counts"
	require.Eventually(c.t, func() bool {
		resp, err := http.Get(address)
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		var counts struct {
			InFlight int `json:"in_flight"`
		}
		return json.NewDecoder(resp.Body).Decode(&counts) == nil && counts.InFlight == len(ask)
	}, patience, 20*time.Millisecond)
	return answered
}

// fault has the stand-in engine fail as its POST /admin/fault describes.
func (c *composed) fault(fault string) {
	r := post("http://"+c.engine()+"/admin/fault", "application/json", fault)
	require.Equal(c.t, http.StatusNoContent, r.code, r.text)
}

// probe asks, from inside a container's network, for http://addr/health.
func (c *composed) probe(from, addr string) error {
	out, err := exec.Command("docker", "run", "--rm", "--network", "container:"+c.container(from), "sat-standin:ci", "healthcheck", "-addr", addr).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// outside makes a host beyond this one, in a network namespace of its own behind a pair of virtual cards, and gives the
// address of a server there.
func (c *composed) outside(t *testing.T) string {
	const space, near, far = "sate2e", "sate2e0", "sate2e1"
	const here, there = "198.51.100.1", "198.51.100.2" // addresses for documentation, which nobody has
	remove := func() {
		_ = exec.Command("ip", "netns", "del", space).Run()
		_ = exec.Command("ip", "link", "del", near).Run()
	}
	remove()
	t.Cleanup(remove)
	for _, command := range []string{
		"netns add " + space, "link add " + near + " type veth peer name " + far + " netns " + space,
		"addr add " + here + "/30 dev " + near, "link set " + near + " up",
		"-n " + space + " addr add " + there + "/30 dev " + far, "-n " + space + " link set " + far + " up",
		"-n " + space + " route add default via " + here,
	} {
		run(t, c.dir, nil, "ip", strings.Fields(command)...)
	}
	program := filepath.Join(t.TempDir(), "standin")
	run(t, c.dir, nil, "go", "build", "-mod=vendor", "-o", program, "./internal/engine/enginetest/standin")
	server := exec.Command("ip", "netns", "exec", space, program, "-addr", there+":8000")
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	return there + ":8000"
}

// kill ends a container's first process as the kernel would, which Docker takes for a crash, and waits for the next.
func (c *composed) kill(name string) {
	id := c.container(name)
	state := strings.Fields(inspect(c.t, id, "{{.State.Pid}} {{.RestartCount}}"))
	pid, err := strconv.Atoi(state[0])
	require.NoError(c.t, err)
	restarts, err := strconv.Atoi(state[1])
	require.NoError(c.t, err)
	require.NoError(c.t, syscall.Kill(pid, syscall.SIGKILL))
	want := fmt.Sprint(restarts+1, " true")
	require.Eventually(c.t, func() bool { return inspect(c.t, id, "{{.RestartCount}} {{.State.Running}}") == want }, patience, 100*time.Millisecond)
}

func inspect(t *testing.T, id, format string) string {
	t.Helper()
	return strings.TrimSpace(run(t, root, nil, "docker", "inspect", "-f", format, id))
}

func status(address string) int {
	resp, err := http.Get(address)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// found tells which of the texts are in a stream.
func found(t *testing.T, stream io.Reader, texts map[string]string) (names []string) {
	t.Helper()
	seen := map[string]bool{}
	const overlap = 1 << 10 // longer than any of the texts
	window := make([]byte, 0, overlap+1<<20)
	for {
		n, err := io.ReadFull(stream, window[len(window):cap(window)])
		window = window[:len(window)+n]
		for name, text := range texts {
			seen[name] = seen[name] || bytes.Contains(window, []byte(text))
		}
		if err != nil {
			assert.True(t, err == io.EOF || err == io.ErrUnexpectedEOF, "%v", err)
			break
		}
		window = append(window[:0], window[len(window)-overlap:]...)
	}
	for name, is := range seen {
		if is {
			names = append(names, name)
		}
	}
	return names
}

// output gives the standard output of a command as it comes.
func output(t *testing.T, name string, args ...string) io.Reader {
	t.Helper()
	cmd := exec.Command(name, args...) // ends with its reader
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { assert.NoError(t, cmd.Wait()) })
	return out
}

// checkout copies what a clone would hold, changes included, and the modules' sources, so that a build needs no network.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	list := run(t, root, nil, "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	for _, name := range strings.Split(strings.Trim(list, "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		info, err := os.Stat(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, info.Mode()))
	}
	run(t, dir, nil, "go", "mod", "vendor")
	return dir
}

// wheels fetches the embedded engine's packages to where the image's build looks for them first.
func wheels(t *testing.T, dir string) {
	t.Helper()
	run(t, dir, nil, "python3", "-m", "venv", ".venv")
	run(t, dir, nil, ".venv/bin/pip", "download", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:",
		"-d", "deploy/llama/wheels", "-r", "internal/engine/llamacpp/requirements.txt")
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}

// run gives the standard output of a command that must succeed.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), stderr.String())
	return stdout.String()
}
