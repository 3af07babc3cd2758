package openaicompat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"sattutor/internal/engine"
)

const (
	maxRefusal = 16 << 10 // bytes of a refusal that are read
	maxMessage = 200      // bytes of its message that are kept for the log
)

// refused is what a server said instead of an answer.
type refused struct {
	status     int
	retryAfter time.Duration
	message    string
	kind       string // "type" in both dialects
	param      string // vLLM: the parameter at fault
	tokens     int    // llama-server: n_prompt_tokens
	limit      int    // llama-server: n_ctx
}

// refusal reads a reply whose status is not 200 and closes it.
func refusal(resp *http.Response) *engine.Error {
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // what came is enough: the status leads
	r := readRefusal(body)
	r.status = resp.StatusCode
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.retryAfter = time.Duration(seconds) * time.Second
	}
	return r.failure()
}

// readRefusal reads the four shapes of a body: {"error":{…}}, {"error":"…"}, {"detail":"…"}, and none of these.
func readRefusal(body []byte) refused {
	var outer struct {
		Error  json.RawMessage `json:"error"`
		Detail any             `json:"detail"`
	}
	if json.Unmarshal(body, &outer) != nil {
		return refused{message: string(body)}
	}
	var inner struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Param   string `json:"param"`
		Tokens  int    `json:"n_prompt_tokens"`
		Limit   int    `json:"n_ctx"`
	}
	var text string
	switch {
	case json.Unmarshal(outer.Error, &text) == nil:
		return refused{message: text}
	case outer.Error != nil:
		_ = json.Unmarshal(outer.Error, &inner) // a member of another type leaves the others readable
		return refused{message: inner.Message, kind: inner.Type, param: inner.Param, tokens: inner.Tokens, limit: inner.Limit}
	case outer.Detail != nil:
		return refused{message: fmt.Sprint(outer.Detail)}
	}
	return refused{message: string(body)}
}

// midStream reads an error that came as an event, after a status 200.
func midStream(err error) (refused, bool) {
	var api *openai.APIError
	if !errors.As(err, &api) {
		return refused{}, false
	}
	r := refused{status: http.StatusInternalServerError, message: api.Message, kind: api.Type}
	if status, ok := api.Code.(int); ok {
		r.status = status
	}
	return r, true
}

// failure is the refusal in the contract's words.
func (r refused) failure() *engine.Error {
	e := &engine.Error{
		Kind:       r.means(),
		RetryAfter: r.retryAfter,
		Err:        fmt.Errorf("status %d: %s", r.status, forLog(r.message)),
	}
	if e.Kind == engine.TooLarge {
		e.Tokens, e.Limit = r.tokens, r.limit
		if e.Limit == 0 {
			e.Limit = number(limitInText, r.message)
			e.Tokens = number(tokensInText, r.message)
		}
	}
	return e
}

// What the servers write, as recorded.
var (
	limitInText  = regexp.MustCompile(`maximum context length is (\d+) tokens`)
	tokensInText = regexp.MustCompile(`(\d+) input tokens`)
	noSuchModel  = regexp.MustCompile(`(?i)\bmodel\b.*(not found|does not exist)`)
	leaving      = regexp.MustCompile(`cannot schedule new futures after shutdown|EngineCore encountered an issue`)
	busy         = regexp.MustCompile(`currently busy`)
	tooLarge     = regexp.MustCompile(`is too large to process`) // llama-server, of a text to embed, with status 500
)

func (r refused) means() engine.Kind {
	switch {
	case r.status == http.StatusUnauthorized, r.status == http.StatusForbidden:
		return engine.Unauthorized
	case r.status == http.StatusRequestEntityTooLarge, r.tooLong():
		return engine.TooLarge
	case r.status < 500 && noSuchModel.MatchString(r.message):
		return engine.UnknownModel
	case r.status == http.StatusTooManyRequests, r.status == http.StatusServiceUnavailable && busy.MatchString(r.message):
		return engine.Overloaded
	case r.status == http.StatusRequestTimeout, r.status == http.StatusGatewayTimeout:
		return engine.Timeout
	case r.status == http.StatusBadGateway, r.status == http.StatusServiceUnavailable, leaving.MatchString(r.message):
		return engine.Unavailable
	case r.status >= 500 && r.status != http.StatusNotImplemented:
		return engine.BadOutput
	}
	return engine.Rejected
}

func (r refused) tooLong() bool {
	return tooLarge.MatchString(r.message) || r.status == http.StatusBadRequest &&
		(r.param == "input_tokens" || r.kind == "exceed_context_size_error" || limitInText.MatchString(r.message))
}

func number(pattern *regexp.Regexp, text string) int {
	if m := pattern.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

// forLog cuts what a server may have echoed of the request: vLLM quotes a wrong field after 'input':, and llama-server
// the place where it stopped reading.
func forLog(message string) string {
	for _, mark := range []string{"'input':", "last read:"} {
		message, _, _ = strings.Cut(message, mark)
	}
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return message
}
