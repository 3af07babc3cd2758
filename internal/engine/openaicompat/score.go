package openaicompat

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"unicode/utf8"

	"sattutor/internal/engine"
)

// scores says whether req is the one call that every answer needs: one token and the letters' log-probabilities.
func scores(req engine.Request) bool {
	return req.MaxTokens == 1 && len(req.LogprobIDs) > 0 && req.Schema == nil
}

// score makes that call without go-openai, which takes three times the allocations for it (BenchmarkComplete). Both
// ways write the same members, and share everything from the doer on.
func (c *Client) score(ctx context.Context, req engine.Request, speaks *dialect) (engine.Response, error) {
	resp, err := c.doer.Do(c.scoreRequest(ctx, scoreBody(req, speaks)))
	if err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := readAll(resp)
	if err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	var reply event
	if err := json.Unmarshal(text, &reply); err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	if len(reply.Choices) == 0 {
		return engine.Response{}, fail(ctx, errNoChoices)
	}
	choice := &reply.Choices[0]
	first, err := choice.Logprobs.first()
	if err != nil {
		return engine.Response{}, fail(ctx, err)
	}
	return engine.Response{
		Model:        reply.Model,
		Text:         choice.Message.Content,
		FinishReason: choice.FinishReason,
		First:        first,
		Usage:        reply.Usage.counts(),
		Fingerprint:  reply.Fingerprint,
	}, nil
}

// scoreBody writes the members as go-openai would, and those that it would not.
func scoreBody(req engine.Request, speaks *dialect) []byte {
	size := 512
	for _, m := range req.Messages {
		size += len(m.Content) + len(m.Content)/16 + 64
	}
	b := append(make([]byte, 0, size), '{')
	b = appendMembers(b, req)
	b = append(b, `"model":`...)
	b = appendString(b, req.Model)
	separator := `,"messages":[{"role":`
	for _, m := range req.Messages {
		b = append(b, separator...)
		b = appendString(b, string(m.Role))
		b = append(b, `,"content":`...)
		b = appendString(b, m.Content)
		separator = `},{"role":`
	}
	b = append(b, `}],"max_tokens":1,"stream":false,"logprobs":true,"top_logprobs":`...)
	b = strconv.AppendInt(b, int64(speaks.topLogprobs), 10)
	return append(b, '}')
}

// appendString appends text as a JSON string. Bytes that are no UTF-8 become U+FFFD, as in encoding/json.
func appendString(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(text[i:])
			b = utf8.AppendRune(b, r)
			i += size
			continue
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}

// scoreRequest shares address and headers among all calls: a transport only reads them.
func (c *Client) scoreRequest(ctx context.Context, body []byte) *http.Request {
	req := (&http.Request{
		Method:        http.MethodPost,
		URL:           c.chatURL,
		Host:          c.chatURL.Host,
		Header:        c.chatHeader,
		Body:          io.NopCloser(bytes.NewReader(body)), // a reader that net/http knows to be in memory
		ContentLength: int64(len(body)),
	}).WithContext(ctx)
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return req
}

// readAll reads a reply into one buffer where its length is known.
func readAll(resp *http.Response) ([]byte, error) {
	if resp.ContentLength <= 0 || resp.ContentLength > maxReply {
		return io.ReadAll(resp.Body)
	}
	text := make([]byte, resp.ContentLength)
	_, err := io.ReadFull(resp.Body, text)
	return text, err
}
