// Command standin serves the fake vLLM of enginetest as a program of its own, for container tests and benchmarks.
//
//	standin -addr :8000 -key-file /run/secrets/engine -d 60ms
//	standin healthcheck -addr :8000
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"sattutor/internal/engine/enginetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run serves until ctx ends, or checks a running one, and gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	check := len(args) > 0 && args[0] == "healthcheck"
	if check {
		args = args[1:]
	}
	addr, opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		if check {
			err = healthy(ctx, addr)
		} else {
			err = serve(ctx, addr, opts, stdout)
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "standin:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (addr string, opts enginetest.Options, err error) {
	var models, keyFile, answers, letter string
	flags := flag.NewFlagSet("standin", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&addr, "addr", "127.0.0.1:8000", "address to listen on; port 0 picks a free one")
	flags.StringVar(&opts.Key, "key", "", "key that /v1 demands")
	flags.StringVar(&keyFile, "key-file", "", "file that holds the key")
	flags.StringVar(&models, "models", "sat-base,sat-lora", "the base model's name, then its adapters'")
	flags.IntVar(&opts.Slots, "seqs", 64, "requests computed at once")
	flags.IntVar(&opts.Queue, "queue", 1024, "requests that may wait, -1 for none; a further one gets 503")
	flags.IntVar(&opts.Context, "context", 4096, "tokens that a model takes")
	fixed := flags.Duration("d", -1, "fixed time of a request; without it the time model is taken")
	flags.DurationVar(&opts.TokenTime, "token", 0, "with -d: time of each token after the first")
	flags.DurationVar(&opts.Load, "load-time", 0, "time after the start during which everything is 503")
	flags.Uint64Var(&opts.Seed, "seed", 0, "seed of answers and jitter")
	flags.StringVar(&answers, "answers", "", "file of a JSON object: question to the text of its right choice")
	flags.StringVar(&letter, "letter", "", "answer always this letter")
	flags.BoolVar(&opts.IgnoreDisconnect, "ignore-disconnect", false, "compute on for a client that has left")
	if err := flags.Parse(args); err != nil {
		return "", opts, err
	}
	opts.Models = strings.Split(models, ",")
	opts.Modelled = *fixed < 0
	opts.Time = max(0, *fixed)
	if keyFile != "" {
		key, err := os.ReadFile(keyFile)
		if err != nil {
			return "", opts, err
		}
		opts.Key = strings.TrimSpace(string(key))
	}
	if letter != "" {
		opts.Rule = enginetest.ByLetter(letter)
	}
	if answers != "" {
		text, err := os.ReadFile(answers)
		if err != nil {
			return "", opts, err
		}
		var key map[string]string
		if err := json.Unmarshal(text, &key); err != nil {
			return "", opts, fmt.Errorf("%s: %w", answers, err)
		}
		opts.Rule = enginetest.ByKey(key)
	}
	return addr, opts, nil
}

// serve prints the base URL as one line once it listens.
func serve(ctx context.Context, addr string, opts enginetest.Options, stdout io.Writer) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           enginetest.NewVLLM(opts),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       5 * time.Second, // as vLLM
	}
	_, _ = fmt.Fprintf(stdout, "http://%s\n", listener.Addr())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if server.Shutdown(drain) != nil {
		return server.Close() // what hangs on purpose never drains
	}
	return nil
}

// healthy asks a running one for its health.
func healthy(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/health", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s", resp.Status)
	}
	return nil
}
