package backend

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"sattutor/internal/api"
	"sattutor/internal/middleware"
	"sattutor/internal/sat"
)

// The OpenAI-compatible calls below /v1. A message that holds a question is answered on the product's own path, in one
// shape whichever model answers; anything else is an ordinary conversation.

// Chatter continues an ordinary conversation; its errors are *[sat.Error], but for those of each.
type Chatter interface {
	Chat(ctx context.Context, chat sat.Chat, each func(text string) error) (sat.Continuation, error)
}

// gatewayPrefix is where OpenAI's shapes are spoken, errors included.
const gatewayPrefix = "/v1/"

// owner is what the list of models says of each.
const owner = "sattutor"

// headerTask is set by Open WebUI on calls that it makes for itself: a title, tags, follow-up questions.
const headerTask = "X-OWUI-Task"

// taskPrefix begins the message of such a call.
const taskPrefix = "### Task:"

// taskReply satisfies the parsers of those calls without an engine.
const taskReply = `{"title":"SAT reading","tags":["SAT reading"],"follow_ups":[]}`

// routeGateway adds the calls below /v1 to a router that lets in who may ask.
func (s *Server) routeGateway(r chi.Router) {
	keyed := r.With(s.gatewayKey, jsonBody)
	keyed.Method(http.MethodGet, "/v1/models", handle(s.gatewayModels))
	keyed.Method(http.MethodGet, "/v1/models/{model}", handle(s.gatewayModel))
	keyed.Method(http.MethodPost, "/v1/chat/completions", handle(s.createCompletion))
}

// gatewayKey refuses calls without the key, where one is set and people have no keys of their own.
func (s *Server) gatewayKey(next http.Handler) http.Handler {
	if s.opts.GatewayKey == "" || s.opts.Accounts != nil && s.opts.Accounts.On() {
		return next
	}
	return handle(func(w http.ResponseWriter, r *http.Request) error {
		if !same(bearer(r), s.opts.GatewayKey) {
			return sat.Errorf(sat.Unauthorized, "The API key is missing or wrong. Send it as Authorization: Bearer.")
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// gatewayModels is GET /v1/models.
func (s *Server) gatewayModels(w http.ResponseWriter, _ *http.Request) error {
	list := api.GatewayModels{Object: "list", Data: []api.GatewayModel{}}
	for _, m := range s.opts.Models.Models() {
		if m.Available {
			list.Data = append(list.Data, s.gatewayEntry(m.Name))
		}
	}
	return writeJSON(w, list)
}

// gatewayModel is GET /v1/models/{model}.
func (s *Server) gatewayModel(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "model")
	for _, m := range s.opts.Models.Models() {
		if m.Available && m.Name == name {
			return writeJSON(w, s.gatewayEntry(name))
		}
	}
	return &sat.Error{Code: sat.NotFound, Message: "The model is not served.",
		Fields: []sat.FieldError{{Field: "model", Message: "is not served; GET /v1/models lists those that are"}}}
}

func (s *Server) gatewayEntry(name string) api.GatewayModel {
	return api.GatewayModel{ID: name, Object: "model", Created: s.began.Unix(), OwnedBy: owner}
}

// createCompletion is POST /v1/chat/completions.
func (s *Server) createCompletion(w http.ResponseWriter, r *http.Request) error {
	var body api.ChatRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	chat, err := chatOf(body)
	if err != nil {
		return err
	}
	out := newCompletion(w, r, body)
	out.listed = s.opts.Models.Models()
	err = s.complete(out, chat)
	if err != nil && out.begun { // the client left a stream: nobody reads more
		middleware.Note(r.Context(), slog.String("result", "client_gone"))
		return nil
	}
	return err
}

// complete finds out what the last message is and answers it.
func (s *Server) complete(out *completion, chat sat.Chat) error {
	last := chat.Turns[len(chat.Turns)-1].Text
	if out.r.Header.Get(headerTask) != "" || strings.HasPrefix(last, taskPrefix) {
		middleware.Note(out.r.Context(), slog.String("result", "task"))
		return out.whole(taskReply, sat.Usage{})
	}
	if q, err := s.opts.Parse(last); err == nil {
		return s.completeQuestion(out, q, chat)
	}
	return s.completeChat(out, chat)
}

// completeQuestion answers the last message as a question. What was said before it is not read: in Open WebUI's second
// turns it holds the other model's answer.
func (s *Server) completeQuestion(out *completion, q sat.Question, chat sat.Chat) error {
	middleware.Note(out.r.Context(), slog.Bool("multi_turn", len(chat.Turns) > 1))
	a, err := s.answer(out.w, out.r, q, sat.Options{Model: chat.Model})
	if err != nil {
		return err
	}
	out.model = a.Model
	return out.whole("Answer: "+a.Choice(), a.Usage)
}

// completeChat lets the model continue the conversation.
func (s *Server) completeChat(out *completion, chat sat.Chat) error {
	if s.opts.Chats == nil {
		return sat.Errorf(sat.Invalid, "The last message holds no question with its passage and choices.")
	}
	reply, err := s.opts.Chats.Chat(out.r.Context(), chat, out.text)
	if err != nil {
		return out.fail(err)
	}
	out.model = reply.Model
	middleware.Note(out.r.Context(), slog.String("model", reply.Model), slog.String("result", "chat"))
	return out.finish(reply.Finish, reply.Usage)
}

// describeGateway adds the calls to the document.
func describeGateway(doc *huma.OpenAPI) {
	faults := map[string]*huma.MediaType{"application/json": schemaOf[api.GatewayError](doc)["application/json"]}
	for _, op := range []*huma.Operation{
		{OperationID: "gateway-models", Method: http.MethodGet, Path: "/v1/models", Summary: "List the served names",
			Responses: map[string]*huma.Response{"200": {Description: "OK", Content: schemaOf[api.GatewayModels](doc)}}},
		{OperationID: "gateway-model", Method: http.MethodGet, Path: "/v1/models/{model}", Summary: "Tell whether a name is served",
			Parameters: []*huma.Param{{Name: "model", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}},
			Responses:  map[string]*huma.Response{"200": {Description: "OK", Content: schemaOf[api.GatewayModel](doc)}}},
		{OperationID: "gateway-chat", Method: http.MethodPost, Path: "/v1/chat/completions", Summary: "Answer a question, or chat",
			Description: "A last message that holds passage, question and choices is answered on the product's own prompt, in one shape for " +
				"all models; anything else is passed to the model as a conversation. With stream, the reply is a stream of events.",
			RequestBody: &huma.RequestBody{Required: true, Content: schemaOf[api.ChatRequest](doc)},
			Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
				"application/json":  schemaOf[api.ChatReply](doc)["application/json"],
				"text/event-stream": schemaOf[api.ChatChunk](doc)["application/json"]}}}},
	} {
		op.Tags = []string{"OpenAI-compatible"}
		op.Responses["default"] = &huma.Response{Description: "Error", Content: faults}
		doc.AddOperation(op)
	}
}

// chatOf reads OpenAI's request as a conversation.
func chatOf(body api.ChatRequest) (sat.Chat, error) {
	chat := sat.Chat{Model: body.Model}
	for _, m := range body.Messages {
		if m.Role == "tool" || m.Role == "function" { // tools are not offered here
			continue
		}
		text, ok := wordsOf(m.Content)
		if !ok {
			return chat, gatewayInvalid("messages", "holds a part that is no text; only text is read here")
		}
		switch m.Role {
		case "developer":
			m.Role = sat.SpeakerSystem
		case sat.SpeakerSystem, sat.SpeakerUser, sat.SpeakerAssistant:
		default:
			return chat, gatewayInvalid("messages", "holds a role that is none of system, user, assistant")
		}
		chat.Turns = append(chat.Turns, sat.Turn{Speaker: m.Role, Text: text})
	}
	if body.N != nil && *body.N != 1 {
		return chat, gatewayInvalid("n", "must be 1; ask once for each answer")
	}
	limit := body.MaxCompletionTokens
	if limit == nil {
		limit = body.MaxTokens
	}
	if limit != nil {
		if *limit < 1 {
			return chat, gatewayInvalid("max_tokens", "must be at least 1")
		}
		chat.ReplyTokens = min(*limit, sat.MaxReply) // clients send the model's context here
	}
	if body.Temperature != nil {
		chat.Temperature = *body.Temperature
	}
	if body.Seed != nil {
		chat.Seed = *body.Seed
	}
	return chat, chat.Validate()
}

// wordsOf reads a message's content: text, nothing, or a list of parts of type text.
func wordsOf(content any) (text string, ok bool) {
	switch c := content.(type) {
	case nil:
		return "", true
	case string:
		return c, true
	case []any:
		var parts []string
		for _, p := range c {
			part, _ := p.(map[string]any)
			words, isText := part["text"].(string)
			if !isText {
				return "", false
			}
			parts = append(parts, words)
		}
		return strings.Join(parts, "\n"), true
	}
	return "", false
}

func gatewayInvalid(field, message string) error {
	return &sat.Error{Code: sat.Invalid, Message: "The request breaks a rule.", Fields: []sat.FieldError{{Field: field, Message: message}}}
}
