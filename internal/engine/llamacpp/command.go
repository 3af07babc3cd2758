package llamacpp

import (
	"encoding/json"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Spec is one model to serve.
type Spec struct {
	Name          string            // served name: "sat-base"
	ModelPath     string            // GGUF file
	AdapterPath   string            // LoRA in GGUF, applied to every request; "" for none
	ContextTokens int               // prompt and completion together; 0 for 4096
	Threads       int               // 0 for all cores but one
	TemplateArgs  map[string]string // arguments of the chat template where a request gives none
	Root          string            // what the name stands for, told to whoever lists the models; "" for nothing
	Card          json.RawMessage   // what is known of the model, told to whoever lists the models; nil for nothing
}

const loopback = "127.0.0.1"

// withDefaults fills in what the spec leaves open. One core stays free: more threads than free cores make the engine
// many times slower.
func (s Spec) withDefaults() Spec {
	if s.ContextTokens <= 0 {
		s.ContextTokens = 4096
	}
	if s.Threads <= 0 {
		s.Threads = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if s.TemplateArgs == nil {
		s.TemplateArgs = map[string]string{}
	}
	return s
}

// command gives the process that serves spec on a port, and the line to write to its standard input. The key goes by
// the environment or that line, never by the arguments, which every user of the machine can read.
func (r Runtime) command(spec Spec, port int, key string) (cmd *exec.Cmd, line []byte, err error) {
	if r.server == "" {
		cmd = exec.Command(r.python, "-I", "-u", r.launcher)
		line, err = json.Marshal(map[string]any{
			"model": spec.ModelPath, "alias": spec.Name, "adapter": spec.AdapterPath, "host": loopback, "port": port,
			"key": key, "context": spec.ContextTokens, "threads": spec.Threads, "template_args": spec.TemplateArgs,
		})
		cmd.Env = ownEnvironment(cmd.Environ())
		return cmd, append(line, '\n'), err
	}
	kwargs, err := json.Marshal(spec.TemplateArgs)
	if err != nil {
		return nil, nil, err
	}
	args := []string{"--model", spec.ModelPath, "--alias", spec.Name, "--host", loopback, "--port", strconv.Itoa(port),
		"--ctx-size", strconv.Itoa(spec.ContextTokens), "--parallel", "1", "--cache-ram", "0",
		"--threads", strconv.Itoa(spec.Threads), "--threads-batch", strconv.Itoa(spec.Threads),
		"--metrics", "--no-slots", "--no-webui", "--jinja", "--chat-template-kwargs", string(kwargs)}
	if spec.AdapterPath != "" {
		args = append(args, "--lora", spec.AdapterPath)
	}
	path, args := underWatchdog(r.server, args)
	cmd = exec.Command(path, args...)
	cmd.Env = append(ownEnvironment(cmd.Environ()), "LLAMA_API_KEY="+key)
	return cmd, nil, nil
}

// ownEnvironment keeps what a program needs to run and to find its accelerator. The rest is the parent's: its secrets
// are none of the engine's business, and a stray LLAMA_ARG_ would change how it answers.
func ownEnvironment(all []string) []string {
	names := []string{"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "WINDIR", "USERPROFILE", "LOCALAPPDATA", "LD_LIBRARY_PATH"}
	prefixes := []string{"LC_", "OMP_", "GGML_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "VK_", "DYLD_"}
	return slices.DeleteFunc(all, func(entry string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(entry), "=")
		return !slices.Contains(names, name) && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	})
}
