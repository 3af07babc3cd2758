package backend

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"sattutor/internal/api"
	"sattutor/internal/middleware"
	"sattutor/internal/sat"
)

// clientGone is the status in the log of a request whose client left: nginx' convention, nobody receives it.
const clientGone = 499

// leastRetry is the Retry-After of a 503 whose cause gave no estimate.
const leastRetry = 2 * time.Second

// Status gives the HTTP status of an error code. Package apiclient has the inverse.
func Status(code sat.Code) int {
	switch code {
	case sat.Invalid:
		return http.StatusUnprocessableEntity
	case sat.TooLarge:
		return http.StatusRequestEntityTooLarge
	case sat.Unauthorized:
		return http.StatusUnauthorized
	case sat.Forbidden:
		return http.StatusForbidden
	case sat.NotFound:
		return http.StatusNotFound
	case sat.Conflict:
		return http.StatusConflict
	case sat.RateLimited:
		return http.StatusTooManyRequests
	case sat.BadOutput:
		return http.StatusBadGateway
	case sat.Unavailable:
		return http.StatusServiceUnavailable
	case sat.Timeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

// refusal is an error of the protocol, which never reached the domain.
type refusal struct {
	status int
	code   string
	detail string
	allow  string // of 405
	cause  error  // for the log
}

func (e *refusal) Error() string { return e.code + ": " + e.detail }

func (e *refusal) Unwrap() error { return e.cause }

func errMalformed(detail string) error {
	return &refusal{status: http.StatusBadRequest, code: "malformed", detail: detail}
}

func errMediaType() error {
	return &refusal{status: http.StatusUnsupportedMediaType, code: "media_type",
		detail: "The body must be JSON in UTF-8. Send it with Content-Type: application/json."}
}

func errNoRoute() error {
	return sat.Errorf(sat.NotFound, "There is nothing at this path. GET /docs lists what there is.")
}

func errCrossOrigin() error {
	return sat.Errorf(sat.Forbidden, "A page of another site may not send this request.")
}

// methodNotAllowed names the methods that the path has.
func methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return handle(func(_ http.ResponseWriter, r *http.Request) error {
		var allow []string
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if routes.Match(chi.NewRouteContext(), m, r.URL.Path) {
				allow = append(allow, m)
			}
		}
		list := strings.Join(allow, ", ")
		return &refusal{status: http.StatusMethodNotAllowed, code: "method_not_allowed", allow: list,
			detail: "This path takes " + list + "."}
	})
}

// problem is an error as it is sent. Its methods are what huma asks of an error.
type problem struct {
	api.Problem
	header http.Header
}

// Error implements error.
func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *problem) ContentType(string) string { return "application/problem+json" }

// serveError makes the reply to a request that failed. It is the only place that knows status codes.
func serveError(w http.ResponseWriter, r *http.Request, err error) {
	if gone(r, err) {
		middleware.Note(r.Context(), slog.String("result", "client_gone"))
		w.WriteHeader(clientGone)
		return
	}
	p := problemOf(r.Context(), err)
	header := w.Header()
	for key, values := range p.header {
		header[key] = values
	}
	if strings.HasPrefix(r.URL.Path, gatewayPrefix) {
		serveFault(w, p)
		return
	}
	header.Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Problem)
}

// gone tells whether the client left, so that nobody reads a reply.
func gone(r *http.Request, err error) bool {
	return errors.Is(err, context.Canceled) && errors.Is(r.Context().Err(), context.Canceled)
}

// problemOf words an error for the client, and notes its cause for the log.
func problemOf(ctx context.Context, err error) *problem {
	p := &problem{header: http.Header{}}
	p.RequestID = middleware.IDOf(ctx)
	if p.RequestID != "" {
		p.Instance = "urn:request:" + p.RequestID
	}
	var (
		domain  *sat.Error
		refused *refusal
		tooBig  *http.MaxBytesError
	)
	switch {
	case errors.As(err, &refused):
		p.Status, p.Code, p.Detail = refused.status, refused.code, refused.detail
		if refused.allow != "" {
			p.header.Set("Allow", refused.allow)
		}
	case errors.Is(err, middleware.ErrWrongHost):
		p.Status, p.Code = http.StatusMisdirectedRequest, "wrong_host"
		p.Detail = "This server does not answer under that host name. Its operator sets the name with PUBLIC_URL."
	case errors.As(err, &tooBig):
		p.fill(middleware.TooLarge(tooBig.Limit))
	case errors.As(err, &domain):
		p.fill(domain)
	default:
		p.fill(sat.Errorf(sat.Internal, "Something went wrong on our side. The error is logged under the request id."))
	}
	p.Title = http.StatusText(p.Status)
	p.Type = "/docs#" + p.Code
	if p.Reason != "" {
		p.Type = "/docs#" + p.Reason
	}
	middleware.Note(ctx, slog.String("result", p.Code))
	if p.Status >= http.StatusInternalServerError {
		middleware.Note(ctx, slog.String("error", err.Error()))
	}
	return p
}

// fill takes over an error of the domain.
func (p *problem) fill(e *sat.Error) {
	p.Status, p.Code, p.Detail, p.Reason = Status(e.Code), string(e.Code), e.Message, e.Reason
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, api.ProblemField{Location: f.Field, Message: f.Message})
	}
	retry := e.RetryAfter
	if retry <= 0 && e.Code == sat.Unavailable {
		retry = leastRetry
	}
	if retry > 0 {
		p.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(retry.Seconds()))))
	}
}

// replaceHumaErrors makes huma's errors ours: it offers no other way than its package variables, and its own errors
// would echo the values that they complain about.
var replaceHumaErrors = sync.OnceFunc(func() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return problemOf(context.Background(), humaError(status, msg, errs))
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		p := problemOf(ctx.Context(), humaError(status, msg, errs))
		_, w := humachi.Unwrap(ctx)
		for key, values := range p.header {
			w.Header()[key] = values
		}
		return p
	}
})

// fieldError words one complaint of huma's validation.
func fieldError(d *huma.ErrorDetail) sat.FieldError {
	if name, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		return sat.FieldError{Field: strings.TrimSuffix(name, " to be present"), Message: "is missing"}
	}
	field := strings.TrimPrefix(strings.TrimPrefix(d.Location, "body."), "query.")
	return sat.FieldError{Field: field, Message: d.Message}
}

// humaError finds the error that a handler returned, or words what huma's validation found, without the values.
func humaError(status int, msg string, errs []error) error {
	invalid := sat.Errorf(sat.Invalid, "The request breaks a rule of this call.")
	for _, err := range errs {
		var domain *sat.Error
		if errors.As(err, &domain) {
			return err
		}
		var detailed huma.ErrorDetailer
		if errors.As(err, &detailed) {
			invalid.Fields = append(invalid.Fields, fieldError(detailed.ErrorDetail()))
		}
	}
	switch status {
	case http.StatusUnprocessableEntity:
		return invalid
	case http.StatusBadRequest:
		return errMalformed("The body is no JSON.")
	case http.StatusUnsupportedMediaType:
		return errMediaType()
	}
	return errors.Join(append(errs, errors.New(msg))...)
}
