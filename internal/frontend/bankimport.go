package frontend

import (
	"crypto/rand"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"sync"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// Bounds of files that wait to be confirmed.
const (
	maxUpload   = 10<<20 + 64<<10 // bytes of a form with a file
	mostWaiting = 8
	waitLimit   = 15 * time.Minute
)

// uploads keeps files between their rehearsal and their confirmation, so that nobody has to choose them twice. It keeps
// a few for a while; the oldest goes first.
type uploads struct {
	mu    sync.Mutex
	files []upload
}

type upload struct {
	token, name string
	content     []byte
	query       url.Values
	at          time.Time
}

// keep takes a file and gives the token by which it is found again.
func (u *uploads) keep(now time.Time, name string, content []byte, query url.Values) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forget(now)
	if len(u.files) == mostWaiting {
		u.files = u.files[1:]
	}
	f := upload{token: rand.Text(), name: name, content: content, query: query, at: now}
	u.files = append(u.files, f)
	return f.token
}

// find gives a file that was kept.
func (u *uploads) find(now time.Time, token string) (upload, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forget(now)
	for _, f := range u.files {
		if f.token == token {
			return f, true
		}
	}
	return upload{}, false
}

// forget drops what has waited too long.
func (u *uploads) forget(now time.Time) {
	for len(u.files) > 0 && now.Sub(u.files[0].at) > waitLimit {
		u.files = u.files[1:]
	}
}

// importPage is the page /bank/import.
type importPage struct {
	Page
	Selects []selectBox
	Error   string
	Report  *sat.ImportReport
	File    string
	Token   string // of the file that waits to be confirmed
	Plan    string
	Changed bool // the bank has changed since the rehearsal
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

// importForm is GET /bank/import.
func (s *Server) importForm(w http.ResponseWriter, r *http.Request) error {
	page := s.importPage(r)
	ctx, cancel := s.backendContext(r)
	defer cancel()
	changes, err := s.opts.Bank.BankChanges(ctx)
	if err != nil {
		return err
	}
	page.Changes = changes
	return render(w, http.StatusOK, s.views.imports, page)
}

// importRun is POST /bank/import: a file is rehearsed, or a rehearsed one is confirmed.
func (s *Server) importRun(w http.ResponseWriter, r *http.Request) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return badForm(err)
	}
	fields, file, name, err := formFile(parts)
	if err != nil {
		return badForm(err)
	}
	if token := fields.Get("token"); token != "" {
		return s.importConfirm(w, r, token, fields.Get("plan"))
	}
	if len(file) == 0 {
		page := s.importPage(r)
		page.Error = "Choose a file of questions first."
		return render(w, http.StatusUnprocessableEntity, s.views.imports, page)
	}
	query := url.Values{"format": {"auto"}, "framework": {fields.Get("framework")}, "skill": {fields.Get("skill")}}
	return s.rehearse(w, r, http.StatusOK, upload{token: s.uploads.keep(s.opts.Now(), name, file, query), name: name, content: file, query: query})
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

// rehearse shows what an import would do.
func (s *Server) rehearse(w http.ResponseWriter, r *http.Request, status int, f upload) error {
	page := s.importPage(r)
	page.Changed = status == http.StatusConflict
	ctx, cancel := s.backendContext(r)
	defer cancel()
	query := url.Values{"dry_run": {"1"}}
	for name, values := range f.query {
		query[name] = values
	}
	report, err := s.opts.Bank.ImportItems(ctx, f.content, query)
	if err != nil {
		return err
	}
	page.Report, page.File, page.Plan = &report, f.name, report.Plan
	if report.Counts.New+report.Counts.Updated > 0 {
		page.Token = f.token
	}
	return render(w, status, s.views.imports, page)
}

// importConfirm stores what was rehearsed.
func (s *Server) importConfirm(w http.ResponseWriter, r *http.Request, token, plan string) error {
	f, ok := s.uploads.find(s.opts.Now(), token)
	if !ok {
		page := s.importPage(r)
		page.Error = "The file has waited too long and is forgotten. Nothing was stored; choose it once more."
		return render(w, http.StatusUnprocessableEntity, s.views.imports, page)
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	query := url.Values{"plan": {plan}}
	for name, values := range f.query {
		query[name] = values
	}
	_, err := s.opts.Bank.ImportItems(ctx, f.content, query)
	if sat.CodeOf(err) == sat.Conflict {
		return s.rehearse(w, r, http.StatusConflict, f)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/bank/import?done=imported", http.StatusSeeOther)
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
		if sat.CodeOf(err) != sat.Conflict {
			return err
		}
		page := s.importPage(r)
		page.Error = "This change cannot be taken back: it was taken back already, or one of its questions was changed since."
		return render(w, http.StatusConflict, s.views.imports, page)
	}
	http.Redirect(w, r, "/bank/import?done=undone", http.StatusSeeOther)
	return nil
}
