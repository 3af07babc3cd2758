package frontend

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// uploads keeps files between their rehearsal and their confirmation, so that nobody has to choose them twice. It keeps
// a few for a while. Whoever sends more than a share of them pushes out their own, and strangers push out no account's.
type uploads struct {
	mu    sync.Mutex
	files []upload
}

type upload struct {
	token, name string
	owner       string // id of the account that sent it; "" for somebody who is not signed in
	pasted      bool
	content     []byte
	query       url.Values
	at          time.Time
	report      *sat.ImportReport // of the rehearsal, or of the import; nil before both
	stored      bool              // it was imported; the content is gone
}

// keep takes a file and gives it back with the token by which it is found again.
func (u *uploads) keep(f upload) upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forget(f.at)
	u.makeRoom(f.owner)
	f.token = rand.Text()
	u.files = append(u.files, f)
	return f
}

// makeRoom lets the oldest file go where the owner has as many as one may have, or where there are as many as there may
// be; strangers' files go before those of accounts. It needs the lock.
func (u *uploads) makeRoom(owner string) {
	theirs := 0
	for _, f := range u.files {
		if f.owner == owner {
			theirs++
		}
	}
	if theirs < mostOfOne {
		if len(u.files) < mostWaiting {
			return
		}
		owner = ""
	}
	gone := max(slices.IndexFunc(u.files, func(f upload) bool { return f.owner == owner }), 0)
	u.files = slices.Delete(u.files, gone, gone+1)
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

// note keeps what became of a file.
func (u *uploads) note(f upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range u.files {
		if u.files[i].token == f.token {
			u.files[i] = f
		}
	}
}

// forget drops what has waited too long.
func (u *uploads) forget(now time.Time) {
	for len(u.files) > 0 && now.Sub(u.files[0].at) > waitLimit {
		u.files = u.files[1:]
	}
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

// importTable is GET /bank/import/report: what a rehearsal or an import said, as a table.
func (s *Server) importTable(w http.ResponseWriter, r *http.Request) error {
	if err := s.onlyTeachers(r); err != nil {
		return err
	}
	f, ok := s.uploads.find(s.opts.Now(), r.URL.Query().Get("file"))
	if !ok || f.report == nil {
		return sat.Errorf(sat.NotFound, "The report has waited too long and is forgotten. Choose the file once more.")
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="import-report.csv"`)
	return api.WriteCSV(w, reportRows(f.report.Entries))
}

// reportRows gives the entries of a report as the rows of a table, with a head.
func reportRows(entries []sat.ImportEntry) [][]string {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	rows := [][]string{{"n", "id", "action", "line", "column", "cell", "field", "code", "severity", "message"}}
	for _, e := range entries {
		rows = append(rows, []string{number(e.N), e.ID, string(e.Action), number(e.Line), number(e.Column), e.Cell, e.Field,
			string(e.Code), string(e.Severity), e.Message})
	}
	return rows
}
