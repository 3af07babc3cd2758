package frontend

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
)

func TestNewRefusesNonsense(t *testing.T) {
	_, err := New(Options{})
	require.ErrorContains(t, err, "Backend is needed")
	_, err = New(Options{Backend: panicking{}, Public: "://"})
	require.ErrorContains(t, err, "public address")
	_, err = New(Options{Backend: panicking{}, Proxies: []string{"everyone"}})
	require.ErrorContains(t, err, "trusted proxies")
}

// panicking is a backend that breaks the pages.
type panicking struct{ Accounts }

func (panicking) Answer(context.Context, api.AnswerRequest) (api.Answer, error) {
	panic("passage text")
}
func (panicking) ParseQuestion(context.Context, string) (api.MCQRequest, error) {
	panic("passage text")
}
func (panicking) Models(context.Context) ([]api.Model, error) { return nil, nil }
func (panicking) CreatePair(context.Context, api.PairRequest) (api.Pair, error) {
	panic("passage text")
}
func (panicking) Pair(context.Context, string) (api.Pair, error)          { panic("passage text") }
func (panicking) Vote(context.Context, api.VoteRequest) (api.Pair, error) { panic("passage text") }
func (panicking) ArenaSummary(context.Context) (api.ArenaSummary, error)  { panic("passage text") }

// TestEveryReplyHasTheSecurityHeaders walks every route and every status.
func TestEveryReplyHasTheSecurityHeaders(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Public = "http://tutor.example" })
	broken := newSite(t, func(o *Options) { o.Backend = panicking{} })
	asset, err := s.pages.assets.path("css/site.css")
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		page   page
		status int
	}{
		{"start", s.get(t, "/"), 200}, {"ask", s.get(t, "/ask"), 200}, {"about", s.get(t, "/about"), 200},
		{"health", s.get(t, "/health"), 200}, {"asset", s.get(t, asset), 200}, {"answer", s.post(t, "/ask", question("ask")), 200},
		{"colours", s.post(t, "/settings", url.Values{"theme": {"dark"}}), 303}, {"missing", s.get(t, "/nowhere"), 404},
		{"missing asset", s.get(t, "/static/css/site.css"), 404}, {"method", s.send(t, http.MethodPut, "/ask", nil), 405},
		{"host", s.get(t, "/", func(r *http.Request) { r.Host = "evil.example" }), 421},
		{"cross-site", s.post(t, "/ask", question("ask"), header("Sec-Fetch-Site", "cross-site")), 403},
		{"broken form", s.send(t, http.MethodPost, "/ask", url.Values{}, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("text=%zz")), 8
		}), 400},
		{"huge form", s.post(t, "/ask", url.Values{"text": {strings.Repeat("x", MaxBody+1)}}), 413},
		{"panic", broken.post(t, "/ask", question("ask")), 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.status, c.page.StatusCode)
			h := c.page.Header
			assert.Equal(t, "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
				"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'", h.Get("Content-Security-Policy"))
			assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
			assert.Equal(t, "same-origin", h.Get("Referrer-Policy"))
			assert.Equal(t, "same-origin", h.Get("Cross-Origin-Opener-Policy"))
			assert.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"))
			assert.NotEmpty(t, h.Get("Permissions-Policy"))
			assert.NotEmpty(t, h.Get(api.HeaderRequestID))
			assert.Empty(t, h.Get("Strict-Transport-Security"))
			if c.name == "asset" {
				assert.Equal(t, "public, max-age=31536000, immutable", h.Get("Cache-Control"))
			} else {
				assert.Equal(t, "no-store", h.Get("Cache-Control"))
			}
			if c.status >= 400 {
				assert.Equal(t, "text/html; charset=utf-8", h.Get("Content-Type"))
				assert.NotContains(t, c.page.body, "passage text")
			}
		})
	}
}

func TestEveryRouteThatWritesRefusesOtherSites(t *testing.T) {
	s := newSite(t)
	walked := 0
	err := chi.Walk(s.pages.handler.(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method == http.MethodGet || method == http.MethodHead {
			return nil
		}
		walked++
		for _, c := range []struct {
			name    string
			headers []func(*http.Request)
			refused bool
		}{
			{"cross-site", []func(*http.Request){header("Sec-Fetch-Site", "cross-site")}, true},
			{"foreign origin", []func(*http.Request){header("Origin", "https://evil.example")}, true},
			{"same origin", []func(*http.Request){header("Sec-Fetch-Site", "same-origin"), header("Origin", s.URL)}, false},
			{"no browser", nil, false},
		} {
			p := s.send(t, method, route, question("ask"), c.headers...)
			assert.Equal(t, c.refused, p.StatusCode == http.StatusForbidden, "%s %s: %s", method, route, c.name)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, 10, walked)
}

func TestHTTPSAddsTransportSecurityAndASecureCookie(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Public = "https://tutor.example" })
	p := s.post(t, "/settings", url.Values{"theme": {"dark"}})
	assert.Contains(t, p.Header.Get("Strict-Transport-Security"), "max-age=31536000")
	assert.Contains(t, p.Header.Get("Set-Cookie"), "Secure")
}

func TestColoursAreASetting(t *testing.T) {
	s := newSite(t)
	assert.Empty(t, s.get(t, "/").Header.Get("Set-Cookie"), "nothing is stored unasked")
	p := s.post(t, "/settings", url.Values{"theme": {"dark"}, "back": {"/about"}})
	assert.Equal(t, http.StatusSeeOther, p.StatusCode)
	assert.Equal(t, "/about", p.Header.Get("Location"))
	assert.Equal(t, "sat_theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", p.Header.Get("Set-Cookie"))
	dark := s.get(t, "/about", header("Cookie", "sat_theme=dark"))
	assert.Contains(t, dark.body, `<html lang="en" data-theme="dark">`)
	assert.Contains(t, dark.body, `value="dark" aria-pressed="true"`)
	assert.Contains(t, s.get(t, "/", header("Cookie", `sat_theme="><script>`)).body, `<html lang="en">`)
	assert.Contains(t, s.post(t, "/settings", url.Values{"theme": {"system"}}).Header.Get("Set-Cookie"), "Max-Age=0")
	assert.Empty(t, s.post(t, "/settings", url.Values{"theme": {"mauve"}}).Header.Get("Set-Cookie"))
	for _, back := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "/nowhere", ""} {
		assert.Equal(t, "/", s.post(t, "/settings", url.Values{"theme": {"dark"}, "back": {back}}).Header.Get("Location"), back)
	}
	asked := s.post(t, "/ask", question("theme-dark"))
	assert.Contains(t, asked.body, `data-theme="dark"`)
	assert.Contains(t, asked.Header.Get("Set-Cookie"), "sat_theme=dark")
	holdsInput(t, asked)
	assert.Empty(t, s.backend.questions(), "a change of colours asks nothing")
}

func TestPagesAndAssetsAreCompressed(t *testing.T) {
	s := newSite(t)
	css, err := s.pages.assets.path("css/site.css")
	require.NoError(t, err)
	assert.Regexp(t, `^/static/css/site\.[0-9a-f]{8}\.css$`, css)
	for _, path := range []string{"/", "/ask", "/nowhere", css} {
		packed := s.get(t, path, header("Accept-Encoding", "gzip"))
		require.Equal(t, "gzip", packed.Header.Get("Content-Encoding"), path)
		assert.Contains(t, packed.Header.Get("Vary"), "Accept-Encoding")
		r, err := gzip.NewReader(strings.NewReader(packed.body))
		require.NoError(t, err)
		unpacked, err := io.ReadAll(r)
		require.NoError(t, err)
		plain := s.get(t, path, header("Accept-Encoding", "identity"))
		assert.Empty(t, plain.Header.Get("Content-Encoding"))
		assert.Equal(t, plain.body, string(unpacked), path)
	}
	for name, kind := range map[string]string{"js/ask.js": "text/javascript; charset=utf-8", "img/icon.svg": "image/svg+xml", "css/site.css": "text/css; charset=utf-8"} {
		path, err := s.pages.assets.path(name)
		require.NoError(t, err)
		assert.Equal(t, kind, s.get(t, path).Header.Get("Content-Type"))
	}
	_, err = s.pages.assets.path("css/none.css")
	assert.Error(t, err)
}

func TestHeadAndAllow(t *testing.T) {
	s := newSite(t)
	head := s.send(t, http.MethodHead, "/ask", nil)
	assert.Equal(t, http.StatusOK, head.StatusCode)
	assert.Empty(t, head.body)
	assert.Equal(t, "GET, HEAD, POST", s.send(t, http.MethodPut, "/ask", nil).Header.Get("Allow"))
	assert.Equal(t, "POST", s.get(t, "/settings").Header.Get("Allow"))
}

// TestNoTypedTextIsLogged: the log names the request and never what a student wrote.
func TestNoTypedTextIsLogged(t *testing.T) {
	var log bytes.Buffer
	s := newSite(t, func(o *Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	s.post(t, "/ask", question("ask"))
	for _, f := range failures() {
		s.backend.setAnswer(f.answer)
		s.post(t, "/ask", question("ask"))
	}
	s.Close()
	assert.Contains(t, log.String(), `"route":"/ask"`)
	assert.Contains(t, log.String(), `"result":"busy"`)
	for _, typed := range []string{"The lamp burned", "What burned", "the pier"} {
		assert.NotContains(t, log.String(), typed)
	}
}

func TestHTTPServerHasEveryLimit(t *testing.T) {
	s := newSite(t).pages.HTTPServer("127.0.0.1:0")
	assert.Equal(t, MaxHeader, s.MaxHeaderBytes)
	for _, limit := range []time.Duration{s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout} {
		assert.Positive(t, limit)
	}
}

// TestNoMarkupThatThePolicyForbids: the policy would silently drop it.
func TestNoMarkupThatThePolicyForbids(t *testing.T) {
	s := newSite(t)
	inline := regexp.MustCompile(`(?i)<style|<script(?:\s[^>]*)?>[^<]|\sstyle=|\son[a-z]+=|javascript:|src="data:|href="data:`)
	for _, p := range []page{s.get(t, "/"), s.get(t, "/ask"), s.get(t, "/about"), s.get(t, "/nowhere"), s.post(t, "/ask", question("ask"))} {
		assert.Empty(t, inline.FindString(p.body))
	}
}
