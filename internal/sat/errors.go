package sat

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of thing went wrong, independent of any protocol.
type Code string

// The complete set of codes. The backend maps each to one HTTP status, and its client maps the status back.
const (
	Invalid      Code = "invalid"      // the caller's input breaks a rule; Fields name where
	TooLarge     Code = "too_large"    // well formed, but more than this model or server takes
	Unauthorized Code = "unauthorized" // no identity, or a wrong one
	Forbidden    Code = "forbidden"    // a known identity without the right
	NotFound     Code = "not_found"    // no such thing, or not the caller's
	Conflict     Code = "conflict"     // the state does not allow it
	RateLimited  Code = "rate_limited" // the caller's own quota is used up
	BadOutput    Code = "bad_output"   // the engine answered something that is no answer
	Unavailable  Code = "unavailable"  // the engine or a store is not there or not ready
	Timeout      Code = "timeout"      // the deadline passed
	Internal     Code = "internal"     // our own mistake
)

// Codes lists every code once, for tests that prove a mapping total.
func Codes() []Code {
	return []Code{Invalid, TooLarge, Unauthorized, Forbidden, NotFound, Conflict, RateLimited, BadOutput, Unavailable,
		Timeout, Internal}
}

// FieldError is one complaint about one field of the caller's input.
type FieldError struct {
	Field   string // path as the caller wrote it: "text", "question", "choices[2]"
	Message string // what is wrong and how to mend it; never holds the value
}

// Error is the only error type that crosses a package border with meaning.
type Error struct {
	Code       Code
	Message    string        // for the user; never holds a passage, a URL or a stack
	Fields     []FieldError  // with Invalid and TooLarge, where known
	RetryAfter time.Duration // with Unavailable, RateLimited and Timeout: an honest estimate; 0 when unknown
	Reason     string        // machine-readable detail of Unavailable: "engine-not-ready", "overloaded", "draining", "storage"
	Err        error         // the cause, for the log only
}

// Error gives the message and the cause, for logs.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error whose message is for the user.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf gives the code of the first Error in err's chain, Internal for any other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
