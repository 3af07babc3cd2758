package middleware

import (
	"net/http"

	"sattutor/internal/sat"
)

// BodyLimit refuses bodies of more than limit bytes: at once where the length is declared, else while they are read,
// by an [http.MaxBytesError].
func BodyLimit(limit int64, fail Fail) Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > limit {
				fail(w, r, TooLarge(limit))
				return
			}
			if r.Body != http.NoBody {
				r.Body = http.MaxBytesReader(w, r.Body, limit)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// TooLarge is the error for a body of more than limit bytes.
func TooLarge(limit int64) *sat.Error {
	if limit >= 1<<20 {
		return sat.Errorf(sat.TooLarge, "The file is larger than %d MiB. Split it.", limit>>20)
	}
	return sat.Errorf(sat.TooLarge, "The request is larger than %d KiB. Send a shorter passage.", limit>>10)
}
