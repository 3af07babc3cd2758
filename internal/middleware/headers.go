package middleware

import "net/http"

// Header is a response header with its value.
type Header struct{ Name, Value string }

// Headers sets the given headers on every reply; a handler may replace them.
func Headers(headers []Header) Wrap {
	type ready struct {
		key   string
		value []string
	}
	set := make([]ready, len(headers))
	for i, h := range headers {
		set[i] = ready{http.CanonicalHeaderKey(h.Name), []string{h.Value}}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			out := w.Header()
			for _, h := range set {
				out[h.key] = h.value // shared by all replies, and full: whoever appends gets a copy
			}
			next.ServeHTTP(w, r)
		})
	}
}

// APIHeaders are the security headers of the JSON API; https tells that people reach it over TLS.
func APIHeaders(https bool) []Header {
	return withTransport(https, []Header{
		{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "no-referrer"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Cache-Control", "no-store"},
	})
}

// PageHeaders are the security headers of the pages; assets replace Cache-Control.
func PageHeaders(https bool) []Header {
	return withTransport(https, []Header{
		{"Content-Security-Policy", "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; " +
			"connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "same-origin"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()"},
		{"Cache-Control", "no-store"},
	})
}

func withTransport(https bool, headers []Header) []Header {
	if https {
		headers = append(headers, Header{"Strict-Transport-Security", "max-age=31536000; includeSubDomains"})
	}
	return headers
}
