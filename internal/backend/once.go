package backend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// headerOnce names a request that must take effect once, however often it is sent.
const headerOnce = "Idempotency-Key"

// maxOnce is the longest name.
const maxOnce = 128

// twinPoll is how often a request looks whether its first twin is answered.
const twinPoll = 50 * time.Millisecond

// kept are the headers of a first reply that its repetitions carry too.
func kept() []string {
	return []string{"Content-Type", api.HeaderModel, api.HeaderAdapter, api.HeaderConfidence, api.HeaderQuality, api.HeaderStored}
}

// once gives a request that carries an Idempotency-Key the reply that the first one with that key got. It stands behind
// guard and jsonBody.
func (s *Server) once(next http.Handler) http.Handler {
	return handle(func(w http.ResponseWriter, r *http.Request) error {
		key, who, rule := r.Header.Get(headerOnce), sat.IdentityOf(r.Context()), visitOf(r).rule
		body, ok := r.Body.(*whole)
		if key == "" || !rule.once || !ok || s.opts.Records == nil || !who.Known() {
			next.ServeHTTP(w, r)
			return nil
		}
		if len(key) > maxOnce {
			return &sat.Error{Code: sat.Invalid, Message: "The Idempotency-Key is too long.",
				Fields: []sat.FieldError{{Field: headerOnce, Message: "has more than 128 characters; a UUID is enough"}}}
		}
		if err := s.ensure(r.Context(), who); err != nil {
			return err
		}
		name := sat.Once{UserID: who.User.ID, Route: routeOf(r), Key: key, RequestHash: digest(r.URL.RawQuery, body.raw)}
		reply, first, err := s.begin(r.Context(), name)
		if err != nil {
			return err
		}
		if first {
			return s.first(w, r, next, name)
		}
		for header, value := range reply.Header {
			w.Header().Set(header, value)
		}
		w.WriteHeader(reply.Status)
		_, _ = w.Write(reply.Body)
		return nil
	})
}

// digest names what is asked: a rehearsal is another request than the import of the same file.
func digest(query string, body []byte) string {
	h := sha256.New()
	_, _ = io.WriteString(h, query+"\n")
	_, _ = h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// begin waits while a twin is served.
func (s *Server) begin(ctx context.Context, name sat.Once) (sat.Reply, bool, error) {
	for {
		reply, first, err := s.opts.Records.BeginOnce(ctx, name)
		if err != nil || first || reply.Status != 0 {
			return reply, first, err
		}
		select {
		case <-ctx.Done():
			return reply, false, &sat.Error{Code: sat.Timeout, Message: "The first request with this Idempotency-Key is still under way.", Err: ctx.Err()}
		case <-time.After(twinPoll):
		}
	}
}

// first serves the first request of a name and keeps what it was answered. What failed on our side took no effect, so
// that its name is free again.
func (s *Server) first(w http.ResponseWriter, r *http.Request, next http.Handler, name sat.Once) error {
	ctx := context.WithoutCancel(r.Context()) // the client may have left: the effect is there
	taken := &taken{header: w.Header()}
	done := false
	defer func() {
		if !done { // a panic on its way
			_ = s.opts.Records.DropOnce(ctx, name)
		}
	}()
	next.ServeHTTP(taken, r)
	done = true
	if taken.status >= http.StatusBadRequest {
		if err := s.opts.Records.DropOnce(ctx, name); err != nil {
			return err
		}
	} else {
		reply := sat.Reply{Status: taken.status, Header: map[string]string{}, Body: taken.body.Bytes()}
		for _, header := range kept() {
			if value := w.Header().Get(header); value != "" {
				reply.Header[header] = value
			}
		}
		if err := s.opts.Records.EndOnce(ctx, name, reply); err != nil {
			return err
		}
	}
	w.WriteHeader(taken.status)
	_, _ = taken.body.WriteTo(w)
	return nil
}

// taken is a reply that is kept before it is sent.
type taken struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (t *taken) Header() http.Header { return t.header }

// WriteHeader implements [http.ResponseWriter].
func (t *taken) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
}

// Write implements [http.ResponseWriter].
func (t *taken) Write(p []byte) (int, error) {
	t.WriteHeader(http.StatusOK)
	return t.body.Write(p)
}
