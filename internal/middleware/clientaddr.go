package middleware

import (
	"fmt"
	"net/netip"

	chimiddleware "github.com/go-chi/chi/v5/middleware"
)

// ClientAddr finds the client's address: the peer's, or, where the peer is in one of the trusted ranges, the one that
// X-Forwarded-For names nearest to us outside of them.
func ClientAddr(trusted []string) (Wrap, error) {
	if len(trusted) == 0 {
		return chimiddleware.ClientIPFromRemoteAddr, nil
	}
	for _, prefix := range trusted {
		if _, err := netip.ParsePrefix(prefix); err != nil {
			return nil, fmt.Errorf("trusted proxies: %w", err)
		}
	}
	return chimiddleware.ClientIPFromXFF(trusted...), nil
}
