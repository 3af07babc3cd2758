package frontend

import (
	"errors"
	"net/http"
	"strings"

	"sattutor/internal/sat"
)

// input is one line of a form.
type input struct {
	ID, Name, Label string
	Type            string // "text" or "password"
	Value           string // never of a password
	Autocomplete    string
	Hint            string // "" for none
	Error           string
	Focus           bool
}

// inputs are the lines of a form, in order.
type inputs []input

// blame puts what is wrong beside the lines that it is about, and gives what is about none of them.
func (list inputs) blame(err error) (rest string) {
	var e *sat.Error
	if !errors.As(err, &e) {
		return ""
	}
	var others []string
	for _, f := range e.Fields {
		found := false
		for i := range list {
			if base, _, _ := strings.Cut(f.Field, "["); list[i].Name == base && list[i].Error == "" {
				list[i].Error, found = "This "+f.Message+".", true
			}
		}
		if !found {
			others = append(others, f.Field+" "+f.Message)
		}
	}
	for i := range list {
		if list[i].Error != "" {
			list[i].Focus = true
			break
		}
	}
	switch {
	case len(others) > 0:
		return "The " + strings.Join(others, "; the ") + "."
	case len(e.Fields) > 0:
		return ""
	}
	return tell(err)
}

// filled takes over what was typed, but for passwords.
func (list inputs) filled(r *http.Request) inputs {
	for i := range list {
		if list[i].Type != "password" {
			list[i].Value = r.PostForm.Get(list[i].Name)
		}
	}
	return list
}

// statusOf gives the status of a page that shows a form again because of an error.
func statusOf(err error) int {
	if err == nil {
		return http.StatusOK
	}
	switch sat.CodeOf(err) {
	case sat.Conflict:
		return http.StatusConflict
	case sat.Forbidden:
		return http.StatusForbidden
	case sat.NotFound:
		return http.StatusNotFound
	}
	return noticeOf(err).status
}

// tell words an error in one sentence for the top of a form.
func tell(err error) string {
	var e *sat.Error
	switch code := sat.CodeOf(err); {
	case err == nil:
		return ""
	case code == sat.RateLimited && errors.As(err, &e):
		return strings.TrimSuffix(e.Message, ".") + " (" + wait(int(e.RetryAfter.Seconds())) + ")."
	case code == sat.Internal, code == sat.Unavailable, code == sat.Timeout:
		n := noticeOf(err)
		return n.Title + ". Nothing was changed; try again in " + wait(n.Seconds) + "."
	case code == sat.Unauthorized:
		return "You are not signed in, or not any more. Sign in, and do it again."
	case errors.As(err, &e):
		return e.Message
	}
	return ""
}
