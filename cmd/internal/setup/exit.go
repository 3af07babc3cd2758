package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"sattutor/internal/config"
)

// Exit codes of the commands, as sysexits.h names them.
const (
	ExitOK          = 0
	ExitFailure     = 1
	ExitUsage       = 64
	ExitData        = 65
	ExitNoInput     = 66
	ExitUnavailable = 69
	ExitTemporary   = 75
	ExitConfig      = 78
	ExitInterrupted = 130
)

// Signals gives a context that ends at the first SIGINT or SIGTERM; a second one ends the process at once.
func Signals() (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel)
	return ctx, cancel
}

// LoadConfig reads .env and the environment; a mistake is printed, one sentence a line, and gives ExitConfig.
func LoadConfig(stderr io.Writer) (config.Config, int) {
	cfg, err := config.Load(".env")
	if err == nil {
		return cfg, ExitOK
	}
	var mistakes *config.Error
	if errors.As(err, &mistakes) {
		for _, m := range mistakes.Mistakes {
			fmt.Fprintf(stderr, "configuration: %s\n", m)
		}
		fmt.Fprintln(stderr, "Every setting stands with its meaning in .env.example.")
	} else {
		fmt.Fprintln(stderr, err)
	}
	return config.Config{}, ExitConfig
}
