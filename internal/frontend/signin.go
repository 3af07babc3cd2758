package frontend

import (
	"errors"
	"net/http"
	"strings"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// signInPage is the page /sign-in and the page /register.
type signInPage struct {
	Page
	Heading  string
	Action   string
	Button   string
	Inputs   inputs
	Trouble  string // what is wrong with no single line
	Register bool   // the page makes accounts
	Back     string // where signing in leads; "" for the account
	Guest    bool   // the visitor has worked without an account
	Open     bool   // there is a page to register
	Off      bool   // there are no accounts here
}

func signInInputs() inputs {
	return inputs{
		{ID: "name", Name: "name", Label: "Name", Type: "text", Autocomplete: "username"},
		{ID: "password", Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"},
	}
}

func registerInputs(invited bool) inputs {
	list := inputs{
		{ID: "name", Name: "name", Label: "Name", Type: "text", Autocomplete: "username",
			Hint: "A nickname of 2 to 40 characters. No mail address, no real name needed."},
		{ID: "password", Name: "password", Label: "Password", Type: "password", Autocomplete: "new-password",
			Hint: "At least 8 characters; four words are easy to keep in mind. Nobody can look it up for you."},
	}
	if invited {
		list = append(list, input{ID: "invite", Name: "invite", Label: "Invitation", Type: "text", Autocomplete: "off",
			Hint: "It begins with sat_i_. Your teacher, or whoever runs this site, makes one for you."})
	}
	return list
}

// signInForm is GET /sign-in.
func (s *Server) signInForm(w http.ResponseWriter, r *http.Request) error {
	return s.showSignIn(w, r, signInInputs(), nil)
}

func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request, list inputs, err error) error {
	me, unknown := s.me(r)
	if unknown != nil && err == nil {
		err = unknown
	}
	page := signInPage{Page: s.page(r, "Sign in"), Heading: "Sign in", Action: "/sign-in", Button: "Sign in", Inputs: list,
		Guest: me.Manner == string(sat.AsGuest), Open: me.Registration != "closed", Off: unknown == nil && !me.Accounts, Back: r.FormValue("back")}
	page.Trouble = list.blame(err)
	if e := new(sat.Error); errors.As(err, &e) && e.Code == sat.Unauthorized {
		page.Trouble = e.Message // it is the name or the password
	}
	return render(w, statusOf(err), s.views.signIn, page)
}

// signIn is POST /sign-in.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, cancel := s.contextFor(r, "")
	defer cancel()
	in, err := s.opts.Backend.SignIn(ctx, api.SignInRequest{Name: r.PostForm.Get("name"), Password: r.PostForm.Get("password"), Agent: r.UserAgent()})
	if err != nil {
		return s.showSignIn(w, r, signInInputs().filled(r), err)
	}
	s.remember(w, in.Token, signInLife)
	back := "/account"
	if address := r.PostForm.Get("back"); address != "" {
		back = s.wayBack(address)
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
	return nil
}

// registerForm is GET /register.
func (s *Server) registerForm(w http.ResponseWriter, r *http.Request) error {
	return s.showRegister(w, r, nil)
}

func (s *Server) showRegister(w http.ResponseWriter, r *http.Request, err error) error {
	me, unknown := s.me(r)
	if unknown != nil && err == nil {
		err = unknown
	}
	list := registerInputs(me.Registration == "invited")
	if r.Method == http.MethodPost {
		list = list.filled(r)
	}
	page := signInPage{Page: s.page(r, "Make an account"), Heading: "Make an account", Action: "/register", Button: "Make the account",
		Inputs: list, Register: true, Guest: me.Manner == string(sat.AsGuest), Open: me.Registration != "closed",
		Off: unknown == nil && !me.Accounts}
	page.Trouble = list.blame(err)
	return render(w, statusOf(err), s.views.signIn, page)
}

// register is POST /register.
func (s *Server) register(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	secret := s.secretOf(r)
	if signedIn(secret) { // whoever is signed in has an account; only a guest's work goes over
		secret = ""
	}
	ctx, cancel := s.contextFor(r, secret)
	defer cancel()
	in, err := s.opts.Backend.Register(ctx, api.RegisterRequest{Name: r.PostForm.Get("name"), Password: r.PostForm.Get("password"),
		Invite: strings.TrimSpace(r.PostForm.Get("invite")), Agent: r.UserAgent()})
	if err != nil {
		return s.showRegister(w, r, err)
	}
	s.remember(w, in.Token, signInLife)
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}
