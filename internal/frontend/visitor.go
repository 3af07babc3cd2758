package frontend

import (
	"context"
	"net/http"
	"strings"

	"sattutor/internal/api"
	"sattutor/internal/apiclient"
	"sattutor/internal/middleware"
	"sattutor/internal/sat"
)

// Lives of the cookie in seconds. The backend ends a sign-in sooner; a guest's work is theirs as long as it is kept.
const (
	signInLife = 12 * 60 * 60
	guestLife  = 400 * 24 * 60 * 60
)

// visitorCookie names the cookie that says who a visitor is: the secret of a sign-in or of a guest.
func (s *Server) visitorCookie() string {
	if s.https {
		return "__Host-sat"
	}
	return "sat"
}

// secretOf gives the secret that a visitor's browser shows, "" for none.
func (s *Server) secretOf(r *http.Request) string {
	cookie, err := r.Cookie(s.visitorCookie())
	if err != nil {
		return ""
	}
	return cookie.Value
}

// remember has the browser show a secret from now on; "" makes it forget.
func (s *Server) remember(w http.ResponseWriter, secret string, life int) {
	if secret == "" {
		life = -1
	}
	http.SetCookie(w, &http.Cookie{Name: s.visitorCookie(), Value: secret, Path: "/", MaxAge: life, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: s.https})
}

// signedIn tells that a secret is one of a sign-in, whether it still works or not.
func signedIn(secret string) bool { return strings.HasPrefix(secret, "sat_s_") }

// backendContext bounds a call of the backend, names it by this request's id, and says for whom it is made.
func (s *Server) backendContext(r *http.Request) (context.Context, context.CancelFunc) {
	return s.contextFor(r, s.secretOf(r))
}

func (s *Server) contextFor(r *http.Request, secret string) (context.Context, context.CancelFunc) {
	ctx := apiclient.WithRequestID(r.Context(), middleware.IDOf(r.Context()))
	ctx = apiclient.WithFor(ctx, apiclient.For{Secret: secret, Address: middleware.ClientOf(r)})
	return context.WithTimeout(ctx, s.opts.Timeout())
}

// asSomebody makes a call for the visitor. Where the site wants to know who asks, and the visitor is nobody yet, the
// visitor becomes a guest, and the call is made again. Who was signed in and is not any more is told so.
func (s *Server) asSomebody(w http.ResponseWriter, r *http.Request, call func(ctx context.Context) error) error {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	err := call(ctx)
	if sat.CodeOf(err) != sat.Unauthorized || signedIn(s.secretOf(r)) {
		return err
	}
	guest, refused := s.opts.Backend.Guest(ctx)
	if refused != nil {
		if sat.CodeOf(refused) == sat.Forbidden {
			return err // without an account nobody asks here
		}
		return refused
	}
	s.remember(w, guest.Token, guestLife)
	ctx, cancelAgain := s.contextFor(r, guest.Token)
	defer cancelAgain()
	return call(ctx)
}

// me tells who the visitor is. A secret that no longer works is nobody's.
func (s *Server) me(r *http.Request) (api.Me, error) {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	return s.opts.Backend.Me(ctx)
}
