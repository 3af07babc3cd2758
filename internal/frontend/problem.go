package frontend

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"sattutor/internal/apiclient"
	"sattutor/internal/middleware"
	"sattutor/internal/sat"
)

// The errors of the pages themselves.
var (
	errNotFound    = errors.New("no such page")
	errMethod      = errors.New("the page does not take this method")
	errCrossOrigin = errors.New("a page of another site sent the form")
)

// clientGone is the status in the log of a request whose client left: nginx' convention, nobody receives it.
const clientGone = 499

// problemPage is a page that says why there is none.
type problemPage struct {
	Page
	Status    int
	Heading   string
	Text      string
	SignIn    string // address of the page to sign in, where that may help
	Rights    bool   // the account's role does not reach
	RequestID string // where the log has more

	later *notice // when asking again makes sense; nil where it does not
}

// badForm words a form that cannot be read.
func badForm(err error) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return middleware.TooLarge(tooBig.Limit)
	}
	return &sat.Error{Code: sat.Invalid, Message: "The form arrived broken. Go back and send it again.", Err: err}
}

// serveError shows a request that failed as a page.
func (s *Server) serveError(w http.ResponseWriter, r *http.Request, err error) {
	if left(r) {
		middleware.Note(r.Context(), slog.String("result", "client_gone"))
		w.WriteHeader(clientGone)
		return
	}
	page := problemOf(err)
	if page.Status >= http.StatusInternalServerError {
		middleware.Note(r.Context(), slog.String("error", err.Error()))
		page.RequestID = cmp.Or(apiclient.RequestIDOf(err), middleware.IDOf(r.Context()))
	}
	if page.later != nil {
		page.later.setRetryAfter(w)
	}
	if page.Status == http.StatusUnauthorized {
		page.SignIn = signInAddress(r)
	}
	page.Page = s.page(r, page.Heading)
	if err := render(w, page.Status, s.views.problem, page); err != nil {
		http.Error(w, "Something went wrong on our side.", http.StatusInternalServerError)
	}
}

// problemOf words an error for a whole page.
func problemOf(err error) *problemPage {
	var domain *sat.Error
	switch {
	case errors.Is(err, errNotFound):
		return &problemPage{Status: http.StatusNotFound, Heading: "There is no such page",
			Text: "The address may be mistyped, or the page has moved."}
	case errors.Is(err, errMethod):
		return &problemPage{Status: http.StatusMethodNotAllowed, Heading: "This address cannot be used like that",
			Text: "Open the page itself, and send its form from there."}
	case errors.Is(err, errCrossOrigin):
		return &problemPage{Status: http.StatusForbidden, Heading: "The form came from another site",
			Text: "Nothing was done. Open the page here, and send its form from there."}
	case errors.Is(err, middleware.ErrWrongHost):
		return &problemPage{Status: http.StatusMisdirectedRequest, Heading: "This site has another name",
			Text: "It does not answer under the name in the address bar. Whoever runs it sets the name with PUBLIC_URL."}
	case errors.As(err, &domain) && domain.Code == sat.NotFound:
		return &problemPage{Status: http.StatusNotFound, Heading: "That is not here", Text: domain.Message}
	case errors.As(err, &domain) && domain.Code == sat.Unauthorized:
		return &problemPage{Status: http.StatusUnauthorized, Heading: "Sign in first", Text: signInWords(domain)}
	case errors.As(err, &domain) && domain.Code == sat.Forbidden:
		return &problemPage{Status: http.StatusForbidden, Heading: "Your account does not open this", Text: domain.Message, Rights: true}
	case errors.As(err, &domain) && domain.Code == sat.Conflict:
		return &problemPage{Status: http.StatusConflict, Heading: "That is not possible just now", Text: domain.Message}
	case errors.As(err, &domain) && domain.Code == sat.TooLarge && byBackend(domain):
		return &problemPage{Status: http.StatusRequestEntityTooLarge, Heading: "That is more than is taken at once", Text: domain.Message}
	case errors.As(err, &domain) && domain.Code == sat.TooLarge:
		return &problemPage{Status: http.StatusRequestEntityTooLarge, Heading: "That is too much text",
			Text: "A form can hold up to 1 MiB, and a passage up to 20,000 characters. Go back, and your text is there; shorten it and send it again."}
	case errors.As(err, &domain) && domain.Code == sat.Invalid:
		return &problemPage{Status: http.StatusBadRequest, Heading: "The form could not be read", Text: allOf(domain)}
	}
	if n := noticeOf(err); n.Plain != "" {
		return &problemPage{Status: n.status, Heading: n.Title, Text: n.Plain, later: n}
	}
	return &problemPage{Status: http.StatusInternalServerError, Heading: "Something went wrong on our side",
		Text: "It was noted under the request id below. Go back and try again in a moment."}
}

// allOf gives what an error says, and what it says of fields.
func allOf(e *sat.Error) string {
	text := e.Message
	for _, f := range e.Fields {
		text += " " + f.Field + ": " + strings.TrimSuffix(f.Message, ".") + "."
	}
	return text
}

// byBackend tells that an error is the backend's word.
func byBackend(e *sat.Error) bool {
	var reply *apiclient.Reply
	return errors.As(e, &reply)
}

// signInWords says why signing in is needed. What the backend says of that is for programs.
func signInWords(e *sat.Error) string {
	if byBackend(e) {
		return "You are not signed in, or not any more. Sign in, and this page is opened again."
	}
	return e.Message
}

// signInAddress leads to the page to sign in, and from there back to what was asked for.
func signInAddress(r *http.Request) string {
	return "/sign-in?" + url.Values{"back": {addressOf(r)}}.Encode()
}
