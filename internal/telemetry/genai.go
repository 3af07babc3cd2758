package telemetry

import (
	"context"
	"encoding/json"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	api "go.opentelemetry.io/otel/trace"
)

// The attributes of a call of a model, as OpenTelemetry's conventions for generative AI name them in version 1.37 (in
// development there). What reads them besides: LangSmith, which knows the provider by its older name gen_ai.system, and
// prompts by gen_ai.prompt.N and gen_ai.completion.N.
const (
	genOperation    = "gen_ai.operation.name"
	genProvider     = "gen_ai.provider.name"
	genSystem       = "gen_ai.system"
	genModel        = "gen_ai.request.model"
	genTemperature  = "gen_ai.request.temperature"
	genMaxTokens    = "gen_ai.request.max_tokens"
	genSeed         = "gen_ai.request.seed"
	genAnswering    = "gen_ai.response.model"
	genFinish       = "gen_ai.response.finish_reasons"
	genInputTokens  = "gen_ai.usage.input_tokens"
	genOutputTokens = "gen_ai.usage.output_tokens"
	genCachedTokens = "gen_ai.usage.cache_read.input_tokens"
	genInput        = "gen_ai.input.messages"
	genOutput       = "gen_ai.output.messages"
	genPrompt       = "gen_ai.prompt."
	genCompletion   = "gen_ai.completion."
	genDimensions   = "gen_ai.embeddings.dimension.count"
)

// Chat is a call of a model that begins.
type Chat struct {
	Provider    string // what serves the model: "vllm", "llamacpp"; "" where unknown
	Model       string // as it is asked for
	Temperature float64
	MaxTokens   int
	Seed        int64
	Messages    func() []ChatMessage // asked for only where content is sent
}

// ChatMessage is one message of a prompt.
type ChatMessage struct{ Role, Content string }

// ChatEnd is what came of the call.
type ChatEnd struct {
	Model   string // as it answered
	Finish  string
	Input   int // tokens of the prompt
	Cached  int // of these, read from the prefix cache
	Output  int // tokens generated
	Text    string
	Failure string // the kind of failure; "" with an answer
}

// Chat opens the span of a call. Outside of a traced request it does nothing: probes make no traces.
func (t *Traces) Chat(ctx context.Context, c Chat) (context.Context, func(ChatEnd)) {
	if !traced(ctx) {
		return ctx, func(ChatEnd) {}
	}
	ctx, span := t.tracer.Start(ctx, "chat "+c.Model, api.WithSpanKind(api.SpanKindClient), api.WithAttributes(
		attribute.String(genOperation, "chat"), attribute.String(genProvider, c.Provider), attribute.String(genSystem, c.Provider),
		attribute.String(genModel, c.Model), attribute.Float64(genTemperature, c.Temperature),
		attribute.Int(genMaxTokens, c.MaxTokens), attribute.Int64(genSeed, c.Seed)))
	if t.content && span.IsRecording() {
		span.SetAttributes(prompted(c.Messages())...)
	}
	return ctx, func(e ChatEnd) {
		defer span.End()
		if e.Failure != "" {
			span.SetAttributes(attribute.String("error.type", e.Failure))
			span.SetStatus(codes.Error, "")
			return
		}
		span.SetAttributes(attribute.String(genAnswering, e.Model), attribute.StringSlice(genFinish, []string{e.Finish}),
			attribute.Int(genInputTokens, e.Input), attribute.Int(genCachedTokens, e.Cached), attribute.Int(genOutputTokens, e.Output))
		if t.content {
			span.SetAttributes(completed(e)...)
		}
	}
}

// Embeddings opens the span of a call that makes vectors of texts; end closes it with their length and how the call ended,
// "ok" or the kind of failure. The texts are not sent: there are many, and the bank has them. Outside of a traced request
// it does nothing.
func (t *Traces) Embeddings(ctx context.Context, model string, texts int) (in context.Context, end func(length int, result string)) {
	if !traced(ctx) {
		return ctx, func(int, string) {}
	}
	ctx, span := t.tracer.Start(ctx, "embeddings "+model, api.WithSpanKind(api.SpanKindClient), api.WithAttributes(
		attribute.String(genOperation, "embeddings"), attribute.String(genModel, model), attribute.Int("sat.texts", texts)))
	return ctx, func(length int, result string) {
		defer span.End()
		if result != "ok" {
			span.SetAttributes(attribute.String("error.type", result))
			span.SetStatus(codes.Error, "")
			return
		}
		span.SetAttributes(attribute.Int(genDimensions, length))
	}
}

// part and message are the shape in which the conventions write messages.
type part struct {
	Type    string `json:"type"`
	Content string `json:"content"`
}

type message struct {
	Role   string `json:"role"`
	Parts  []part `json:"parts"`
	Finish string `json:"finish_reason,omitempty"`
}

func prompted(messages []ChatMessage) []attribute.KeyValue {
	list := make([]message, len(messages))
	facts := make([]attribute.KeyValue, 0, 2*len(messages)+1)
	for i, m := range messages {
		list[i] = message{Role: m.Role, Parts: []part{{"text", m.Content}}}
		n := genPrompt + strconv.Itoa(i)
		facts = append(facts, attribute.String(n+".role", m.Role), attribute.String(n+".content", m.Content))
	}
	return append(facts, written(genInput, list))
}

func completed(e ChatEnd) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String(genCompletion+"0.role", "assistant"), attribute.String(genCompletion+"0.content", e.Text),
		written(genOutput, []message{{Role: "assistant", Parts: []part{{"text", e.Text}}, Finish: e.Finish}}),
	}
}

func written(name string, messages []message) attribute.KeyValue {
	text, _ := json.Marshal(messages) // strings alone always marshal
	return attribute.String(name, string(text))
}
