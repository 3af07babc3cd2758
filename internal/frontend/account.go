package frontend

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// accountPage is the page /account.
type accountPage struct {
	Page
	Me       api.Me
	Trouble  string // what could not be done
	Said     string // what was done
	Password inputs
	SignIns  []signInLine
	Keys     []keyLine
	KeyLabel input
	Scopes   []scopeChoice
	Lives    []option // how long a new key may work
	Secret   string   // of the key that was just made
}

type signInLine struct {
	ID, Agent, Since, Seen string
	Current                bool
}

type keyLine struct {
	ID, Label, Prefix, Scopes, Made, Used, State string
	Until                                        string // the end of a key that works; "" for none
	Works                                        bool
}

type scopeChoice struct{ Value, Label string }

// Local tells that there are no accounts here.
func (p accountPage) Local() bool { return p.Me.Manner == string(sat.AsLocal) }

// Signed tells that the visitor is signed in.
func (p accountPage) Signed() bool { return p.Me.Manner == string(sat.BySignIn) }

// Guest tells that the visitor works without an account.
func (p accountPage) Guest() bool { return p.Me.Manner == string(sat.AsGuest) }

// Owner tells that things can belong to the visitor.
func (p accountPage) Owner() bool { return p.Me.ID != "" }

// Admin tells that the visitor keeps the accounts of others.
func (p accountPage) Admin() bool { return p.Signed() && p.Me.Role == string(sat.Admin) }

func passwordInputs() inputs {
	return inputs{
		{ID: "old_password", Name: "old_password", Label: "Present password", Type: "password", Autocomplete: "current-password"},
		{ID: "password", Name: "password", Label: "New password", Type: "password", Autocomplete: "new-password", Hint: "At least 8 characters."},
	}
}

// account is GET /account.
func (s *Server) account(w http.ResponseWriter, r *http.Request) error {
	page := &accountPage{Page: s.page(r, "Your account"), Said: saidOf(r.URL.Query().Get("done"))}
	return s.showAccount(w, r, page, nil)
}

// saidOf words what a form did before it led here.
func saidOf(done string) string {
	return map[string]string{
		"password": "The password is changed. You are signed in here alone.", "keep": "Your choice is kept.",
		"revoked": "The key does not work any more.", "ended": "That sign-in has ended.",
		"answers": "Your questions and answers are deleted.",
		"back":    "You are signed in. What you typed waits in the other tab: send it again there.",
	}[done]
}

// showAccount fills the page and sends it, with the status of an error that a form met.
func (s *Server) showAccount(w http.ResponseWriter, r *http.Request, page *accountPage, cause error) error {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	var err error
	if page.Me, err = s.opts.Backend.Me(ctx); err != nil {
		return err
	}
	if page.Password == nil {
		page.Password = passwordInputs()
	}
	if page.KeyLabel.ID == "" {
		page.KeyLabel = input{ID: "label", Name: "label", Label: "What the key is for", Type: "text", Autocomplete: "off"}
	}
	if page.Signed() {
		if err := s.fillAccount(ctx, page); err != nil {
			return err
		}
	} else if signedIn(s.secretOf(r)) { // it was a sign-in, and is none any more
		s.remember(w, "", 0)
		if page.Trouble == "" {
			page.Trouble = "Your sign-in has ended. Sign in again."
		}
	}
	return render(w, statusOf(cause), s.views.account, page)
}

func (s *Server) fillAccount(ctx context.Context, page *accountPage) error {
	signIns, err := s.opts.Backend.SignIns(ctx)
	if err != nil {
		return err
	}
	for _, in := range signIns {
		page.SignIns = append(page.SignIns, signInLine{ID: in.ID, Agent: in.Agent, Since: moment(in.CreatedAt), Seen: moment(in.SeenAt), Current: in.Current})
	}
	keys, err := s.opts.Backend.Keys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		page.Keys = append(page.Keys, keyLineOf(k, s.opts.Now()))
	}
	page.Scopes = []scopeChoice{{"answers", "Ask the tutor"}, {"v1", "OpenAI-compatible calls"}, {"items", "Question bank"}}
	if page.Lives == nil {
		page.Lives = keyLives("")
	}
	if page.Admin() {
		page.Scopes = append(page.Scopes, scopeChoice{"admin", "Administration"})
	}
	return nil
}

func keyLineOf(k api.Key, now time.Time) keyLine {
	line := keyLine{ID: k.ID, Label: k.Label, Prefix: k.Prefix, Made: moment(k.CreatedAt), Used: "never", State: "works", Works: true}
	for i, scope := range k.Scopes {
		if i > 0 {
			line.Scopes += ", "
		}
		line.Scopes += scope
	}
	if k.UsedAt != nil {
		line.Used = moment(*k.UsedAt)
	}
	switch {
	case k.RevokedAt != nil:
		line.State, line.Works = "revoked", false
	case k.ExpiresAt != nil && !now.Before(*k.ExpiresAt):
		line.State, line.Works = "expired", false
	case k.ExpiresAt != nil:
		line.Until = moment(*k.ExpiresAt)
	}
	return line
}

// keyLives gives how long a new key may work, in days; none for a key without an end.
func keyLives(chosen string) []option {
	list := []option{{Value: "", Label: "until it is revoked"}, {Value: "7", Label: "7 days"}, {Value: "30", Label: "30 days"},
		{Value: "90", Label: "90 days"}, {Value: "365", Label: "a year"}}
	for i := range list {
		list[i].On = list[i].Value == chosen
	}
	return list
}

// moment writes a time as a person reads it, in UTC: the pages do not know where their reader is.
func moment(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

// accountAction is POST /account: what the pressed button says.
func (s *Server) accountAction(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	page := &accountPage{Page: s.page(r, "Your account")}
	done, err := "", error(nil)
	switch r.PostForm.Get("do") {
	case "sign-out":
		return s.signOut(w, r, s.opts.Backend.EndSignIn(ctx, "current"))
	case "sign-out-everywhere":
		return s.signOut(w, r, s.opts.Backend.SignOutEverywhere(ctx))
	case "end":
		done, err = "ended", s.opts.Backend.EndSignIn(ctx, r.PostForm.Get("id"))
	case "password":
		var in api.SignedIn
		if in, err = s.opts.Backend.ChangePassword(ctx, api.PasswordChange{OldPassword: r.PostForm.Get("old_password"), Password: r.PostForm.Get("password"),
			Agent: r.UserAgent()}); err == nil {
			s.remember(w, in.Token, signInLife)
		}
		done, page.Password = "password", passwordInputs()
		page.Password.blame(err)
	case "key":
		return s.newKey(ctx, w, r, page)
	case "revoke":
		done, err = "revoked", s.opts.Backend.RevokeKey(ctx, r.PostForm.Get("id"))
	case "keep":
		keep := r.PostForm.Get("keep") == "on"
		done = "keep"
		_, err = s.opts.Backend.ChangeMe(ctx, api.MeChange{KeepAnswers: &keep})
	default:
		return errNotFound
	}
	if err != nil {
		page.Trouble = tell(err)
		return s.showAccount(w, r, page, err)
	}
	http.Redirect(w, r, "/account?done="+done, http.StatusSeeOther)
	return nil
}

// signOut forgets the visitor, whether the backend could be told or not.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request, err error) error {
	s.remember(w, "", 0)
	if err != nil && sat.CodeOf(err) != sat.Unauthorized {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// newKey makes a key and shows its secret, this once: the page is the reply itself, not one that could be loaded again.
func (s *Server) newKey(ctx context.Context, w http.ResponseWriter, r *http.Request, page *accountPage) error {
	page.KeyLabel = input{ID: "label", Name: "label", Label: "What the key is for", Type: "text", Autocomplete: "off", Value: r.PostForm.Get("label")}
	want := api.KeyRequest{Label: r.PostForm.Get("label"), Scopes: r.PostForm["scopes"]}
	page.Lives = keyLives(r.PostForm.Get("days"))
	if days, err := strconv.Atoi(r.PostForm.Get("days")); err == nil {
		end := s.opts.Now().AddDate(0, 0, days)
		want.ExpiresAt = &end
	}
	k, err := s.opts.Backend.NewKey(ctx, want)
	if err != nil {
		list := inputs{page.KeyLabel}
		page.Trouble = list.blame(err)
		page.KeyLabel = list[0]
		return s.showAccount(w, r, page, err)
	}
	page.KeyLabel.Value, page.Secret = "", k.Secret
	return s.showAccount(w, r, page, nil)
}

// export is GET /account/export: everything that is stored of the visitor, as a file.
func (s *Server) export(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	file, err := s.opts.Backend.Export(ctx)
	if err != nil {
		return s.showAccount(w, r, &accountPage{Page: s.page(r, "Your account"), Trouble: tell(err)}, err)
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="sat-tutor-my-data.zip"`)
	return handOver(w, file)
}

// deletePage is the page /account/delete.
type deletePage struct {
	Page
	Me      api.Me
	Confirm input
	Trouble string
}

// Account tells that there is an account to delete.
func (p deletePage) Account() bool { return p.Me.Manner == string(sat.BySignIn) }

func confirmInput() input {
	return input{ID: "confirm", Name: "confirm", Label: "Type the word delete", Type: "text", Autocomplete: "off"}
}

// deleteForm is GET /account/delete.
func (s *Server) deleteForm(w http.ResponseWriter, r *http.Request) error {
	return s.showDelete(w, r, nil)
}

func (s *Server) showDelete(w http.ResponseWriter, r *http.Request, err error) error {
	me, unknown := s.me(r)
	if unknown != nil {
		return unknown
	}
	list := inputs{confirmInput()}
	page := deletePage{Page: s.page(r, "Delete your data"), Me: me, Trouble: list.blame(err)}
	page.Confirm = list[0]
	return render(w, statusOf(err), s.views.erase, page)
}

// erase is POST /account/delete.
func (s *Server) erase(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	what := r.PostForm.Get("what")
	ctx, cancel := s.backendContext(r)
	defer cancel()
	if err := s.opts.Backend.Erase(ctx, api.EraseRequest{What: what, Confirm: r.PostForm.Get("confirm")}); err != nil {
		return s.showDelete(w, r, err)
	}
	if what == "answers" {
		http.Redirect(w, r, "/account?done=answers", http.StatusSeeOther)
		return nil
	}
	s.remember(w, "", 0)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}
