package frontend

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"sattutor/internal/api"
	"sattutor/internal/middleware"
)

// service is the name under which the pages present themselves to whoever watches them.
const service = "SAT Reading Tutor Frontend"

// gzipLevel is where a page's bytes stop falling faster than its time grows.
const gzipLevel = 5

// route builds the handler: what every request passes, from the outside in, and then the routes.
func (s *Server) route(public *url.URL) error {
	clientAddr, err := middleware.ClientAddr(s.opts.Proxies)
	if err != nil {
		return err
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(s.handle(func(http.ResponseWriter, *http.Request) error { return errCrossOrigin }))
	limit := func(r *http.Request) time.Duration {
		if r.URL.Path == importPath {
			return middleware.Upload + s.opts.Timeout() + renderMargin
		}
		return s.opts.Timeout() + renderMargin
	}
	r := chi.NewRouter()
	r.Use(
		middleware.RequestID(s.opts.NewID), // first: everything below names the request by it
		middleware.Trace(s.opts.Traces, []string{"/health", assetRoot}),
		clientAddr, // before the log, which may name it
		middleware.AccessLog(s.opts.Log),
		middleware.Metrics(s.opts.Metrics),
		chimiddleware.Compress(gzipLevel, "text/html"),               // outside of all that writes pages, those of a panic too
		middleware.Recover(s.opts.Log, s.opts.Metrics, s.serveError), // inside of log and metrics: a panic is a counted 500
		middleware.Headers(middleware.PageHeaders(s.https)),          // before anything may refuse
		middleware.Host(public.Hostname(), []string{"/health"}, s.serveError),
		protection.Handler,
		middleware.Timeout(limit),
		s.limitBody,
		chimiddleware.GetHead,
	)
	r.NotFound(s.handle(func(http.ResponseWriter, *http.Request) error { return errNotFound }))
	r.MethodNotAllowed(s.methodNotAllowed(r))
	r.Get("/", s.handle(s.start))
	r.Get("/ask", s.handle(s.askForm))
	r.Post("/ask", s.handle(s.ask))
	r.Get("/about", s.handle(s.about))
	r.Get("/arena", s.handle(s.arena))
	r.Post("/arena", s.handle(s.createPair))
	r.Get("/arena/{id}", s.handle(s.showPair))
	r.Post("/arena/{id}", s.handle(s.vote))
	r.Post("/settings", s.handle(s.settings))
	r.Get("/sign-in", s.handle(s.signInForm))
	r.Post("/sign-in", s.handle(s.signIn))
	r.Get("/register", s.handle(s.registerForm))
	r.Post("/register", s.handle(s.register))
	r.Get("/account", s.handle(s.account))
	r.Post("/account", s.handle(s.accountAction))
	r.Get("/account/export", s.handle(s.export))
	r.Get("/account/delete", s.handle(s.deleteForm))
	r.Post("/account/delete", s.handle(s.erase))
	r.Get("/account/history", s.handle(s.history))
	r.Post("/account/history", s.handle(s.forget))
	r.Get("/account/users", s.handle(s.users))
	r.Post("/account/users", s.handle(s.usersAction))
	r.Get("/account/log", s.handle(s.accessLog))
	s.routeBank(r)
	r.Get("/health", s.health)
	r.Get(assetRoot+"*", s.handle(s.asset))
	s.handler, s.routes = r, r
	return nil
}

// limitBody bounds a form, and with it the file that one form carries.
func (s *Server) limitBody(next http.Handler) http.Handler {
	form, file := middleware.BodyLimit(MaxBody, s.serveError)(next), middleware.SlowBody(middleware.BodyLimit(maxUpload, s.fileTooLarge)(next))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == importPath {
			file.ServeHTTP(w, r)
			return
		}
		form.ServeHTTP(w, r)
	})
}

// fileTooLarge refuses a file by its length alone.
func (s *Server) fileTooLarge(w http.ResponseWriter, r *http.Request, _ error) {
	s.handle(s.refuseSize)(w, r)
}

// handle makes a handler of one that returns its error.
func (s *Server) handle(h func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.serveError(w, r, err)
		}
	}
}

// methodNotAllowed names the methods that the path has.
func (s *Server) methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		var allow []string
		for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			probe := m
			if m == http.MethodHead {
				probe = http.MethodGet
			}
			if routes.Match(chi.NewRouteContext(), probe, r.URL.Path) {
				allow = append(allow, m)
			}
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		return errMethod
	})
}

// health is GET /health: the process lives, nothing else is asked.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(api.Health{Status: "healthy", Service: service, Version: s.opts.Version})
}
