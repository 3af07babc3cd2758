package middleware

import (
	"context"
	"net/http"
	"time"
)

// writeGrace is how long after the handler's deadline its reply may still be written.
const writeGrace = 5 * time.Second

// Timeout ends a request's context after limit, asked at each request, and moves the connection's write deadline behind
// it: that of the server is for clients that are slow, not for answers that take long.
func Timeout(limit func(r *http.Request) time.Duration) Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			longest := limit(r)
			ctx, cancel := context.WithTimeout(r.Context(), longest)
			defer cancel()
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longest + writeGrace))
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// Upload is how long the file of a form may take to arrive: 10 MiB over a line of 1.5 Mbit/s.
const Upload = time.Minute

// SlowBody lets a request's body arrive for as long as Upload says, whatever the server allows others.
func SlowBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(Upload))
		next.ServeHTTP(w, r)
	})
}
