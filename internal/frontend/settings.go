package frontend

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/go-chi/chi/v5"
)

// The colours that a student can choose. System follows the browser.
const (
	themeSystem = "system"
	themeLight  = "light"
	themeDark   = "dark"
)

// themeCookie holds the choice; it is set only when a choice is made.
const themeCookie = "sat_theme"

// cookieYear is the cookie's life in seconds.
const cookieYear = 365 * 24 * 60 * 60

// themeChoice is one button of the footer.
type themeChoice struct {
	Value, Label string
	On           bool
}

func themeChoices(on string) []themeChoice {
	return []themeChoice{
		{themeSystem, "System", on == themeSystem},
		{themeLight, "Light", on == themeLight},
		{themeDark, "Dark", on == themeDark},
	}
}

func knownTheme(name string) bool {
	return slices.Contains([]string{themeSystem, themeLight, themeDark}, name)
}

// themeOf gives the student's choice, "system" where there is none.
func themeOf(r *http.Request) string {
	if cookie, err := r.Cookie(themeCookie); err == nil && knownTheme(cookie.Value) {
		return cookie.Value
	}
	return themeSystem
}

// setTheme keeps the choice; "system" forgets it.
func (s *Server) setTheme(w http.ResponseWriter, theme string) {
	cookie := &http.Cookie{Name: themeCookie, Value: theme, Path: "/", MaxAge: cookieYear,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.https}
	if theme == themeSystem {
		cookie.Value, cookie.MaxAge = "", -1
	}
	http.SetCookie(w, cookie)
}

// settings is POST /settings.
func (s *Server) settings(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	if theme := r.PostForm.Get("theme"); knownTheme(theme) {
		s.setTheme(w, theme)
	}
	http.Redirect(w, r, s.wayBack(r.PostForm.Get("back")), http.StatusSeeOther)
	return nil
}

// wayBack gives the address of one of our own pages, "/" for any other.
func (s *Server) wayBack(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || !s.routes.Match(chi.NewRouteContext(), http.MethodGet, u.Path) {
		return "/"
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}
