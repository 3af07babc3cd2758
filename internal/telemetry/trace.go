package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// TraceOptions say where the spans of a process go.
type TraceOptions struct {
	Service string            // "sat-backend"; OTEL_SERVICE_NAME beats it
	Version string            // of this build
	URL     string            // of the OTLP receiver, the path included
	Headers map[string]string // sent to it, such as a key
	Content bool              // whether prompts and the model's text are sent too
	Parents bool              // whether callers may say which trace a request belongs to
	Log     *slog.Logger
	Dropped func(spans int) // told of spans that were not delivered
	Client  *http.Client    // nil for the exporter's own
}

// Traces sends spans over OTLP, and never lets anybody wait for that: what cannot be delivered is dropped and counted.
type Traces struct {
	provider *trace.TracerProvider
	tracer   api.Tracer
	content  bool
	parents  bool
}

// OpenTraces begins to send. It does not connect: a receiver that is away is noticed later, in the log.
func OpenTraces(ctx context.Context, opts TraceOptions) (*Traces, error) {
	settings := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(opts.URL), otlptracehttp.WithCompression(otlptracehttp.GzipCompression)}
	if len(opts.Headers) > 0 {
		settings = append(settings, otlptracehttp.WithHeaders(opts.Headers))
	}
	if opts.Client != nil {
		settings = append(settings, otlptracehttp.WithHTTPClient(opts.Client))
	}
	exporter, err := otlptracehttp.New(ctx, settings...)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", opts.Service), attribute.String("service.version", opts.Version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := trace.NewTracerProvider(trace.WithResource(about), trace.WithSpanProcessor(newBounded(exporter, opts)))
	return &Traces{provider: provider, tracer: provider.Tracer("sattutor", api.WithInstrumentationVersion(opts.Version)),
		content: opts.Content, parents: opts.Parents}, nil
}

// Close sends what is left, for at most as long as the context holds.
func (t *Traces) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Request opens the span of a request that arrived, and gives its context, its trace's id and what ends it.
func (t *Traces) Request(r *http.Request, id string) (ctx context.Context, traceID string, end func(route string, status int)) {
	ctx = r.Context()
	if t.parents {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	ctx, span := t.tracer.Start(ctx, r.Method, api.WithSpanKind(api.SpanKindServer),
		api.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("sat.request_id", id)))
	return ctx, span.SpanContext().TraceID().String(), func(route string, status int) {
		span.SetName(r.Method + " " + route)
		span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// Step opens the span of one step inside of a request; end closes it with facts, which must not hold what a person
// wrote. Outside of a traced request it does nothing.
func (t *Traces) Step(ctx context.Context, name string) (end func(facts ...attribute.KeyValue)) {
	if !traced(ctx) {
		return func(...attribute.KeyValue) {}
	}
	_, span := t.tracer.Start(ctx, name)
	return func(facts ...attribute.KeyValue) {
		span.SetAttributes(facts...)
		span.End()
	}
}

// Annotate adds facts to the span that is open in the context, if one is.
func Annotate(ctx context.Context, facts ...attribute.KeyValue) {
	api.SpanFromContext(ctx).SetAttributes(facts...)
}

// Traceparent is the header by which another server's spans join the trace of the context, "" where there is none.
func Traceparent(ctx context.Context) string {
	span := api.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return ""
	}
	return fmt.Sprintf("00-%s-%s-%s", span.TraceID(), span.SpanID(), span.TraceFlags())
}

// traced tells whether the context belongs to a traced request.
func traced(ctx context.Context) bool { return api.SpanContextFromContext(ctx).IsValid() }

// exportTimeout bounds one delivery, retries included.
const exportTimeout = 10 * time.Second
