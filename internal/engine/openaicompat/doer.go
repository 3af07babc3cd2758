package openaicompat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sattutor/internal/engine"
)

// maxTail is how many bytes behind a whole reply are read to keep its connection.
const maxTail = 4 << 10

// callKey is the context key under which a *call travels through go-openai to the doer.
type callKey struct{}

// call is what the doer needs to know of one completion.
type call struct {
	members []byte        // of the JSON body, by appendMembers
	raw     *bytes.Buffer // takes a copy of the reply; nil where go-openai's reading is enough
	reply   *reply        // set by the doer
}

// appendMembers appends the members that OpenAI's dialect does not know, and those whose zero value go-openai leaves
// out: without a temperature vLLM samples at the model's own default. A comma follows each.
func appendMembers(b []byte, req engine.Request) []byte {
	b = append(b, `"temperature":`...)
	b = strconv.AppendFloat(b, req.Temperature, 'g', -1, 64)
	b = append(b, `,"seed":`...)
	b = strconv.AppendInt(b, req.Seed, 10)
	b = append(b, `,"cache_prompt":true,`...)
	if req.Adapter != "" {
		b = append(b, `"sat_adapter":`...)
		b = append(appendString(b, req.Adapter), ',')
	}
	if len(req.LogprobIDs) > 0 {
		b = append(b, `"return_tokens_as_token_ids":true,"logprob_token_ids":`...)
		separator := byte('[')
		for _, id := range req.LogprobIDs {
			b = append(b, separator)
			b = strconv.AppendInt(b, int64(id), 10)
			separator = ','
		}
		b = append(b, `],`...)
	}
	if len(req.TemplateArgs) > 0 {
		b = append(b, `"chat_template_kwargs":`...)
		separator := byte('{')
		for name, value := range req.TemplateArgs {
			b = append(b, separator)
			b = appendString(b, name)
			b = append(b, ':')
			b = appendString(b, value)
			separator = ','
		}
		b = append(b, `},`...)
	}
	return b
}

// doer sends go-openai's requests and our own, over one transport. Replies beyond status 200 become *[engine.Error].
type doer struct {
	transport http.RoundTripper
	trace     TraceHeader
}

// Do merges the call's members into the body, sends the request, sends it once more where the connection broke before
// the first byte of a reply, and bounds the reply. (A policy of failsafe-go would be longer than this loop's body.)
func (d *doer) Do(req *http.Request) (*http.Response, error) {
	call, _ := req.Context().Value(callKey{}).(*call)
	if call != nil {
		if err := call.merge(req); err != nil {
			return nil, err
		}
	}
	if d.trace != nil {
		if parent := d.trace(req.Context()); parent != "" {
			req.Header = req.Header.Clone() // it may be shared among calls
			req.Header.Set("Traceparent", parent)
		}
	}
	resp, err := d.transport.RoundTrip(req)
	if err != nil && broken(err) && req.Context().Err() == nil {
		d.closeIdle() // the rest of the pool is as old as the connection that broke
		again := *req // the transport may still be reading the first one's body
		if req.GetBody != nil {
			again.Body, _ = req.GetBody()
		}
		resp, err = d.transport.RoundTrip(&again)
	}
	if err != nil {
		return nil, &engine.Error{Kind: engine.Unavailable, Err: err}
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp)
	}
	reply := &reply{ReadCloser: resp.Body, left: maxReply, ended: req.Header.Get("Accept") != "text/event-stream"}
	if call != nil {
		reply.raw = call.raw
		call.reply = reply
	}
	resp.Body = reply
	return resp, nil
}

// merge puts the call's members in front of those that go-openai wrote.
func (c *call) merge(req *http.Request) error {
	body := make([]byte, 0, 1+len(c.members)+int(req.ContentLength))
	body = append(append(body, '{'), c.members...)
	written := body[len(body) : len(body)+int(req.ContentLength)-1]
	var brace [1]byte
	if _, err := io.ReadFull(req.Body, brace[:]); err != nil {
		return fmt.Errorf("body of the request: %w", err)
	}
	if _, err := io.ReadFull(req.Body, written); err != nil {
		return fmt.Errorf("body of the request: %w", err)
	}
	body = body[:len(body)+len(written)]
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	return nil
}

// broken says whether err is a connection refused, reset or closed: then no reply had begun.
func broken(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout() || errors.Is(err, io.EOF) ||
		strings.Contains(err.Error(), "server closed idle connection") // net/http exports no value for it
}

func (d *doer) closeIdle() {
	if t, ok := d.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// reply is the body of a reply with status 200, of at most left more bytes.
type reply struct {
	io.ReadCloser
	left  int64
	raw   *bytes.Buffer
	ended bool // what is left when it is closed is but the end of the last chunk
}

// Close reads what is left of a reply that is at its end, for only then does the transport keep the connection.
func (r *reply) Close() error {
	if r.ended {
		_, _ = io.CopyN(io.Discard, r.ReadCloser, maxTail)
	}
	return r.ReadCloser.Close()
}

// Read implements [io.Reader]. A connection that breaks here is told from JSON that ends too soon.
func (r *reply) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, &engine.Error{Kind: engine.BadOutput, Err: errors.New("reply of more than 1 MiB")}
	}
	if r.raw != nil {
		r.raw.Write(p[:n])
	}
	if err != nil && err != io.EOF {
		err = &engine.Error{Kind: engine.Unavailable, Err: err}
	}
	return n, err
}

// fail gives err as *[engine.Error]: the context's end first, for it makes everything else fail.
func fail(ctx context.Context, err error) error {
	switch ctx.Err() {
	case context.DeadlineExceeded:
		return &engine.Error{Kind: engine.Timeout, Err: err}
	case context.Canceled:
		return &engine.Error{Kind: engine.Canceled, Err: err}
	}
	var known *engine.Error
	if errors.As(err, &known) {
		return known
	}
	if r, ok := midStream(err); ok {
		return r.failure()
	}
	var address *url.Error
	if errors.As(err, &address) {
		return &engine.Error{Kind: engine.Rejected, Err: err}
	}
	return &engine.Error{Kind: engine.BadOutput, Err: err}
}
