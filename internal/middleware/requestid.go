package middleware

import (
	"context"
	"net/http"

	"sattutor/internal/api"
)

// maxRequestID bounds the id that a caller may choose.
const maxRequestID = 64

// RequestID gives every request an id: the caller's own where it is sane, else one that newID makes. The reply
// carries it.
func RequestID(newID func() string) Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := &record{id: r.Header.Get(api.HeaderRequestID)}
			if !saneID(rec.id) {
				rec.id = newID()
			}
			w.Header().Set(api.HeaderRequestID, rec.id)
			rec.attrs, rec.reply.ResponseWriter = rec.room[:0], w
			next.ServeHTTP(&rec.reply, r.WithContext(context.WithValue(r.Context(), recordKey{}, rec)))
		})
	}
}

// IDOf gives the id of the request whose context this is, "" outside of RequestID.
func IDOf(ctx context.Context) string {
	if rec := recordOf(ctx); rec != nil {
		return rec.id
	}
	return ""
}

// saneID allows letters, digits, and the signs of common id forms: an id stands in logs, headers and pages.
func saneID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
