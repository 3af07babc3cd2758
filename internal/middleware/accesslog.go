package middleware

import (
	"log/slog"
	"net/http"
	"time"
)

// AccessLog writes one line for each request: its id, route, status and time, and what [Note] added; never a path, a
// query or a body. Server errors are warnings. The client's address stands there at debug level alone.
func AccessLog(log *slog.Logger) Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			reply := writer(w)
			defer func() {
				level := slog.LevelInfo
				if reply.final() >= http.StatusInternalServerError {
					level = slog.LevelWarn
				}
				ctx := r.Context()
				if !log.Enabled(ctx, level) {
					return
				}
				facts := append(make([]slog.Attr, 0, 12),
					slog.String("request_id", IDOf(ctx)), slog.String("route", route(r)), slog.Int("status", reply.final()),
					slog.Float64("dur_ms", float64(time.Since(begin).Microseconds())/1000))
				if rec := recordOf(ctx); rec != nil {
					facts = append(facts, rec.attrs...)
				}
				if log.Enabled(ctx, slog.LevelDebug) {
					facts = append(facts, slog.String("client", ClientOf(r)))
				}
				log.LogAttrs(ctx, level, "request", facts...)
			}()
			next.ServeHTTP(reply, r)
		})
	}
}
