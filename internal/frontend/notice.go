package frontend

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sattutor/internal/apiclient"
	"sattutor/internal/middleware"
	"sattutor/internal/sat"
)

// notice tells in the answer's place why there is no answer, what is kept, and what to do next.
type notice struct {
	Kind      string // for scripts and tests: "busy"
	Tone      string // "wrong", "warn", "wait" or "note": which icon
	Title     string
	Still     string // what a page says that cannot ask again by itself
	Live      string // what a page says that does, with Auto
	Plain     string // what a page says that keeps no text
	SignIn    bool   // signing in helps
	Auto      bool   // a script asks again after Seconds
	Seconds   int    // until asking again makes sense; 0 where unknown
	Fields    []complaint
	RequestID string

	status int
}

// complaint is one sentence about one field.
type complaint struct {
	ID      string // of the field; "" for none
	Message string
}

// noticeOf words an error of the backend. It is the only place of the pages that knows statuses.
func noticeOf(err error) *notice {
	e := &sat.Error{Code: sat.Internal}
	errors.As(err, &e)
	n := &notice{Tone: "warn", Seconds: int(math.Ceil(e.RetryAfter.Seconds()))}
	switch e.Code {
	case sat.Invalid:
		n.status, n.Kind, n.Tone = http.StatusUnprocessableEntity, "invalid", "wrong"
		n.Title, n.Still = "The question cannot be asked yet", e.Message
	case sat.TooLarge:
		n.status, n.Kind, n.Tone = http.StatusRequestEntityTooLarge, "too-long", "wrong"
		n.Title, n.Still = "Too long for this model", cmp.Or(e.Message, "Shorten the passage.")+" Nothing was lost."
	case sat.Unauthorized:
		n.status, n.Kind, n.SignIn = http.StatusUnauthorized, "sign-in", true
		n.Title, n.Still = "Sign in first", "You are not signed in, or not any more. Your text is kept: sign in in another tab, then send it again here."
	case sat.Forbidden:
		n.status, n.Kind = http.StatusForbidden, "rights"
		n.Title, n.Still = "Your account does not open this", cmp.Or(e.Message, "Its role does not reach.")+" Your text is kept."
	case sat.RateLimited:
		n.status, n.Kind = http.StatusTooManyRequests, "quota"
		n.Title, n.Plain = "That was a lot in a short time", "Try again in "+wait(n.Seconds)+"."
		n.Still = n.Plain + " Nothing was lost."
	case sat.BadOutput:
		n.status, n.Kind = http.StatusBadGateway, "bad-output"
		n.Title, n.Still = "The model gave no usable answer", "What it wrote was none of your choices. Your text is kept; ask again, or put the question more plainly."
		n.Plain = "What it wrote was no answer. Go back, and try again."
	case sat.Timeout:
		n.status, n.Kind = http.StatusGatewayTimeout, "timeout"
		n.Title, n.Still = "The answer took too long", "The tutor stopped reading at its time limit. Your text is kept; ask again, or shorten the passage."
		n.Plain = "The server was given up at the time limit. Try again " + "in " + wait(n.Seconds) + "."
	case sat.Unavailable:
		n.unavailable(e)
	default:
		n.status, n.Kind, n.Tone = http.StatusInternalServerError, "internal", "wrong"
		n.Title, n.Still = "Something went wrong on our side", "It was noted under the request id below. Your text is kept; try again in a moment."
	}
	return n
}

// unavailable words the reasons for which nobody answers now.
func (n *notice) unavailable(e *sat.Error) {
	n.status = http.StatusServiceUnavailable
	switch e.Reason {
	case "overloaded":
		n.Kind, n.Title = "busy", "The tutor is busy"
		n.Plain = cmp.Or(e.Message, "Others are ahead of you; try again in "+wait(n.Seconds)+".")
		n.Still = cmp.Or(e.Message, "Other questions are ahead of yours; try again in "+wait(n.Seconds)+".") + " Nothing was lost."
	case apiclient.ReasonUnreachable:
		n.Kind, n.Tone, n.Title = "unreachable", "wrong", "The tutor’s server cannot be reached"
		n.Plain = "Try again in a moment; if this stays, tell the person who runs this site."
		n.Still = "Your text is kept. " + n.Plain
	case "storage":
		n.Kind, n.Tone, n.Title = "storage", "wrong", "Nothing can be stored or looked up just now"
		n.Plain = "Try again " + "in " + wait(n.Seconds) + "; if this stays, tell the person who runs this site."
		n.Still = "Your text is kept. " + n.Plain
	case "draining":
		n.again("restarting", "The tutor is restarting")
	default:
		n.again("starting", "The reading model is still loading"+about(n.Seconds))
	}
}

// again words what ends by itself.
func (n *notice) again(kind, what string) {
	n.Kind, n.Tone, n.Title, n.Auto = kind, "wait", "Not ready yet", true
	n.Live = what + ". Your text is kept; this page will answer by itself."
	n.Still = what + ". Your text is kept; ask again in " + wait(n.Seconds) + "."
	n.Plain = what + ". Try again in " + wait(n.Seconds) + "."
}

// ofForm makes the notice one about a form that was typed, is shown again, and can be sent again.
func (n *notice) ofForm(err error) *notice {
	var e *sat.Error
	n.Auto, n.Live = false, ""
	switch {
	case n.SignIn, n.Kind == "rights":
	case errors.As(err, &e) && e.Code == sat.NotFound:
		n.status, n.Kind, n.Title, n.Still = http.StatusNotFound, "gone", "That is not there any more", e.Message
	case errors.As(err, &e) && e.Code == sat.Conflict:
		n.status, n.Kind, n.Title, n.Still = http.StatusConflict, "conflict", "That is not possible just now", e.Message
	case n.Plain != "":
		n.Still = n.Plain
	case errors.As(err, &e) && (e.Code == sat.Invalid || e.Code == sat.TooLarge):
		n.Title, n.Still = "This cannot be taken", e.Message
		for _, f := range e.Fields {
			path := strings.TrimPrefix(f.Field, "item.")
			n.Fields = append(n.Fields, complaint{ID: controlOf(path), Message: fieldWords(path) + ": " + f.Message})
		}
	}
	switch n.Kind {
	case "timeout", "unreachable", "bad-output", "internal":
		n.Still += " It is not known whether it was saved; look before you send it again."
	default:
		n.Title += ". Nothing was saved"
	}
	return n
}

// about gives " (about 40 s)", "" where the time is unknown.
func about(seconds int) string {
	if seconds == 0 {
		return ""
	}
	return fmt.Sprintf(" (about %d s)", seconds)
}

func wait(seconds int) string {
	switch {
	case seconds == 0:
		return "a moment"
	case seconds > 120:
		return fmt.Sprintf("%d minutes", (seconds+59)/60)
	}
	return fmt.Sprintf("%d s", seconds)
}

// refuse shows the page with the notice for err in place of an answer.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, page *askPage, err error) error {
	if left(r) {
		return err
	}
	page.Notice = noticeOf(err)
	page.complainAll(err)
	return s.send(w, r, page, err)
}

// refuseSplit shows the page with the notice for a block that could not be split.
func (s *Server) refuseSplit(w http.ResponseWriter, r *http.Request, page *askPage, at string, err error) error {
	if left(r) {
		return err
	}
	if sat.CodeOf(err) != sat.Invalid {
		page.Notice = noticeOf(err)
		return s.send(w, r, page, err)
	}
	var e *sat.Error
	errors.As(err, &e)
	page.complain(at, sentence("The text cannot be split: ", e))
	page.Notice = splitRefused(page)
	return s.send(w, r, page, err)
}

// setRetryAfter tells programs when asking again makes sense.
func (n *notice) setRetryAfter(w http.ResponseWriter) {
	seconds := n.Seconds
	if seconds == 0 && n.status == http.StatusServiceUnavailable {
		seconds = int(leastRetry / time.Second)
	}
	if seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
}

// noteFailure notes the cause in the log, and where it is there.
func (s *Server) noteFailure(r *http.Request, n *notice, err error) {
	middleware.Note(r.Context(), slog.String("result", n.Kind))
	if n.status < http.StatusInternalServerError {
		return
	}
	middleware.Note(r.Context(), slog.String("error", err.Error()))
	if !n.Auto && n.Kind != "busy" {
		n.RequestID = cmp.Or(apiclient.RequestIDOf(err), middleware.IDOf(r.Context()))
	}
}

// send notes the cause in the log and renders the page with its notice.
func (s *Server) send(w http.ResponseWriter, r *http.Request, page *askPage, err error) error {
	n := page.Notice
	s.noteFailure(r, n, err)
	n.setRetryAfter(w)
	return render(w, n.status, s.views.ask, page)
}

// leastRetry is the Retry-After of a 503 whose cause gave no estimate.
const leastRetry = 2 * time.Second

func splitDone() *notice {
	return &notice{Kind: "split", Tone: "note", Title: "Split into the fields",
		Still: "Look through the fields, then ask the tutor."}
}

func splitRefused(page *askPage) *notice {
	return &notice{Kind: "invalid", Tone: "wrong", Title: "The text could not be split", status: http.StatusUnprocessableEntity,
		Still:  "It needs a passage, a question, and choices that begin with A), B) and so on. Nothing was lost.",
		Fields: page.complaints()}
}
