package setup

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"sattutor/internal/config"
	"sattutor/internal/engine"
	"sattutor/internal/telemetry"
	"sattutor/internal/tutor"
)

// openTraces gives what sends a service's spans, nil where no receiver is configured.
func openTraces(cfg config.Config, log *slog.Logger, metrics *telemetry.Metrics, opts telemetry.TraceOptions) (*telemetry.Traces, error) {
	if cfg.TracesURL() == "" {
		return nil, nil
	}
	headers, err := cfg.TraceHeaders()
	if err != nil {
		return nil, err
	}
	opts.Version, opts.URL, opts.Headers, opts.Content = Version(), cfg.TracesURL(), headers, cfg.TraceContent
	opts.Log, opts.Dropped = log, metrics.SpansDropped
	traces, err := telemetry.OpenTraces(context.Background(), opts)
	if err != nil {
		return nil, err
	}
	log.Info("sending traces", "service", opts.Service, "receiver", opts.URL, "content", opts.Content)
	return traces, nil
}

// contentReceiver is the host that prompts are sent to, "" where they are sent to nobody. The pages name it.
func contentReceiver(cfg config.Config) string {
	receiver, err := url.Parse(cfg.TracesURL())
	if err != nil || !cfg.TraceContent {
		return ""
	}
	return receiver.Hostname()
}

// flushLimit is the longest time for the last spans of a process that stops.
const flushLimit = 2 * time.Second

func closeTraces(ctx context.Context, traces *telemetry.Traces) {
	if traces == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	_ = traces.Close(ctx) // what could not be sent is lost, as it would be later
}

// trace puts spans around what the tutor calls.
func trace(opts tutor.Options, traces *telemetry.Traces) tutor.Options {
	opts.Engine = &tracedEngine{Engine: opts.Engine, traces: traces}
	opts.Gate = &tracedGate{gate: opts.Gate, traces: traces}
	opts.Record = &tracedRecord{next: opts.Record}
	opts.Step = func(ctx context.Context, name string) func(tutor.Step) {
		end := traces.Step(ctx, name)
		return func(s tutor.Step) {
			facts := []attribute.KeyValue{attribute.String("sat.template", s.Template), attribute.String("sat.method", string(s.Method))}
			if s.Outcome != "" {
				facts = append(facts, attribute.String("sat.outcome", string(s.Outcome)), attribute.Float64("sat.letter_mass", s.Mass))
			}
			end(facts...)
		}
	}
	return opts
}

// tracedEngine opens a span for each call of a model.
type tracedEngine struct {
	engine.Engine
	traces *telemetry.Traces
	owners atomic.Pointer[map[string]string] // model to what serves it; nil before Models answered
}

// Models implements [engine.Engine].
func (t *tracedEngine) Models(ctx context.Context) ([]engine.Model, error) {
	models, err := t.Engine.Models(ctx)
	if err == nil {
		owners := make(map[string]string, len(models))
		for _, m := range models {
			owners[m.ID] = m.OwnedBy
		}
		t.owners.Store(&owners)
	}
	return models, err
}

// Complete implements [engine.Engine].
func (t *tracedEngine) Complete(ctx context.Context, req engine.Request) (engine.Response, error) {
	ctx, end := t.begin(ctx, req)
	resp, err := t.Engine.Complete(ctx, req)
	end(chatEnd(resp, err))
	return resp, err
}

// Stream implements [engine.Engine].
func (t *tracedEngine) Stream(ctx context.Context, req engine.Request, each func(text string) error) (engine.Response, error) {
	ctx, end := t.begin(ctx, req)
	resp, err := t.Engine.Stream(ctx, req, each)
	end(chatEnd(resp, err))
	return resp, err
}

func (t *tracedEngine) begin(ctx context.Context, req engine.Request) (context.Context, func(telemetry.ChatEnd)) {
	chat := telemetry.Chat{Model: req.Model, Temperature: req.Temperature, MaxTokens: req.MaxTokens, Seed: req.Seed,
		Messages: func() []telemetry.ChatMessage {
			list := make([]telemetry.ChatMessage, len(req.Messages))
			for i, m := range req.Messages {
				list[i] = telemetry.ChatMessage{Role: string(m.Role), Content: m.Content}
			}
			return list
		}}
	if owners := t.owners.Load(); owners != nil {
		chat.Provider = (*owners)[req.Model]
	}
	return t.traces.Chat(ctx, chat)
}

func chatEnd(resp engine.Response, err error) telemetry.ChatEnd {
	if err == nil {
		return telemetry.ChatEnd{Model: resp.Model, Finish: resp.FinishReason, Text: resp.Text,
			Input: resp.Usage.Prompt, Cached: resp.Usage.Cached, Output: resp.Usage.Completion}
	}
	var failed *engine.Error
	if errors.As(err, &failed) {
		return telemetry.ChatEnd{Failure: string(failed.Kind)}
	}
	return telemetry.ChatEnd{Failure: "other"} // the reader of a stream gave up
}

// tracedGate opens a span for the wait in the queue.
type tracedGate struct {
	gate   tutor.Gate
	traces *telemetry.Traces
}

// Enter implements [tutor.Gate].
func (t *tracedGate) Enter(ctx context.Context) (leave func(), err error) {
	end := t.traces.Step(ctx, "queue.wait")
	leave, err = t.gate.Enter(ctx)
	end(attribute.Bool("sat.admitted", err == nil))
	return leave, err
}

// tracedRecord notes on the request's span what a question came to.
type tracedRecord struct{ next tutor.Recorder }

// Ended implements [tutor.Recorder].
func (t *tracedRecord) Ended(ctx context.Context, e tutor.Ended) {
	t.next.Ended(ctx, e)
	facts := []attribute.KeyValue{attribute.String("sat.result", resultOf(e.Err)),
		attribute.String("sat.model", e.Model.Name), attribute.String("sat.adapter", e.Model.Adapter)}
	if a := e.Answer; e.Err == nil {
		facts = append(facts, attribute.String("sat.method", string(a.Method)), attribute.String("sat.template", a.Template),
			attribute.String("sat.prompt_hash", a.PromptHash), attribute.Float64("sat.confidence", a.Confidence), attribute.Bool("sat.tied", a.Tied))
	}
	telemetry.Annotate(ctx, facts...)
}
