package frontend

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"sattutor/internal/sat"
)

// exportPage is the page /bank/export.
type exportPage struct {
	Page
	Words    string
	Formats  []option
	Filters  []selectBox
	Carried  []hiddenField // what else chooses the questions
	Which    string        // the choice in words; "" for the whole bank
	Total    int           // how many questions it chooses
	Chosen   bool
	Items    int
	Losses   []lossLine
	Download string
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

// exportForm is GET /bank/export: the choice, how many questions it holds, and what the chosen format would lose.
func (s *Server) exportForm(w http.ResponseWriter, r *http.Request) error {
	if err := s.onlyTeachers(r); err != nil {
		return err
	}
	filter, format := filterOf(r), r.URL.Query().Get("format")
	page := exportPage{Page: s.page(r, "Export questions"), Words: filter.Get("q"), Formats: exportFormats(format), Which: filterWords(filter)}
	page.Filters = append(filters(filter), splitFilter(filter))
	page.Carried = carried(filter, page.Filters)
	ctx, cancel := s.backendContext(r)
	defer cancel()
	query := maps.Clone(filter)
	query.Set("limit", "1")
	found, err := s.opts.Bank.Items(ctx, query)
	if err != nil {
		return err
	}
	page.Total = found.Total
	if format == "" {
		return render(w, http.StatusOK, s.views.export, page)
	}
	filter.Set("format", format)
	if err := s.rehearseExport(ctx, &page, filter); err != nil {
		return err
	}
	return render(w, http.StatusOK, s.views.export, page)
}

// rehearseExport asks what a file would hold, and what it would lose.
func (s *Server) rehearseExport(ctx context.Context, page *exportPage, query url.Values) error {
	page.Download = "/bank/export/file?" + query.Encode()
	query.Set("report", "1")
	reply, err := s.opts.Bank.ExportItems(ctx, query)
	if sat.CodeOf(err) == sat.NotFound {
		page.Total = 0
		return nil
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
	page.Chosen, page.Items, page.Losses = true, report.Items, lossLines(report.Losses)
	return nil
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
	q := filterOf(r)
	q.Set("format", r.URL.Query().Get("format"))
	file, err := s.opts.Bank.ExportItems(ctx, q)
	if err != nil {
		return err
	}
	for _, name := range []string{"Content-Type", "Content-Disposition"} {
		w.Header().Set(name, file.Header.Get(name))
	}
	return handOver(w, file)
}

// handOver sends a file on while it comes, and closes it. Where it breaks off, the download breaks off too: a file that
// ended early would look whole.
func handOver(w http.ResponseWriter, file io.ReadCloser) error {
	defer func() { _ = file.Close() }()
	if _, err := io.Copy(w, file); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}
