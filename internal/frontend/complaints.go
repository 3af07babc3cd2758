package frontend

import (
	"net/http"
	"net/url"
	"strings"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// reportsPage is the page /bank/reports.
type reportsPage struct {
	Page
	Open    []api.ItemReport
	Settled []api.ItemReport
	All     bool   // closed ones are shown too
	Older   string // address of the page of older ones; "" on the last
	Done    string
}

// byState parts the reports that wait from those that are closed.
func byState(reports []api.ItemReport) (open, settled []api.ItemReport) {
	for _, r := range reports {
		if r.SettledAt == nil {
			open = append(open, r)
		} else {
			settled = append(settled, r)
		}
	}
	return open, settled
}

// reportList is GET /bank/reports.
func (s *Server) reportList(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	page := reportsPage{Page: s.page(r, "Reported questions"), All: r.URL.Query().Get("all") != "", Done: doneWords(r.URL.Query().Get("done"))}
	before := r.URL.Query().Get("before")
	if _, err := sat.ParseCursor(before); err != nil {
		before = "" // anything else begins with the newest
	}
	reports, err := s.opts.Bank.ItemReports(ctx, "", page.All, before)
	if err != nil {
		return err
	}
	page.Open, page.Settled = byState(reports.Reports)
	if reports.Before != "" {
		older := url.Values{"before": {reports.Before}}
		if page.All {
			older.Set("all", "1")
		}
		page.Older = "/bank/reports?" + older.Encode()
	}
	return render(w, http.StatusOK, s.views.reports, page)
}

// reportSettle is POST /bank/reports.
func (s *Server) reportSettle(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	note := strings.TrimSpace(lineFeeds(r.PostForm.Get("note")))
	if err := s.opts.Bank.SettleReport(ctx, r.PostForm.Get("report"), note); err != nil {
		return err
	}
	http.Redirect(w, r, "/bank/reports?done=settled", http.StatusSeeOther)
	return nil
}
