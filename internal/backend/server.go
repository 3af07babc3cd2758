// Package backend serves the JSON API: the original's contract, the product's own API, and their description.
//
// New wires the routes (routes.go). A handler decodes the body (body.go), calls one of the small interfaces declared
// here, and writes a shape of package api; or it returns an error, and serveError (problem.go), which alone knows
// status codes, makes the reply. GET /openapi.json and GET /docs describe what is served (openapi.go, docs.go).
package backend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/middleware"
	"sattutor/internal/sat"
)

// Limits of the server towards its clients.
const (
	MaxBody           = 64 << 10         // bytes of a request's body
	MaxHeader         = 16 << 10         // bytes of a request's header
	MaxDepth          = 32               // levels of a JSON body
	ReadHeaderTimeout = 5 * time.Second  // for a request's header
	ReadTimeout       = 10 * time.Second // for a whole request, body included
	WriteTimeout      = 30 * time.Second // for a reply, where no handler's deadline replaces it
	IdleTimeout       = 60 * time.Second // between two requests of one connection
)

// defaultTimeout is the longest time of one request where Options name none: the engine's 20 s and 5 s more.
const defaultTimeout = 25 * time.Second

// Answerer answers a question; its errors are *[sat.Error].
type Answerer interface {
	Answer(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error)
}

// ModelLister lists the models that can be asked for.
type ModelLister interface {
	Models() []sat.Listed
}

// Readiness is a part that the server needs. Ready gives nil, or what is missing as an error for people.
type Readiness interface {
	Ready() error
}

// CORS names the origins whose scripts may call the API. The zero value allows none but its own.
type CORS struct {
	Origins     []string // exact origins: "https://school.example"
	Credentials bool     // whether browsers may send credentials; never together with the origin "*"
}

// Options are what a Server is made of. Answers, Models and Parse must not be nil.
type Options struct {
	Answers Answerer
	Models  ModelLister
	Parse   func(block string) (sat.Question, error) // splits a pasted block into a question
	Arena   Arena                                    // nil: no blind comparison
	Chats   Chatter                                  // nil: /v1 takes questions alone
	Parts   map[string]Readiness                     // what GET /ready asks, by name: "engine", "store"
	Version api.Version                              // of this build
	Log     *slog.Logger                             // nil for none
	Metrics middleware.Recorder                      // nil for none
	Traces  middleware.Tracer                        // nil for none
	Timeout func() time.Duration                     // longest time of one request, asked at each; nil for 25 s
	CORS    CORS

	Accounts    Accounts                              // nil: everything belongs to the person at the machine
	Records     Records                               // nil: nothing is stored
	Bank        Bank                                  // the question bank; nil for none
	Forgets     bool                                  // answers are not stored, whoever asks
	Limits      Limits                                // the zero value for none
	Counter     func(quota string) middleware.Counter // shared by several processes; nil counts in this one
	Refused     func(quota string)                    // hears of every request over a limit; nil for nobody
	FrontendKey string                                // by which the pages are believed for whom they call; "" for never

	Public  string        // the address under which people reach the product; "" for addresses and single names alone
	Proxies []string      // ranges of proxies whose X-Forwarded-For is believed
	NewID   func() string // makes request ids; nil for random ones

	GatewayKey string // what calls below /v1 must send as their bearer key; "" asks for none
}

// Server is the JSON API as an [http.Handler]. It is made by New.
type Server struct {
	opts     Options
	handler  http.Handler
	openapi  []byte
	docs     []byte
	began    time.Time
	draining atomic.Bool
}

// New wires the routes. It refuses options that would leave a door open.
func New(opts Options) (*Server, error) {
	if opts.Answers == nil || opts.Models == nil || opts.Parse == nil {
		return nil, errors.New("backend: Answers, Models and Parse are needed")
	}
	if opts.CORS.Credentials && slices.Contains(opts.CORS.Origins, "*") {
		return nil, errors.New(`backend: the CORS origin "*" together with credentials would let every site act for its visitors; list the origins`)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Metrics == nil {
		opts.Metrics = uncounted{}
	}
	if opts.Timeout == nil {
		opts.Timeout = func() time.Duration { return defaultTimeout }
	}
	if opts.NewID == nil {
		opts.NewID = rand.Text
	}
	public, err := url.Parse(opts.Public)
	if err != nil {
		return nil, fmt.Errorf("backend: public address: %w", err)
	}
	s := &Server{opts: opts, began: time.Now()}
	if err := s.route(public); err != nil {
		return nil, fmt.Errorf("backend: %w", err)
	}
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// HTTPServer gives an [http.Server] for this API with the limits of this package.
func (s *Server) HTTPServer(addr string) *http.Server {
	return &http.Server{
		Addr: addr, Handler: s, MaxHeaderBytes: MaxHeader,
		ReadHeaderTimeout: ReadHeaderTimeout, ReadTimeout: ReadTimeout, WriteTimeout: WriteTimeout, IdleTimeout: IdleTimeout,
		ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
}

// Drain tells that the server is about to stop: GET /ready says so, and requests are served as before.
func (s *Server) Drain() { s.draining.Store(true) }

// uncounted is the recorder of a server without metrics.
type uncounted struct{}

func (uncounted) Request(string, string, int, time.Duration) {}
func (uncounted) Panic(string)                               {}
