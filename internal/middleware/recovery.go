package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"sattutor/internal/sat"
)

// Recover turns a panic into an internal error, logs its stack, and counts it. A reply that had begun is broken off.
func Recover(log *slog.Logger, rec Recorder, fail Fail) Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reply := writer(w)
			defer func() {
				cause := recover()
				if cause == nil {
					return
				}
				if cause == http.ErrAbortHandler {
					panic(cause)
				}
				rec.Panic(route(r))
				log.ErrorContext(r.Context(), "panic", "request_id", IDOf(r.Context()), "route", route(r),
					"cause", describe(cause), "stack", string(debug.Stack()))
				if reply.begun() {
					panic(http.ErrAbortHandler)
				}
				err := sat.Errorf(sat.Internal, "Something went wrong on our side. The error is logged under the request id.")
				fail(reply, r, err)
			}()
			next.ServeHTTP(reply, r)
		})
	}
}

// describe leaves out the text of values that are no errors: it might be a student's.
func describe(cause any) string {
	if err, ok := cause.(error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", cause)
}
