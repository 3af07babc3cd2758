package backend

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/api"
)

// describe adds an operation that takes an In and gives an Out, and that huma does not serve.
func describe[In, Out any](doc *huma.OpenAPI, op *huma.Operation) {
	op.RequestBody = &huma.RequestBody{Required: true, Content: schemaOf[In](doc)}
	op.Responses = map[string]*huma.Response{
		"200": {Description: "OK", Content: schemaOf[Out](doc), Headers: map[string]*huma.Param{
			api.HeaderRequestID:  headerParam("Names this request in the server's log."),
			api.HeaderModel:      headerParam("The model that answered."),
			api.HeaderAdapter:    headerParam("The adapter that answered, with the beginning of its digest; absent for a base model."),
			api.HeaderConfidence: headerParam("Calibrated probability of the answer, 0 to 1; absent when the model gives none."),
			api.HeaderQuality:    headerParam("production or demo."),
			api.HeaderStored:     headerParam("Id of the stored question and answer, once it is on the disk; absent where nothing is stored."),
			headerTiming:         headerParam("Milliseconds spent in the engine and in all."),
		}},
		"default": {Description: "Error", Content: problemContent(doc)},
	}
	doc.AddOperation(op)
}

func headerParam(description string) *huma.Param {
	return &huma.Param{Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
}

func schemaOf[T any](doc *huma.OpenAPI) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"application/json": {Schema: doc.Components.Schemas.Schema(reflect.TypeFor[T](), true, "")}}
}

func problemContent(doc *huma.OpenAPI) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"application/problem+json": {Schema: doc.Components.Schemas.Schema(reflect.TypeFor[api.Problem](), true, "")}}
}

// document writes the description and its page once: what is served does not change afterwards.
func (s *Server) document(doc *huma.OpenAPI) error {
	var page bytes.Buffer
	if err := writeDocs(&page, doc); err != nil {
		return err
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		return err
	}
	s.openapi, s.docs = indented.Bytes(), page.Bytes()
	return nil
}

// serveOpenAPI is GET /openapi.json.
func (s *Server) serveOpenAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.openapi)
	return nil
}
