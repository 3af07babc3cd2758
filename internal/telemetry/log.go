// Package telemetry opens the logger and the Prometheus registry of a process from plain values.
//
// NewLogger gives structured logs, one JSON object or one readable line each. NewMetrics gives the registry with every
// series that the product exports; whoever measures calls its methods, which take plain values, so that no package
// needs to know Prometheus to be counted. Handler serves them, on a listener of its own. OpenTraces sends spans over
// OTLP: trace.go those of requests and steps, genai.go those of a model's calls, bounded.go lets nobody wait for it.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// Format is the shape of log lines.
type Format string

// The formats of log lines.
const (
	JSON Format = "json" // one object a line: time, level, msg, then the attributes
	Text Format = "text" // key=value, for a person at a terminal
)

// NewLogger gives a logger that writes to w from the given level on: debug, info, warn or error.
func NewLogger(w io.Writer, level string, format Format) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q is none of debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case JSON:
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case Text:
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log format %q is none of json, text", format)
}
