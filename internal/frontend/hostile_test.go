package frontend

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// vectors gives texts that try to become markup or script: each shape of payload in each wrapping that tries to break
// out of an element, an attribute, a comment or a script.
func vectors() []string {
	payloads := []string{
		`<script>window.hit=1</script>`, `<img src=x onerror=window.hit=1>`, `<svg onload=window.hit=1>`, `<svg><script>window.hit=1</script></svg>`,
		`<iframe srcdoc="<script>parent.hit=1</script>">`, `<body onload=window.hit=1>`, `<details open ontoggle=window.hit=1>`,
		`<input autofocus onfocus=window.hit=1>`, `<a href="javascript:window.hit=1">x</a>`, `<math><mi xlink:href="javascript:window.hit=1">`,
		`<style>*{background:url(//evil.example)}</style>`, `<link rel=stylesheet href=//evil.example>`, `<base href=//evil.example/>`,
		`<meta http-equiv=refresh content="0;url=//evil.example">`, `<form action=//evil.example><button>`, `<object data=//evil.example>`,
		`<template><script>window.hit=1</script></template>`, `<noscript><p title="</noscript><img src=x onerror=window.hit=1>">`,
		`&lt;script&gt;window.hit=1&lt;/script&gt;`, `{{.Model}}`, `{{template "layout"}}`, `${window.hit=1}`, `\u003cscript\u003ewindow.hit=1`,
		"<scr\x00ipt>window.hit=1</scr\x00ipt>", `<IMG SRC=JaVaScRiPt:window.hit=1>`, "<img src=`x` onerror=`window.hit=1`>",
	}
	wraps := []string{"%s", `"%s`, `'>%s`, `">%s`, `</textarea>%s`, `</title></style></script>%s`, `--><!--%s`, `</code></pre>%s<!--`}
	var list []string
	for _, w := range wraps {
		for _, p := range payloads {
			list = append(list, strings.Replace(w, "%s", p, 1))
		}
	}
	return list
}

// TestHostileTextStaysText puts every vector into every field, into the engine's output, and into the errors.
func TestHostileTextStaysText(t *testing.T) {
	s := newSite(t)
	list := vectors()
	require.GreaterOrEqual(t, len(list), 200)
	plain := shape(s.post(t, "/ask", question("ask")).body)
	s.backend.setAnswer(refuseWith(422, &sat.Error{Code: sat.Invalid, Message: "x", Fields: []sat.FieldError{{Field: "text", Message: "x"}, {Field: "x", Message: "x"}}}))
	refused := shape(s.post(t, "/ask", question("ask")).body)
	for _, v := range list {
		form := url.Values{"do": {"ask"}, "text": {v}, "question": {v}, "choice": {v, v, v, v, ""}, "block": {""}, "fifth": {""}}
		s.backend.setAnswer(func(w http.ResponseWriter, _ *http.Request) {
			a := answerB(api.MCQRequest{Choices: []string{v, v, v, v}})
			a.Raw, a.Model, a.Base, a.RequestID, a.QualityNote = v, v, v, v, v
			reply(w, a)
		})
		assert.Equal(t, plain, shape(s.post(t, "/ask", form).body), v)
		s.backend.setAnswer(refuseWith(422, &sat.Error{Code: sat.Invalid, Message: v, Fields: []sat.FieldError{{Field: "text", Message: v}, {Field: v, Message: v}}}))
		assert.Equal(t, refused, shape(s.post(t, "/ask", form).body), v)
		if t.Failed() {
			return
		}
	}
}

var (
	tag       = regexp.MustCompile(`<[^>]*>`)
	attribute = regexp.MustCompile(`="[^"]*"`)
)

// shape is the markup of a page without its texts and values: hostile text must not change it.
func shape(body string) string {
	return strings.Join(tag.FindAllString(attribute.ReplaceAllString(body, `=""`), -1), "")
}

// TestHostileModelRecords: names and notes of models are text too.
func TestHostileModelRecords(t *testing.T) {
	for _, v := range vectors()[:26] {
		s := newSite(t)
		m := measuredModel
		m.Name, m.Base, m.Adapter, m.Licence, m.Precision, m.QualityNote, m.Method = v, v, v, v, v, v, v
		m.Evaluations = []api.Evaluation{{Pool: v, Method: v, Date: v, N: 1, Verdict: v}}
		want := newSite(t)
		plain := measuredModel
		plain.Evaluations = []api.Evaluation{{Pool: "p", N: 1, Verdict: "v"}}
		want.backend.setModels(plain)
		s.backend.setModels(m)
		for _, path := range []string{"/", "/about"} {
			assert.Equal(t, shape(want.get(t, path).body), shape(s.get(t, path).body), v)
		}
	}
}

// TestNoWayAroundEscaping: the types that switch it off, and the package that has none, stay out.
func TestNoWayAroundEscaping(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	banned := regexp.MustCompile(`template\.(HTML|JS|JSStr|CSS|URL|HTMLAttr|Srcset)\b|"text/` + `template"`)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		if f != "hostile_test.go" {
			assert.Empty(t, banned.FindString(string(raw)), f)
		}
	}
}
