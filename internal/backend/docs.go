package backend

import (
	"cmp"
	"embed"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/sat"
)

//go:embed docs.gohtml docs.css
var docsFiles embed.FS

// docsPolicy lets the page load its own style, and nothing else.
const docsPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// docsPage is the data of docs.gohtml.
type docsPage struct {
	Title, Description, Version string
	Calls                       []docsCall
	Shapes                      []docsShape
	Problems                    []docsProblem
}

type docsCall struct {
	ID, Method, Path, Summary, Description string
	Params                                 []docsField
	Takes, Gives                           string // names of shapes, "" for none
}

type docsShape struct {
	Name   string
	Fields []docsField
}

type docsField struct {
	Name, Type, Description string
	Required                bool
}

type docsProblem struct {
	Code    string
	Status  int
	Meaning string
}

// writeDocs renders the description as a page that needs nothing from elsewhere.
func writeDocs(w io.Writer, doc *huma.OpenAPI) error {
	page := docsPage{Title: doc.Info.Title, Description: doc.Info.Description, Version: doc.Info.Version, Problems: docsProblems()}
	for path, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op != nil {
				page.Calls = append(page.Calls, docsCallOf(path, op))
			}
		}
	}
	slices.SortFunc(page.Calls, func(a, b docsCall) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method)) })
	for name, schema := range doc.Components.Schemas.Map() {
		page.Shapes = append(page.Shapes, docsShapeOf(name, schema))
	}
	slices.SortFunc(page.Shapes, func(a, b docsShape) int { return cmp.Compare(a.Name, b.Name) })
	t, err := template.ParseFS(docsFiles, "docs.gohtml")
	if err != nil {
		return err
	}
	return t.Execute(w, page)
}

func docsCallOf(path string, op *huma.Operation) docsCall {
	call := docsCall{ID: op.OperationID, Method: op.Method, Path: path, Summary: op.Summary, Description: op.Description}
	for _, p := range op.Parameters {
		if p.In != "query" { // the path shows its own
			continue
		}
		call.Params = append(call.Params, docsField{Name: p.Name, Type: typeName(p.Schema), Description: p.Description, Required: p.Required})
	}
	if op.RequestBody != nil {
		call.Takes = contentName(op.RequestBody.Content)
	}
	if ok := op.Responses["200"]; ok != nil {
		call.Gives = contentName(ok.Content)
	}
	return call
}

func docsShapeOf(name string, schema *huma.Schema) docsShape {
	shape := docsShape{Name: name}
	for field, s := range schema.Properties {
		shape.Fields = append(shape.Fields, docsField{
			Name: field, Type: typeName(s), Description: s.Description, Required: slices.Contains(schema.Required, field)})
	}
	slices.SortFunc(shape.Fields, func(a, b docsField) int { return cmp.Compare(a.Name, b.Name) })
	return shape
}

func contentName(content map[string]*huma.MediaType) string {
	for _, media := range content {
		if media.Schema != nil && media.Schema.Ref != "" {
			return typeName(media.Schema)
		}
	}
	return ""
}

// typeName words a schema: "Answer", "list of string".
func typeName(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case s.Type == huma.TypeArray:
		return "list of " + typeName(s.Items)
	}
	return s.Type
}

// docsProblems explains every type that a problem body can name.
func docsProblems() []docsProblem {
	meaning := map[sat.Code]string{
		sat.Invalid:      "The input breaks a rule; errors names each field and how to mend it.",
		sat.TooLarge:     "The body, or the question's tokens, are more than is taken; the detail says by how much.",
		sat.Unauthorized: "No identity was given, or a wrong one.",
		sat.Forbidden:    "The identity lacks the right, or another site's page sent the request.",
		sat.NotFound:     "There is no such thing, or it is not yours.",
		sat.Conflict:     "The state does not allow it.",
		sat.RateLimited:  "Your own quota is used up; Retry-After tells until when.",
		sat.BadOutput:    "The model answered with something that is none of the choices.",
		sat.Unavailable:  "A part is not there or not ready; reason tells which.",
		sat.Timeout:      "The deadline passed before the answer was whole.",
		sat.Internal:     "Our own mistake; it is logged under the request id.",
	}
	var list []docsProblem
	for _, code := range sat.Codes() {
		list = append(list, docsProblem{string(code), Status(code), meaning[code]})
	}
	return append(list,
		docsProblem{"engine-not-ready", http.StatusServiceUnavailable, "The engine is starting, or was lost and is coming back."},
		docsProblem{"overloaded", http.StatusServiceUnavailable, "More questions wait than can be answered in time; Retry-After is an honest estimate."},
		docsProblem{"draining", http.StatusServiceUnavailable, "The server is about to stop."},
		docsProblem{"storage", http.StatusServiceUnavailable, "Nothing can be stored at this moment."},
		docsProblem{"malformed", http.StatusBadRequest, "The body is no JSON."},
		docsProblem{"method_not_allowed", http.StatusMethodNotAllowed, "The path takes other methods; Allow names them."},
		docsProblem{"media_type", http.StatusUnsupportedMediaType, "The body is not declared as JSON."},
		docsProblem{"wrong_host", http.StatusMisdirectedRequest, "The request names a host that this server is not."},
	)
}

// serveDocs is GET /docs.
func (s *Server) serveDocs(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Security-Policy", docsPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(s.docs)
	return nil
}

// serveStyle is GET /docs/style.css.
func serveStyle(w http.ResponseWriter, _ *http.Request) error {
	style, err := docsFiles.ReadFile("docs.css")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(style)
	return nil
}
