package frontend

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// exportPage is the page /bank/export.
type exportPage struct {
	Page
	Words    string
	Formats  []option
	Filters  []selectBox
	Chosen   bool
	Items    int
	Losses   []lossLine
	Download string
	Nothing  bool
}

// lossLine says how many questions lose a field.
type lossLine struct {
	Field string
	Count int
}

// exportFormats are the formats as a select box offers them.
func exportFormats(chosen string) []option {
	var list []option
	for _, f := range sat.FileFormats() {
		label := f.Title
		if f.Lossless {
			label += ": carries everything"
		}
		list = append(list, option{Value: string(f.Format), Label: label, On: string(f.Format) == chosen})
	}
	return list
}

var listPlace = regexp.MustCompile(`\[\d+\]`)

// exportForm is GET /bank/export: the choice, and what the chosen format would lose.
func (s *Server) exportForm(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	page := exportPage{Page: s.page(r, "Export questions"), Words: q.Get("q"), Formats: exportFormats(q.Get("format")), Filters: filters(q)}
	if q.Get("format") == "" {
		return render(w, http.StatusOK, s.views.export, page)
	}
	q.Set("report", "1")
	ctx, cancel := s.backendContext(r)
	defer cancel()
	reply, err := s.opts.Bank.ExportItems(ctx, q)
	if sat.CodeOf(err) == sat.NotFound {
		page.Nothing = true
		return render(w, http.StatusOK, s.views.export, page)
	}
	if err != nil {
		return err
	}
	defer func() { _ = reply.Close() }()
	var report struct {
		Items  int           `json:"items"`
		Losses []sat.Finding `json:"losses"`
	}
	if err := json.NewDecoder(reply).Decode(&report); err != nil {
		return err
	}
	q.Del("report")
	page.Chosen, page.Items, page.Losses, page.Download = true, report.Items, lossLines(report.Losses), "/bank/export/file?"+q.Encode()
	return render(w, http.StatusOK, s.views.export, page)
}

// lossLines counts losses by field.
func lossLines(losses []sat.Finding) []lossLine {
	var lines []lossLine
	for _, l := range losses {
		field := listPlace.ReplaceAllString(l.Field, "")
		if field == "" {
			field = "the whole question"
		}
		i := slices.IndexFunc(lines, func(line lossLine) bool { return line.Field == field })
		if i < 0 {
			i, lines = len(lines), append(lines, lossLine{Field: field})
		}
		lines[i].Count++
	}
	return lines
}

// exportFile is GET /bank/export/file.
func (s *Server) exportFile(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	q := url.Values{}
	for name, values := range r.URL.Query() {
		if name != "report" {
			q[name] = values
		}
	}
	file, err := s.opts.Bank.ExportItems(ctx, q)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	for _, name := range []string{"Content-Type", "Content-Disposition"} {
		w.Header().Set(name, file.Header.Get(name))
	}
	_, err = io.Copy(w, file)
	return err
}

// reportsPage is the page /bank/reports.
type reportsPage struct {
	Page
	Reports []api.ItemReport
	Done    string
}

// reportList is GET /bank/reports.
func (s *Server) reportList(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	reports, err := s.opts.Bank.ItemReports(ctx)
	if err != nil {
		return err
	}
	page := reportsPage{Page: s.page(r, "Reported questions"), Reports: reports, Done: doneWords(r.URL.Query().Get("done"))}
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
