// Command sat is the operator's and evaluator's tool: it runs everything on one machine, asks questions, looks what is
// missing, and keeps the stack's secrets.
//
// Each subcommand has a file of its own; main.go is the list of them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
)

func main() {
	ctx, cancel := setup.Signals()
	code := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// run is the program without its process: arguments in, an exit code out.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := command(stdin, stdout, stderr).Run(ctx, args)
	var exit *exitError
	switch {
	case err == nil:
		return setup.ExitOK
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintf(stderr, "sat: %v\n", exit.err)
		}
		return exit.code
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "sat: interrupted")
		return setup.ExitInterrupted
	default:
		fmt.Fprintf(stderr, "sat: %v\n", err)
		return setup.ExitUsage
	}
}

// command is the tree of subcommands.
func command(stdin io.Reader, stdout, stderr io.Writer) *cli.Command {
	root := &cli.Command{
		Name: "sat", Usage: "run, ask and measure the SAT Reading tutor",
		Description:           "Start with `sat up`. Settings come from the environment or a .env file; .env.example lists them.",
		Version:               setup.Version(),
		HideVersion:           true,
		EnableShellCompletion: true,
		ConfigureShellCompletionCommand: func(c *cli.Command) {
			c.Hidden, c.Usage = false, "print a completion script for bash, zsh, fish or pwsh"
		},
		Suggest: true,
		Reader:  stdin, Writer: stdout, ErrWriter: stderr,
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // run turns errors into exit codes
		Commands: []*cli.Command{
			upCommand(), askCommand(), bankCommand(), doctorCommand(), engineCommand(), modelCommand(), arenaCommand(), secretsCommand(), versionCommand(),
			evalCommand(), datasetCommand(),
			userCommand(), migrateCommand(), backupCommand(), restoreCommand(), storeCommand(),
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return failed(setup.ExitUsage, fmt.Errorf("there is no command %q; `sat --help` lists them", c.Args().First()))
			}
			return cli.ShowAppHelp(c)
		},
	}
	explainUsage(root)
	return root
}

// explainUsage gives every command of a tree the same answer to flags that it does not know.
func explainUsage(c *cli.Command) {
	c.OnUsageError = func(_ context.Context, c *cli.Command, err error, _ bool) error {
		return failed(setup.ExitUsage, fmt.Errorf("%w; `%s --help` tells what it takes", err, c.FullName()))
	}
	for _, sub := range c.Commands {
		explainUsage(sub)
	}
}

// exitError is an error with its exit code.
type exitError struct {
	code int
	err  error // nil where everything was said already
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func failed(code int, err error) error { return &exitError{code: code, err: err} }

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "name this build",
		Action: func(_ context.Context, c *cli.Command) error {
			fmt.Fprintln(c.Root().Writer, "sat", setup.Version(), setup.Revision(), setup.GoVersion())
			return nil
		},
	}
}
