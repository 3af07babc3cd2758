package setup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"sattutor/internal/config"
)

// Listener is one HTTP server of this process.
type Listener struct {
	Name   string       // for people: "backend"
	Port   string       // the setting that moves it: "BACKEND_PORT"
	Server *http.Server // with Addr and Handler
	Drain  func()       // told first that the end is near; may be nil
}

// Serve opens every listener, tells their real addresses to opened, and serves until the context ends. Then it stops
// them in the given order: what was accepted is finished for at most drain, and nothing new is taken.
// A port that is taken is an error that names the setting to change.
func Serve(ctx context.Context, log *slog.Logger, drain func() time.Duration, opened func(name string, addr net.Addr), listeners ...Listener) error {
	var config net.ListenConfig
	failed := make(chan error, len(listeners))
	for i, l := range listeners {
		socket, err := config.Listen(ctx, "tcp", l.Server.Addr)
		if err != nil {
			for _, earlier := range listeners[:i] {
				_ = earlier.Server.Close()
			}
			return listenError(l, err)
		}
		opened(l.Name, socket.Addr())
		go func() {
			if err := l.Server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", l.Name, err)
			}
		}()
	}
	var cause error
	select {
	case <-ctx.Done():
	case cause = <-failed:
	}
	for _, l := range listeners {
		if l.Drain != nil {
			l.Drain()
		}
	}
	for _, l := range listeners {
		stop(l, drain(), log)
	}
	return cause
}

func stop(l Listener, drain time.Duration, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := l.Server.Shutdown(ctx); err != nil {
		log.Warn("stopped before every request was finished", "server", l.Name, "waited", drain.String())
		_ = l.Server.Close()
	}
}

func listenError(l Listener, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %s is taken by another program; stop it, or set %s to a free port", l.Name, l.Server.Addr, l.Port)
	}
	return fmt.Errorf("%s: cannot listen on %s: %w", l.Name, l.Server.Addr, err)
}

// ChoosePorts replaces the ports 0 of the backend and the pages by free ones, and lets the pages ask the backend of
// this process.
func ChoosePorts(ctx context.Context, cfg config.Config) (config.Config, error) {
	for _, port := range []*int{&cfg.BackendPort, &cfg.FrontendPort} {
		if *port != 0 {
			continue
		}
		var listen net.ListenConfig
		l, err := listen.Listen(ctx, "tcp", net.JoinHostPort(cfg.Host, "0"))
		if err != nil {
			return cfg, fmt.Errorf("no free port on %s: %w", cfg.Host, err)
		}
		*port = l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
	}
	cfg.BackendURL = "http://" + net.JoinHostPort(loopbackOf(cfg.Host), strconv.Itoa(cfg.BackendPort))
	return cfg, nil
}

// loopbackOf is the address at which this process reaches a listener on host.
func loopbackOf(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return "127.0.0.1"
	}
	return host
}
