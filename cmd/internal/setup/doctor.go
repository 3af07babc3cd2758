package setup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"sattutor/internal/config"
	"sattutor/internal/engine/llamacpp"
	"sattutor/internal/engine/openaicompat"
)

// Verdict is what a finding means for the product's main job.
type Verdict string

// The verdicts.
const (
	Fine    Verdict = "ok"
	Absent  Verdict = "absent" // not needed, or made by the next step
	Missing Verdict = "missing"
)

// Finding is one thing that was looked at: what it is, how it is, and what to do.
type Finding struct {
	Verdict Verdict
	What    string
	State   string
	Next    string // "" where there is nothing to do
}

// Examine looks at everything that the product needs on this machine. It changes nothing.
func Examine(ctx context.Context, cfg config.Config) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	findings := []Finding{}
	for _, warning := range cfg.Warnings {
		findings = append(findings, Finding{Missing, "configuration", warning, "correct it in the environment or in .env"})
	}
	if cfg.EngineURL() != "" {
		findings = append(findings, examineRemote(ctx, cfg))
	} else {
		findings = append(findings, examinePython(ctx), examineEngine(ctx, cfg), examineModel(ctx, cfg))
	}
	if cfg.EmbeddingURL != "" {
		findings = append(findings, examineEmbeddings(ctx, cfg))
	}
	findings = append(findings, examineServer(ctx, "backend", "BACKEND_PORT", cfg.Host, cfg.BackendPort, "/ready"),
		examineServer(ctx, "pages", "FRONTEND_PORT", cfg.Host, cfg.FrontendPort, "/health"))
	return append(findings, examineDocker(ctx), examineGPU(ctx))
}

func examineRemote(ctx context.Context, cfg config.Config) Finding {
	f := Finding{Verdict: Fine, What: "engine at " + cfg.EngineURL()}
	client := openaicompat.New(openaicompat.Options{BaseURL: cfg.EngineURL(), Key: cfg.EngineKey.Reveal(), Timeout: func() time.Duration { return 5 * time.Second }})
	defer client.Close()
	models, err := client.Models(ctx)
	if err != nil {
		f.Verdict, f.State, f.Next = Missing, err.Error(), "start it, or correct OPENAI_API_BASE_URL and VLLM_API_KEY"
		return f
	}
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.ID
	}
	f.State = "serves " + strings.Join(names, ", ")
	if cfg.LoraModel != "" && !strings.Contains(f.State, cfg.DefaultModel) {
		f.Next = "the adapter " + cfg.DefaultModel + " is not served, so its first model takes the questions"
	}
	return f
}

func examinePython(ctx context.Context) Finding {
	f := Finding{Verdict: Fine, What: "Python"}
	for _, name := range []string{"python3", "python"} {
		out, err := exec.CommandContext(ctx, name, "-c",
			"import sys, venv, ensurepip; print(sys.version.split()[0]); sys.exit(sys.version_info < (3, 10))").CombinedOutput()
		text := strings.TrimSpace(string(out))
		switch {
		case err == nil:
			f.State = text
			return f
		case errors.Is(err, exec.ErrNotFound):
			continue
		case strings.Contains(text, "venv") || strings.Contains(text, "ensurepip"):
			f.Verdict, f.State, f.Next = Missing, name+" has no venv", "install python3-venv"
			return f
		}
		f.Verdict, f.State, f.Next = Missing, text+" is too old", "install Python 3.10 or newer"
		return f
	}
	f.Verdict, f.State, f.Next = Missing, "not found", "install Python 3.10 or newer with pip and venv, or set SAT_LLAMA_SERVER to a llama-server"
	return f
}

func examineEngine(ctx context.Context, cfg config.Config) Finding {
	f := Finding{Verdict: Fine, What: "embedded engine"}
	runtime, err := llamacpp.Find(ctx, llamacpp.FindOptions{Server: cfg.LlamaServer, Home: cfg.Home})
	switch {
	case errors.Is(err, llamacpp.ErrNotInstalled):
		f.Verdict, f.State, f.Next = Absent, "not fetched yet", "`make run` or `sat engine install` fetches it (140 MB)"
	case err != nil:
		f.Verdict, f.State = Missing, err.Error()
	default:
		f.State = runtime.String()
	}
	return f
}

func examineModel(ctx context.Context, cfg config.Config) Finding {
	f := Finding{Verdict: Fine, What: "model"}
	models, err := LocalModels(ctx, cfg)
	if err != nil {
		f.Verdict, f.State = Absent, err.Error()
		return f
	}
	for _, m := range models.Models {
		f.State += fmt.Sprintf("%s is %s (%s quality) ", m.Record.Name, m.Record.Base, m.Record.Quality)
	}
	f.State = strings.TrimSpace(f.State)
	if idle := models.Idle; len(idle) > 0 {
		f.Next = strings.Join(idle, "; ") + "; `sat model promote` another, or `sat model rollback`"
	}
	return f
}

// examineServer tells whether our own server, another program or nobody holds a port.
func examineServer(ctx context.Context, name, setting, host string, port int, path string) Finding {
	f := Finding{Verdict: Absent, What: fmt.Sprintf("%s on port %d", name, port)}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	addr := net.JoinHostPort(loopbackOf(host), strconv.Itoa(port))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		f.Verdict, f.State = Missing, err.Error()
		return f
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		var dialer net.Dialer
		if conn, dialed := dialer.DialContext(ctx, "tcp", addr); dialed == nil {
			_ = conn.Close()
			f.Verdict, f.State, f.Next = Missing, "the port is held by another program", "stop it, or set "+setting
			return f
		}
		f.State, f.Next = "not running; the port is free", "`sat up` starts it"
		return f
	}
	defer func() { _ = reply.Body.Close() }()
	switch {
	case reply.StatusCode == http.StatusOK:
		f.Verdict, f.State = Fine, "answers"
	case reply.StatusCode == http.StatusServiceUnavailable && reply.Header.Get("X-Request-Id") != "":
		f.Verdict, f.State, f.Next = Missing, "runs, but is not ready", "look at its log; `curl http://"+addr+path+"` names what is missing"
	default:
		f.Verdict, f.State, f.Next = Missing, "another program answers there ("+reply.Status+")", "stop it, or set "+setting
	}
	return f
}

func examineDocker(ctx context.Context) Finding {
	f := Finding{Verdict: Fine, What: "Docker Compose"}
	out, err := exec.CommandContext(ctx, "docker", "compose", "version", "--short").Output()
	if err != nil {
		f.Verdict, f.State, f.Next = Absent, "not found", "needed for `docker compose up` alone"
		return f
	}
	f.State = strings.TrimSpace(string(out))
	if _, err := os.Stat("docker-compose.yaml"); err != nil {
		return f
	}
	if out, err := exec.CommandContext(ctx, "docker", "compose", "config", "--quiet").CombinedOutput(); err != nil {
		f.Verdict, f.State, f.Next = Missing, firstLine(string(out)), "correct COMPOSE_FILE and the values in .env"
	}
	return f
}

func examineGPU(ctx context.Context) Finding {
	f := Finding{Verdict: Fine, What: "NVIDIA GPU"}
	out, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader").Output()
	if err != nil {
		f.Verdict, f.State = Absent, "not found"
		f.Next = "needed for vLLM alone; without one use deploy/compose/engine-cpu.yaml or `make run`"
		return f
	}
	f.State = firstLine(string(out))
	return f
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
