package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"time"

	"sattutor/internal/engine"
)

// vLLM's caps, as recorded.
const (
	capTopLogprobs = 20
	capLogprobIDs  = 128
)

// chatRequest is what the fake reads of a body; everything else in it is ignored, as vLLM does.
type chatRequest struct {
	Model           string           `json:"model"`
	Messages        []engine.Message `json:"messages"`
	MaxTokens       *int             `json:"max_tokens"`
	Temperature     *float64         `json:"temperature"`
	Seed            *int64           `json:"seed"`
	N               int              `json:"n"`
	Stream          bool             `json:"stream"`
	Logprobs        bool             `json:"logprobs"`
	TopLogprobs     int              `json:"top_logprobs"`
	LogprobTokenIDs []int            `json:"logprob_token_ids"`
	NamesAreIDs     bool             `json:"return_tokens_as_token_ids"`
	StreamOptions   struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Structured struct {
		Choice []string `json:"choice"`
	} `json:"structured_outputs"`
	Format struct {
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

// completion is a computed answer, before it takes the dialect's shape.
type completion struct {
	req    chatRequest
	first  []engine.Token // the sampled one leads
	pieces []string
	finish string
	prompt int
	cached int
}

func (v *VLLM) chat(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		return // the client left
	}
	model := v.begin(body)
	defer v.end(r.Context())
	if fault, ok := v.nextFault(r); ok {
		if done := v.fail(w, r, fault, model); done {
			return
		}
	}
	var req chatRequest
	if json.Unmarshal(body, &req) != nil {
		writeFailure(w, invalidJSON)
		return
	}
	if f := v.refuse(&req); f != nil {
		writeFailure(w, f)
		return
	}
	ctx := r.Context()
	if v.opts.IgnoreDisconnect {
		ctx = context.WithoutCancel(ctx)
	}
	if err := v.slots.enter(ctx); err != nil {
		if errors.Is(err, errQueueFull) {
			writeFailure(w, engineBusy)
		}
		return
	}
	defer v.slots.leave()
	c := v.compute(req)
	tokens := 1
	if !req.Stream {
		tokens = len(c.pieces)
	}
	if !v.clock.wait(ctx, v.clock.prefill(c.prompt-c.cached)+v.clock.decode(tokens, v.slots.load())) {
		return
	}
	v.answered(r.Context(), c)
	if req.Stream {
		v.stream(ctx, w, c)
		return
	}
	writeJSON(w, http.StatusOK, c.body())
}

// refuse checks a request in vLLM's order and words.
func (v *VLLM) refuse(req *chatRequest) *failure {
	limit := 16
	if req.MaxTokens != nil {
		limit = *req.MaxTokens
	}
	req.MaxTokens = &limit
	greedy := req.Temperature != nil && *req.Temperature == 0
	prompt := promptTokens(req.Messages)
	switch {
	case len(req.Messages) == 0:
		param := "body.messages"
		return &failure{"1 validation error:\n  {'type': 'missing', 'loc': 'body.messages', 'msg': 'Field required'}",
			"Bad Request", &param, http.StatusBadRequest}
	case req.Model == "":
		req.Model = v.opts.Models[0] // as vLLM does
	case !slices.Contains(v.opts.Models, req.Model):
		return v.unknownModel(req.Model)
	}
	switch {
	case limit < 1:
		return badRequest("max_tokens", "max_tokens must be at least 1, got %d. (parameter=max_tokens, value=%[1]d)", limit)
	case req.Temperature != nil && *req.Temperature < 0:
		return badRequest("temperature", "temperature must be non-negative, got %g. (parameter=temperature)", *req.Temperature)
	case req.N > 1 && greedy:
		return badRequest("n", "n must be 1 when using greedy sampling, got %d.", req.N)
	case len(req.LogprobTokenIDs) > 0 && !req.Logprobs:
		return badRequest("logprob_token_ids", "when using `logprob_token_ids`, `logprobs` must be set to true. "+
			"(parameter=logprob_token_ids)")
	case req.TopLogprobs > capTopLogprobs:
		return badRequest("logprobs", "Requested sample logprobs of %d, which is greater than max allowed: %d "+
			"(parameter=logprobs, value=%[1]d)", req.TopLogprobs, capTopLogprobs)
	case len(req.LogprobTokenIDs) > capLogprobIDs:
		return badRequest("logprob_token_ids", "Requested logprob_token_ids of length %d, which is greater than max "+
			"allowed: %d (parameter=logprob_token_ids, value=%[1]d)", len(req.LogprobTokenIDs), capLogprobIDs)
	case slices.ContainsFunc(req.LogprobTokenIDs, func(id int) bool { return id < 0 || id >= vocabulary }):
		return badRequest("logprob_token_ids", "token_id(s) in logprob_token_ids contain out-of-vocab token ids. "+
			"Vocabulary size: %d", vocabulary)
	case prompt > v.opts.Context:
		return badRequest("input_tokens", "This model's maximum context length is %d tokens. However, your prompt contains "+
			"at least %d input tokens, which exceeds this limit even without any output tokens. Please reduce the length of "+
			"the input prompt. (parameter=input_tokens, value=%[2]d)", v.opts.Context, prompt)
	}
	*req.MaxTokens = min(limit, max(1, v.opts.Context-prompt)) // capped, not refused
	return nil
}

// compute answers a request that was accepted.
func (v *VLLM) compute(req chatRequest) completion {
	asked := read(req.Model, req.Messages)
	candidates := v.oracle.candidates(asked)
	if len(req.Structured.Choice) > 0 {
		candidates = restrict(candidates, req.Structured.Choice)
	}
	whole := v.oracle.text(asked, candidates[0])
	switch {
	case len(req.Structured.Choice) > 0:
		whole = candidates[0].Text
	case req.Format.JSONSchema.Schema != nil:
		whole = instance(req.Format.JSONSchema.Schema, candidates[0].Text)
	}
	text, _, finish := cut(whole, *req.MaxTokens)
	c := completion{req: req, pieces: split(text), finish: finish, prompt: promptTokens(req.Messages)}
	c.cached = v.prefix.use(req.Model, req.Messages)
	switch {
	case len(req.LogprobTokenIDs) > 0:
		c.first = logprobs(candidates, req.LogprobTokenIDs)
	case req.Logprobs:
		c.first = candidates[:min(len(candidates), max(1, req.TopLogprobs))]
	}
	return c
}

// The members of a reply, in vLLM's order.
type (
	chatReply struct {
		ID          string       `json:"id"`
		Object      string       `json:"object"`
		Created     int64        `json:"created"`
		Model       string       `json:"model"`
		Choices     []chatChoice `json:"choices"`
		Fingerprint string       `json:"system_fingerprint,omitempty"`
		Usage       *chatUsage   `json:"usage,omitempty"`
	}
	chatChoice struct {
		Index    int           `json:"index"`
		Message  *chatMessage  `json:"message,omitempty"`
		Delta    *chatMessage  `json:"delta,omitempty"`
		Logprobs *chatLogprobs `json:"logprobs"`
		Finish   *string       `json:"finish_reason"`
	}
	chatMessage struct {
		Role    string `json:"role,omitempty"`
		Content string `json:"content"`
	}
	chatLogprobs struct {
		Content []chatToken `json:"content"`
	}
	chatToken struct {
		Token   string      `json:"token"`
		Logprob float64     `json:"logprob"`
		Bytes   []int       `json:"bytes"`
		Top     []chatToken `json:"top_logprobs,omitempty"`
	}
	chatUsage struct {
		Prompt     int `json:"prompt_tokens"`
		Total      int `json:"total_tokens"`
		Completion int `json:"completion_tokens"`
		Details    struct {
			Cached int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	}
)

func (c completion) reply(object string) chatReply {
	h := fnv.New64a()
	_ = json.NewEncoder(h).Encode(c.req.Messages)
	return chatReply{ID: fmt.Sprintf("chatcmpl-%016x", h.Sum64()), Object: object, Created: time.Now().Unix(), Model: c.req.Model}
}

func (c completion) body() chatReply {
	reply := c.reply("chat.completion")
	text := ""
	for _, p := range c.pieces {
		text += p
	}
	reply.Choices = []chatChoice{{Message: &chatMessage{Role: "assistant", Content: text}, Logprobs: c.logprobs(), Finish: &c.finish}}
	reply.Fingerprint = fingerprint
	reply.Usage = c.usage()
	return reply
}

const fingerprint = "vllm-0.32.0-enginetest"

func (c completion) usage() *chatUsage {
	n := len(c.pieces)
	if c.finish == "stop" {
		n++
	}
	u := &chatUsage{Prompt: c.prompt, Completion: n, Total: c.prompt + n}
	u.Details.Cached = c.cached
	return u
}

// logprobs writes the candidates of the first position. Where names are ids, the bytes of the alternatives spell the
// name, and those of the sampled token its text: as vLLM does.
func (c completion) logprobs() *chatLogprobs {
	if c.first == nil {
		return nil
	}
	top := make([]chatToken, 0, len(c.first))
	for _, t := range c.first {
		name := t.Text
		if c.req.NamesAreIDs {
			name = fmt.Sprintf("token_id:%d", t.ID)
		}
		top = append(top, chatToken{Token: name, Logprob: t.Logprob, Bytes: spell(name)})
	}
	sampled := chatToken{Token: top[0].Token, Logprob: top[0].Logprob, Bytes: spell(c.first[0].Text), Top: top}
	return &chatLogprobs{Content: []chatToken{sampled}}
}

func spell(text string) []int {
	codes := make([]int, 0, len(text))
	for _, b := range []byte(text) {
		codes = append(codes, int(b))
	}
	return codes
}

// stream writes the events: a role, the tokens, the reason, the counts, the end.
func (v *VLLM) stream(ctx context.Context, w http.ResponseWriter, c completion) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	send := func(choices []chatChoice, change func(*chatReply)) {
		event := c.reply("chat.completion.chunk")
		event.Choices = choices
		if change != nil {
			change(&event)
		}
		sendEvent(w, event)
	}
	send([]chatChoice{{Delta: &chatMessage{Role: "assistant"}}}, nil)
	for i, piece := range c.pieces {
		if i > 0 && !v.clock.wait(ctx, v.clock.token(v.slots.load())) {
			return
		}
		choice := chatChoice{Delta: &chatMessage{Content: piece}}
		if i == 0 {
			choice.Logprobs = c.logprobs()
		}
		send([]chatChoice{choice}, nil)
	}
	send([]chatChoice{{Delta: &chatMessage{}, Finish: &c.finish}}, nil)
	if c.req.StreamOptions.IncludeUsage {
		send([]chatChoice{}, func(e *chatReply) { e.Usage, e.Fingerprint = c.usage(), fingerprint })
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

func sendEvent(w http.ResponseWriter, event any) {
	text, _ := json.Marshal(event)
	_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
	_ = http.NewResponseController(w).Flush()
}
