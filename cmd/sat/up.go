package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/sat"
	"sattutor/internal/tutor"
)

func upCommand() *cli.Command {
	return &cli.Command{
		Name: "up", Usage: "start engine, backend and pages on this machine",
		Description: "Fetches the embedded engine and its model where they are not here yet, starts everything, waits until a\n" +
			"question has been answered, and prints the addresses. Ctrl-C stops everything.\n\n" +
			"  sat up                         the small model that comes with the engine\n" +
			"  sat up --model llama-3.2-3b    the original's base model: 2 GB to fetch, 8 GB of memory\n" +
			"  SAT_MODEL_PATH=my.gguf sat up  a model of your own\n" +
			"  OPENAI_API_BASE_URL=http://gpu-box:8000/v1 sat up   another machine's engine",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "a model of the catalogue: smollm2-135m, llama-3.2-1b or llama-3.2-3b (SAT_MODEL)"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			stdout, stderr := c.Root().Writer, c.Root().ErrWriter
			cfg, code := setup.LoadConfig(stderr)
			if code != setup.ExitOK {
				return failed(code, nil)
			}
			if name := c.String("model"); name != "" {
				cfg.Model, cfg.ModelPath, cfg.ModelURL = name, "", ""
			}
			return up(ctx, cfg, stdout, stderr)
		},
	}
}

// up runs everything until the context ends.
func up(ctx context.Context, cfg config.Config, stdout, stderr io.Writer) error {
	log := setup.NewConsoleLogger(cfg, stderr)
	if cfg.EngineURL() == "" {
		if err := ensure(ctx, cfg, stdout); err != nil {
			return unavailable(ctx, err)
		}
	}
	var err error
	if cfg, err = setup.ChoosePorts(ctx, cfg); err != nil {
		return failed(setup.ExitUnavailable, err)
	}
	if cfg.FrontendKey == "" {
		cfg.FrontendKey = config.Secret(rand.Text())
	}
	deadlines := setup.NewDeadlines(cfg)
	engine, err := setup.OpenEngine(ctx, cfg, log, deadlines)
	if err != nil {
		return unavailable(ctx, err)
	}
	b, err := setup.OpenBackend(cfg, log, deadlines, engine)
	if err != nil {
		return failed(setup.ExitConfig, err)
	}
	pages, err := setup.OpenFrontend(cfg, log, deadlines)
	if err != nil {
		return failed(setup.ExitConfig, err)
	}
	waiting, stopWaiting := context.WithCancel(ctx)
	defer stopWaiting()
	open := make(chan struct{}, 8)
	go greet(waiting, cfg, b, deadlines, open, stdout)

	listeners := append(pages.Listeners(), b.Listeners()...)
	err = setup.Serve(ctx, log, deadlines.Backend, func(string, net.Addr) { open <- struct{}{} }, listeners...)
	if ctx.Err() != nil {
		fmt.Fprintln(stdout, "\nStopping.")
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	pages.Close(ending)
	if closed := b.Close(ending); err == nil {
		err = closed
	}
	if err != nil {
		return failed(setup.ExitUnavailable, err)
	}
	return nil
}

// greet waits until a question has been answered, and then says where everything is.
func greet(ctx context.Context, cfg config.Config, b *setup.Backend, deadlines *setup.Deadlines, open <-chan struct{}, out io.Writer) {
	select {
	case <-open:
	case <-ctx.Done():
		return
	}
	fmt.Fprintf(out, "Waiting for the first answer of the %s …\n", b.Engine.Where)
	slow, cancel := context.WithTimeout(ctx, 20*time.Second)
	err := b.Watcher.WaitReady(slow)
	cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		fmt.Fprintf(out, "Still waiting for the engine. The pages are open already: http://localhost:%d\n", cfg.FrontendPort)
		if fault := b.Engine.Fault(); fault != "" {
			fmt.Fprintf(out, "It says: %s\n", fault)
		}
		err = b.Watcher.WaitReady(ctx)
	}
	if err != nil {
		return
	}
	a, err := b.Tutor.Answer(ctx, tutor.Sample(), sat.Options{})
	if err != nil {
		fmt.Fprintf(out, "The engine is up, but the first question was not answered: %v\n", err)
		return
	}
	fmt.Fprintf(out, "The first question was answered in %.1f s by %s (%s, %s quality).\n", a.Total.Seconds(), a.Base, a.Model, a.Quality)
	if limit := deadlines.Engine(); limit > 20*time.Second {
		fmt.Fprintf(out, "This model is slow here: questions may take up to %s.\n", limit)
	}
	fmt.Fprintf(out, "\n  Students    http://localhost:%d\n  API         http://localhost:%d/docs\n", cfg.FrontendPort, cfg.BackendPort)
	if cfg.MetricsAddr != "" && cfg.MetricsAddr != "off" {
		fmt.Fprintf(out, "  Metrics     http://%s/metrics\n", cfg.MetricsAddr)
	}
	fmt.Fprintf(out, "\nOpen http://localhost:%d in your browser. Ctrl-C stops everything.\n", cfg.FrontendPort)
}

// unavailable gives the exit code of a start that failed.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return failed(setup.ExitUnavailable, err)
}
