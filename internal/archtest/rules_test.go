package archtest

// rule says what one package may import besides the standard library. A name ending in "/..." stands for itself and
// everything below it. Third parties are named by module path, our own by their path below the module's root.
type rule struct {
	allow  []string
	denied []string // packages of the standard library that it must not use
}

var pure = []string{"net/http", "database/sql", "os"}

// rules covers every package of the module that is not a command: a package without a rule fails the test.
var rules = map[string]rule{
	"internal/sat":       {denied: pure},
	"internal/engine":    {denied: []string{"net/http"}},
	"internal/config":    {allow: []string{"github.com/caarlos0/env/v11", "github.com/joho/godotenv"}},
	"internal/telemetry": {allow: []string{"github.com/prometheus/client_golang/...", "github.com/prometheus/client_model/...", "go.opentelemetry.io/..."}},
	"web":                {denied: pure},
	"internal/plaintext": {allow: []string{"golang.org/x/text/..."}, denied: pure},
	"internal/stats":     {denied: pure},
	"internal/quotation": {allow: []string{"golang.org/x/text/..."}, denied: pure},

	"internal/questionbank/shipped": {denied: pure},
	"internal/questionbank": {allow: []string{"internal/sat", "internal/plaintext", "internal/quotation", "github.com/xuri/excelize/v2", "golang.org/x/net/html"},
		denied: pure},
	"internal/retrieval": {allow: []string{"internal/sat"}, denied: pure},

	"internal/api":                       {allow: []string{"internal/sat", "internal/plaintext"}},
	"internal/prompt":                    {allow: []string{"internal/sat", "internal/engine", "internal/plaintext", "internal/stats"}, denied: pure},
	"internal/engine/openaicompat":       {allow: []string{"internal/engine", "github.com/sashabaranov/go-openai", "github.com/failsafe-go/failsafe-go/..."}},
	"internal/engine/llamacpp":           {allow: []string{"internal/engine", "golang.org/x/sys/..."}},
	"internal/engine/dispatch":           {allow: []string{"internal/engine"}},
	"internal/engine/enginetest":         {allow: []string{"internal/engine"}},
	"internal/engine/enginetest/standin": {allow: []string{"internal/engine", "internal/engine/enginetest"}},
	"internal/modelregistry":             {allow: []string{"internal/sat"}, denied: []string{"net/http", "database/sql"}},
	"internal/store": {allow: []string{"internal/sat", "github.com/uptrace/bun/...", "modernc.org/sqlite/...", "github.com/jackc/pgx/v5/...",
		"github.com/pressly/goose/v3/...", "golang.org/x/sys/...", "golang.org/x/text/..."}, denied: []string{"net/http"}},
	"internal/store/storetest": {allow: []string{"internal/sat", "internal/store", "github.com/stretchr/testify/..."}},
	"internal/arena":           {allow: []string{"internal/sat", "internal/plaintext", "internal/stats", "internal/quotation"}, denied: []string{"net/http", "database/sql"}},
	"internal/auth":            {allow: []string{"internal/sat", "internal/plaintext", "github.com/alexedwards/argon2id"}, denied: []string{"net/http", "database/sql"}},
	"internal/middleware": {allow: []string{"internal/sat", "internal/api", "internal/telemetry", "github.com/go-chi/chi/v5/...",
		"github.com/go-chi/httprate", "github.com/prometheus/client_golang/..."}},

	"internal/tutor": {allow: []string{"internal/sat", "internal/engine", "internal/prompt", "internal/plaintext"}, denied: []string{"net/http", "database/sql", "os"}},
	"internal/eval":  {allow: []string{"internal/sat", "internal/plaintext", "internal/stats"}, denied: []string{"database/sql"}},
	"internal/dataset": {allow: []string{"internal/sat", "internal/engine", "internal/prompt", "internal/plaintext", "internal/eval"},
		denied: []string{"net/http", "database/sql"}},
	"internal/openwebui": {},
	"internal/apiclient": {allow: []string{"internal/api", "internal/sat"}},
	"internal/backend": {allow: []string{"internal/api", "internal/sat", "internal/middleware", "github.com/go-chi/chi/v5/...",
		"github.com/danielgtaylor/huma/v2/...", "github.com/rs/cors"}, denied: []string{"database/sql"}},
	"internal/frontend": {allow: []string{"internal/api", "internal/apiclient", "internal/sat", "internal/middleware", "web",
		"github.com/go-chi/chi/v5/..."}, denied: []string{"database/sql"}},

	"internal/testneeds": {},
	"internal/archtest":  {},
	"cmd/internal/setup": {allow: []string{"..."}},
	"deploy":             {},
}

// testHelpers may be imported by tests alone.
var testHelpers = []string{"internal/engine/enginetest", "internal/store/storetest", "internal/testneeds"}

// forbiddenNames say nothing about what a package does.
var forbiddenNames = []string{"domain", "service", "usecase", "handlers", "models", "util", "utils", "common", "helpers", "pkg"}
