package backend

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

var update = flag.Bool("update", false, "write the golden files")

const golden = "testdata/openapi.json"

func TestOpenAPIIsTheGoldenFile(t *testing.T) {
	s := newServer(t, func(o *Options) { o.Version.Version = "0.0.0" })
	resp, body := call(t, s, http.MethodGet, "/openapi.json", "")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(body), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), body, "the API changed; if that is wanted: go test ./internal/backend -update")
}

// The search of the API and the commands and pages that choose items know the same names and the same values.
func TestItemsAreChosenByTheSameValuesEverywhere(t *testing.T) {
	names := sat.ItemFilterNames()
	described := reflect.TypeFor[ItemsInput]()
	for i := range described.NumField() {
		name, values := described.Field(i).Tag.Get("query"), described.Field(i).Tag.Get("enum")
		if values == "" {
			continue
		}
		require.Contains(t, names, name)
		for _, value := range strings.Split(values, ",") {
			_, err := sat.ParseItemFilter(func(asked string) string { return map[string]string{name: value}[asked] })
			require.NoError(t, err)
		}
		_, err := sat.ParseItemFilter(func(asked string) string { return map[string]string{name: "nothing"}[asked] })
		var refused *sat.Error
		require.ErrorAs(t, err, &refused)
		require.Len(t, refused.Fields, 1)
		assert.Contains(t, refused.Fields[0].Message, "is none of "+strings.ReplaceAll(values, ",", ", "))
	}
	for _, name := range names {
		assert.True(t, slices.ContainsFunc(reflect.VisibleFields(described), func(f reflect.StructField) bool { return f.Tag.Get("query") == name }), name)
	}
}

// document is the part of OpenAPI that the tests read.
type document struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		RequestBody struct {
			Content map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
			}
		}
		Responses map[string]struct {
			Content map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
			}
		}
	}
	Components struct {
		Schemas map[string]struct {
			Properties map[string]struct{ Type any }
			Required   []string
		}
	}
}

func TestTheDocumentDescribesWhatIsServed(t *testing.T) {
	s := newServer(t, nil)
	var doc document
	require.NoError(t, json.Unmarshal(s.openapi, &doc))
	assert.True(t, strings.HasPrefix(doc.OpenAPI, "3.1"))
	undocumented := map[string]bool{"/openapi.json": true, "/docs": true, "/docs/style.css": true}
	served := 0
	err := chi.Walk(s.handler.(chi.Router), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if undocumented[route] {
			return nil
		}
		served++
		op, ok := doc.Paths[route][strings.ToLower(method)]
		if assert.True(t, ok, "%s %s is not described", method, route) {
			assert.Contains(t, op.Responses, "200")
			kind, shape := "application/problem+json", "/Problem"
			if strings.HasPrefix(route, gatewayPrefix) {
				kind, shape = "application/json", "/GatewayError"
			}
			assert.Contains(t, op.Responses["default"].Content[kind].Schema.Ref, shape)
		}
		return nil
	})
	require.NoError(t, err)
	described := 0
	for _, operations := range doc.Paths {
		described += len(operations)
	}
	assert.Equal(t, served, described, "every described call is served")

	op := doc.Paths["/submit_mcq"]["post"]
	assert.Equal(t, "#/components/schemas/MCQRequest", op.RequestBody.Content["application/json"].Schema.Ref)
	assert.Equal(t, "#/components/schemas/MCQResponse", op.Responses["200"].Content["application/json"].Schema.Ref)
	assert.ElementsMatch(t, []string{"text", "question", "choices"}, doc.Components.Schemas["MCQRequest"].Required)
}

// The two calls that huma does not serve answer in the shapes that the document gives them.
func TestPlainHandlersKeepToTheDocument(t *testing.T) {
	s := newServer(t, nil)
	var doc document
	require.NoError(t, json.Unmarshal(s.openapi, &doc))
	for path, shape := range map[string]string{"/submit_mcq": "MCQResponse", "/api/v1/answers": "Answer"} {
		_, body := call(t, s, http.MethodPost, path, goodBody)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		schema := doc.Components.Schemas[shape]
		for name := range got {
			assert.Contains(t, schema.Properties, name, "%s answers with a field that %s does not have", path, shape)
		}
		for _, name := range schema.Required {
			assert.Contains(t, got, name, "%s leaves out a field that %s requires", path, shape)
		}
	}
}

func TestDocsNeedNothingFromElsewhere(t *testing.T) {
	s := newServer(t, nil)
	resp, body := call(t, s, http.MethodGet, "/docs", "")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
	assert.NotContains(t, body, "<script")
	assert.NotContains(t, body, "style=")
	assert.NotContains(t, body, "<style")
	for _, link := range regexp.MustCompile(`(?:href|src)="([^"#][^"]*)"`).FindAllStringSubmatch(body, -1) {
		resp, _ := call(t, s, http.MethodGet, link[1], "")
		assert.Equal(t, http.StatusOK, resp.StatusCode, link[1])
	}
	for _, want := range []string{"POST /submit_mcq", "POST /api/v1/answers", "MCQRequest", "Version 1.2.3"} {
		assert.Contains(t, body, want)
	}
	for _, anchor := range append([]string{"overloaded", "engine-not-ready", "draining", "storage", "malformed", "media_type",
		"method_not_allowed", "wrong_host"}, codes()...) {
		assert.Contains(t, body, `id="`+anchor+`"`, "problem types point here")
	}
	for _, anchor := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(body, -1) {
		assert.Contains(t, body, `id="`+anchor[1]+`"`)
	}
}

func codes() (names []string) {
	for _, c := range sat.Codes() {
		names = append(names, string(c))
	}
	return names
}

// Every route and every refusal carries the security headers of the API.
func TestSecurityHeadersStandOnEveryReply(t *testing.T) {
	s := newServer(t, func(o *Options) {
		o.Public = "https://tutor.example"
		o.Answers = answerFunc(nil) // panics
	})
	type request struct {
		method, path string
		status       int
		header       []string
	}
	requests := []request{
		{http.MethodGet, "/nowhere", 404, nil}, {http.MethodDelete, "/submit_mcq", 405, nil},
		{http.MethodPost, "/submit_mcq", 500, nil}, {http.MethodPost, "/submit_mcq", 415, []string{"Content-Type", "text/plain"}},
		{http.MethodGet, "/version", 421, []string{"Host", "evil.example"}}, {http.MethodGet, "/version", 200, []string{"Host", "tutor.example"}},
		{http.MethodPost, "/submit_mcq", 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{http.MethodGet, "/health", 200, []string{"Host", "evil.example"}}, {http.MethodGet, "/ready", 200, []string{"Host", "evil.example"}},
	}
	require.NoError(t, chi.Walk(s.handler.(chi.Router), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method == http.MethodGet {
			status := http.StatusOK
			if rule, _ := accessOf(method + " " + route); rule.role == sat.Admin {
				status = http.StatusForbidden
			} else if rule.signIn || rule.role == sat.Evaluator || rule.scope == sat.ScopeItems || strings.HasPrefix(route, "/api/v1/me/") {
				status = http.StatusConflict // there are no accounts here, no bank, no comparison, and nothing is stored
			}
			requests = append(requests, request{method, strings.ReplaceAll(route, "{model}", "sat-base"), status, nil})
		}
		return nil
	}))
	for _, r := range requests {
		body := ""
		if r.method == http.MethodPost {
			body = goodBody
		}
		resp, got := call(t, s, r.method, r.path, body, r.header...)
		require.Equal(t, r.status, resp.StatusCode, "%s %s: %s", r.method, r.path, got)
		h := resp.Header
		assert.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'", r.path)
		assert.NotContains(t, h.Get("Content-Security-Policy"), "unsafe", r.path)
		assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
		assert.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
		assert.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"))
		assert.Equal(t, "no-store", h.Get("Cache-Control"))
		assert.Equal(t, "max-age=31536000; includeSubDomains", h.Get("Strict-Transport-Security"))
		assert.NotEmpty(t, h.Get(api.HeaderRequestID))
		if r.status >= 400 {
			problemIn(t, resp, got)
		}
	}
}

func TestAnswerRecordAndHeaders(t *testing.T) {
	var asked sat.Options
	s := newServer(t, func(o *Options) {
		o.Answers = recordOptions{&asked}
	})
	resp, body := call(t, s, http.MethodPost, "/api/v1/answers",
		strings.Replace(goodBody, "{", `{"model":"sat-base","mode":"careful","unknown":{"a":[1]},`, 1), "X-Request-Id", "mine-1")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	assert.Equal(t, sat.Options{Model: "sat-base", Mode: sat.Careful}, asked, "unknown fields are ignored")
	var a api.Answer
	require.NoError(t, json.Unmarshal([]byte(body), &a))
	assert.Equal(t, "A) The lamp", a.Answer)
	assert.Equal(t, map[string]float64{"A": 0.75, "B": 0.25}, a.Scores)
	assert.Equal(t, "mine-1", a.RequestID)
	assert.Equal(t, "sat-base", resp.Header.Get(api.HeaderModel))
	assert.Equal(t, "0.7500", resp.Header.Get(api.HeaderConfidence))
	assert.Equal(t, "demo", resp.Header.Get(api.HeaderQuality))
	assert.Regexp(t, `^engine;dur=[\d.]+, total;dur=[\d.]+$`, resp.Header.Get("Server-Timing"))

	assert.Empty(t, resp.Header.Get(api.HeaderAdapter), "a base model has none")
	s = newServer(t, func(o *Options) {
		o.Answers = answerFunc(func(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
			a, err := firstChoice(ctx, q, opts)
			a.Adapter, a.AdapterSHA256 = "sat-lora@ab12cd34", strings.Repeat("ab", 32)
			return a, err
		})
	})
	for _, path := range []string{"/submit_mcq", "/api/v1/answers"} {
		resp, _ = call(t, s, http.MethodPost, path, goodBody)
		assert.Equal(t, "sat-lora@ab12cd34", resp.Header.Get(api.HeaderAdapter), path)
	}

	resp, body = call(t, s, http.MethodPost, "/api/v1/questions:parse", `{"block":"some text"}`)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	assert.JSONEq(t, `{"text":"some text","question":"Why?","choices":["x","y"]}`, body)
}
