package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/engine/llamacpp"
)

func engineCommand() *cli.Command {
	return &cli.Command{
		Name: "engine", Usage: "serve the embedded engine alone, behind one address",
		Description: "Serves every local model in the dialect of llama-server on HOST:VLLM_PORT, under the key VLLM_API_KEY.\n" +
			"It fetches nothing: `sat engine install` does. It is the entry point of the engine's container image.",
		Action: func(ctx context.Context, c *cli.Command) error {
			cfg, code := setup.LoadConfig(c.Root().ErrWriter)
			if code != setup.ExitOK {
				return failed(code, nil)
			}
			return serveEngine(ctx, cfg, c)
		},
		Commands: []*cli.Command{
			{
				Name: "install", Usage: "fetch the embedded engine and its model",
				Flags: []cli.Flag{&cli.StringFlag{Name: "model", Usage: "a model of the catalogue (SAT_MODEL)"}},
				Action: func(ctx context.Context, c *cli.Command) error {
					cfg, code := setup.LoadConfig(c.Root().ErrWriter)
					if code != setup.ExitOK {
						return failed(code, nil)
					}
					if name := c.String("model"); name != "" {
						cfg.Model = name
					}
					if err := ensure(ctx, cfg, c.Root().Writer); err != nil {
						return unavailable(ctx, err)
					}
					return nil
				},
			},
			{
				Name: "healthcheck", Usage: "ask the running engine whether it answers; exit code 0 or 1",
				Action: func(ctx context.Context, c *cli.Command) error {
					cfg, code := setup.LoadConfig(c.Root().ErrWriter)
					if code == setup.ExitOK {
						code = setup.Healthcheck(ctx, cfg.EnginePort, "/health", c.Root().ErrWriter)
					}
					if code != setup.ExitOK {
						return failed(code, nil)
					}
					return nil
				},
			},
		},
	}
}

func serveEngine(ctx context.Context, cfg config.Config, c *cli.Command) error {
	if ip := net.ParseIP(cfg.Host); cfg.EngineKey == "" && (ip == nil || !ip.IsLoopback()) && cfg.Host != "localhost" {
		return failed(setup.ExitConfig, errors.New("an engine beyond this machine needs a key: set VLLM_API_KEY or VLLM_API_KEY_FILE, or HOST=127.0.0.1"))
	}
	log := setup.NewLogger(cfg, c.Root().ErrWriter)
	runtime, err := llamacpp.Find(ctx, llamacpp.FindOptions{Server: cfg.LlamaServer, Home: cfg.Home})
	if errors.Is(err, llamacpp.ErrNotInstalled) {
		err = errors.New("the embedded engine is not installed; run `sat engine install`")
	}
	if err != nil {
		return failed(setup.ExitUnavailable, err)
	}
	models, err := setup.LocalModels(ctx, cfg)
	if err != nil {
		return failed(setup.ExitUnavailable, err)
	}
	supervisor, err := llamacpp.Start(runtime, models.Specs(), llamacpp.Options{Log: log})
	if err != nil {
		return failed(setup.ExitUnavailable, err)
	}
	following, stop := context.WithCancel(ctx)
	var follower sync.WaitGroup
	follower.Go(func() {
		setup.Follower{Shelf: setup.OpenShelf(cfg), Supervisor: supervisor, Log: log}.Run(following, models)
	})
	drain := func() time.Duration { return cfg.EngineTimeout + 5*time.Second }
	err = setup.Serve(ctx, log, drain, func(name string, addr net.Addr) { log.Info("listening", "server", name, "address", addr.String()) },
		setup.Listener{Name: "engine", Port: "VLLM_PORT", Server: &http.Server{Addr: cfg.EngineAddr(), Handler: supervisor.Handler(cfg.EngineKey.Reveal()),
			ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}})
	stop()
	follower.Wait()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain())
	defer cancel()
	if err = errors.Join(err, supervisor.Close(ending)); err != nil {
		return failed(setup.ExitUnavailable, err)
	}
	return nil
}
