package middleware

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
)

// Tracer opens a span around each request.
type Tracer interface {
	// Request opens the span of a request and gives its context, the id of its trace, and what ends it.
	Request(r *http.Request, id string) (ctx context.Context, traceID string, end func(route string, status int))
}

// Trace puts every request into a span of t and names its trace in the access log, but for those whose path begins with
// one of the exempt prefixes. A nil t traces nothing and costs nothing.
func Trace(t Tracer, exempt []string) Wrap {
	return func(next http.Handler) http.Handler {
		if t == nil {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, prefix := range exempt {
				if strings.HasPrefix(r.URL.Path, prefix) {
					next.ServeHTTP(w, r)
					return
				}
			}
			ctx, id, end := t.Request(r, IDOf(r.Context()))
			Note(ctx, slog.String("trace_id", id))
			reply := writer(w)
			r = r.WithContext(ctx)
			defer func() { end(route(r), reply.final()) }()
			next.ServeHTTP(reply, r)
		})
	}
}
