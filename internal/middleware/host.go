package middleware

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Host refuses requests for a host that this server is not, which stops DNS rebinding: a name with a dot must be
// public. Addresses and single labels, such as a service's name in a container network, pass; so do the exempt paths.
func Host(public string, exempt []string, fail Fail) Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !hostAllowed(r.Host, public) && !slices.Contains(exempt, r.URL.Path) {
				fail(w, r, ErrWrongHost)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func hostAllowed(host, public string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(host, ".")
	if !strings.Contains(host, ".") || strings.EqualFold(host, public) {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}
