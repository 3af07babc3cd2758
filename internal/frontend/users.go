package frontend

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// usersPage is the page /account/users.
type usersPage struct {
	Page
	Users   []userLine
	Next    string // address of the page of later names; "" on the last
	Trouble string
	Roles   []string
	Invite  string // an invitation that was just made
	Role    string // of it
	Until   string
	Reset   string // a password that was just made
	For     string // name of whom it is for
}

type userLine struct {
	ID, Name, Role, Since string
	Closed, Self          bool
}

// inviteDays is how long an invitation from the page is good for.
const inviteDays = 14

// users is GET /account/users.
func (s *Server) users(w http.ResponseWriter, r *http.Request) error {
	return s.showUsers(w, r, &usersPage{}, nil)
}

func (s *Server) showUsers(w http.ResponseWriter, r *http.Request, page *usersPage, cause error) error {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	me, err := s.opts.Backend.Me(ctx)
	if err != nil {
		return err
	}
	list, err := s.opts.Backend.Users(ctx, r.URL.Query().Get("after"))
	switch code := sat.CodeOf(err); {
	case code == sat.Unauthorized || code == sat.Forbidden:
		return errNotFound // who may not see the page need not know of it
	case err != nil:
		return err
	}
	page.Page, page.Trouble = s.page(r, "Accounts"), tell(cause)
	for _, role := range sat.Roles() {
		page.Roles = append(page.Roles, string(role))
	}
	for _, u := range list.Users {
		page.Users = append(page.Users, userLine{ID: u.ID, Name: u.Name, Role: u.Role, Since: moment(u.CreatedAt), Closed: u.DisabledAt != nil, Self: u.ID == me.ID})
	}
	if list.After != "" {
		page.Next = "/account/users?after=" + url.QueryEscape(list.After)
	}
	return render(w, statusOf(cause), s.views.users, page)
}

// usersAction is POST /account/users: what the pressed button says.
func (s *Server) usersAction(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	page, id, err := &usersPage{}, r.PostForm.Get("id"), error(nil)
	switch r.PostForm.Get("do") {
	case "role":
		err = s.opts.Backend.ChangeUser(ctx, id, api.UserChange{Role: r.PostForm.Get("role")})
	case "close", "open":
		closed := r.PostForm.Get("do") == "close"
		err = s.opts.Backend.ChangeUser(ctx, id, api.UserChange{Disabled: &closed})
	case "reset":
		if page.Reset, err = s.opts.Backend.ResetPassword(ctx, id); err == nil {
			page.For = r.PostForm.Get("name")
			return s.showUsers(w, r, page, nil)
		}
	case "invite":
		var invite api.Invite
		if invite, err = s.opts.Backend.Invite(ctx, api.InviteRequest{Role: r.PostForm.Get("role"), Days: inviteDays}); err == nil {
			page.Invite, page.Role, page.Until = invite.Invite, invite.Role, moment(invite.ExpiresAt)
			return s.showUsers(w, r, page, nil)
		}
	default:
		return errNotFound
	}
	if err != nil {
		if code := sat.CodeOf(err); code == sat.Unauthorized || code == sat.Forbidden {
			return errNotFound
		}
		return s.showUsers(w, r, page, err)
	}
	http.Redirect(w, r, "/account/users", http.StatusSeeOther)
	return nil
}

// logPage is the page /account/log.
type logPage struct {
	Page
	Entries []logLine
}

type logLine struct{ When, Who, What string }

// accessLog is GET /account/log.
func (s *Server) accessLog(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	entries, err := s.opts.Backend.AccessLog(ctx)
	switch code := sat.CodeOf(err); {
	case code == sat.Unauthorized || code == sat.Forbidden:
		return errNotFound // who may not see the page need not know of it
	case err != nil:
		return err
	}
	page := logPage{Page: s.page(r, "Access log")}
	for _, e := range entries {
		line := logLine{When: moment(e.At), Who: cmp.Or(e.By, e.Actor, "The command line, or somebody who is gone"), What: accessWords(e)}
		page.Entries = append(page.Entries, line)
	}
	return render(w, http.StatusOK, s.views.log, page)
}

// accessWords says what an entry of the access log tells.
func accessWords(e api.Access) string {
	whom := cmp.Or(e.Of, e.Subject, "somebody who is gone")
	verb, role, _ := strings.Cut(e.Action, " ")
	switch verb {
	case "role":
		return "gave " + whom + " the role " + role
	case "disable":
		return "closed the account of " + whom
	case "enable":
		return "opened the account of " + whom + " again"
	case "password":
		return "set a new password for " + whom
	case "invite":
		return "invited one " + role
	case "read":
		return "read the record of " + whom
	}
	return e.Action + ": " + whom
}
