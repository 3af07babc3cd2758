package setup

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"sattutor/internal/config"
)

// Service is a command that serves until it is told to stop.
type Service struct {
	Name  string
	About string // one sentence
	Port  func(cfg config.Config) int
	Serve func(ctx context.Context, cfg config.Config, log *slog.Logger) error
}

// Main runs the service as a process, and does not return.
func (s Service) Main() {
	ctx, cancel := Signals()
	code := s.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// Run is the command without its process: arguments in, an exit code out.
func (s Service) Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 {
		command = args[0]
	}
	switch {
	case len(args) > 1:
	case command == "serve" || command == "healthcheck":
		cfg, code := LoadConfig(stderr)
		if code != ExitOK {
			return code
		}
		if command == "healthcheck" {
			return Healthcheck(ctx, s.Port(cfg), "/health", stderr)
		}
		if err := s.Serve(ctx, cfg, NewLogger(cfg, stderr)); err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", s.Name, err)
			return ExitUnavailable
		}
		return ExitOK
	case command == "version" || command == "--version":
		fmt.Fprintln(stdout, s.Name, Version())
		return ExitOK
	case command == "help" || command == "-h" || command == "--help":
		fmt.Fprint(stdout, s.usage())
		return ExitOK
	}
	fmt.Fprintf(stderr, "%s: these arguments make no command: %q\n\n%s", s.Name, args, s.usage())
	return ExitUsage
}

func (s Service) usage() string {
	return fmt.Sprintf(`%[1]s %[2]s

  %[1]s               serve, until SIGINT or SIGTERM
  %[1]s healthcheck   ask the running %[1]s whether it lives; exit code 0 or 1
  %[1]s version       name this build

Settings come from the environment or a .env file; .env.example lists them. For example:

  OPENAI_API_BASE_URL=http://localhost:8000/v1 bin/backend
  BACKEND_URL=http://localhost:8090 bin/frontend
`, s.Name, s.About)
}

// closeLimit is the longest time for an engine of our own to finish and end.
const closeLimit = 10 * time.Second

// RunBackend serves the API over the configured engine until the context ends, and then ends the engine.
func RunBackend(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	deadlines := NewDeadlines(cfg)
	engine, err := OpenEngine(ctx, cfg, log, deadlines)
	if err != nil {
		return err
	}
	b, err := OpenBackend(cfg, log, deadlines, engine)
	if err != nil {
		return err
	}
	err = Serve(ctx, log, deadlines.Backend, logOpened(log), b.Listeners()...)
	ending, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if closed := b.Close(ending); closed != nil {
		log.Warn("the engine did not end in time", "error", closed.Error())
	}
	return err
}

// RunFrontend serves the pages until the context ends.
func RunFrontend(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	deadlines := NewDeadlines(cfg)
	pages, err := OpenFrontend(cfg, log, deadlines)
	if err != nil {
		return err
	}
	err = Serve(ctx, log, deadlines.Frontend, logOpened(log), pages.Listeners()...)
	pages.Close(context.WithoutCancel(ctx))
	return err
}

func logOpened(log *slog.Logger) func(string, net.Addr) {
	return func(name string, addr net.Addr) { log.Info("listening", "server", name, "address", addr.String()) }
}
