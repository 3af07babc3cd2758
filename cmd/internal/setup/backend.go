package setup

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/apiclient"
	"sattutor/internal/backend"
	"sattutor/internal/config"
	"sattutor/internal/engine/dispatch"
	"sattutor/internal/frontend"
	"sattutor/internal/modelregistry"
	"sattutor/internal/prompt"
	"sattutor/internal/telemetry"
	"sattutor/internal/tutor"
)

// Backend is the JSON API with everything behind it, opened.
type Backend struct {
	Watcher  *Watcher
	Tutor    *tutor.Tutor
	Registry *modelregistry.Registry
	Engine   *Engine

	cfg       config.Config
	server    *backend.Server
	metrics   *telemetry.Metrics
	stopWatch context.CancelFunc
	watching  chan struct{}
}

// OpenBackend wires the backend around an engine and begins to watch that. Close ends both.
func OpenBackend(cfg config.Config, log *slog.Logger, deadlines *Deadlines, e *Engine) (*Backend, error) {
	metrics := telemetry.NewMetrics(Version(), Revision())
	budget := func() time.Duration {
		if cfg.AnswerBudget > 0 {
			return cfg.AnswerBudget
		}
		return deadlines.Engine() / 2
	}
	gate := dispatch.NewGate(dispatch.GateOptions{Slots: e.Slots, Budget: budget})
	registry := modelregistry.New(modelregistry.Options{Default: cfg.DefaultModel, Known: e.Known})
	record := &recorder{metrics: metrics}
	asking := tutor.New(tutor.Options{Engine: e, Models: registry, Gate: gate, Record: record})
	watcher := newWatcher(e, asking, registry, deadlines, log)
	record.gone = watcher.Kick
	metrics.WatchEngine(e.Name, watcher.Up, func() int { return gate.Stats().InFlight })
	metrics.WatchQueue(func() int { return gate.Stats().Waiting })

	server, err := backend.New(backend.Options{
		Answers: asking, Chats: asking, Models: registry, Parse: prompt.ParseBlock, GatewayKey: cfg.GatewayKey.Reveal(),
		Parts:   map[string]backend.Readiness{"engine": watcher},
		Version: api.Version{Version: Version(), Revision: Revision(), Go: GoVersion()},
		Log:     log, Metrics: metrics, Timeout: deadlines.Backend,
		CORS: backend.CORS{Origins: cfg.CORSOrigins}, Public: cfg.PublicURL, Proxies: cfg.TrustedProxies,
	})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &Backend{Watcher: watcher, Tutor: asking, Registry: registry, Engine: e, cfg: cfg, server: server, metrics: metrics,
		stopWatch: stop, watching: make(chan struct{})}
	go func() {
		defer close(b.watching)
		watcher.Run(ctx)
	}()
	return b, nil
}

// Listeners gives the servers of the API and, unless they are off, of the metrics.
func (b *Backend) Listeners() []Listener {
	list := []Listener{{Name: "backend", Port: "BACKEND_PORT", Server: b.server.HTTPServer(b.cfg.BackendAddr()), Drain: b.server.Drain}}
	if b.cfg.MetricsAddr != "" && b.cfg.MetricsAddr != "off" {
		list = append(list, Listener{Name: "metrics", Port: "METRICS_ADDR", Server: &http.Server{Addr: b.cfg.MetricsAddr,
			Handler: b.metrics.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}})
	}
	return list
}

// Close ends the watch and the engine; children get until the context ends to finish.
func (b *Backend) Close(ctx context.Context) error {
	b.stopWatch()
	<-b.watching
	return b.Engine.Close(ctx)
}

// OpenFrontend wires the students' pages around a client of the backend.
func OpenFrontend(cfg config.Config, log *slog.Logger, deadlines *Deadlines) (Listener, error) {
	client, err := apiclient.New(apiclient.Options{BaseURL: cfg.BackendURL, Timeout: deadlines.Frontend})
	if err != nil {
		return Listener{}, err
	}
	pages, err := frontend.New(frontend.Options{
		Backend: client, Version: Version(), Public: cfg.PublicURL, APIURL: publicAPI(cfg), Proxies: cfg.TrustedProxies,
		Log: log, Timeout: deadlines.Frontend,
	})
	if err != nil {
		return Listener{}, err
	}
	return Listener{Name: "frontend", Port: "FRONTEND_PORT", Server: pages.HTTPServer(cfg.FrontendAddr())}, nil
}

// publicAPI is the backend's address as a person reaches it: "copy as curl" must work where the page is read, not
// where the page's server runs.
func publicAPI(cfg config.Config) string {
	base := cfg.BackendBase()
	if strings.Contains(base, "//localhost") || strings.Contains(base, "//127.") {
		return base
	}
	return fmt.Sprintf("http://localhost:%d", cfg.BackendPort)
}
