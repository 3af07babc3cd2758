package middleware

import (
	"net/http"
	"time"
)

// Recorder counts requests. Routes are patterns and methods are known ones, so that the number of series is bounded.
type Recorder interface {
	// Request notes one finished request.
	Request(route, method string, status int, took time.Duration)
	// Panic notes that a request panicked.
	Panic(route string)
}

// Metrics notes every request with rec.
func Metrics(rec Recorder) Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			reply := writer(w)
			defer func() { rec.Request(route(r), method(r), reply.final(), time.Since(begin)) }()
			next.ServeHTTP(reply, r)
		})
	}
}

func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "OTHER"
}
