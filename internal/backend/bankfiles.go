package backend

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/api"
	"sattutor/internal/middleware"
	"sattutor/internal/sat"
)

const (
	importPath = "/api/v1/items:import"
	exportPath = "/api/v1/items:export"

	// MaxFile is the largest file of questions, in bytes.
	MaxFile = 10 << 20
	// maxItemBody is the largest body of a call about one item, in bytes: a passage of the greatest length with all
	// that belongs to it.
	maxItemBody = 512 << 10
	// multipartExtra is what a form puts around a file.
	multipartExtra = 64 << 10
)

// limitBody bounds a request's body by what is sent there: a question, an item or a file.
func limitBody(next http.Handler) http.Handler {
	question := middleware.BodyLimit(MaxBody, serveError)(next)
	item := middleware.BodyLimit(maxItemBody, serveError)(next)
	file := middleware.BodyLimit(MaxFile+multipartExtra, serveError)(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == importPath:
			file.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, itemsPath), strings.HasPrefix(r.URL.Path, passagesPath):
			item.ServeHTTP(w, r)
		default:
			question.ServeHTTP(w, r)
		}
	})
}

const (
	itemsPath    = "/api/v1/items"
	passagesPath = "/api/v1/passages"
)

// fileBody reads the body of an upload, which no form of JSON is.
func fileBody(next http.Handler) http.Handler {
	return handle(func(w http.ResponseWriter, r *http.Request) error {
		raw, err := readAll(r)
		if err != nil {
			return err
		}
		r.Body = &whole{raw: raw, left: raw}
		next.ServeHTTP(w, r)
		return nil
	})
}

// importItems is POST /api/v1/items:import.
func (s *Server) importItems(w http.ResponseWriter, r *http.Request) error {
	bank, err := s.bank()
	if err != nil {
		return err
	}
	q := readQuery(r, "format", "framework", "skill", "dry_run", "plan", "strict", "allow_split")
	req := sat.ImportRequest{Format: q.text("format"), Framework: sat.Framework(q.text("framework")), Skill: sat.Skill(q.text("skill")),
		Rehearse: q.flag("dry_run"), Plan: q.text("plan"), Strict: q.flag("strict"), AllowSplit: q.flag("allow_split"), By: userOf(r.Context())}
	if err := q.err(req.Validate()); err != nil {
		return err
	}
	if req.File, err = uploaded(r); err != nil {
		return err
	}
	report, err := bank.ImportItems(r.Context(), req)
	if err != nil {
		return err
	}
	return writeJSON(w, report)
}

// uploaded gives the file of a request: its body, or the field "file" of a form.
func uploaded(r *http.Request) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return io.ReadAll(r.Body)
	}
	form := multipart.NewReader(r.Body, params["boundary"])
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			return nil, &sat.Error{Code: sat.Invalid, Message: "The form has no file.",
				Fields: []sat.FieldError{{Field: "file", Message: "is missing; choose a file of questions"}}}
		}
		if err != nil {
			return nil, &refusal{status: http.StatusBadRequest, code: "malformed", detail: "The form cannot be read.", cause: err}
		}
		if part.FormName() == "file" {
			return io.ReadAll(part)
		}
	}
}

// exportItems is GET /api/v1/items:export.
func (s *Server) exportItems(w http.ResponseWriter, r *http.Request) error {
	bank, err := s.bank()
	if err != nil {
		return err
	}
	q := readQuery(r, append(sat.ItemFilterNames(), "reported", "format", "passages", "report")...)
	filter, err := sat.ParseItemFilter(q.text)
	filter.Reported = q.flag("reported")
	report, apart := q.flag("report"), q.choice("passages", "inside", "apart") == "apart"
	if err := q.err(err); err != nil {
		return err
	}
	file, err := bank.ExportItems(r.Context(), sat.ExportRequest{Filter: allowed(r.Context(), filter), Format: q.text("format"), PassagesApart: apart})
	if err != nil {
		return err
	}
	w.Header().Set(api.HeaderLosses, strconv.Itoa(len(file.Losses)))
	if report {
		return writeJSON(w, exportReport{Items: file.Items, Losses: listed(file.Losses)})
	}
	w.Header().Set("Content-Type", file.MediaType)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file.Name}))
	_, err = io.Copy(w, bytes.NewReader(file.Content))
	if err != nil {
		return &refusal{status: clientGone, code: "client_gone", cause: err}
	}
	return nil
}

// exportReport says what a file of these items would not carry.
type exportReport struct {
	Items  int           `json:"items"`
	Losses []sat.Finding `json:"losses"`
}

// describeBankFiles adds the two calls whose bodies are files.
func describeBankFiles(doc *huma.OpenAPI) {
	param := func(name, description string) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	binary := map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	upload := map[string]*huma.MediaType{"application/octet-stream": binary["application/octet-stream"], "multipart/form-data": {Schema: &huma.Schema{
		Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": {Type: huma.TypeString, Format: "binary"}}, Required: []string{"file"}}}}
	problems := &huma.Response{Description: "Error", Content: problemContent(doc)}
	doc.AddOperation(&huma.Operation{OperationID: "import-items", Method: http.MethodPost, Path: importPath, Tags: []string{"Question bank"},
		Summary:     "Take a file of questions in, or rehearse that",
		Description: "At most 10 MiB. With dry_run=1 nothing is stored; plan= names the rehearsal that is confirmed, and is a conflict once the bank has changed.",
		Parameters: []*huma.Param{param("format", "auto or a format's name"), param("framework", "For items that name none."), param("skill", "For items that name none."),
			param("dry_run", "1: say what would happen."), param("plan", "Of the rehearsal."), param("strict", "1: all or nothing."), param("allow_split", "1: an update may move an item to another split.")},
		RequestBody: &huma.RequestBody{Required: true, Content: upload},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {
			Schema: doc.Components.Schemas.Schema(reflect.TypeFor[sat.ImportReport](), true, "")}}}, "default": problems}})
	doc.AddOperation(&huma.Operation{OperationID: "export-items", Method: http.MethodGet, Path: exportPath, Tags: []string{"Question bank"},
		Summary:     "Put items into a file",
		Description: "The filters are those of the list. The header X-Sat-Losses counts what the format does not carry; report=1 gives that as JSON instead of the file.",
		Parameters: append([]*huma.Param{param("format", "A format's name."), param("report", "1: only what would be lost."),
			param("passages", "Moodle XML: apart, as descriptions of their own; else inside each question.")}, filterParams(doc)...),
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: binary, Headers: map[string]*huma.Param{api.HeaderLosses: headerParam("Fields that the file does not carry.")}}, "default": problems}})
}

// filterParams describes the choice of items as the list does.
func filterParams(doc *huma.OpenAPI) (params []*huma.Param) {
	for _, p := range doc.Paths[itemsPath].Get.Parameters {
		if p.Name != "offset" && p.Name != "limit" {
			params = append(params, p)
		}
	}
	return params
}
