// Package middleware wraps HTTP handlers with what every route needs, and knows no routes.
//
// One file holds one concern: the request id, the span, the access log, metrics by route, recovery, security headers, the host
// check, the client's address, deadlines, and the limit of the body. A concern that refuses a request hands an error
// to the server's own [Fail], so that each server has one place that turns errors into replies. RequestID comes
// first: it opens the record in which the others keep what they know of the request.
package middleware

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Wrap puts one concern around a handler.
type Wrap = func(http.Handler) http.Handler

// Fail writes the reply to a request that is refused with err.
type Fail = func(w http.ResponseWriter, r *http.Request, err error)

// ErrWrongHost refuses a request that names a host which this server is not: status 421.
var ErrWrongHost = errors.New("this server does not answer under that host name")

// Unmatched is the route of requests that no pattern matches.
const Unmatched = "unmatched"

// record is what is known of one request while it is served. It belongs to the goroutine that serves the request.
type record struct {
	id    string
	attrs []slog.Attr
	room  [4]slog.Attr // for the first of them
	reply Writer
}

type recordKey struct{}

func recordOf(ctx context.Context) *record {
	rec, _ := ctx.Value(recordKey{}).(*record)
	return rec
}

// Note adds facts to the access log's line of the request. They must never hold what a person wrote.
func Note(ctx context.Context, facts ...slog.Attr) {
	if rec := recordOf(ctx); rec != nil {
		rec.attrs = append(rec.attrs, facts...)
	}
}

// route is the pattern that the request matched, known once it was served.
func route(r *http.Request) string {
	if pattern := chi.RouteContext(r.Context()).RoutePattern(); pattern != "" {
		return pattern
	}
	return Unmatched
}

// Writer is a reply that remembers its status.
type Writer struct {
	http.ResponseWriter
	status int
}

// writer gives the Writer of the request, which all concerns share.
func writer(w http.ResponseWriter) *Writer {
	if own, ok := w.(*Writer); ok {
		return own
	}
	return &Writer{ResponseWriter: w}
}

// WriteHeader implements [http.ResponseWriter].
func (w *Writer) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *Writer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap gives [http.ResponseController] the writer beneath.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements [http.Flusher].
func (w *Writer) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// begun tells whether the reply's header is on its way.
func (w *Writer) begun() bool { return w.status != 0 }

// final is the status that the client got: a handler that writes nothing answers 200.
func (w *Writer) final() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
