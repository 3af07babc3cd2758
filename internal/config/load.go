package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"
)

// Error is a configuration that cannot be used: every mistake, one sentence each.
type Error struct{ Mistakes []string }

// Error lists the mistakes, one a line.
func (e *Error) Error() string {
	return "configuration: " + strings.Join(e.Mistakes, "\n               ")
}

// aliases are second names that the original's users already have in their files.
var aliases = map[string]string{"OPENAI_API_KEY": "VLLM_API_KEY"}

// composeOnly are the names that only the compose files read; they are known, so that nobody is warned of them.
var composeOnly = []string{"COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "PUBLISH_ADDR", "BACKEND_IMAGE",
	"FRONTEND_IMAGE", "VLLM_APP_IMAGE", "LLAMA_APP_IMAGE", "GO_IMAGE", "RUNTIME_IMAGE", "VLLM_IMAGE", "PYTHON_IMAGE",
	"SAT_VLLM_PROFILE", "BASE_REVISION", "LORA_REVISION", "LORA_MODULES", "OPEN_WEBUI_IMAGE", "OPEN_WEBUI_PORT", "OPEN_WEBUI_URL", "OPEN_WEBUI_ADMIN",
	"OTEL_EXPORTER_OTLP_HEADERS_FILE", "SAT_EMBEDDING_KEY_FILE", "PROMETHEUS_IMAGE", "ALERTMANAGER_IMAGE", "LOKI_IMAGE", "ALLOY_IMAGE",
	"GRAFANA_IMAGE", "GRAFANA_PORT"}

// testOnly are the names that the tests read.
var testOnly = []string{"SAT_TEST_REQUIRE", "SAT_TEST_LEFT_OUT", "SAT_EVAL_DATA", "SAT_BENCH", "SAT_TEST_VLLM_URL", "SAT_TEST_VLLM_KEY",
	"SAT_TEST_QTI_XSD"}

// Load reads the process's environment over the .env file at path (absent is fine) into a Config.
// An unusable value gives an *[Error] that lists all mistakes at once.
func Load(path string) (Config, error) {
	file, err := godotenv.Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Config{}, &Error{Mistakes: []string{fmt.Sprintf("%s cannot be read as lines of NAME=value: %v", path, err)}}
	}
	return parse(file, env.ToMap(os.Environ()))
}

// Names lists every variable that the Go programs read, in the order of the struct.
func Names() []string {
	var names []string
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("env"); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// Doc gives the sentence that .env.example says of a variable.
func Doc(name string) string { return tagOf(name, "doc") }

// Default gives the value that a variable has when it is not set, as one would write it.
func Default(name string) string { return tagOf(name, "envDefault") }

func tagOf(name, tag string) string {
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("env") == name {
			return t.Field(i).Tag.Get(tag)
		}
	}
	return ""
}

// ComposeNames lists the variables that only the compose files read.
func ComposeNames() []string { return slices.Clone(composeOnly) }

// parse merges the file under the environment. A variable that is set but empty counts as absent, since compose
// passes unset ones on that way.
func parse(file, environ map[string]string) (Config, error) {
	merged := map[string]string{}
	for _, source := range []map[string]string{file, environ} {
		for name, value := range source {
			if value != "" {
				merged[name] = value
			}
		}
	}
	var c Config
	mistakes := readSecretFiles(merged)
	for alias, name := range aliases {
		if value := merged[alias]; value != "" && merged[name] == "" {
			merged[name] = value
		}
	}
	if err := env.ParseWithOptions(&c, env.Options{Environment: merged}); err != nil {
		mistakes = append(mistakes, parseMistakes(err)...)
	}
	c.EngineTimeoutSet = merged["SAT_ENGINE_TIMEOUT"] != ""
	if len(mistakes) == 0 {
		mistakes = c.check()
	}
	if len(mistakes) > 0 {
		sort.Strings(mistakes)
		return Config{}, &Error{Mistakes: mistakes}
	}
	c.Warnings = unknown(file, environ)
	if c.OpenAIBaseURL != "" && c.VLLMBaseURL != "" && c.OpenAIBaseURL != c.VLLMBaseURL {
		c.Warnings = append(c.Warnings, "VLLM_API_BASE_URL differs from OPENAI_API_BASE_URL and is not used")
	}
	return c, nil
}

// readSecretFiles replaces NAME_FILE by the file's content for every secret.
func readSecretFiles(merged map[string]string) (mistakes []string) {
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Type != reflect.TypeFor[Secret]() {
			continue
		}
		name := field.Tag.Get("env")
		path := merged[name+"_FILE"]
		if path == "" {
			continue
		}
		if merged[name] != "" {
			mistakes = append(mistakes, name+" and "+name+"_FILE are both set; keep one")
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			mistakes = append(mistakes, name+"_FILE cannot be read; check that the file is there and readable")
			continue
		}
		merged[name] = strings.TrimSpace(string(content))
	}
	return mistakes
}

func parseMistakes(err error) (mistakes []string) {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return []string{err.Error()}
	}
	for _, one := range all.Errors {
		var p env.ParseError
		if errors.As(one, &p) {
			mistakes = append(mistakes, envName(p.Name)+" is not a "+humanType(p.Type))
			continue
		}
		mistakes = append(mistakes, one.Error())
	}
	return mistakes
}

func envName(field string) string {
	if f, ok := reflect.TypeFor[Config]().FieldByName(field); ok {
		return f.Tag.Get("env")
	}
	return field
}

func humanType(t reflect.Type) string {
	switch t.String() {
	case "config.Switch":
		return "switch; write on or off"
	case "int":
		return "whole number"
	case "time.Duration":
		return "duration such as 20s or 2m"
	case "bool":
		return "switch; give true or false"
	}
	return t.String()
}

// unknown names what was given and is read by nobody: any key of the file, and SAT_ names of the environment.
func unknown(file, environ map[string]string) (warnings []string) {
	known := append(Names(), composeOnly...)
	known = append(known, testOnly...)
	for alias := range aliases {
		known = append(known, alias)
	}
	for _, name := range Names() {
		known = append(known, name+"_FILE")
	}
	given := map[string]bool{}
	for name := range file {
		given[name] = true
	}
	for name := range environ {
		if strings.HasPrefix(name, "SAT_") {
			given[name] = true
		}
	}
	for name := range given {
		if slices.Contains(known, name) {
			continue
		}
		w := name + " is not a known setting and is ignored"
		if near := nearest(name, known); near != "" {
			w += "; did you mean " + near + "?"
		}
		warnings = append(warnings, w)
	}
	sort.Strings(warnings)
	return warnings
}

// nearest gives the known name at the smallest edit distance, "" when none is close.
func nearest(name string, known []string) string {
	best, bestD := "", len(name)/3+1
	for _, k := range known {
		if d := distance(name, k); d < bestD {
			best, bestD = k, d
		}
	}
	return best
}

// distance is Levenshtein's edit distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}
