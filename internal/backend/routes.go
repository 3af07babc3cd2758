package backend

import (
	"net/http"
	"net/url"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/rs/cors"

	"sattutor/internal/api"
	"sattutor/internal/middleware"
)

// route builds the handler: what every request passes, from the outside in, and then the routes.
func (s *Server) route(public *url.URL) error {
	clientAddr, err := middleware.ClientAddr(s.opts.Proxies)
	if err != nil {
		return err
	}
	crossOrigin, err := s.crossOrigin()
	if err != nil {
		return err
	}
	r := chi.NewRouter()
	r.Use(
		middleware.RequestID(s.opts.NewID),                             // first: everything below names the request by it
		middleware.Trace(s.opts.Traces, []string{"/health", "/ready"}), // outside of the log, which names the trace
		clientAddr, // before the log, which may name it
		middleware.ForwardedAddr(s.opts.FrontendKey),                        // for whom the pages call
		middleware.AccessLog(s.opts.Log),                                    // sees the status that all below decided
		middleware.Metrics(s.opts.Metrics),                                  //
		middleware.Recover(s.opts.Log, s.opts.Metrics, serveError),          // inside of log and metrics, so that a panic is a counted 500
		middleware.Headers(middleware.APIHeaders(public.Scheme == "https")), // before anything may refuse
		middleware.Host(public.Hostname(), []string{"/health", "/ready"}, serveError),
	)
	r.Use(crossOrigin...)
	r.Use(
		middleware.Timeout(s.longest),
		limitBody,
	)
	r.NotFound(handle(func(http.ResponseWriter, *http.Request) error { return errNoRoute() }))
	r.MethodNotAllowed(methodNotAllowed(r))

	counted := s.quotas() // once, so that a caller counts together whichever face is asked
	routes := r.With(s.identified, counted, s.admitted, jsonBody, s.once)
	described := humachi.New(routes, humaConfig(s.opts.Version.Version))
	doc := described.OpenAPI()
	doc.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[problem](), reflect.TypeFor[api.Problem]())
	routes.Method(http.MethodPost, "/submit_mcq", handle(s.submitMCQ))
	routes.Method(http.MethodPost, "/api/v1/answers", handle(s.createAnswer))
	describeAnswers(doc)
	s.routeGateway(r.With(s.identified, counted, s.admitted))
	describeGateway(doc)
	s.registerQuestions(described)
	s.registerModels(described)
	s.registerOperations(described)
	s.registerAccounts(described)
	s.registerArena(described)
	s.registerBank(described)
	files := r.With(s.identified, counted, s.admitted, middleware.SlowBody, fileBody, s.once)
	files.Method(http.MethodPost, importPath, handle(s.importItems))
	routes.Method(http.MethodGet, exportPath, handle(s.exportItems))
	describeBankFiles(doc)
	if err := s.document(doc); err != nil {
		return err
	}
	routes.Method(http.MethodGet, "/openapi.json", handle(s.serveOpenAPI))
	routes.Method(http.MethodGet, "/docs", handle(s.serveDocs))
	routes.Method(http.MethodGet, "/docs/style.css", handle(serveStyle))
	s.handler = r
	return nil
}

// crossOrigin answers preflights of the listed origins, and refuses writes that another site's page makes a browser
// send.
func (s *Server) crossOrigin() (chi.Middlewares, error) {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(handle(func(http.ResponseWriter, *http.Request) error { return errCrossOrigin() }))
	if len(s.opts.CORS.Origins) == 0 { // rs/cors would take an empty list for every origin
		return chi.Middlewares{protection.Handler}, nil
	}
	for _, origin := range s.opts.CORS.Origins {
		if origin == "*" {
			continue
		}
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	allow := cors.New(cors.Options{
		AllowedOrigins: s.opts.CORS.Origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Accept", "Authorization", "Content-Type", "Idempotency-Key", api.HeaderRequestID},
		ExposedHeaders: []string{api.HeaderRequestID, api.HeaderModel, api.HeaderAdapter, api.HeaderConfidence, api.HeaderQuality, api.HeaderStored, "RateLimit-Limit", "RateLimit-Remaining",
			"RateLimit-Reset", "Retry-After", "Server-Timing"},
		AllowCredentials: s.opts.CORS.Credentials,
		MaxAge:           600,
	})
	return chi.Middlewares{allow.Handler, protection.Handler}, nil
}

// humaConfig describes the API; its own routes for documents are off, for they load scripts from elsewhere.
func humaConfig(version string) huma.Config {
	replaceHumaErrors()
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   service,
				Version: version,
				Description: "Answers multiple-choice questions about a reading passage with one of the offered choices. " +
					"The answers are a model's, not an official key.",
			},
		},
		Formats:       huma.DefaultFormats,
		DefaultFormat: "application/json",
	}
	config.AllowAdditionalPropertiesByDefault = true // as the original: unknown fields are ignored
	return config
}

// handle makes a handler of one that returns its error.
func handle(h func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			serveError(w, r, err)
		}
	}
}

// longest is how long a request may take: that of a file begins to be served once the file has arrived.
func (s *Server) longest(r *http.Request) time.Duration {
	if r.URL.Path == importPath {
		return middleware.Upload + s.opts.Timeout()
	}
	return s.opts.Timeout()
}

// quotas bounds what each caller may ask for, where limits are set.
func (s *Server) quotas() func(http.Handler) http.Handler {
	if s.opts.Limits == (Limits{}) {
		return func(next http.Handler) http.Handler { return next }
	}
	return middleware.Quotas(middleware.QuotaOptions{Charges: s.opts.Limits.charges, Counter: s.opts.Counter,
		Refused: s.opts.Refused, Fail: serveError})
}
