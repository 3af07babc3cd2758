package frontend

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
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
	pasted      bool
	content     []byte
	query       url.Values
	at          time.Time
}

// keep takes a file and gives it back with the token by which it is found again.
func (u *uploads) keep(f upload) upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forget(f.at)
	if len(u.files) == mostWaiting {
		u.files = u.files[1:]
	}
	f.token = rand.Text()
	u.files = append(u.files, f)
	return f
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
	Items   []importedItem // of the report
	Text    string         // that was pasted
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
	pasted := len(file) == 0
	if pasted {
		file, name = []byte(lineFeeds(fields.Get("text"))), "what you pasted"
	}
	if len(bytes.TrimSpace(file)) == 0 {
		page := s.importPage(r)
		page.Error = "Choose a file of questions first, or paste its text."
		return render(w, http.StatusUnprocessableEntity, s.views.imports, page)
	}
	query := url.Values{"format": {"auto"}, "framework": {fields.Get("framework")}, "skill": {fields.Get("skill")}}
	return s.rehearse(w, r, http.StatusOK, s.uploads.keep(upload{name: name, pasted: pasted, content: file, query: query, at: s.opts.Now()}))
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
	page.Report, page.Items, page.File, page.Plan = &report, itemsOf(report.Entries), f.name, report.Plan
	if f.pasted {
		page.Text = string(f.content)
	}
	if report.Counts.New+report.Counts.Updated > 0 {
		page.Token = f.token
	}
	return render(w, status, s.views.imports, page)
}

// importedItem is what a report says of one item of a file, or of the file itself.
type importedItem struct {
	Place, ID string
	Action    sat.Action // "" for the file itself
	Fate      string     // what becomes of it
	Findings  []told
}

// itemsOf gathers the entries of a report by item.
func itemsOf(entries []sat.ImportEntry) []importedItem {
	var items []importedItem
	for i, e := range entries {
		if i == 0 || entries[i-1].N != e.N || entries[i-1].ID != e.ID {
			items = append(items, importedItem{Place: placeOf(e.Finding), ID: e.ID})
		}
		it := &items[len(items)-1]
		if e.Action != "" {
			it.Action, it.Fate = e.Action, e.Message
			continue
		}
		line := told{Finding: e.Finding}
		if at := placeOf(e.Finding); at != it.Place {
			line.At = at
		}
		it.Findings = append(it.Findings, line)
	}
	for _, it := range items { // what stops an item is read first
		slices.SortStableFunc(it.Findings, func(a, b told) int { return cmp.Compare(weight(a), weight(b)) })
	}
	return items
}

// weight puts errors before all else.
func weight(f told) int {
	if f.Severity == sat.SeverityError {
		return 0
	}
	return 1
}

// placeOf says where in a file a finding is; "" where that is unknown.
func placeOf(f sat.Finding) string {
	switch {
	case f.Cell != "":
		return "cell " + f.Cell
	case f.Line > 0:
		return fmt.Sprintf("line %d, column %d", f.Line, max(f.Column, 1))
	}
	return ""
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
