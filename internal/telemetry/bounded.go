package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"

	"go.opentelemetry.io/otel/sdk/trace"
)

// mostSpans bounds the spans that wait for their delivery.
const mostSpans = 2048

// bounded is a span processor whose queue never makes anybody wait. The SDK's own drops silently where its queue is
// full; this one counts what is on its way, keeps the SDK's queue below its bound, and so knows of every loss.
type bounded struct {
	trace.SpanProcessor
	waiting *atomic.Int64
	dropped func(spans int)
}

func newBounded(exporter trace.SpanExporter, opts TraceOptions) trace.SpanProcessor {
	waiting := new(atomic.Int64)
	counted := &counted{SpanExporter: exporter, waiting: waiting, dropped: opts.Dropped, log: opts.Log, url: opts.URL}
	return &bounded{SpanProcessor: trace.NewBatchSpanProcessor(counted, trace.WithMaxQueueSize(mostSpans+1),
		trace.WithExportTimeout(exportTimeout)), waiting: waiting, dropped: opts.Dropped}
}

// OnEnd implements [trace.SpanProcessor].
func (b *bounded) OnEnd(span trace.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() {
		return
	}
	if b.waiting.Add(1) > mostSpans {
		b.waiting.Add(-1)
		b.dropped(1)
		return
	}
	b.SpanProcessor.OnEnd(span)
}

// counted is an exporter that counts what it could not deliver, and says once when that begins and once when it ends.
type counted struct {
	trace.SpanExporter
	waiting *atomic.Int64
	dropped func(spans int)
	log     *slog.Logger
	url     string
	failing bool // read and written by the processor's one goroutine
}

// ExportSpans implements [trace.SpanExporter]. Its errors end here.
func (c *counted) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	c.waiting.Add(int64(-len(spans)))
	switch {
	case err != nil:
		c.dropped(len(spans))
		if !c.failing {
			c.log.Warn("traces cannot be delivered and are dropped", "receiver", c.url, "error", err.Error())
		}
	case c.failing:
		c.log.Info("traces are delivered again", "receiver", c.url)
	}
	c.failing = err != nil
	return nil
}
