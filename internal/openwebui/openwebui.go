// Package openwebui reads from a running Open WebUI what its evaluators said.
package openwebui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What a caller may ask of an error.
var (
	ErrRefused     = errors.New("refused")     // by credentials or role
	ErrUnreachable = errors.New("unreachable") // or no Open WebUI at all
)

// Limits towards a server that is not ours.
const (
	timeout  = 2 * time.Minute
	maxReply = 512 << 20 // bytes; an export holds every rated chat
)

// Client is a signed-in administrator. It is made by SignIn.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// SignIn signs in at the address of an Open WebUI. It tries once: Open WebUI allows 15 tries in three minutes.
func SignIn(ctx context.Context, address, email, password string) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("the address %q is none such as http://localhost:8080", address)
	}
	c := &Client{base: strings.TrimRight(base.Scheme+"://"+base.Host+base.Path, "/"), http: &http.Client{Timeout: timeout}}
	body, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		return nil, err
	}
	raw, err := c.call(ctx, http.MethodPost, "/api/v1/auths/signin", body)
	if err != nil {
		return nil, err
	}
	var in struct{ Token, Role string }
	if err := json.Unmarshal(raw, &in); err != nil || in.Token == "" {
		return nil, fmt.Errorf("%w: the sign-in at %s gave no token", ErrUnreachable, c.base)
	}
	if in.Role != "admin" {
		return nil, fmt.Errorf("%w: %s is no administrator there, and only those may read the feedback", ErrRefused, email)
	}
	c.token = in.Token
	return c, nil
}

// Feedback gives the export of all feedback: a JSON array.
func (c *Client) Feedback(ctx context.Context) ([]byte, error) {
	return c.call(ctx, http.MethodGet, "/api/v1/evaluations/feedbacks/all/export", nil)
}

// call makes one call and reads its JSON. A path that Open WebUI does not know is answered with its page and status
// 200, so the content type decides.
func (c *Client) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: nothing answers at %s", ErrUnreachable, c.base)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: too many sign-ins; wait three minutes", ErrRefused)
	case resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%w: the e-mail address or the password is wrong, or the account may not do this", ErrRefused)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: %s answered with status %d", ErrUnreachable, c.base, resp.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("%w: the reply broke off", ErrUnreachable)
	case len(raw) > maxReply:
		return nil, fmt.Errorf("the export is larger than %d MiB", maxReply>>20)
	case kind != "application/json":
		return nil, fmt.Errorf("%w: %s is no Open WebUI, or one of another version: it answered with a page", ErrUnreachable, c.base)
	}
	return raw, nil
}
