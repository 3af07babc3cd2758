package frontend

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"sattutor/web"
)

// Page is what every page has.
type Page struct {
	Title  string
	Path   string // of the page itself
	Back   string // where a change of colours leads back to
	Theme  string // "system", "light" or "dark"
	Model  modelLine
	Themes []themeChoice
	Bank   bool // there are pages of the question bank
}

// Chosen tells that the student chose colours, so that the browser's preference is overridden.
func (p Page) Chosen() bool { return p.Theme != themeSystem }

// Current says what an entry of the navigation is to this page: itself, the section it belongs to, or nothing.
func (p Page) Current(entry string) string {
	switch {
	case p.Path == entry:
		return "page"
	case strings.HasPrefix(p.Path, entry+"/"), entry == "/account" && (p.Path == "/sign-in" || p.Path == "/register"):
		return "true"
	}
	return ""
}

// inColours gives the page in other colours than the browser asked for.
func (p Page) inColours(theme string) Page {
	p.Theme, p.Themes = theme, themeChoices(theme)
	return p
}

// views are the parsed templates, one for each page.
type views struct {
	start, ask, about, arena, problem, signIn, account, history, erase, users, log *template.Template
	bank, item, itemEdit, imports, export, reports                                 *template.Template
}

// parseViews parses every page with the layout and the partials.
func parseViews(a *assets) (views, error) {
	root, err := fs.Sub(web.Files, "templates")
	if err != nil {
		return views{}, err
	}
	frame, err := template.New("").Option("missingkey=error").Funcs(template.FuncMap{"asset": a.path, "field": fieldWords, "moment": moment}).
		ParseFS(root, "layout/*.html", "partials/*.html")
	if err != nil {
		return views{}, err
	}
	var v views
	for file, view := range map[string]**template.Template{
		"start": &v.start, "ask": &v.ask, "about": &v.about, "arena": &v.arena, "problem": &v.problem,
		"sign-in": &v.signIn, "account": &v.account, "history": &v.history, "delete": &v.erase, "users": &v.users, "log": &v.log,
		"bank": &v.bank, "item": &v.item, "itemedit": &v.itemEdit, "imports": &v.imports, "export": &v.export, "reports": &v.reports,
	} {
		page, err := frame.Clone()
		if err != nil {
			return views{}, err
		}
		if *view, err = page.ParseFS(root, "pages/"+file+".html"); err != nil {
			return views{}, err
		}
	}
	return v, nil
}

// page gives what every page has, for this request.
func (s *Server) page(r *http.Request, title string) Page {
	theme := themeOf(r)
	return Page{Title: title, Path: r.URL.Path, Back: addressOf(r), Theme: theme, Model: s.models.line(r.Context()),
		Themes: themeChoices(theme), Bank: s.opts.Bank != nil}
}

// addressOf is the address of what was asked for, without what a form has just done.
func addressOf(r *http.Request) string {
	query := r.URL.Query()
	query.Del("done")
	return (&url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: query.Encode()}).String()
}

// render sends the page with the status. It is made in a buffer first, so that a page that fails is never half sent.
func render(w http.ResponseWriter, status int, view *template.Template, page any) error {
	var body bytes.Buffer
	if err := view.ExecuteTemplate(&body, "layout", page); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w)
	return nil
}
