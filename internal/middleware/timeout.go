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
func Timeout(limit func() time.Duration) Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			longest := limit()
			ctx, cancel := context.WithTimeout(r.Context(), longest)
			defer cancel()
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longest + writeGrace))
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}
