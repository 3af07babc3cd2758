package setup

import (
	"io"
	"log/slog"

	"sattutor/internal/config"
	"sattutor/internal/telemetry"
)

// NewLogger gives the log of a service: one JSON object a line, and first the configuration's warnings.
func NewLogger(cfg config.Config, w io.Writer) *slog.Logger { return newLogger(cfg, w, telemetry.JSON) }

func newLogger(cfg config.Config, w io.Writer, format telemetry.Format) *slog.Logger {
	log, err := telemetry.NewLogger(w, cfg.LogLevel, format)
	if err != nil { // the configuration was checked
		log = slog.New(slog.NewJSONHandler(w, nil))
	}
	for _, warning := range cfg.Warnings {
		log.Warn("configuration", "warning", warning)
	}
	return log
}

// NewConsoleLogger gives the log of a command that a person started: readable lines, and only what needs attention
// unless a level was chosen.
func NewConsoleLogger(cfg config.Config, w io.Writer) *slog.Logger {
	if cfg.LogLevel == "info" {
		cfg.LogLevel = "warn"
	}
	return newLogger(cfg, w, telemetry.Text)
}
