package llamacpp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options configure a Supervisor.
type Options struct {
	Log *slog.Logger // the children's output goes there at debug level, their deaths as warnings; nil for none

	backoff func(deaths int) time.Duration // nil for backoff
	linger  time.Duration                  // 0 for linger
}

// Endpoint is one child: where it listens and how it is.
type Endpoint struct {
	Name          string // served name
	BaseURL       string // "http://127.0.0.1:40001/v1"; stays the same when a child that had answered is started again
	Key           string // bearer key of this child; never changes
	Up            bool   // it has answered a question since it was started last
	PID           int    // of its process; 0 while there is none
	Restarts      int    // times that it was started again
	ContextTokens int    // as the child says; 0 before its first answer
	Fault         string // why it is not up, with its last lines; "" while it is up or starting for the first time
}

// root is the address above the API's paths.
func (e Endpoint) root() string { return strings.TrimSuffix(e.BaseURL, "/v1") }

// Supervisor keeps one child for each served model alive. It is made by Start and safe for concurrent use.
type Supervisor struct {
	opts    Options
	runtime Runtime
	client  *http.Client
	ended   sync.WaitGroup
	stop    context.Context // ends when the children must
	stopNow context.CancelFunc

	mu       sync.Mutex
	children []*child // never altered, but replaced
	leaving  []*child // no longer listed, and kept for a while for callers that name their adapter
	changed  chan struct{}
	closing  bool
}

// Start starts a child for each spec and returns at once; WaitReady waits for their first answers. The children live
// until Close. The error tells of a spec that cannot be served.
func Start(runtime Runtime, specs []Spec, opts Options) (*Supervisor, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.backoff == nil {
		opts.backoff = backoff
	}
	if opts.linger == 0 {
		opts.linger = linger
	}
	if err := checkAll(specs); err != nil {
		return nil, err
	}
	s := &Supervisor{opts: opts, runtime: runtime, changed: make(chan struct{}), client: &http.Client{Transport: &http.Transport{
		DialContext:        (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		DisableKeepAlives:  true, // llama-server closes connections when it likes, also just before the next request
		DisableCompression: true,
	}}}
	s.stop, s.stopNow = context.WithCancel(context.Background())
	s.children, _ = s.arrange(specs)
	for _, c := range s.children {
		s.begin(c)
	}
	return s, nil
}

func (s Spec) check() error {
	if s.Name == "" {
		return errors.New("a model without a served name")
	}
	for _, path := range []string{s.ModelPath, s.AdapterPath} {
		if path == "" && path == s.AdapterPath && s.ModelPath != "" {
			continue
		}
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("it is no file")
		}
		if err != nil {
			return &Problem{What: "the file of model " + s.Name + " cannot be read", Err: err, Next: "Check SAT_MODEL_PATH, or leave it empty for the small model"}
		}
	}
	return nil
}

// Endpoints gives the children as they are now, in the order of the specs.
func (s *Supervisor) Endpoints() []Endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Endpoint, len(s.children))
	for i, c := range s.children {
		list[i] = c.endpoint()
	}
	return list
}

// Changed gives a channel that is closed at the next change of any endpoint. Take it before Endpoints.
func (s *Supervisor) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// change alters the state of a child, and tells those who wait.
func (s *Supervisor) change(alter func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	alter()
	close(s.changed)
	s.changed = make(chan struct{})
}

// hopeless is the number of deaths before the first answer after which WaitReady gives up.
const hopeless = 3

// WaitReady waits until every child has answered a question. The error is the context's, or tells of a child that
// died again and again before it could answer; such a child is tried on nevertheless.
func (s *Supervisor) WaitReady(ctx context.Context) error {
	s.mu.Lock()
	list := s.children
	s.mu.Unlock()
	return s.await(ctx, list)
}

// state tells whether all of some children answer, and of one that will not.
func (s *Supervisor) state(list []*child) (ready bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false, errors.New("the engine is shutting down")
	}
	ready = true
	for _, c := range list {
		if c.facts == nil && c.deaths >= hopeless {
			return false, &Problem{What: fmt.Sprintf("the engine of model %s does not start", c.spec.Name), Err: errors.New(c.fault),
				Next: "Check that the file is a GGUF model that fits into memory, or take the small model (SAT_MODEL=smollm2-135m)"}
		}
		ready = ready && c.up
	}
	return ready, nil
}

// Close drains the children and ends them: it waits while one of them is working, at most until ctx ends, and returns
// when the last process is gone, at most a few seconds later.
func (s *Supervisor) Close(ctx context.Context) error {
	var children []*child
	s.change(func() { s.closing, children = true, s.children })
	var idle sync.WaitGroup
	for _, c := range children {
		idle.Go(func() { c.waitIdle(ctx, c.url()) })
	}
	idle.Wait()
	s.stopNow()
	s.ended.Wait()
	return nil
}

// Bounds of a child's life.
const (
	startLimit = 10 * time.Minute // from its start to its first answer
	stopLimit  = 3 * time.Second  // from being asked to end until it is killed
	steady     = time.Minute      // up for so long, its next death counts as the first
)

// backoff is the pause before a child is started again, after so many deaths in a row.
func backoff(deaths int) time.Duration {
	return min(30*time.Second, 100*time.Millisecond<<min(deaths-1, 20))
}

// freePort asks the system for a port that nobody uses now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func address(port int) string {
	return "http://" + net.JoinHostPort(loopback, strconv.Itoa(port))
}
