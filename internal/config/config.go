// Package config reads the environment and a .env file into one typed, validated struct.
//
// It is the only place that reads the environment. The environment beats the file, every secret may also come from a
// file named by NAME_FILE, all mistakes are reported together, and names that nobody reads are reported with the
// nearest known one.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Secret is a value that never prints: logs, errors and JSON show "***".
type Secret string

// String hides the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// MarshalText hides the value in JSON and in structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// GoString hides the value under %#v.
func (s Secret) GoString() string { return s.String() }

// Reveal gives the value itself.
func (s Secret) Reveal() string { return string(s) }

// Switch is a setting that is on or off.
type Switch bool

// UnmarshalText reads on and off, and what else is commonly written for them.
func (s *Switch) UnmarshalText(text []byte) error {
	switch strings.ToLower(string(text)) {
	case "on", "true", "yes", "1":
		*s = true
	case "off", "false", "no", "0":
		*s = false
	default:
		return errors.New("is neither on nor off")
	}
	return nil
}

// Config is everything that can be set from outside, with its default. The doc tag is the sentence of .env.example.
type Config struct {
	Host         string `env:"HOST" envDefault:"127.0.0.1" doc:"Address on which a bare process listens."`
	BackendPort  int    `env:"BACKEND_PORT" envDefault:"8090" doc:"Port of the JSON API."`
	FrontendPort int    `env:"FRONTEND_PORT" envDefault:"7860" doc:"Port of the students' pages."`
	EnginePort   int    `env:"VLLM_PORT" envDefault:"8000" doc:"Port of the engine service (vllm_app, sat engine)."`

	OpenAIBaseURL string `env:"OPENAI_API_BASE_URL" doc:"URL of an inference engine that speaks OpenAI's API; empty: the backend starts the embedded one."`
	VLLMBaseURL   string `env:"VLLM_API_BASE_URL" doc:"The same, read when OPENAI_API_BASE_URL is empty."`
	EngineKey     Secret `env:"VLLM_API_KEY" doc:"Key that the engine demands; also read as OPENAI_API_KEY."`
	BackendURL    string `env:"BACKEND_URL" envDefault:"http://localhost:8090/submit_mcq" doc:"Where the pages find the backend; a trailing /submit_mcq is cut."`

	BaseModel    string `env:"BASE_MODEL" envDefault:"meta-llama/Llama-3.2-3B-Instruct" doc:"Base model that the GPU engine loads."`
	LoraModel    string `env:"LORA_MODEL" envDefault:"tiviluson/Llama-3.2-3B-SAT" doc:"LoRA adapter that the GPU engine loads; empty for none."`
	DefaultModel string `env:"SAT_LORA_MODEL_NAME" envDefault:"sat-lora" doc:"Served name of the adapter; the default model wherever the engine lists it."`
	MaxModelLen  int    `env:"MAX_MODEL_LEN" envDefault:"4096" doc:"Context of the model in tokens."`

	Home        string `env:"SAT_HOME" envDefault:".sat" doc:"Folder for the embedded engine and its models."`
	Shelf       string `env:"SAT_SHELF" doc:"Folder of the adapters, kept by sat model; empty: SAT_HOME/adapters."`
	LlamaServer string `env:"SAT_LLAMA_SERVER" doc:"Path of a llama-server binary to use in place of the fetched engine."`
	Model       string `env:"SAT_MODEL" envDefault:"smollm2-135m" doc:"Model of the embedded engine: smollm2-135m, llama-3.2-1b or llama-3.2-3b."`
	ModelPath   string `env:"SAT_MODEL_PATH" doc:"A GGUF file of your own, in place of SAT_MODEL."`
	ModelURL    string `env:"SAT_MODEL_URL" doc:"Address of a GGUF file to fetch, in place of SAT_MODEL; needs SAT_MODEL_SHA256."`
	ModelSHA256 string `env:"SAT_MODEL_SHA256" doc:"SHA-256 of the file at SAT_MODEL_URL, or of SAT_MODEL_PATH."`

	EngineTimeout time.Duration `env:"SAT_ENGINE_TIMEOUT" envDefault:"20s" doc:"Longest wait for the engine; the backend adds 5 s, the pages 10 s. The embedded engine sets it from its own speed unless it is set here."`
	EngineSlots   int           `env:"SAT_ENGINE_SLOTS" envDefault:"0" doc:"Questions that the engine answers at a time; 0: 64 for a remote engine, 1 for the embedded one."`
	AnswerBudget  time.Duration `env:"SAT_ANSWER_BUDGET" envDefault:"0s" doc:"Longest wait in the queue before a question is refused as overload; 0: half of the engine's timeout."`

	DatabaseURL      string `env:"DATABASE_URL" doc:"Where everything is stored: sqlite:FILE or postgres://USER@HOST:PORT/NAME; empty: sqlite:SAT_HOME/sat.db."`
	DatabasePassword Secret `env:"DATABASE_PASSWORD" doc:"Password for DATABASE_URL, where it names none."`
	KeepAnswers      Switch `env:"SAT_KEEP_ANSWERS" envDefault:"on" doc:"Whether questions and answers are stored, on or off; each person may opt out."`
	RetentionDays    int    `env:"SAT_RETENTION_DAYS" envDefault:"400" doc:"Days after which what students made is deleted; 0: never."`

	EmbeddingURL     string        `env:"SAT_EMBEDDING_URL" doc:"URL of a server that makes embeddings by OpenAI's API (vLLM, llama-server --embedding), by which similar questions and evidence are found; empty: by words alone. The bank's texts are sent there, never what students write."`
	EmbeddingModel   string        `env:"SAT_EMBEDDING_MODEL" doc:"Embedding model to ask for; another model needs another name here, so that all vectors are made anew."`
	EmbeddingKey     Secret        `env:"SAT_EMBEDDING_KEY" doc:"Key that the server of SAT_EMBEDDING_URL demands."`
	EmbeddingTimeout time.Duration `env:"SAT_EMBEDDING_TIMEOUT" envDefault:"30s" doc:"Longest wait for one call of the embedding server, of at most 8 texts; a reader waits at most 8 s and then gets what words find."`

	Auth         Switch `env:"SAT_AUTH" envDefault:"off" doc:"Whether people have accounts, on or off; off is for one's own machine alone."`
	Guests       Switch `env:"SAT_GUESTS" envDefault:"on" doc:"Whether students may work without an account, on or off."`
	Registration string `env:"SAT_REGISTRATION" envDefault:"invited" doc:"Who may make an account: open, invited or closed."`
	PublishedOn  string `env:"SAT_PUBLISHED_ON" doc:"In a container: the address on which its port is published, which tells whether others can reach it. Compose sets it."`
	Limits       Switch `env:"SAT_LIMITS" envDefault:"on" doc:"Whether callers with accounts and guests are limited, on or off; off is for benchmarks."`
	AccountLimit int    `env:"SAT_ACCOUNT_LIMIT" envDefault:"60" doc:"Answers a minute of one account or guest."`
	KeyLimit     int    `env:"SAT_KEY_LIMIT" envDefault:"120" doc:"Answers a minute of one API key."`
	AddressLimit int    `env:"SAT_ADDRESS_LIMIT" envDefault:"600" doc:"Requests a minute of one address without an account."`

	PublicURL      string   `env:"PUBLIC_URL" envDefault:"http://localhost:7860" doc:"Address under which people reach the pages."`
	GatewayKey     Secret   `env:"SAT_GATEWAY_KEY" doc:"Bearer key that calls below /v1 must carry; empty: none is asked for."`
	HMACKey        Secret   `env:"SAT_HMAC_KEY" doc:"Key of the pseudonyms in exports; empty: one is made and kept in SAT_HOME."`
	APIKey         Secret   `env:"SAT_API_KEY" doc:"API key that sat ask and sat eval show to a backend with accounts."`
	FrontendKey    Secret   `env:"SAT_FRONTEND_KEY" doc:"Key by which the backend believes the pages for whom they call; both need it. sat up makes one."`
	CORSOrigins    []string `env:"SAT_CORS_ORIGINS" doc:"Origins whose scripts may call the API, separated by commas; empty: none but its own."`
	TrustedProxies []string `env:"SAT_TRUSTED_PROXIES" doc:"Address ranges of proxies whose X-Forwarded-For is believed, separated by commas."`
	LogLevel       string   `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error."`
	MetricsAddr    string   `env:"METRICS_ADDR" envDefault:"127.0.0.1:9464" doc:"Address of the backend's Prometheus metrics; off for none."`
	PageMetrics    string   `env:"FRONTEND_METRICS_ADDR" envDefault:"127.0.0.1:9465" doc:"Address of the pages' Prometheus metrics; off for none."`

	OTLPEndpoint  string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" doc:"Base address of an OTLP receiver of traces, such as http://localhost:4318; empty: no traces."`
	TraceEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" doc:"The same as a whole address, path included; beats OTEL_EXPORTER_OTLP_ENDPOINT."`
	OTLPHeaders   Secret `env:"OTEL_EXPORTER_OTLP_HEADERS" doc:"Headers for the receiver, such as x-api-key=KEY,Langsmith-Project=NAME."`
	TracesOff     bool   `env:"OTEL_SDK_DISABLED" envDefault:"false" doc:"Turns traces off, whatever else is set."`
	TraceContent  bool   `env:"SAT_TRACE_CONTENT" envDefault:"false" doc:"Sends prompts and the model's text to the receiver too: passages that students typed leave this machine."`

	// EngineTimeoutSet tells that SAT_ENGINE_TIMEOUT was given, so that no measured speed replaces it.
	EngineTimeoutSet bool `env:"-"`
	// Warnings are sentences for the operator about what was given and not used.
	Warnings []string `env:"-"`
}

// Addresses of the listeners of a bare process.

// BackendAddr is where the JSON API listens.
func (c Config) BackendAddr() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.BackendPort)) }

// FrontendAddr is where the pages listen.
func (c Config) FrontendAddr() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.FrontendPort)) }

// EngineAddr is where `sat engine` listens.
func (c Config) EngineAddr() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.EnginePort)) }

// EngineURL is the engine that was named, "" when the embedded one is wanted.
func (c Config) EngineURL() string {
	if c.OpenAIBaseURL != "" {
		return c.OpenAIBaseURL
	}
	return c.VLLMBaseURL
}

// BackendBase is the backend's URL without the path of the original's single endpoint.
func (c Config) BackendBase() string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimRight(c.BackendURL, "/"), "/submit_mcq"), "/")
}

// TracesURL is where spans are sent, "" for nowhere.
func (c Config) TracesURL() string {
	switch {
	case c.TracesOff:
		return ""
	case c.TraceEndpoint != "":
		return c.TraceEndpoint
	case c.OTLPEndpoint != "":
		return strings.TrimRight(c.OTLPEndpoint, "/") + "/v1/traces"
	}
	return ""
}

// TraceHeaders reads OTEL_EXPORTER_OTLP_HEADERS: pairs NAME=VALUE, separated by commas, the values percent-encoded.
func (c Config) TraceHeaders() (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(c.OTLPHeaders.Reveal(), ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
			return nil, errors.New("holds a part that is no NAME=VALUE; give pairs such as x-api-key=KEY, separated by commas")
		}
		headers[name] = value
	}
	return headers, nil
}

// Database is the address of the database, with its password.
func (c Config) Database() string {
	if c.DatabaseURL == "" {
		return "sqlite:" + filepath.Join(c.Home, "sat.db")
	}
	u, err := url.Parse(c.DatabaseURL)
	if err != nil || c.DatabasePassword == "" || u.User == nil {
		return c.DatabaseURL
	}
	if _, given := u.User.Password(); given {
		return c.DatabaseURL
	}
	u.User = url.UserPassword(u.User.Username(), c.DatabasePassword.Reveal())
	return u.String()
}

// CheckReach refuses to serve others without accounts: where there are none, whoever comes is the person at the machine.
func (c Config) CheckReach() error {
	name, address := "HOST", c.Host
	if c.PublishedOn != "" {
		name, address = "SAT_PUBLISHED_ON", c.PublishedOn
	}
	if bool(c.Auth) || loopback(address) {
		return nil
	}
	return &Error{Mistakes: []string{fmt.Sprintf("%s=%s lets others reach this server, and SAT_AUTH is off, so that everybody would be "+
		"the person at the machine; set SAT_AUTH=on, or listen on 127.0.0.1", name, address)}}
}

func loopback(address string) bool {
	ip, err := netip.ParseAddr(strings.Trim(address, "[]"))
	return address == "localhost" || err == nil && ip.IsLoopback()
}

// Margins by which each side waits longer than the one behind it, so that the innermost deadline speaks first.
const (
	BackendMargin  = 5 * time.Second  // backend = engine + 5 s
	FrontendMargin = 10 * time.Second // frontend = engine + 10 s
)

func (c Config) check() (mistakes []string) {
	bad := func(name, format string, args ...any) {
		mistakes = append(mistakes, name+" "+fmt.Sprintf(format, args...))
	}
	for name, port := range map[string]int{"BACKEND_PORT": c.BackendPort, "FRONTEND_PORT": c.FrontendPort, "VLLM_PORT": c.EnginePort} {
		if port < 0 || port > 65535 {
			bad(name, "is %d; give a port from 1 to 65535, or 0 for any free one", port)
		}
	}
	for name, raw := range map[string]string{
		"OPENAI_API_BASE_URL": c.OpenAIBaseURL, "VLLM_API_BASE_URL": c.VLLMBaseURL, "BACKEND_URL": c.BackendURL,
		"PUBLIC_URL": c.PublicURL, "SAT_MODEL_URL": c.ModelURL, "SAT_EMBEDDING_URL": c.EmbeddingURL,
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.OTLPEndpoint, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.TraceEndpoint,
	} {
		if raw == "" {
			continue
		}
		if u, err := url.Parse(raw); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			bad(name, "is no http or https address; give one such as http://localhost:8000/v1")
		}
	}
	if c.ModelURL != "" && c.ModelSHA256 == "" {
		bad("SAT_MODEL_URL", "needs SAT_MODEL_SHA256 beside it, so that the file can be verified")
	}
	if c.ModelSHA256 != "" && (len(c.ModelSHA256) != 64 || strings.Trim(strings.ToLower(c.ModelSHA256), "0123456789abcdef") != "") {
		bad("SAT_MODEL_SHA256", "is no SHA-256; give 64 hexadecimal digits")
	}
	if (c.EmbeddingURL == "") != (c.EmbeddingModel == "") {
		bad("SAT_EMBEDDING_URL", "and SAT_EMBEDDING_MODEL need each other; give both or neither")
	}
	if c.EmbeddingTimeout < 100*time.Millisecond || c.EmbeddingTimeout > 10*time.Minute {
		bad("SAT_EMBEDDING_TIMEOUT", "is %s; give 100ms to 10m", c.EmbeddingTimeout)
	}
	if c.MaxModelLen < 512 || c.MaxModelLen > 1<<20 {
		bad("MAX_MODEL_LEN", "is %d; give 512 to 1048576 tokens", c.MaxModelLen)
	}
	if c.EngineTimeout < time.Second || c.EngineTimeout > time.Hour {
		bad("SAT_ENGINE_TIMEOUT", "is %s; give 1s to 1h", c.EngineTimeout)
	}
	if c.EngineSlots < 0 || c.EngineSlots > 4096 {
		bad("SAT_ENGINE_SLOTS", "is %d; give 0 to 4096", c.EngineSlots)
	}
	if c.AnswerBudget < 0 || c.AnswerBudget > time.Hour {
		bad("SAT_ANSWER_BUDGET", "is %s; give 0s to 1h", c.AnswerBudget)
	}
	switch c.Registration {
	case "open", "invited", "closed":
	default:
		bad("SAT_REGISTRATION", "is none of open, invited, closed")
	}
	if c.RetentionDays < 0 || c.RetentionDays > 36_500 {
		bad("SAT_RETENTION_DAYS", "is %d; give 0 to 36500", c.RetentionDays)
	}
	if scheme, _, _ := strings.Cut(c.DatabaseURL, ":"); c.DatabaseURL != "" && scheme != "sqlite" && scheme != "postgres" && scheme != "postgresql" {
		bad("DATABASE_URL", "names no database that is known; give sqlite:FILE or postgres://USER@HOST:PORT/NAME")
	}
	for name, limit := range map[string]int{"SAT_ACCOUNT_LIMIT": c.AccountLimit, "SAT_KEY_LIMIT": c.KeyLimit, "SAT_ADDRESS_LIMIT": c.AddressLimit} {
		if limit < 1 || limit > 1_000_000 {
			bad(name, "is %d; give 1 to 1000000, or switch limits off with SAT_LIMITS=off", limit)
		}
	}
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		bad("LOG_LEVEL", "is none of debug, info, warn, error")
	}
	for _, origin := range c.CORSOrigins {
		if u, err := url.Parse(origin); origin == "*" || err != nil || u.Host == "" || u.Path != "" {
			bad("SAT_CORS_ORIGINS", "holds an entry that is no origin; list exact ones such as https://school.example")
		}
	}
	if _, err := c.TraceHeaders(); err != nil {
		bad("OTEL_EXPORTER_OTLP_HEADERS", "%v", err)
	}
	for _, p := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			bad("SAT_TRUSTED_PROXIES", "holds an entry that is no address range; give ranges such as 10.0.0.0/8")
		}
	}
	return mistakes
}
