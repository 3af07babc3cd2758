package backend

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/middleware"
	"sattutor/internal/sat"
)

// completion is one reply in OpenAI's shape, whole or as a stream of events. The stream begins with the first text, so
// that an error before it still has its own status.
type completion struct {
	w      http.ResponseWriter
	r      *http.Request
	began  time.Time
	id     string
	model  string
	listed []sat.Listed // by which the model's edition is found
	stream bool
	usage  bool // a stream ends with the counts

	begun bool // the stream has
	left  bool // the client has
	said  strings.Builder
}

// newCompletion begins a reply to a request; nothing is written yet.
func newCompletion(w http.ResponseWriter, r *http.Request, body api.ChatRequest) *completion {
	return &completion{w: w, r: r, began: time.Now(), id: "chatcmpl-" + middleware.IDOf(r.Context()), model: body.Model, stream: body.Stream,
		usage: body.StreamOptions != nil && body.StreamOptions.IncludeUsage}
}

// whole sends a reply that is known at once.
func (c *completion) whole(text string, usage sat.Usage) error {
	if err := c.text(text); err != nil {
		return err
	}
	return c.finish("stop", usage)
}

// text adds a piece of text.
func (c *completion) text(piece string) error {
	if !c.stream {
		c.said.WriteString(piece)
		return nil
	}
	if err := c.begin(); err != nil {
		return err
	}
	return c.chunk(api.ChatDelta{Content: &piece}, nil)
}

// finish ends the reply.
func (c *completion) finish(reason string, usage sat.Usage) error {
	counts := &api.ChatUsage{PromptTokens: usage.Prompt, CompletionTokens: usage.Completion, TotalTokens: usage.Prompt + usage.Completion,
		PromptDetails: &api.PromptDetails{CachedTokens: usage.Cached}, LatencyMS: float64(time.Since(c.began).Microseconds()) / 1000}
	if !c.stream {
		return writeJSON(c.w, api.ChatReply{ID: c.id, Object: "chat.completion", Created: c.began.Unix(), Model: c.model, Edition: c.edition(), Usage: counts,
			Choices: []api.ChatChoice{{Message: api.ChatWords{Role: sat.SpeakerAssistant, Content: c.said.String()}, FinishReason: reason}}})
	}
	if err := c.begin(); err != nil { // a reply without a word
		return err
	}
	if err := c.chunk(api.ChatDelta{}, &reason); err != nil {
		return err
	}
	if c.usage {
		if err := c.event(api.ChatChunk{ID: c.id, Object: chunkObject, Created: c.began.Unix(), Model: c.model, Edition: c.edition(),
			Choices: []api.ChunkChoice{}, Usage: counts}); err != nil {
			return err
		}
	}
	return c.line("[DONE]")
}

// fail ends a reply that broke off: as the error itself where nothing was sent or nobody reads, else as an event of the
// stream.
func (c *completion) fail(err error) error {
	if !c.begun || c.left || gone(c.r, err) {
		return err
	}
	p := problemOf(c.r.Context(), err)
	middleware.Note(c.r.Context(), slog.String("error", err.Error()))
	_, fault := gatewayFault(p)
	if err := c.event(api.GatewayError{Error: fault}); err != nil {
		return err
	}
	return c.line("[DONE]")
}

// edition tells which version of the model replies; a request that names none means the default one.
func (c *completion) edition() string {
	for _, m := range c.listed {
		if m.Name == c.model || c.model == "" && m.Default {
			return m.Edition()
		}
	}
	return ""
}

const chunkObject = "chat.completion.chunk"

func (c *completion) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	header := c.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // a proxy that gathers the events would make one of them
	nothing := ""
	return c.chunk(api.ChatDelta{Role: sat.SpeakerAssistant, Content: &nothing}, nil)
}

func (c *completion) chunk(delta api.ChatDelta, finish *string) error {
	return c.event(api.ChatChunk{ID: c.id, Object: chunkObject, Created: c.began.Unix(), Model: c.model, Edition: c.edition(),
		Choices: []api.ChunkChoice{{Delta: delta, FinishReason: finish}}})
}

func (c *completion) event(body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.line(string(raw))
}

func (c *completion) line(data string) error {
	if _, err := c.w.Write([]byte("data: " + data + "\n\n")); err != nil {
		c.left = true
		return &refusal{status: clientGone, code: "client_gone", cause: err}
	}
	_ = http.NewResponseController(c.w).Flush()
	return nil
}

// gatewayFault gives a problem in OpenAI's shape, with the status that OpenAI's clients know it by. The message is
// shown to evaluators as it is, so it holds what the fields say too.
func gatewayFault(p *problem) (status int, fault api.GatewayFault) {
	status, fault = p.Status, api.GatewayFault{Message: p.Detail, Type: "invalid_request_error", Code: p.Code}
	for _, e := range p.Errors {
		fault.Message += " " + e.Location + " " + e.Message + "."
	}
	if len(p.Errors) > 0 {
		fault.Param = &p.Errors[0].Location
	}
	about := ""
	if fault.Param != nil {
		about = *fault.Param
	}
	switch {
	case about == "model" && (status == http.StatusUnprocessableEntity || status == http.StatusNotFound):
		status, fault.Code = http.StatusNotFound, "model_not_found"
	case status == http.StatusUnprocessableEntity:
		status, fault.Code = http.StatusBadRequest, "invalid_value"
	case status == http.StatusRequestEntityTooLarge && about != "":
		status, fault.Code = http.StatusBadRequest, "context_length_exceeded"
	case status == http.StatusUnauthorized:
		fault.Code = "invalid_api_key"
	case status == http.StatusTooManyRequests:
		fault.Type = "rate_limit_error"
	case status >= http.StatusInternalServerError:
		fault.Type = "server_error"
	}
	return status, fault
}

// serveFault writes a problem in OpenAI's shape.
func serveFault(w http.ResponseWriter, p *problem) {
	status, fault := gatewayFault(p)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(api.GatewayError{Error: fault})
}
