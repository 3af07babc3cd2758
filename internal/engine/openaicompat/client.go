// Package openaicompat is an engine over OpenAI's HTTP dialect, as vLLM and llama-server speak it.
//
// The way of a completion: Complete fills go-openai's request; the doer (doer.go) merges the members that OpenAI's
// dialect does not know into its body, sends it over an own transport, and turns every refusal into an
// [engine.Error] (refusal.go); letters.go reads the log-probabilities by token id. The one call that every answer needs,
// one token with the letters' log-probabilities, takes a shorter way to the same doer (score.go). models.go asks what
// is served, and learns from owned_by which of the two dialects the server speaks. likelihood.go scores given texts, for
// evaluation, and embed.go makes vectors of texts, for the question bank. Nothing here knows about questions or answers.
package openaicompat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"sattutor/internal/engine"
)

// Bounds of one call.
const (
	maxReply       = 1 << 20          // bytes of a reply, streamed or not
	defaultTimeout = 30 * time.Second // where Options name none
	defaultSlots   = 64               // where Options name none
	spareIdle      = 16               // idle connections kept beyond one for each call at once
	// vLLM closes idle connections after 5.0 s; to close them first avoids writing into a closing one.
	idleTimeout = 4 * time.Second
)

// Options configure a Client.
type Options struct {
	BaseURL       string               // of the server, with or without /v1
	Key           string               // bearer key; "" sends none
	MaxConcurrent int                  // calls expected at once, sizes the connection pool; 0 for 64
	Timeout       func() time.Duration // longest time of one call, asked at each; nil for 30 s
	Trace         TraceHeader          // nil for none
	Transport     http.RoundTripper    // replaces the own transport; nil except in tests
}

// TraceHeader gives the traceparent header of the trace that the context belongs to, "" for none.
type TraceHeader func(ctx context.Context) string

// Client is an [engine.Engine] at one address. It is made by New.
type Client struct {
	api     *openai.Client
	doer    *doer
	root    string // without /v1
	key     string
	timeout func() time.Duration
	dialect atomic.Pointer[dialect] // nil until Models answered once

	chatURL    *url.URL    // of completions; nil where the base URL is none
	chatHeader http.Header // of their requests, never written to
}

var _ engine.Engine = (*Client)(nil)

// New gives a client of the server at opts.BaseURL. It connects at the first call.
func New(opts Options) *Client {
	slots := opts.MaxConcurrent
	if slots <= 0 {
		slots = defaultSlots
	}
	if opts.Transport == nil {
		opts.Transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConns:        slots + spareIdle,
			MaxIdleConnsPerHost: slots + spareIdle,
			IdleConnTimeout:     idleTimeout,
			DisableCompression:  true,
			WriteBufferSize:     8 << 10,
			ReadBufferSize:      8 << 10,
		}
	}
	if opts.Timeout == nil {
		opts.Timeout = func() time.Duration { return defaultTimeout }
	}
	c := &Client{
		doer:    &doer{transport: opts.Transport, trace: opts.Trace},
		root:    strings.TrimSuffix(strings.TrimRight(opts.BaseURL, "/"), "/v1"),
		key:     opts.Key,
		timeout: opts.Timeout,
	}
	c.chatHeader = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	if c.key != "" {
		c.chatHeader.Set("Authorization", "Bearer "+c.key)
	}
	if u, err := url.Parse(c.root + "/v1/chat/completions"); err == nil && u.Host != "" {
		c.chatURL = u
	}
	config := openai.DefaultConfig(opts.Key)
	config.BaseURL = c.root + "/v1"
	config.HTTPClient = c.doer
	c.api = openai.NewClientWithConfig(config)
	return c
}

// Close drops the idle connections. Calls in flight go on.
func (c *Client) Close() { c.doer.closeIdle() }

// Complete implements [engine.Engine]. Where req asks for log-probabilities and the server gave none, First is nil.
func (c *Client) Complete(ctx context.Context, req engine.Request) (engine.Response, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	speaks, err := c.accept(ctx, req)
	if err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	var resp engine.Response
	if scores(req) {
		resp, err = c.score(ctx, req, speaks)
	} else {
		resp, err = c.complete(ctx, req, speaks)
	}
	if err == nil {
		err = check(req, resp)
	}
	if err != nil {
		return engine.Response{}, err
	}
	return resp, nil
}

// complete makes any call by go-openai.
func (c *Client) complete(ctx context.Context, req engine.Request, speaks *dialect) (engine.Response, error) {
	call := &call{members: appendMembers(nil, req)}
	if len(req.LogprobIDs) > 0 {
		call.raw = new(bytes.Buffer)
	}
	reply, err := c.api.CreateChatCompletion(context.WithValue(ctx, callKey{}, call), requestOf(req, speaks))
	if err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	if len(reply.Choices) == 0 {
		return engine.Response{}, fail(ctx, errNoChoices)
	}
	choice := &reply.Choices[0]
	resp := engine.Response{
		Model:        reply.Model,
		Text:         choice.Message.Content,
		FinishReason: string(choice.FinishReason),
		Usage:        engine.Usage{Prompt: reply.Usage.PromptTokens, Completion: reply.Usage.CompletionTokens},
		Fingerprint:  reply.SystemFingerprint,
	}
	if details := reply.Usage.PromptTokensDetails; details != nil {
		resp.Usage.Cached = details.CachedTokens
	}
	if call.raw != nil { // go-openai drops the ids that llama-server writes
		var again event
		if err := json.Unmarshal(call.raw.Bytes(), &again); err != nil {
			return engine.Response{}, fail(ctx, err)
		}
		var err error
		if resp.First, err = again.Choices[0].Logprobs.first(); err != nil {
			return engine.Response{}, fail(ctx, err)
		}
	}
	return resp, nil
}

// Stream implements [engine.Engine].
func (c *Client) Stream(ctx context.Context, req engine.Request, each func(text string) error) (engine.Response, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	speaks, err := c.accept(ctx, req)
	if err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	call := &call{members: appendMembers(nil, req)}
	body := requestOf(req, speaks)
	body.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
	stream, err := c.api.CreateChatCompletionStream(context.WithValue(ctx, callKey{}, call), body)
	if err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	defer func() { _ = stream.Close() }()
	var whole transcript
	for {
		event, err := stream.RecvRaw()
		if errors.Is(err, io.EOF) {
			call.reply.ended = true
			break
		}
		if err != nil {
			return engine.Response{}, fail(ctx, err)
		}
		text, err := whole.add(event)
		if err != nil {
			return engine.Response{}, fail(ctx, err)
		}
		if text == "" {
			continue
		}
		if err := each(text); err != nil {
			return engine.Response{}, err
		}
	}
	resp := whole.response()
	if err := check(req, resp); err != nil {
		return engine.Response{}, err
	}
	return resp, nil
}

// bound gives ctx this client's deadline, unless its own is nearer.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := c.timeout()
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= limit {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// accept refuses a request that no engine could answer, and gives the server's dialect.
func (c *Client) accept(ctx context.Context, req engine.Request) (*dialect, error) {
	if req.Model == "" || req.MaxTokens < 1 || len(req.Messages) == 0 {
		err := errors.New("a request needs a model, messages and at least one token")
		return nil, &engine.Error{Kind: engine.Rejected, Err: err}
	}
	if c.chatURL == nil {
		return nil, &engine.Error{Kind: engine.Rejected, Err: errors.New("the engine's address is no URL")}
	}
	return c.speaks(ctx)
}

// requestOf gives go-openai's part of a request.
func requestOf(req engine.Request, speaks *dialect) openai.ChatCompletionRequest {
	body := openai.ChatCompletionRequest{
		Model:    req.Model,
		Messages: make([]openai.ChatCompletionMessage, len(req.Messages)),
		//lint:ignore SA1019 both engines know max_tokens, and llama-server no other name
		MaxTokens: req.MaxTokens,
	}
	for i, m := range req.Messages {
		body.Messages[i] = openai.ChatCompletionMessage{Role: string(m.Role), Content: m.Content}
	}
	if req.Schema != nil {
		body.ResponseFormat = &openai.ChatCompletionResponseFormat{
			Type:       openai.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: "reply", Schema: req.Schema, Strict: true},
		}
	}
	if len(req.LogprobIDs) > 0 {
		body.LogProbs = true
		body.TopLogProbs = speaks.topLogprobs
	}
	return body
}

// check refuses a reply that is none, although the status was 200.
func check(req engine.Request, resp engine.Response) error {
	if resp.Model != req.Model {
		// llama-server answers to any name with what it has loaded.
		err := fmt.Errorf("asked for %q, %q answered", req.Model, resp.Model)
		return &engine.Error{Kind: engine.UnknownModel, Err: err}
	}
	if resp.FinishReason != "stop" && resp.FinishReason != "length" {
		return &engine.Error{Kind: engine.BadOutput, Err: fmt.Errorf("finish_reason %q", resp.FinishReason)}
	}
	return nil
}
