package middleware

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"sattutor/internal/api"
)

// ClientAddr finds the client's address: the peer's, or, where the peer is in one of the trusted ranges, the one that
// X-Forwarded-For names nearest to us outside of them.
func ClientAddr(trusted []string) (Wrap, error) {
	if len(trusted) == 0 {
		return func(next http.Handler) http.Handler { return next }, nil // ClientOf falls back to the peer
	}
	for _, prefix := range trusted {
		if _, err := netip.ParsePrefix(prefix); err != nil {
			return nil, fmt.Errorf("trusted proxies: %w", err)
		}
	}
	return chimiddleware.ClientIPFromXFF(trusted...), nil
}

// ClientOf gives the client's address, "" where it is not known.
func ClientOf(r *http.Request) string {
	if addr := chimiddleware.GetClientIP(r.Context()); addr != "" {
		return addr
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

// ForwardedAddr believes the address that the pages name for the person they call for, where they show the key that both
// servers hold. Without a key it believes nobody.
func ForwardedAddr(key string) Wrap {
	if key == "" {
		return func(next http.Handler) http.Handler { return next }
	}
	want := sha256.Sum256([]byte(key))
	named := chimiddleware.ClientIPFromHeader(api.HeaderClientAddr)
	return func(next http.Handler) http.Handler {
		believed := named(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := sha256.Sum256([]byte(r.Header.Get(api.HeaderFrontendKey)))
			if subtle.ConstantTimeCompare(got[:], want[:]) == 1 && r.Header.Get(api.HeaderClientAddr) != "" {
				believed.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
