package backend

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// service is the name under which the original presented itself.
const service = "SAT Reading Tutor Backend"

// reply is the output of a huma handler whose body is a T.
type reply[T any] struct{ Body T }

// registerOperations adds the calls by which the server is watched.
func (s *Server) registerOperations(to huma.API) {
	huma.Register(to, huma.Operation{
		OperationID: "root", Method: http.MethodGet, Path: "/", Tags: []string{"Original contract"}, Summary: "Say hello",
	}, func(context.Context, *struct{}) (*reply[api.Message], error) {
		return &reply[api.Message]{api.Message{Message: "SAT Reading Tutor Backend is running!"}}, nil
	})
	huma.Register(to, huma.Operation{
		OperationID: "health", Method: http.MethodGet, Path: "/health", Tags: []string{"Original contract"},
		Summary: "Tell that the process lives", Description: "Nothing else is asked; GET /ready tells whether answers can be had.",
	}, func(context.Context, *struct{}) (*reply[api.Health], error) {
		return &reply[api.Health]{api.Health{Status: "healthy", Service: service, Version: s.opts.Version.Version}}, nil
	})
	huma.Register(to, huma.Operation{
		OperationID: "version", Method: http.MethodGet, Path: "/version", Tags: []string{"Operations"}, Summary: "Name this build",
	}, func(context.Context, *struct{}) (*reply[api.Version], error) {
		return &reply[api.Version]{s.opts.Version}, nil
	})
	huma.Register(to, huma.Operation{
		OperationID: "ready", Method: http.MethodGet, Path: "/ready", Tags: []string{"Operations"},
		Summary:     "Tell whether everything needed is there",
		Description: "503 names what is missing. With need, only the named parts are asked.",
		Responses: map[string]*huma.Response{
			"503":     {Description: "Something is missing.", Content: schemaOf[api.Ready](to.OpenAPI())},
			"default": {Description: "Error", Content: problemContent(to.OpenAPI())},
		},
	}, s.ready)
}

type readyInput struct {
	Need []string `query:"need" enum:"engine,store" doc:"Parts that are needed, separated by commas; all when left out."`
}

type readyOutput struct {
	Status     int
	RetryAfter string `header:"Retry-After"`
	Body       api.Ready
}

// ready is GET /ready.
func (s *Server) ready(_ context.Context, in *readyInput) (*readyOutput, error) {
	missing := map[string]string{}
	for name, part := range s.opts.Parts {
		if len(in.Need) > 0 && !slices.Contains(in.Need, name) {
			continue
		}
		if err := part.Ready(); err != nil {
			missing[name] = sentence(err)
		}
	}
	if s.draining.Load() {
		missing["server"] = "The server is about to stop."
	}
	if len(missing) == 0 {
		return &readyOutput{Status: http.StatusOK, Body: api.Ready{Status: "ready"}}, nil
	}
	return &readyOutput{
		Status: http.StatusServiceUnavailable, RetryAfter: "2",
		Body: api.Ready{Status: "not-ready", Missing: slices.Sorted(maps.Keys(missing)), Details: missing},
	}, nil
}

// sentence gives what an error says to people, nothing of its cause.
func sentence(err error) string {
	if e, ok := err.(*sat.Error); ok { // the outermost: an inner one may be a cause
		return e.Message
	}
	return "It is not ready."
}

// registerModels adds the list of models.
func (s *Server) registerModels(to huma.API) {
	huma.Register(to, huma.Operation{
		OperationID: "list-models", Method: http.MethodGet, Path: "/api/v1/models", Tags: []string{"Models"},
		Summary: "List the models that can be asked, and what their answers are worth",
	}, func(context.Context, *struct{}) (*reply[api.ModelList], error) {
		list := api.ModelList{Models: []api.Model{}}
		for _, m := range s.opts.Models.Models() {
			shape := api.FromModel(m.Model)
			shape.Default, shape.Available, shape.ContextTokens = m.Default, m.Available, m.ContextTokens
			list.Models = append(list.Models, shape)
		}
		return &reply[api.ModelList]{list}, nil
	})
}

type parseInput struct{ Body api.ParseRequest }

// registerQuestions adds the splitting of a pasted block.
func (s *Server) registerQuestions(to huma.API) {
	huma.Register(to, huma.Operation{
		OperationID: "parse-question", Method: http.MethodPost, Path: "/api/v1/questions:parse", Tags: []string{"Questions"},
		Summary:         "Split a pasted question into passage, question and choices",
		BodyReadTimeout: -1, // the body is read already
	}, func(_ context.Context, in *parseInput) (*reply[api.MCQRequest], error) {
		q, err := s.opts.Parse(in.Body.Block)
		if err != nil {
			return nil, err
		}
		return &reply[api.MCQRequest]{api.FromQuestion(q)}, nil
	})
}
