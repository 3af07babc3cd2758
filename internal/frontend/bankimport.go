package frontend

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// importPath is where files are sent.
const importPath = "/bank/import"

// Bounds of files that wait to be confirmed.
const (
	maxUpload   = 10<<20 + 64<<10 // bytes of a form with a file
	mostWaiting = 8
	mostOfOne   = 3 // of one account, and of all who are not signed in together
	waitLimit   = 15 * time.Minute
)

// importPage is the page /bank/import.
type importPage struct {
	Page
	Selects []selectBox
	Error   string
	Notice  *notice // why nothing could be done with the file, nil where something was
	Report  *sat.ImportReport
	Items   []importedItem // of the report
	Text    string         // that was pasted
	File    string
	Token   string // of the file that waits to be confirmed
	Plan    string // of the rehearsal; "" for a file that is not rehearsed
	Table   string // address of the report as a table
	Stored  bool   // the report says what was done, not what would be
	Undone  bool   // it was taken back since
	Changed bool   // the bank has changed since the rehearsal
	Changes []api.BankChange
	Done    string
}

func (s *Server) importPage(r *http.Request) importPage {
	page := importPage{Page: s.page(r, "Import questions"), Done: doneWords(r.URL.Query().Get("done"))}
	page.Selects = []selectBox{
		{"framework", "Exam, where the file does not say", options("as the file says", "", sat.Frameworks(), plainLabel)},
		{"skill", "Skill, where the file does not say", options("as the file says", "", sat.Skills(), skillLabel)},
	}
	return page
}

// Readable names the formats that can be imported.
func (importPage) Readable() string {
	var titles []string
	for _, f := range sat.FileFormats() {
		if f.Readable {
			titles = append(titles, f.Title)
		}
	}
	last := len(titles) - 1
	return strings.Join(titles[:last], ", ") + " or " + titles[last]
}

// importForm is GET /bank/import: the form, and after an import what it did.
func (s *Server) importForm(w http.ResponseWriter, r *http.Request) error {
	page := s.importPage(r)
	changes, err := s.changes(r)
	if err != nil {
		return err
	}
	page.Changes = changes
	if f, ok := s.uploads.find(s.opts.Now(), r.URL.Query().Get("file")); ok && f.stored {
		page.report(f)
	}
	return render(w, http.StatusOK, s.views.imports, page)
}

// changes lists the newest changes of the bank.
func (s *Server) changes(r *http.Request) ([]api.BankChange, error) {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	return s.opts.Bank.BankChanges(ctx)
}

// showImport sends the page. The changes belong to it, but what else it says is worth more than they are.
func (s *Server) showImport(w http.ResponseWriter, r *http.Request, status int, page importPage) error {
	if changes, err := s.changes(r); err == nil {
		page.Changes = changes
	}
	return render(w, status, s.views.imports, page)
}

// report puts what is known of a file into the page.
func (p *importPage) report(f upload) {
	p.Report, p.Items, p.File, p.Plan = f.report, itemsOf(f.report.Entries), f.name, f.report.Plan
	p.Table, p.Stored = "/bank/import/report?file="+url.QueryEscape(f.token), f.stored
	p.Undone = slices.ContainsFunc(p.Changes, func(c api.BankChange) bool { return c.ID == f.report.Change && c.Undone })
}

// importRun is POST /bank/import: a file is rehearsed, or a rehearsed one is confirmed.
func (s *Server) importRun(w http.ResponseWriter, r *http.Request) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return badForm(err)
	}
	fields, file, name, err := formFile(parts)
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return s.refuseSize(w, r)
	case err != nil:
		return badForm(err)
	}
	if token := fields.Get("token"); token != "" {
		return s.importKept(w, r, token, fields.Get("plan"))
	}
	pasted := len(file) == 0
	if pasted {
		file, name = []byte(lineFeeds(fields.Get("text"))), "what you pasted"
	}
	if len(bytes.TrimSpace(file)) == 0 {
		page := s.importPage(r)
		page.Error = "Choose a file of questions first, or paste its text."
		return s.showImport(w, r, http.StatusUnprocessableEntity, page)
	}
	query := url.Values{"format": {"auto"}, "framework": {fields.Get("framework")}, "skill": {fields.Get("skill")}}
	return s.rehearse(w, r, http.StatusOK, s.uploads.keep(upload{name: name, owner: s.uploader(r), pasted: pasted, content: file, query: query, at: s.opts.Now()}))
}

// uploader gives the id of the account that sends a file, "" for nobody's. Files of strangers are kept too, as long as
// there is room: a teacher whose sign-in has ended signs in, and goes on.
func (s *Server) uploader(r *http.Request) string {
	me, err := s.me(r)
	if err != nil || me.Manner != string(sat.AsLocal) && me.Manner != string(sat.BySignIn) {
		return ""
	}
	return me.ID
}

// formFile reads a form with at most one file.
func formFile(parts *multipart.Reader) (fields url.Values, file []byte, name string, err error) {
	fields = url.Values{}
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return fields, file, name, nil
		}
		if err != nil {
			return nil, nil, "", err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, "", err
		}
		if part.FormName() == "file" {
			file, name = content, part.FileName()
		} else {
			fields.Set(part.FormName(), string(content))
		}
	}
}

// refuseSize refuses a file that is too large, with the way round.
func (s *Server) refuseSize(w http.ResponseWriter, r *http.Request) error {
	page := s.importPage(r)
	page.Error = "Nothing was stored: a file may have up to 10 MiB, and this one has more. Save its questions as several files, and import one after the other."
	return s.showImport(w, r, http.StatusRequestEntityTooLarge, page)
}

// sendFile sends a file to the backend, as a rehearsal or for good.
func (s *Server) sendFile(r *http.Request, f upload, name, value string) (sat.ImportReport, error) {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	query := maps.Clone(f.query)
	query.Set(name, value)
	return s.opts.Bank.ImportItems(ctx, f.content, query)
}

// rehearse shows what an import would do.
func (s *Server) rehearse(w http.ResponseWriter, r *http.Request, status int, f upload) error {
	report, err := s.sendFile(r, f, "dry_run", "1")
	if err != nil {
		return s.refuseFile(w, r, f, "", err)
	}
	f.report = &report
	s.uploads.note(f)
	page := s.importPage(r)
	page.Changed = status == http.StatusConflict
	page.report(f)
	if f.pasted {
		page.Text = string(f.content)
	}
	if report.Counts.New+report.Counts.Updated > 0 {
		page.Token = f.token
	}
	return s.showImport(w, r, status, page)
}

// refuseFile shows why nothing was done with a file. It waits, where trying again may help.
func (s *Server) refuseFile(w http.ResponseWriter, r *http.Request, f upload, plan string, err error) error {
	code := sat.CodeOf(err)
	switch {
	case left(r), code == sat.Forbidden:
		return err
	case code == sat.TooLarge:
		return s.refuseSize(w, r)
	}
	page := s.importPage(r)
	n := noticeOf(err).ofForm(err)
	if page.Notice = n; code != sat.Invalid {
		page.File, page.Token, page.Plan = f.name, f.token, plan
	}
	if f.pasted {
		page.Text = string(f.content)
	}
	s.noteFailure(r, n, err)
	n.setRetryAfter(w)
	return s.showImport(w, r, n.status, page)
}

// importKept goes on with a file that waits: without a plan it is rehearsed, with one it is stored.
func (s *Server) importKept(w http.ResponseWriter, r *http.Request, token, plan string) error {
	f, ok := s.uploads.find(s.opts.Now(), token)
	switch {
	case !ok:
		page := s.importPage(r)
		page.Error = "The file has waited too long and is forgotten. Nothing was stored; choose it once more."
		return s.showImport(w, r, http.StatusUnprocessableEntity, page)
	case plan == "" && !f.stored:
		return s.rehearse(w, r, http.StatusOK, f)
	}
	if !f.stored { // a form that is sent twice stores once
		report, err := s.sendFile(r, f, "plan", plan)
		if sat.CodeOf(err) == sat.Conflict {
			return s.rehearse(w, r, http.StatusConflict, f)
		}
		if err != nil {
			return s.refuseFile(w, r, f, plan, err)
		}
		f.report, f.stored, f.content = &report, true, nil
		s.uploads.note(f)
	}
	http.Redirect(w, r, "/bank/import?"+url.Values{"done": {"imported"}, "file": {f.token}}.Encode(), http.StatusSeeOther)
	return nil
}

// importUndo is POST /bank/undo.
func (s *Server) importUndo(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	if err := s.opts.Bank.UndoBankChange(ctx, r.PostForm.Get("change")); err != nil {
		var e *sat.Error
		if !errors.As(err, &e) || e.Code != sat.Conflict && e.Code != sat.NotFound {
			return err
		}
		page := s.importPage(r)
		page.Error = "Nothing was taken back. " + e.Message
		return s.showImport(w, r, statusOf(err), page)
	}
	http.Redirect(w, r, "/bank/import?done=undone", http.StatusSeeOther)
	return nil
}
