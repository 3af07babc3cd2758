package middleware

import (
	"context"
	"net/http"
	"time"
)

// writeGrace is how long after the handler's deadline its reply may still be written.
const writeGrace = 5 * time.Second

// Timeout ends a request's context after limit, asked at each request, and moves the connection's deadlines behind it:
// those of the server are for clients that are slow, not for answers that take long.
func Timeout(limit func() time.Duration) Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			longest := limit()
			ctx, cancel := context.WithTimeout(r.Context(), longest)
			defer cancel()
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longest + writeGrace))
			if r.Body == http.NoBody {
				BodyRead(w)
			}
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// BodyRead tells that the request's body was read to its end: the deadline for reading it ends. It would otherwise
// count as the client's leaving, and cancel the request's context in mid-answer.
func BodyRead(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}
