// Package openaicompat is an engine over OpenAI's HTTP dialect, as vLLM and llama-server speak it.
//
// The way of a completion: Complete fills go-openai's request; the doer (doer.go) merges the members that OpenAI's
// dialect does not know into its body, sends it over an own transport, and turns every refusal into an
// [engine.Error] (refusal.go); letters.go reads the log-probabilities by token id. models.go asks what is served, and
// learns from owned_by which of the two dialects the server speaks. Nothing here knows about questions or answers.
package openaicompat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
	Transport     http.RoundTripper    // replaces the own transport; nil except in tests
}

// Client is an [engine.Engine] at one address. It is made by New.
type Client struct {
	api     *openai.Client
	doer    *doer
	root    string // without /v1
	key     string
	timeout func() time.Duration
	dialect atomic.Pointer[dialect] // nil until Models answered once
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
		doer:    &doer{transport: opts.Transport},
		root:    strings.TrimSuffix(strings.TrimRight(opts.BaseURL, "/"), "/v1"),
		key:     opts.Key,
		timeout: opts.Timeout,
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
	body, call, err := c.prepare(ctx, req)
	if err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	reply, err := c.api.CreateChatCompletion(context.WithValue(ctx, callKey{}, call), body)
	if err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	if len(reply.Choices) == 0 {
		return engine.Response{}, fail(ctx, errors.New("no choices"))
	}
	choice := &reply.Choices[0]
	resp := engine.Response{
		Model:        reply.Model,
		Text:         choice.Message.Content,
		FinishReason: string(choice.FinishReason),
		Usage:        usageOf(&reply.Usage),
		Fingerprint:  reply.SystemFingerprint,
	}
	if len(req.LogprobIDs) > 0 {
		if resp.First, err = first(choice.LogProbs, call.raw); err != nil {
			return engine.Response{}, fail(ctx, err)
		}
	}
	if err := check(req, resp); err != nil {
		return engine.Response{}, err
	}
	return resp, nil
}

// Stream implements [engine.Engine].
func (c *Client) Stream(ctx context.Context, req engine.Request, each func(text string) error) (engine.Response, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	body, call, err := c.prepare(ctx, req)
	if err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	call.raw = nil // each event is read whole
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

// prepare turns req into go-openai's request, and into the members that go-openai lacks or would leave out.
func (c *Client) prepare(ctx context.Context, req engine.Request) (openai.ChatCompletionRequest, *call, error) {
	if req.Model == "" || req.MaxTokens < 1 || len(req.Messages) == 0 {
		err := &engine.Error{Kind: engine.Rejected, Err: errors.New("a request needs a model, messages and MaxTokens ≥ 1")}
		return openai.ChatCompletionRequest{}, nil, err
	}
	speaks, err := c.speaks(ctx)
	if err != nil {
		return openai.ChatCompletionRequest{}, nil, err
	}
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
	call, err := newCall(req, speaks)
	return body, call, err
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

func usageOf(u *openai.Usage) engine.Usage {
	usage := engine.Usage{Prompt: u.PromptTokens, Completion: u.CompletionTokens}
	if u.PromptTokensDetails != nil {
		usage.Cached = u.PromptTokensDetails.CachedTokens
	}
	return usage
}
