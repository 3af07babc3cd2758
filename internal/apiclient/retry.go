package apiclient

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"time"

	"sattutor/internal/sat"
)

// Retries: full jitter from 0.1 s, doubling up to 2 s, for at most 15 s.
const (
	firstPause = 100 * time.Millisecond
	mostPause  = 2 * time.Second
	patience   = 15 * time.Second
)

// exchange sends the request until there is a reply that stands. Its errors are *[sat.Error].
func (c *Client) exchange(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	end := time.Now().Add(patience)
	var last error
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		if ctx.Err() != nil && last != nil { // the pause and the deadline ended together: what went wrong before is the reason
			return nil, last
		}
		resp, reply, err := c.attempt(ctx, method, path, body)
		switch {
		case err != nil:
			err = failed(ctx, err)
		case resp.StatusCode != http.StatusOK && !notReady(path, resp):
			err = problemOf(resp, reply)
		default:
			return reply, nil
		}
		wait := time.Duration(c.rand() * float64(pause))
		if !again(safe(ctx, method), err) || time.Now().Add(wait).After(end) || !sleep(ctx, wait) {
			return nil, err
		}
		last = err
	}
}

// notReady tells a 503 of GET /ready, which is an answer, from a problem.
func notReady(path string, resp *http.Response) bool {
	return strings.HasPrefix(path, "/ready") && resp.StatusCode == http.StatusServiceUnavailable &&
		resp.Header.Get("Content-Type") == "application/json"
}

// safe tells whether a request may arrive twice: it only reads, or it carries an Idempotency-Key.
func safe(ctx context.Context, method string) bool {
	f, _ := ctx.Value(forKey{}).(For)
	return method == http.MethodGet || f.Once != ""
}

// again tells whether a request that ended in err may be sent once more: anything that never arrived; and a safe one that
// met a broken connection, a gateway without a backend, or a backend that is starting, stopping or out of storage. An
// overloaded one is left alone.
func again(safe bool, err error) bool {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return true
	}
	var e *sat.Error
	if !safe || !errors.As(err, &e) {
		return false
	}
	switch e.Reason {
	case ReasonUnreachable, "draining", "engine-not-ready", "storage":
		return true
	}
	var r *Reply
	return errors.As(err, &r) && r.Status == http.StatusBadGateway && !r.Ours
}

// sleep waits, and tells whether the context still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
