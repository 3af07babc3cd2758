package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// ReasonUnreachable is the reason of an Unavailable error when no backend answered.
const ReasonUnreachable = "unreachable"

// Reply is the cause of an error that came as a reply.
type Reply struct {
	Status    int
	RequestID string // names the request in the backend's log; "" where the reply has none
	Ours      bool   // the body is a problem of the backend, not of something between
	Err       error  // why the body was of no use; nil otherwise
}

// Error implements error.
func (r *Reply) Error() string {
	text := fmt.Sprintf("status %d, request %q", r.Status, r.RequestID)
	if r.Err != nil {
		text += ": " + r.Err.Error()
	}
	return text
}

// Unwrap gives the cause.
func (r *Reply) Unwrap() error { return r.Err }

// RequestIDOf gives the id under which the backend logged the request that ended in err, "" where there is none.
func RequestIDOf(err error) string {
	var r *Reply
	if errors.As(err, &r) {
		return r.RequestID
	}
	return ""
}

// codeOf is the inverse of the backend's map from codes to statuses.
func codeOf(status int) sat.Code {
	switch status {
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		return sat.Invalid
	case http.StatusRequestEntityTooLarge:
		return sat.TooLarge
	case http.StatusUnauthorized:
		return sat.Unauthorized
	case http.StatusForbidden:
		return sat.Forbidden
	case http.StatusNotFound:
		return sat.NotFound
	case http.StatusConflict:
		return sat.Conflict
	case http.StatusTooManyRequests:
		return sat.RateLimited
	case http.StatusBadGateway:
		return sat.BadOutput
	case http.StatusServiceUnavailable:
		return sat.Unavailable
	case http.StatusGatewayTimeout:
		return sat.Timeout
	default:
		return sat.Internal
	}
}

// problemOf reads an error's reply. What is no problem of ours is known by its status alone.
func problemOf(resp *http.Response, body []byte) error {
	var p api.Problem
	cause := &Reply{Status: resp.StatusCode, RequestID: resp.Header.Get(api.HeaderRequestID)}
	if cause.Err = json.Unmarshal(body, &p); cause.Err != nil || p.Code == "" {
		e := sat.Errorf(codeOf(resp.StatusCode), "The backend answered with status %d.", resp.StatusCode)
		if resp.StatusCode == http.StatusBadGateway {
			e = sat.Errorf(sat.Unavailable, "The backend is not there. Try again in a moment.")
		}
		e.Err, e.RetryAfter = cause, retryAfter(resp)
		return e
	}
	cause.Ours, cause.RequestID = true, p.RequestID
	e := &sat.Error{Code: sat.Code(p.Code), Message: p.Detail, Reason: p.Reason, RetryAfter: retryAfter(resp), Err: cause}
	if !slices.Contains(sat.Codes(), e.Code) {
		e.Code = codeOf(resp.StatusCode)
	}
	for _, f := range p.Errors {
		e.Fields = append(e.Fields, sat.FieldError{Field: f.Location, Message: f.Message})
	}
	return e
}

func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// failed words an exchange that brought no reply, unless that has words already. A caller that left is told by the cause,
// [context.Canceled].
func failed(ctx context.Context, err error) error {
	var worded *sat.Error
	if errors.As(err, &worded) {
		return worded
	}
	switch ctx.Err() {
	case context.DeadlineExceeded:
		return &sat.Error{Code: sat.Timeout, Message: "The backend did not answer in time. Try again.", Err: err}
	case context.Canceled:
		return &sat.Error{Code: sat.Timeout, Message: "The question was given up.", Err: context.Canceled}
	}
	return &sat.Error{Code: sat.Unavailable, Reason: ReasonUnreachable,
		Message: "The backend cannot be reached. Try again in a moment.", Err: err}
}

// strange words a reply that has a good status and a useless body.
func strange(err error) error {
	return &sat.Error{Code: sat.Internal, Message: "The backend's reply could not be read.", Err: err}
}
