// Package frontend serves the students' pages as a client of the backend's API.
//
// New parses the templates of package web and wires the routes (routes.go). A handler turns a form into an API request
// (form.go), calls the [Backend], and puts what comes back into the struct of its page: start.go, ask.go, about.go, arena.go. An
// answer's panel is made in answer.go; whatever goes wrong becomes words for people in notice.go, and a whole page in
// problem.go. Every page works without a script, and no reply loses what a student typed.
package frontend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"sattutor/internal/api"
	"sattutor/internal/apiclient"
	"sattutor/internal/middleware"
)

// Limits of the server towards its clients.
const (
	MaxBody           = 1 << 20          // bytes of a form; a passage of any script fits, percent-encoded
	MaxHeader         = 16 << 10         // bytes of a request's header
	ReadHeaderTimeout = 5 * time.Second  // for a request's header
	ReadTimeout       = 10 * time.Second // for a whole request, body included
	WriteTimeout      = 30 * time.Second // for a reply, where no handler's deadline replaces it
	IdleTimeout       = 60 * time.Second // between two requests of one connection
)

// Defaults where Options name none.
const (
	defaultTimeout = 30 * time.Second // the engine's 20 s and 10 s more
	defaultAPIURL  = "http://localhost:8090"
)

// renderMargin is how long after the backend's deadline a page may still be made.
const renderMargin = 2 * time.Second

// Backend is what the pages ask of the backend's API. Package apiclient implements it; errors are *[sat.Error].
type Backend interface {
	Answer(ctx context.Context, q api.AnswerRequest) (api.Answer, error)
	ParseQuestion(ctx context.Context, block string) (api.MCQRequest, error)
	Models(ctx context.Context) ([]api.Model, error)
	Accounts
	Arena
}

// Accounts is what the pages ask about people.
type Accounts interface {
	Me(ctx context.Context) (api.Me, error)
	Guest(ctx context.Context) (api.Guest, error)
	Register(ctx context.Context, r api.RegisterRequest) (api.SignedIn, error)
	SignIn(ctx context.Context, r api.SignInRequest) (api.SignedIn, error)
	SignIns(ctx context.Context) ([]api.SignIn, error)
	EndSignIn(ctx context.Context, id string) error
	SignOutEverywhere(ctx context.Context) error
	ChangePassword(ctx context.Context, p api.PasswordChange) (api.SignedIn, error)
	ChangeMe(ctx context.Context, m api.MeChange) (api.Me, error)
	Export(ctx context.Context) (*apiclient.Exported, error)
	Erase(ctx context.Context, e api.EraseRequest) error
	Answers(ctx context.Context, before string) (api.StoredAnswers, error)
	DeleteAnswer(ctx context.Context, id string) error
	Keys(ctx context.Context) ([]api.Key, error)
	NewKey(ctx context.Context, k api.KeyRequest) (api.NewKey, error)
	RevokeKey(ctx context.Context, id string) error
	Users(ctx context.Context, after string) (api.UserList, error)
	ChangeUser(ctx context.Context, id string, u api.UserChange) error
	ResetPassword(ctx context.Context, id string) (password string, err error)
	Invite(ctx context.Context, i api.InviteRequest) (api.Invite, error)
	AccessLog(ctx context.Context) ([]api.Access, error)
}

// Options are what a Server is made of. Backend must not be nil.
type Options struct {
	Backend Backend
	Bank    Bank                 // nil: no pages of the question bank
	Version string               // of this build
	Public  string               // the address under which people reach the pages; "" for addresses and single names alone
	APIURL  string               // the address under which people reach the backend, for "copy as curl"; "" for http://localhost:8090
	Proxies []string             // ranges of proxies whose X-Forwarded-For is believed
	Log     *slog.Logger         // nil for none
	Metrics middleware.Recorder  // nil for none
	Traces  middleware.Tracer    // nil for none
	Tells   string               // the host that is sent what students write, for finding faults; "" for nobody
	Timeout func() time.Duration // longest wait for the backend, asked at each request; nil for 30 s
	NewID   func() string        // makes request ids; nil for random ones
	Now     func() time.Time     // nil for time.Now
}

// Server is the pages as an [http.Handler]. It is made by New.
type Server struct {
	opts    Options
	handler http.Handler
	routes  chi.Routes
	https   bool // people reach the pages over TLS
	assets  *assets
	views   views
	samples []sample
	models  *modelWatch
	uploads uploads
}

// New parses the templates and wires the routes.
func New(opts Options) (*Server, error) {
	if opts.Backend == nil {
		return nil, errors.New("frontend: Backend is needed")
	}
	opts = opts.withDefaults()
	public, err := url.Parse(opts.Public)
	if err != nil {
		return nil, fmt.Errorf("frontend: public address: %w", err)
	}
	s := &Server{opts: opts, https: public.Scheme == "https", models: &modelWatch{backend: opts.Backend, now: opts.Now, timeout: modelsTimeout}}
	if s.assets, err = loadAssets(); err != nil {
		return nil, fmt.Errorf("frontend: assets: %w", err)
	}
	if s.views, err = parseViews(s.assets); err != nil {
		return nil, fmt.Errorf("frontend: templates: %w", err)
	}
	if s.samples, err = loadSamples(); err != nil {
		return nil, fmt.Errorf("frontend: samples: %w", err)
	}
	if err := s.route(public); err != nil {
		return nil, fmt.Errorf("frontend: %w", err)
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.APIURL == "" {
		o.APIURL = defaultAPIURL
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = uncounted{}
	}
	if o.Timeout == nil {
		o.Timeout = func() time.Duration { return defaultTimeout }
	}
	if o.NewID == nil {
		o.NewID = rand.Text
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// HTTPServer gives an [http.Server] for the pages with the limits of this package.
func (s *Server) HTTPServer(addr string) *http.Server {
	return &http.Server{
		Addr: addr, Handler: s, MaxHeaderBytes: MaxHeader,
		ReadHeaderTimeout: ReadHeaderTimeout, ReadTimeout: ReadTimeout, WriteTimeout: WriteTimeout, IdleTimeout: IdleTimeout,
		ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
}

// uncounted is the recorder of a server without metrics.
type uncounted struct{}

func (uncounted) Request(string, string, int, time.Duration) {}
func (uncounted) Panic(string)                               {}
