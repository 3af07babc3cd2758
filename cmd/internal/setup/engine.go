package setup

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"

	"sattutor/internal/config"
	"sattutor/internal/engine"
	"sattutor/internal/engine/dispatch"
	"sattutor/internal/engine/llamacpp"
	"sattutor/internal/engine/openaicompat"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
	"sattutor/internal/telemetry"
)

// Engine is an opened inference engine with what is known of its models before it was asked.
type Engine struct {
	engine.Engine
	Name    string                               // "remote" or "embedded"
	Where   string                               // for people: an address, or the runtime
	Known   map[string]sat.Model                 // records by served name
	Slots   int                                  // questions answered at a time
	Changed func() <-chan struct{}               // closed at the next change of a child; nil for a remote engine
	Whole   func(ctx context.Context) error      // waits until every model answers; nil where the engine is not ours
	Fault   func() string                        // why it is not up, "" where it does not say
	Follow  func(ctx context.Context, take Take) // serves what the shelf names until ctx ends; nil for a remote engine
	Close   func(ctx context.Context) error
}

// The questions that engines answer at a time where nothing is set: vLLM batches, llama-server has one slot.
const (
	remoteSlots   = 64
	embeddedSlots = 1
)

// OpenEngine opens the engine that the configuration names: the server at an address, or the embedded one, whose
// runtime and models must be on this machine already (EnsureRuntime, EnsureModels). This is the only place that chooses.
// The embedded engine serves adapters on trial too, see LocalModels.
func OpenEngine(ctx context.Context, cfg config.Config, log *slog.Logger, deadlines *Deadlines, trial ...string) (*Engine, error) {
	if cfg.EngineURL() != "" {
		return openRemote(cfg, deadlines), nil
	}
	runtime, err := llamacpp.Find(ctx, llamacpp.FindOptions{Server: cfg.LlamaServer, Home: cfg.Home})
	if errors.Is(err, llamacpp.ErrNotInstalled) {
		return nil, &llamacpp.Problem{What: "no engine is set and the embedded one is not installed",
			Next: "Run `sat engine install` (or `make run`), or set OPENAI_API_BASE_URL to a running engine"}
	}
	if err != nil {
		return nil, err
	}
	models, err := LocalModels(ctx, cfg, trial...)
	if err != nil {
		return nil, err
	}
	models.warn(log)
	return openEmbedded(runtime, models, cfg, log, deadlines)
}

func openRemote(cfg config.Config, deadlines *Deadlines) *Engine {
	slots := cfg.EngineSlots
	if slots == 0 {
		slots = remoteSlots
	}
	client := openaicompat.New(openaicompat.Options{BaseURL: cfg.EngineURL(), Key: cfg.EngineKey.Reveal(),
		MaxConcurrent: slots, Timeout: deadlines.Engine, Trace: telemetry.Traceparent})
	base, lora := modelregistry.Generic("sat-base"), modelregistry.Generic(cfg.DefaultModel)
	base.Base, lora.Base = cfg.BaseModel, cfg.BaseModel
	lora.Adapter = cfg.LoraModel
	return &Engine{Engine: client, Name: "remote", Where: "engine at " + cfg.EngineURL(), Slots: slots,
		Known: remoteRecords(cfg, base, lora),
		Fault: func() string { return "" },
		Close: func(context.Context) error { client.Close(); return nil }}
}

// remoteRecords names the weights behind the two served names of the stack. The record of the adapter says nothing of a
// base model that happens to be served under its name, so it is used where an adapter is configured at all.
func remoteRecords(cfg config.Config, base, lora sat.Model) map[string]sat.Model {
	known := map[string]sat.Model{base.Name: base}
	if cfg.LoraModel != "" {
		known[lora.Name] = lora
	}
	return known
}

func openEmbedded(runtime llamacpp.Runtime, models Local, cfg config.Config, log *slog.Logger, deadlines *Deadlines) (*Engine, error) {
	slots := cfg.EngineSlots
	if slots == 0 {
		slots = embeddedSlots
	}
	supervisor, err := llamacpp.Start(runtime, models.Specs(), llamacpp.Options{Log: log})
	if err != nil {
		return nil, err
	}
	children := &children{supervisor: supervisor, deadlines: deadlines, slots: slots, clients: map[string]*openaicompat.Client{},
		router: dispatch.NewByModel(nil)}
	children.update()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		children.follow(ctx)
	}()
	return &Engine{Engine: children.router, Name: "embedded", Where: runtime.String(), Known: models.known(), Slots: slots,
		Changed: supervisor.Changed, Whole: supervisor.WaitReady, Fault: children.fault,
		Follow: func(ctx context.Context, take Take) {
			routed := func(ctx context.Context, known map[string]sat.Model, commit func()) {
				take(ctx, known, func() {
					commit()
					children.update()
				})
			}
			Follower{Shelf: OpenShelf(cfg), Supervisor: supervisor, Take: routed, Log: log}.Run(ctx, models)
		},
		Close: func(ctx context.Context) error {
			stop()
			<-done
			err := supervisor.Close(ctx)
			for _, c := range children.clients {
				c.Close()
			}
			return err
		}}, nil
}

// children keeps the router over the supervisor's children up to date.
type children struct {
	supervisor *llamacpp.Supervisor
	deadlines  *Deadlines
	slots      int
	router     *dispatch.ByModel

	mu      sync.Mutex
	clients map[string]*openaicompat.Client // by address
}

func (c *children) follow(ctx context.Context) {
	for {
		changed := c.supervisor.Changed()
		c.update()
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// update routes each model to its child. A child that is down keeps its place: its callers are refused at once.
func (c *children) update() {
	c.mu.Lock()
	defer c.mu.Unlock()
	routes, former := map[string]engine.Engine{}, maps.Clone(c.clients)
	for _, e := range c.supervisor.Endpoints() {
		if e.BaseURL == "" {
			continue
		}
		if c.clients[e.BaseURL] == nil {
			c.clients[e.BaseURL] = openaicompat.New(openaicompat.Options{BaseURL: e.BaseURL, Key: e.Key,
				MaxConcurrent: c.slots, Timeout: c.deadlines.Engine, Trace: telemetry.Traceparent})
		}
		routes[e.Name] = c.clients[e.BaseURL]
		delete(former, e.BaseURL)
	}
	c.router.Set(routes)
	for url, client := range former {
		client.Close()
		delete(c.clients, url)
	}
}

// fault says why a child is not up.
func (c *children) fault() string {
	for _, e := range c.supervisor.Endpoints() {
		if e.Fault != "" {
			return e.Fault
		}
	}
	return ""
}
