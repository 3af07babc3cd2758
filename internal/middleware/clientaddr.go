package middleware

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"

	chimiddleware "github.com/go-chi/chi/v5/middleware"
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
