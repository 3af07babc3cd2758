// Package deploy tests what containers need: the compose files and Dockerfiles against the stack's rules, and, under
// the build tag e2e, the stack itself.
package deploy

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// root is the repository's root, from here.
const root = ".."

// combinations are the lists of files that COMPOSE_FILE may name.
var combinations = map[string][]string{
	"nothing set":    {"docker-compose.yaml", "docker-compose.override.yaml"},
	"cpu":            {"docker-compose.yaml", "deploy/compose/engine-cpu.yaml"},
	"cpu, own key":   {"docker-compose.yaml", "deploy/compose/engine-cpu.yaml", "deploy/compose/secrets-files.yaml"},
	"gpu":            {"docker-compose.yaml", "deploy/compose/engine-gpu.yaml"},
	"gpu, first":     {"docker-compose.yaml", "deploy/compose/engine-gpu.yaml", "deploy/compose/engine-egress.yaml"},
	"gpu, own key":   {"docker-compose.yaml", "deploy/compose/engine-gpu.yaml", "deploy/compose/secrets-files.yaml"},
	"cpu, shelf":     {"docker-compose.yaml", "deploy/compose/engine-cpu.yaml", "deploy/compose/shelf.yaml"},
	"gpu, shelf":     {"docker-compose.yaml", "deploy/compose/engine-gpu.yaml", "deploy/compose/shelf.yaml"},
	"external":       {"docker-compose.yaml", "deploy/compose/engine-external.yaml"},
	"cpu, traces":    {"docker-compose.yaml", "deploy/compose/engine-cpu.yaml", "deploy/compose/traces.yaml"},
	"cpu, watched":   {"docker-compose.yaml", "deploy/compose/engine-cpu.yaml", "deploy/compose/monitoring.yaml"},
	"gpu, watched":   {"docker-compose.yaml", "deploy/compose/engine-gpu.yaml", "deploy/compose/monitoring.yaml"},
	"stand-in of CI": {"docker-compose.yaml", "deploy/compose/ci.yaml"},
}

// service is one service of a stack, in the fields that the rules speak of.
type service struct {
	Image           string
	Build           build
	Profiles        []string
	Entrypoint      []string
	Command         []string
	User            string
	GroupAdd        []string `yaml:"group_add"`
	Restart         string
	Init            bool
	ReadOnly        bool                                  `yaml:"read_only"`
	CapAdd          []string                              `yaml:"cap_add"`
	CapDrop         []string                              `yaml:"cap_drop"`
	SecurityOpt     []string                              `yaml:"security_opt"`
	MemLimit        string                                `yaml:"mem_limit"`
	PidsLimit       int                                   `yaml:"pids_limit"`
	StopGracePeriod string                                `yaml:"stop_grace_period"`
	NetworkMode     string                                `yaml:"network_mode"`
	Environment     map[string]string                     `yaml:"environment"`
	DependsOn       map[string]struct{ Condition string } `yaml:"depends_on"`
	Logging         struct{ Options map[string]string }
	Healthcheck     *struct{ Disable bool }
	Networks        []string
	Ports           []string
	Volumes         []string
	Tmpfs           []string
	Secrets         []struct{ Source, Target string }
}

type build struct {
	Context, Dockerfile string
	Args                map[string]string
}

// stack is several compose files merged.
type stack struct {
	Services map[string]service
	Networks map[string]struct{ Internal bool }
	Volumes  map[string]any
	Secrets  map[string]struct{ File string }
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

// load gives a combination as Compose sees it where nothing but the given variables is set.
func load(t *testing.T, variables map[string]string, files ...string) stack {
	t.Helper()
	merged := map[string]any{}
	for _, file := range files {
		var tree map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(read(t, file)), &tree), file)
		merged = merge(merged, tree).(map[string]any)
	}
	text, err := yaml.Marshal(interpolate(t, merged, variables))
	require.NoError(t, err)
	var s stack
	require.NoError(t, yaml.Unmarshal(text, &s))
	return s
}

// replaced are the lists that a later file replaces; to all others it adds.
var replaced = []string{"command", "entrypoint", "test"}

func merge(base, over any) any {
	switch over := over.(type) {
	case map[string]any:
		tree, _ := base.(map[string]any)
		tree = maps.Clone(tree)
		if tree == nil {
			tree = map[string]any{}
		}
		for key, value := range over {
			if slices.Contains(replaced, key) {
				tree[key] = value
			} else {
				tree[key] = merge(tree[key], value)
			}
		}
		return tree
	case []any:
		list, _ := base.([]any)
		return append(slices.Clone(list), over...)
	}
	return over
}

// reference is a variable in a compose file: its name, ":-" and alike, the default or the complaint.
var reference = regexp.MustCompile(`\$\{([A-Z0-9_]+)(?:(:?[-?])([^}]*))?\}`)

func interpolate(t *testing.T, node any, variables map[string]string) any {
	t.Helper()
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			node[key] = interpolate(t, value, variables)
		}
	case []any:
		for i, value := range node {
			node[i] = interpolate(t, value, variables)
		}
	case string:
		return reference.ReplaceAllStringFunc(node, func(found string) string {
			parts := reference.FindStringSubmatch(found)
			value, set := variables[parts[1]]
			switch {
			case set && (value != "" || !strings.HasPrefix(parts[2], ":")):
				return value
			case strings.HasSuffix(parts[2], "?"):
				return "demanded"
			}
			return parts[3]
		})
	}
	return node
}

// each runs a check on every service of every combination.
func each(t *testing.T, check func(t *testing.T, s stack, name string, svc service)) {
	for title, files := range combinations {
		t.Run(title, func(t *testing.T) {
			s := load(t, nil, files...)
			for name, svc := range s.Services {
				t.Run(name, func(t *testing.T) { check(t, s, name, svc) })
			}
		})
	}
}

// dockerfile gives the text of the Dockerfile that makes a service's image, "" where the image is another's.
func (s stack) dockerfile(t *testing.T, svc service) string {
	t.Helper()
	for _, maker := range s.Services {
		if maker.Image == svc.Image && maker.Build.Context != "" {
			return read(t, filepath.Join(maker.Build.Context, cmp.Or(maker.Build.Dockerfile, "Dockerfile")))
		}
	}
	return ""
}
