package tutor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"sattutor/internal/engine"
	"sattutor/internal/sat"
)

// The reasons of an Unavailable error.
const (
	reasonNotReady   = "engine-not-ready"
	reasonOverloaded = "overloaded"
)

// Delays that a caller is told where the engine gave no estimate.
const (
	retryNotReady = 2 * time.Second
	retryTimeout  = 5 * time.Second
)

func invalid(field, message string) error {
	return &sat.Error{Code: sat.Invalid, Message: "The request breaks a rule.", Fields: []sat.FieldError{{Field: field, Message: message}}}
}

func notReady() *sat.Error {
	return &sat.Error{Code: sat.Unavailable, Reason: reasonNotReady, RetryAfter: retryNotReady,
		Message: "The reading model is not ready. Try again in a moment; nothing was lost."}
}

// coded turns whatever went wrong into an error for the user.
func coded(ctx context.Context, err error) error {
	var domain *sat.Error
	if errors.As(err, &domain) {
		return err
	}
	var failed *engine.Error
	if !errors.As(err, &failed) {
		return &sat.Error{Code: sat.Internal, Message: "Something went wrong on our side.", Err: err}
	}
	e := ofKind(failed)
	e.Err = err
	if failed.Kind == engine.Canceled {
		e.Err = errors.Join(err, context.Cause(ctx)) // whoever asks for context.Canceled finds it
	}
	return e
}

// ofKind words an engine's failure.
func ofKind(failed *engine.Error) *sat.Error {
	switch failed.Kind {
	case engine.Overloaded:
		return &sat.Error{Code: sat.Unavailable, Reason: reasonOverloaded, RetryAfter: failed.RetryAfter,
			Message: fmt.Sprintf("%s Try again in %d s. Nothing was lost.", ahead(failed.Ahead), int(math.Ceil(max(failed.RetryAfter, time.Second).Seconds())))}
	case engine.Timeout:
		return &sat.Error{Code: sat.Timeout, RetryAfter: retryTimeout,
			Message: "The model did not answer in time. Try again; a second try is faster where the passage was read already."}
	case engine.TooLarge:
		return tooLarge(failed.Tokens, failed.Limit)
	case engine.BadOutput:
		return sat.Errorf(sat.BadOutput, "The engine's reply could not be used. Try again.")
	case engine.Rejected:
		return sat.Errorf(sat.Internal, "The engine refused the form of our request.")
	case engine.Canceled:
		return sat.Errorf(sat.Unavailable, "The request was cancelled.")
	default: // Unavailable, UnknownModel, Unauthorized: the operator or time will mend it
		e := notReady()
		if failed.RetryAfter > 0 {
			e.RetryAfter = failed.RetryAfter
		}
		return e
	}
}

// ahead says how long the line is.
func ahead(questions int) string {
	switch questions {
	case 0:
		return "The reading model is busy."
	case 1:
		return "One question is ahead of yours."
	default:
		return fmt.Sprintf("%d questions are ahead of yours.", questions)
	}
}

// charsPerToken is how many characters of English prose a token holds on average, rounded down.
const charsPerToken = 4

func tooLarge(tokens, limit int) *sat.Error {
	e := &sat.Error{Code: sat.TooLarge, Message: "Passage and question are longer than this model can read. Shorten the passage.",
		Fields: []sat.FieldError{{Field: "text", Message: "is too long for this model; shorten the passage"}}}
	if tokens > limit && limit > 0 {
		over := (tokens - limit) * charsPerToken
		over += 50 - over%50
		e.Message = fmt.Sprintf("Passage and question are %d tokens; this model reads %d. Shorten the passage by about %d characters.", tokens, limit, over)
		e.Fields[0].Message = fmt.Sprintf("is too long for this model; shorten it by about %d characters", over)
	}
	return e
}
