package deploy

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/joho/godotenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sattutor/internal/config"
	"sattutor/internal/testneeds"
)

// isVLLM tells the one service that runs a program of others, which writes beside its volumes.
func isVLLM(svc service) bool { return strings.Contains(svc.Image, "vllm") }

// isOpenWebUI tells the one service that is an image of others and writes beside its volume.
func isOpenWebUI(svc service) bool { return strings.Contains(svc.Image, "open-webui") }

// watchers are the services of monitoring.yaml, each with the user of its image.
var watchers = map[string]string{"prometheus": "65534:65534", "alertmanager": "65534:65534", "loki": "10001:10001",
	"grafana": "472:0", "alloy": "0:0"}

func TestS14EveryServiceIsHealthyAndBounded(t *testing.T) {
	each(t, func(t *testing.T, s stack, name string, svc service) {
		assert.NotEmpty(t, svc.MemLimit, "memory")
		assert.Positive(t, svc.PidsLimit, "processes")
		assert.NotEmpty(t, svc.StopGracePeriod)
		assert.NotEmpty(t, svc.Logging.Options["max-size"], "log size")
		assert.NotEmpty(t, svc.Logging.Options["max-file"], "log files")
		assert.True(t, svc.Init)
		oneShot := svc.Restart == "no"
		if oneShot {
			assert.True(t, svc.Healthcheck != nil && svc.Healthcheck.Disable, "a one-shot has no health")
			return
		}
		assert.Equal(t, "unless-stopped", svc.Restart)
		assert.True(t, svc.Healthcheck != nil || strings.Contains(s.dockerfile(t, svc), "\nHEALTHCHECK "), "health check")
	})
}

func TestS20EveryServiceIsHardened(t *testing.T) {
	each(t, func(t *testing.T, s stack, name string, svc service) {
		assert.Equal(t, []string{"ALL"}, svc.CapDrop)
		assert.Empty(t, svc.CapAdd)
		assert.Equal(t, []string{"no-new-privileges:true"}, svc.SecurityOpt)
		switch {
		case isOpenWebUI(svc): // it is made to be root, here without any of root's powers, and writes beside its volume
			assert.Equal(t, "0:0", svc.User)
			return
		case isVLLM(svc):
			assert.Equal(t, "2000:0", svc.User)
		case watchers[name] != "":
			assert.Equal(t, watchers[name], svc.User)
			assert.True(t, svc.ReadOnly, "read-only root file system")
			return
		default:
			assert.Equal(t, "65532:65532", svc.User)
			assert.True(t, svc.ReadOnly, "read-only root file system")
		}
		for _, mount := range svc.Tmpfs {
			assert.Regexp(t, `^/tmp:size=\d+m,mode=1777,noexec,nosuid$`, mount)
		}
		text := s.dockerfile(t, svc)
		require.NotEmpty(t, text, "every image is ours to build")
		users := regexp.MustCompile(`(?m)^USER (.*)$`).FindAllStringSubmatch(text, -1)
		require.NotEmpty(t, users)
		assert.Equal(t, svc.User, users[len(users)-1][1], "the image's own user")
	})
}

func TestS18TheEngineIsPrivate(t *testing.T) {
	for title, files := range combinations {
		t.Run(title, func(t *testing.T) {
			s := load(t, nil, files...)
			for name, svc := range s.Services {
				if slices.Contains([]string{"backend", "frontend", "open-webui", "grafana"}, name) {
					require.Len(t, svc.Ports, 1)
					assert.True(t, strings.HasPrefix(svc.Ports[0], "127.0.0.1:"), "%s publishes %s", name, svc.Ports)
				} else {
					assert.Empty(t, svc.Ports, "%s publishes a port", name)
				}
			}
			for _, network := range s.Services["frontend"].Networks {
				if network == "page-metrics" {
					assert.True(t, s.Networks[network].Internal)
				} else {
					assert.Equal(t, "sat-network", network)
				}
			}
			assert.Equal(t, []string{"sat-network"}, s.Services["open-webui"].Networks, "it never sees the engine")
			engine, ours := s.Services["vllm_app"]
			assert.Equal(t, title != "external", ours)
			for _, network := range engine.Networks {
				if network == "model-egress" {
					assert.Equal(t, "gpu, first", title)
				} else {
					assert.True(t, s.Networks[network].Internal, "%s reaches the outside", network)
					assert.NotContains(t, s.Services["frontend"].Networks, network)
				}
			}
			if ours {
				assert.Contains(t, s.Services["backend"].Networks, "engine-net")
				assert.True(t, s.Networks["engine-net"].Internal)
				key := s.Services["backend"].Environment["VLLM_API_KEY_FILE"]
				assert.NotEmpty(t, key)
				assert.True(t, engine.Environment["VLLM_API_KEY_FILE"] == key || slices.Contains(engine.Command, key), "the engine enforces the backend's key")
			}
		})
	}
	for variable, want := range map[string]string{"PUBLISH_ADDR": "10.0.0.5:8090:8090", "BACKEND_PORT": "127.0.0.1:10.0.0.5:8090"} {
		s := load(t, map[string]string{variable: "10.0.0.5"}, combinations["cpu"]...)
		assert.Equal(t, []string{want}, s.Services["backend"].Ports)
	}
}

// TestTheShelfIsReadOnlyAndSeenByEngineAndBackend: the engine loads it, and the backend knows by it what it asks.
func TestTheShelfIsReadOnlyAndSeenByEngineAndBackend(t *testing.T) {
	for _, engine := range []string{"cpu, shelf", "gpu, shelf"} {
		s := load(t, nil, combinations[engine]...)
		for _, name := range []string{"vllm_app", "backend"} {
			svc := s.Services[name]
			assert.Equal(t, "/shelf", svc.Environment["SAT_SHELF"], name)
			assert.Contains(t, svc.Volumes, "./.sat/adapters:/shelf:ro", name)
		}
		s = load(t, map[string]string{"SAT_SHELF": "/srv/adapters"}, combinations[engine]...)
		assert.Contains(t, s.Services["vllm_app"].Volumes, "/srv/adapters:/shelf:ro")
	}
}

func TestS19NoSecretInAnyFile(t *testing.T) {
	secret := regexp.MustCompile(`(KEY|TOKEN|PASSWORD|SECRET)$`)
	made := []string{"vllm_api_key", "gateway_key", "hmac_key", "grafana_admin_password", "hf_token"} // by init; the last by a person
	each(t, func(t *testing.T, s stack, name string, svc service) {
		for variable, value := range svc.Environment {
			assert.NotRegexp(t, secret, variable, "a secret is a file")
			if path, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
				assert.Contains(t, made, path, "%s names a secret that nobody makes", variable)
				assert.True(t, slices.Contains(svc.Volumes, "sat-secrets:/run/secrets:ro"), "secrets are mounted, and read-only")
			}
			if path, ok := strings.CutPrefix(value, "/run/shared/"); ok {
				assert.Equal(t, "frontend_key", path, "%s names a secret that nobody makes", variable)
				assert.True(t, slices.Contains(svc.Volumes, "sat-shared:/run/shared:ro"), "secrets are mounted, and read-only")
			}
		}
		for _, mount := range svc.Volumes {
			if host, _, _ := strings.Cut(mount, ":"); strings.HasPrefix(host, "/") || strings.HasPrefix(host, "./deploy") {
				assert.True(t, strings.HasSuffix(mount, ":ro"), "%s may be written", mount)
			}
			if strings.HasPrefix(mount, "sat-secrets:") || strings.HasPrefix(mount, "sat-shared:") {
				assert.True(t, name == "init" || strings.HasSuffix(mount, ":ro"), "only init writes secrets")
				assert.True(t, name == "init" || svc.DependsOn["init"].Condition == "service_completed_successfully")
			}
			assert.NotContains(t, mount, "docker.sock")
		}
		for _, s := range svc.Secrets {
			assert.Contains(t, svc.Environment, "VLLM_API_KEY_FILE")
			assert.Equal(t, svc.Environment["VLLM_API_KEY_FILE"], s.Target)
		}
		assert.NotContains(t, s.dockerfile(t, svc), ".env")
	})
	for _, pattern := range []string{".env*", "secrets", ".git"} {
		assert.Contains(t, strings.Split(read(t, ".dockerignore"), "\n"), pattern)
	}
}

func TestS21ImagesHaveAVersion(t *testing.T) {
	floating := regexp.MustCompile(`^(latest|main|master|edge|nightly|stable|rolling)?$`)
	pinned := func(t *testing.T, image string) {
		name, _, _ := strings.Cut(image, "@")
		_, tag, ok := strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
		assert.True(t, ok && !floating.MatchString(tag), "%s floats", image)
	}
	each(t, func(t *testing.T, _ stack, _ string, svc service) {
		pinned(t, svc.Image)
		for argument, value := range svc.Build.Args {
			assert.True(t, strings.HasSuffix(argument, "_IMAGE"), "%s is no base image", argument)
			pinned(t, value)
		}
	})
	for _, path := range dockerfiles {
		for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(read(t, path), -1) {
			assert.Regexp(t, `^\$\{[A-Z]+_IMAGE\}$`, from[1], "%s: base images come by argument", path)
		}
	}
}

// never are settings that open what the rest of the files closes.
var never = regexp.MustCompile(`privileged|ipc: *host|network_mode: *host|pid: *host|docker\.sock|env_file|VLLM_ALLOW_RUNTIME_LORA_UPDATING|VLLM_SERVER_DEV_MODE`)

func TestNoFileOpensWhatIsClosed(t *testing.T) {
	for _, path := range composeFiles(t) {
		text := strings.ReplaceAll(read(t, path), "no-new-privileges", "")
		assert.Empty(t, never.FindAllString(text, -1), path)
	}
}

// composeFiles gives every compose file of the repository.
func composeFiles(t *testing.T) []string {
	t.Helper()
	list := []string{"docker-compose.yaml", "docker-compose.override.yaml"}
	found, err := filepath.Glob(filepath.Join(root, "deploy/compose/*.yaml"))
	require.NoError(t, err)
	for _, path := range found {
		list = append(list, "deploy/compose/"+filepath.Base(path))
	}
	return list
}

func TestEveryComposeFileIsInACombination(t *testing.T) {
	var used []string
	for _, files := range combinations {
		used = append(used, files...)
	}
	for _, path := range composeFiles(t) {
		assert.Contains(t, used, path)
	}
}

func TestNothingSetMeansTheCPUEngine(t *testing.T) {
	assert.Equal(t, read(t, "deploy/compose/engine-cpu.yaml"), read(t, "docker-compose.override.yaml"))
	example, err := godotenv.Read(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	assert.Equal(t, strings.Join(combinations["cpu"], ":"), example["COMPOSE_FILE"])
	assert.Contains(t, read(t, ".env.example"), "\n# COMPOSE_FILE="+strings.Join(combinations["gpu, first"], ":")+"\n")
}

// What docker-compose 1.29 knows, of what a file may hold at its top, in a service, and in two of its parts.
var (
	topKeys     = []string{"services", "networks", "volumes", "secrets"}
	serviceKeys = []string{"build", "cap_drop", "command", "depends_on", "deploy", "entrypoint", "environment", "group_add",
		"healthcheck", "image", "init", "logging", "mem_limit", "network_mode", "networks", "pids_limit", "ports",
		"profiles", "read_only", "restart", "secrets", "security_opt", "shm_size", "stop_grace_period", "tmpfs", "user", "volumes"}
	buildKeys  = []string{"context", "dockerfile", "args"}
	healthKeys = []string{"test", "interval", "timeout", "retries", "start_period", "disable"}
)

func TestFilesKeepToWhatOldAndNewComposeKnow(t *testing.T) {
	keys := func(node any, allowed []string, where string) map[string]any {
		tree, _ := node.(map[string]any)
		for key := range tree {
			assert.True(t, slices.Contains(allowed, key) || strings.HasPrefix(key, "x-"), "%s: %s", where, key)
		}
		return tree
	}
	for _, path := range composeFiles(t) {
		text := read(t, path)
		assert.NotRegexp(t, `\$\{[^}]*\$\{`, text, "%s: a default inside a default, which 1.29 garbles", path)
		var tree map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &tree))
		services, _ := keys(tree, topKeys, path)["services"].(map[string]any)
		for name, node := range services {
			svc := keys(node, serviceKeys, path+": "+name)
			keys(svc["build"], buildKeys, path+": build")
			keys(svc["healthcheck"], healthKeys, path+": healthcheck")
			depends, _ := svc["depends_on"].(map[string]any)
			for _, condition := range depends {
				keys(condition, []string{"condition"}, path+": depends_on")
			}
		}
	}
}

func TestComposeItselfAcceptsEveryCombination(t *testing.T) {
	compose, err := exec.LookPath("docker-compose")
	if err != nil {
		testneeds.Missing(t, testneeds.GroupDocker, "no docker-compose on PATH")
	}
	for title, files := range combinations {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), compose, "--project-directory", root, "config", "--quiet")
			var list []string
			for _, file := range files {
				list = append(list, filepath.Join(root, file))
			}
			cmd.Env = append(os.Environ(), "COMPOSE_FILE="+strings.Join(list, string(os.PathListSeparator)), "OPENAI_API_BASE_URL=http://engine.example/v1",
				"OTEL_EXPORTER_OTLP_ENDPOINT=http://receiver.example")
			out, err := cmd.CombinedOutput()
			assert.NoError(t, err, string(out))
		})
	}
	cmd := exec.CommandContext(t.Context(), compose, "-f", filepath.Join(root, "docker-compose.yaml"), "-f", filepath.Join(root, "deploy/compose/engine-external.yaml"), "config")
	cmd.Env = append(os.Environ(), "OPENAI_API_BASE_URL=")
	out, err := cmd.CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "OPENAI_API_BASE_URL")
}

func TestS22EveryVariableIsDocumentedAndKnown(t *testing.T) {
	example, err := godotenv.Read(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	var used []string
	for _, path := range composeFiles(t) {
		for _, found := range reference.FindAllStringSubmatch(read(t, path), -1) {
			_, known := example[found[1]]
			assert.True(t, known, "%s: ${%s} is not in .env.example", path, found[1])
			if given := example[found[1]]; given != "" && strings.HasSuffix(found[2], "-") && found[3] != "" {
				assert.Equal(t, given, found[3], "%s: the default of %s is not the example's", path, found[1])
			}
			used = append(used, found[1])
		}
	}
	for _, name := range config.ComposeNames() {
		if !strings.HasPrefix(name, "COMPOSE_") {
			assert.Contains(t, used, name, "no compose file reads %s", name)
		}
	}
	runtime := []string{"GOGC", "GOMEMLIMIT"}
	each(t, func(t *testing.T, s stack, name string, svc service) {
		if isVLLM(svc) || isOpenWebUI(svc) || watchers[name] != "" {
			return
		}
		for variable := range svc.Environment {
			setting := strings.TrimSuffix(variable, "_FILE")
			assert.True(t, slices.Contains(config.Names(), setting) || slices.Contains(runtime, variable), "%s is read by nobody", variable)
		}
	})
}

func TestS22ThePortOfTheEngineIsOneNumber(t *testing.T) {
	for title, files := range combinations {
		if title == "external" {
			continue
		}
		s := load(t, map[string]string{"VLLM_PORT": "8123"}, files...)
		engine, err := url.Parse(s.Services["backend"].Environment["OPENAI_API_BASE_URL"])
		require.NoError(t, err)
		assert.Equal(t, "vllm_app:8123", engine.Host, title)
		said := append(s.Services["vllm_app"].Command, s.Services["vllm_app"].Environment["VLLM_PORT"])
		assert.Contains(t, strings.Join(said, " "), "8123", title)
	}
}

func TestStopsTakeLongerThanAnswers(t *testing.T) {
	t.Setenv("SAT_ENGINE_TIMEOUT", "")
	cfg, err := config.Load(filepath.Join(t.TempDir(), "absent"))
	require.NoError(t, err)
	const margin = 10 * time.Second
	longest := map[string]time.Duration{
		"backend":  cfg.EngineTimeout + config.BackendMargin,
		"frontend": cfg.EngineTimeout + config.FrontendMargin,
	}
	each(t, func(t *testing.T, _ stack, name string, svc service) {
		grace, err := time.ParseDuration(svc.StopGracePeriod)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, grace, longest[name]+margin)
		if drain := flag(svc.Command, "--shutdown-timeout"); drain != "" {
			seconds, err := strconv.Atoi(drain)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, grace, time.Duration(seconds)*time.Second+margin)
			assert.GreaterOrEqual(t, time.Duration(seconds)*time.Second, cfg.EngineTimeout)
		}
	})
}

// flag gives what follows a flag in a command line.
func flag(command []string, name string) string {
	if i := slices.Index(command, name); i >= 0 && i+1 < len(command) {
		return command[i+1]
	}
	return ""
}

func TestVLLMFlagsAreTheTable(t *testing.T) {
	table := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(--[a-z-]+)` \\| (?:`([^`]*)`)? ?\\| (.+) \\|$").FindAllStringSubmatch(read(t, "deploy/vllm/flags.md"), -1) {
		table[row[1]] = row[2]
	}
	require.Greater(t, len(table), 15)
	command := load(t, map[string]string{"VLLM_PORT": "${VLLM_PORT}", "MAX_MODEL_LEN": "${MAX_MODEL_LEN}"}, combinations["gpu"]...).Services["vllm_app"].Command
	require.Equal(t, []string{"up", "meta-llama/Llama-3.2-3B-Instruct"}, command[:2])
	given := map[string]string{}
	for i, word := range command {
		if strings.HasPrefix(word, "--") {
			given[word] = ""
			if i+1 < len(command) && !strings.HasPrefix(command[i+1], "--") {
				given[word] = command[i+1]
			}
		}
	}
	assert.Equal(t, table, given)
	for name, value := range given {
		if strings.ContainsAny(value, `{"`) && !strings.HasPrefix(value, "$") {
			assert.True(t, json.Valid([]byte(value)), "%s %s", name, value)
		}
	}
}

func TestGoKeepsWithinItsContainer(t *testing.T) {
	backend := load(t, nil, combinations["cpu"]...).Services["backend"]
	mib := func(text, unit string) int {
		n, err := strconv.Atoi(strings.TrimSuffix(text, unit))
		require.NoError(t, err)
		return n
	}
	assert.Less(t, mib(backend.Environment["GOMEMLIMIT"], "MiB"), mib(backend.MemLimit, "m")*9/10)
}
