package setup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/apiclient"
	"sattutor/internal/backend"
	"sattutor/internal/config"
	"sattutor/internal/engine/dispatch"
	"sattutor/internal/frontend"
	"sattutor/internal/modelregistry"
	"sattutor/internal/prompt"
	"sattutor/internal/questionbank"
	"sattutor/internal/sat"
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
	storing   *storing
	metrics   *telemetry.Metrics
	traces    *telemetry.Traces // nil for none
	vectors   *embeddings       // nil for none
	stopWatch context.CancelFunc
	watching  sync.WaitGroup
}

// OpenBackend wires the backend around an engine and a database, and begins to watch the engine. Close ends all three.
func OpenBackend(cfg config.Config, log *slog.Logger, deadlines *Deadlines, e *Engine) (*Backend, error) {
	if err := cfg.CheckReach(); err != nil {
		return nil, err
	}
	storing, err := startStoring(cfg, log)
	if err != nil {
		return nil, err
	}
	metrics := telemetry.NewMetrics(Version(), Revision())
	budget := func() time.Duration {
		if cfg.AnswerBudget > 0 {
			return cfg.AnswerBudget
		}
		return deadlines.Engine() / 2
	}
	gate := dispatch.NewGate(dispatch.GateOptions{Slots: e.Slots, Budget: budget})
	registry := modelregistry.New(modelregistry.Options{Default: cfg.DefaultModel, Known: e.Known, Records: OpenRecords(cfg), Shelf: OpenShelf(cfg)})
	record := &recorder{metrics: metrics}
	traces, err := openTraces(cfg, log, metrics, telemetry.TraceOptions{Service: "sat-backend", Parents: true})
	if err != nil {
		return nil, errors.Join(err, storing.close())
	}
	trained := &trainedOn{log: log}
	asks := tutor.Options{Engine: e, Models: registry, Gate: gate, Record: recording(cfg, record, storing.store, log),
		Seen: trained.seen}
	if traces != nil {
		asks = trace(asks, traces)
	}
	asking := tutor.New(asks)
	watcher := newWatcher(e, asking, registry, deadlines, log)
	record.gone, watcher.serves, watcher.gate = watcher.Kick, record.serves, gate
	metrics.WatchEngine(e.Name, watcher.Up, func() int { return gate.Stats().InFlight })
	metrics.WatchQueue(func() int { return gate.Stats().Waiting })

	vectors := openEmbeddings(cfg)
	bank := openBank(storing.store, vectors, log)
	bank.Desk = bank.With(questionbank.Rules{Overlap: trained.among(func() []sat.Model { return available(registry.Models()) })})
	watchEmbeddings(vectors, bank.Finder, metrics, traces)
	opts := backend.Options{
		Arena: openArena(cfg, log, storing.store, asking, registry), Answers: asking, Chats: asking, Models: registry, Parse: prompt.ParseBlock, GatewayKey: cfg.GatewayKey.Reveal(),
		Parts:   map[string]backend.Readiness{"engine": watcher, "store": storing},
		Version: api.Version{Version: Version(), Revision: Revision(), Go: GoVersion()},
		Log:     log, Metrics: metrics, Timeout: deadlines.Backend,
		CORS: backend.CORS{Origins: cfg.CORSOrigins}, Public: cfg.PublicURL, Proxies: cfg.TrustedProxies,
		Accounts: storing.accounts, Records: storing.store, Bank: bank, Limits: limits(cfg), Counter: storing.counter(log), Refused: metrics.Refused,
		FrontendKey: cfg.FrontendKey.Reveal(), Forgets: !bool(cfg.KeepAnswers),
	}
	if traces != nil {
		opts.Traces = traces
	}
	server, err := backend.New(opts)
	if err != nil {
		return nil, errors.Join(err, storing.close())
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &Backend{Watcher: watcher, Tutor: asking, Registry: registry, Engine: e, cfg: cfg, server: server, metrics: metrics, traces: traces, storing: storing,
		vectors: vectors, stopWatch: stop}
	b.watching.Go(func() { watcher.Run(ctx) })
	if e.Follow != nil {
		b.watching.Go(func() { e.Follow(ctx, watcher.Take) })
	}
	b.watching.Go(func() { bank.Finder.Run(ctx) })
	return b, nil
}

// Listeners gives the servers of the API and, unless they are off, of the metrics.
func (b *Backend) Listeners() []Listener {
	list := []Listener{{Name: "backend", Port: "BACKEND_PORT", Server: b.server.HTTPServer(b.cfg.BackendAddr()), Drain: b.server.Drain}}
	return append(list, metricsListener(b.cfg.MetricsAddr, "METRICS_ADDR", b.metrics)...)
}

// metricsListener serves metrics at an address, unless that is off.
func metricsListener(addr, setting string, metrics *telemetry.Metrics) []Listener {
	if addr == "" || addr == "off" {
		return nil
	}
	return []Listener{{Name: "metrics", Port: setting, Server: &http.Server{Addr: addr, Handler: metrics.Handler(),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}}}
}

// Close ends the watch, the engine and the use of the database; children get until the context ends to finish. The last spans are sent.
func (b *Backend) Close(ctx context.Context) error {
	b.stopWatch()
	b.watching.Wait()
	b.vectors.close()
	closeTraces(ctx, b.traces)
	return errors.Join(b.Engine.Close(ctx), b.storing.close())
}

// Frontend is the students' pages with everything behind them, opened.
type Frontend struct {
	cfg     config.Config
	pages   *frontend.Server
	metrics *telemetry.Metrics
	traces  *telemetry.Traces // nil for none
}

// OpenFrontend wires the students' pages around a client of the backend.
func OpenFrontend(cfg config.Config, log *slog.Logger, deadlines *Deadlines) (*Frontend, error) {
	if err := cfg.CheckReach(); err != nil {
		return nil, err
	}
	f := &Frontend{cfg: cfg, metrics: telemetry.NewMetrics(Version(), Revision())}
	var err error
	if f.traces, err = openTraces(cfg, log, f.metrics, telemetry.TraceOptions{Service: "sat-frontend"}); err != nil {
		return nil, err
	}
	client, err := apiclient.New(apiclient.Options{BaseURL: cfg.BackendURL, Timeout: deadlines.Frontend, Trace: telemetry.Traceparent,
		FrontendKey: cfg.FrontendKey.Reveal()})
	if err != nil {
		return nil, err
	}
	opts := frontend.Options{
		Backend: client, Bank: client, Version: Version(), Public: cfg.PublicURL, APIURL: publicAPI(cfg), Proxies: cfg.TrustedProxies,
		Log: log, Metrics: f.metrics, Timeout: deadlines.Frontend,
	}
	if f.traces != nil {
		opts.Traces, opts.Tells = f.traces, contentReceiver(cfg)
	}
	if f.pages, err = frontend.New(opts); err != nil {
		return nil, err
	}
	return f, nil
}

// Listeners gives the servers of the pages and, unless they are off, of their metrics.
func (f *Frontend) Listeners() []Listener {
	pages := Listener{Name: "frontend", Port: "FRONTEND_PORT", Server: f.pages.HTTPServer(f.cfg.FrontendAddr())}
	return append([]Listener{pages}, metricsListener(f.cfg.PageMetrics, "FRONTEND_METRICS_ADDR", f.metrics)...)
}

// Close sends the last spans.
func (f *Frontend) Close(ctx context.Context) { closeTraces(ctx, f.traces) }

// publicAPI is the backend's address as a person reaches it: "copy as curl" must work where the page is read, not
// where the page's server runs.
func publicAPI(cfg config.Config) string {
	base := cfg.BackendBase()
	if strings.Contains(base, "//localhost") || strings.Contains(base, "//127.") {
		return base
	}
	return fmt.Sprintf("http://localhost:%d", cfg.BackendPort)
}
