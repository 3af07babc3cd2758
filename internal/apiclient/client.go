// Package apiclient calls the backend's API and turns its error bodies into coded errors.
//
// Every method takes and gives shapes of package api. Whatever goes wrong is a *[sat.Error]: what the backend said
// (problem.go), a deadline that passed, or a backend that cannot be reached. What is safe to send again is sent again
// for a while (retry.go).
package apiclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sattutor/internal/api"
)

// Bounds of one call.
const (
	maxReply       = 4 << 20          // bytes of a reply
	defaultTimeout = 30 * time.Second // where Options name none
	idlePerHost    = 64
)

// Options configure a Client.
type Options struct {
	BaseURL     string               // of the backend; a trailing /submit_mcq is cut
	Secret      string               // shown where a call is made for nobody in particular: an API key; "" for none
	FrontendKey string               // by which the backend believes For; "" for none
	Timeout     func() time.Duration // longest time of one call, retries included, asked at each; nil for 30 s
	Transport   http.RoundTripper    // nil for an own one
	Trace       TraceHeader          // nil for none
	Rand        func() float64       // uniform in [0, 1), for the jitter of retries; nil for math/rand/v2
}

// TraceHeader gives the traceparent header of the trace that the context belongs to, "" for none.
type TraceHeader func(ctx context.Context) string

// Client is a client of one backend. It is safe for concurrent use and made by New.
type Client struct {
	base    string
	http    *http.Client
	key     string
	secret  string
	timeout func() time.Duration
	rand    func() float64
	trace   TraceHeader
}

// New gives a client; it connects at the first call.
func New(opts Options) (*Client, error) {
	base := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(opts.BaseURL, "/"), "/submit_mcq"), "/")
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("apiclient: %q is no http or https address of a backend", opts.BaseURL)
	}
	if opts.Timeout == nil {
		opts.Timeout = func() time.Duration { return defaultTimeout }
	}
	if opts.Rand == nil {
		opts.Rand = rand.Float64
	}
	if opts.Transport == nil {
		opts.Transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConns:        idlePerHost,
			MaxIdleConnsPerHost: idlePerHost,
			IdleConnTimeout:     30 * time.Second, // below the backend's 60 s
		}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: base, http: &http.Client{Transport: opts.Transport, CheckRedirect: stay},
		key: opts.FrontendKey, secret: opts.Secret, timeout: opts.Timeout, rand: opts.Rand, trace: opts.Trace}, nil
}

// BaseURL is the backend's address, without a path of the API.
func (c *Client) BaseURL() string { return c.base }

// SubmitMCQ asks by the original's call.
func (c *Client) SubmitMCQ(ctx context.Context, q api.MCQRequest) (api.MCQResponse, error) {
	return send[api.MCQResponse](ctx, c, http.MethodPost, "/submit_mcq", q)
}

// Answer asks for an answer with everything that is known of it.
func (c *Client) Answer(ctx context.Context, q api.AnswerRequest) (api.Answer, error) {
	return send[api.Answer](ctx, c, http.MethodPost, "/api/v1/answers", q)
}

// ParseQuestion splits a pasted block into passage, question and choices.
func (c *Client) ParseQuestion(ctx context.Context, block string) (api.MCQRequest, error) {
	return send[api.MCQRequest](ctx, c, http.MethodPost, "/api/v1/questions:parse", api.ParseRequest{Block: block})
}

// Models lists the models that can be asked.
func (c *Client) Models(ctx context.Context) ([]api.Model, error) {
	list, err := send[api.ModelList](ctx, c, http.MethodGet, "/api/v1/models", nil)
	return list.Models, err
}

// Version names the backend's build.
func (c *Client) Version(ctx context.Context) (api.Version, error) {
	return send[api.Version](ctx, c, http.MethodGet, "/version", nil)
}

// Ready tells whether the backend has what it needs, of all its parts or of the named ones. A backend that is not
// ready is an answer, no error.
func (c *Client) Ready(ctx context.Context, need ...string) (api.Ready, error) {
	path := "/ready"
	if len(need) > 0 {
		path += "?need=" + url.QueryEscape(strings.Join(need, ","))
	}
	return send[api.Ready](ctx, c, http.MethodGet, path, nil)
}

type requestIDKey struct{}

// WithRequestID gives a context whose calls carry the id, so that both servers' logs name one request alike.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// For is the person a call is made for.
type For struct {
	Secret  string // of a sign-in, a guest or an API key; "" for nobody in particular
	Address string // where the person is
	Once    string // names a call that must take effect once; "" for a call that need not
}

type forKey struct{}

// WithFor gives a context whose calls are made for a person.
func WithFor(ctx context.Context, f For) context.Context { return context.WithValue(ctx, forKey{}, f) }

// identify says in the request for whom it is made.
func (c *Client) identify(ctx context.Context, header http.Header) {
	f, _ := ctx.Value(forKey{}).(For)
	if secret := cmp.Or(f.Secret, c.secret); secret != "" {
		header.Set("Authorization", "Bearer "+secret)
	}
	if f.Once != "" {
		header.Set("Idempotency-Key", f.Once)
	}
	if f.Address != "" && c.key != "" {
		header.Set(api.HeaderClientAddr, f.Address)
		header.Set(api.HeaderFrontendKey, c.key)
	}
}

// send makes one call and decodes its reply. A nil body sends none.
func send[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var out T
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return out, failed(ctx, err)
		}
	}
	reply, err := c.exchange(ctx, method, path, raw)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(reply, &out); err != nil {
		return out, strange(err)
	}
	return out, nil
}

// attempt sends the request once and reads the reply, whatever its status.
func (c *Client) attempt(ctx context.Context, method, path string, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	c.identify(ctx, req.Header)
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		req.Header.Set(api.HeaderRequestID, id)
	}
	if c.trace != nil {
		if parent := c.trace(ctx); parent != "" {
			req.Header.Set("Traceparent", parent)
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	reply, err := io.ReadAll(&bounded{resp.Body, maxReply})
	return resp, reply, err
}
