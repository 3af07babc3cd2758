package frontend

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"sattutor/internal/api"
	"sattutor/internal/apiclient"
	"sattutor/internal/sat"
)

// Bank is what the pages of the question bank ask of the backend's API. Package apiclient implements it.
type Bank interface {
	Items(ctx context.Context, query url.Values) (api.ItemList, error)
	Item(ctx context.Context, id string) (api.BankItem, error)
	SimilarItems(ctx context.Context, id string) (api.SimilarItems, error)
	ItemEvidence(ctx context.Context, id string) (api.ItemEvidence, error)
	CheckItem(ctx context.Context, it sat.Item) (api.ItemCheck, error)
	SaveItem(ctx context.Context, it sat.Item, version int) (api.SavedItem, error)
	DeleteItem(ctx context.Context, id string) error
	ImportItems(ctx context.Context, file []byte, query url.Values) (sat.ImportReport, error)
	ExportItems(ctx context.Context, query url.Values) (*apiclient.Exported, error)
	ReportItem(ctx context.Context, id, reason string) error
	ItemReports(ctx context.Context, item string, settled bool, before string) (api.ItemReports, error)
	ItemHistory(ctx context.Context, id string) (api.ItemHistory, error)
	SettleReport(ctx context.Context, id, note string) error
	BankChanges(ctx context.Context) ([]api.BankChange, error)
	UndoBankChange(ctx context.Context, id string) error
}

// routeBank adds the pages of the question bank.
func (s *Server) routeBank(r chi.Router) {
	if s.opts.Bank == nil {
		return
	}
	r.Get("/bank", s.handle(s.bankList))
	r.Get("/bank/new", s.handle(s.itemNew))
	r.Post("/bank/new", s.handle(s.itemSave))
	r.Get("/bank/import", s.handle(s.importForm))
	r.Post("/bank/import", s.handle(s.importRun))
	r.Get("/bank/import/report", s.handle(s.importTable))
	r.Post("/bank/undo", s.handle(s.importUndo))
	r.Get("/bank/export", s.handle(s.exportForm))
	r.Get("/bank/export/file", s.handle(s.exportFile))
	r.Get("/bank/reports", s.handle(s.reportList))
	r.Post("/bank/reports", s.handle(s.reportSettle))
	r.Get("/bank/{id}", s.handle(s.itemShow))
	r.Post("/bank/{id}", s.handle(s.itemAct))
	r.Get("/bank/{id}/edit", s.handle(s.itemEdit))
	r.Post("/bank/{id}/edit", s.handle(s.itemSave))
}

// option is an entry of a select box.
type option struct {
	Value, Label string
	On           bool
}

// options gives the entries of a select box, "any" first.
func options[T ~string](any, chosen string, values []T, label func(T) string) []option {
	list := []option{{Value: "", Label: any, On: chosen == ""}}
	for _, v := range values {
		list = append(list, option{Value: string(v), Label: label(v), On: string(v) == chosen})
	}
	return list
}

func plainLabel[T ~string](v T) string { return string(v) }

func skillLabel(v sat.Skill) string { return string(v) + " · " + v.Title() }

// selectBox is a select box with its label.
type selectBox struct {
	Name, Label string
	Options     []option
}

// bankPage is the page /bank.
type bankPage struct {
	Page
	Words    string
	Filters  []selectBox
	Items    []api.BankItem
	Total    int
	From, To int
	Before   string // addresses of the neighbouring pages; "" for none
	After    string
	Export   string // address of the page that exports what was found
	Sought   bool   // something narrows the list
	Reported bool
	Teaches  bool   // who looks at it may change the bank
	Done     string // what was just done
}

const bankPageSize = 20

// bankList is GET /bank.
func (s *Server) bankList(w http.ResponseWriter, r *http.Request) error {
	query := filterOf(r)
	filter := query.Encode()
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	from = max(from, 0)
	query.Set("offset", strconv.Itoa(from))
	query.Set("limit", strconv.Itoa(bankPageSize))
	var list api.ItemList
	err := s.asSomebody(w, r, func(ctx context.Context) (err error) {
		list, err = s.opts.Bank.Items(ctx, query)
		return err
	})
	if err != nil {
		return err
	}
	page := bankPage{Teaches: s.teaches(r), Page: s.page(r, "Question bank"), Words: query.Get("q"), Filters: filters(query),
		Items: list.Items, Total: list.Total, From: from + 1, To: from + len(list.Items), Export: "/bank/export?" + filter,
		Sought: filter != "", Reported: query.Get("reported") != "", Done: doneWords(r.URL.Query().Get("done"))}
	if page.Teaches {
		page.Filters = append(page.Filters, splitFilter(query))
	}
	address := func(from int) string { return "/bank?" + filter + "&from=" + strconv.Itoa(from) }
	if from > 0 {
		page.Before = address(max(from-bankPageSize, 0))
	}
	if from+len(list.Items) < list.Total {
		page.After = address(from + bankPageSize)
	}
	return render(w, http.StatusOK, s.views.bank, page)
}

// teaches tells that the visitor may change the bank.
func (s *Server) teaches(r *http.Request) bool { return s.onlyTeachers(r) == nil }

// onlyTeachers refuses who may not change the bank, before they have typed anything.
func (s *Server) onlyTeachers(r *http.Request) error {
	me, err := s.me(r)
	switch {
	case err != nil:
		return err
	case me.Manner == string(sat.AsLocal), me.Role == string(sat.Teacher), me.Role == string(sat.Admin):
		return nil
	case me.Manner == string(sat.BySignIn):
		return sat.Errorf(sat.Forbidden, "Only teachers change the question bank and take it along.")
	}
	return sat.Errorf(sat.Unauthorized, "Sign in with a teacher’s account to change the question bank.")
}

// doneWords says what a redirect has left done. Other words are not repeated.
func doneWords(what string) string {
	return map[string]string{"deleted": "The question was taken out of the bank.", "reported": "Thank you. A teacher will look at this question.",
		"saved": "The question was saved.", "undone": "The change was taken back.", "imported": "The questions were taken into the bank.",
		"settled": "The report is closed."}[what]
}

// numberedLine is a line of a passage as it is shown.
type numberedLine struct {
	Number int // printed before it; 0 for none
	Parts  []linePart
}

// linePart is a stretch of a line: quoted, or set apart by one face or several.
type linePart struct {
	Text   string
	Marked bool // it is quoted
	faces  []sat.MarkKind
}

// Has tells that a part is set apart by a face.
func (p linePart) Has(face sat.MarkKind) bool { return slices.Contains(p.faces, face) }

// shownPassage is a passage as it is shown.
type shownPassage struct {
	Heading, Attribution string
	Lines                []numberedLine
}

// passagesOf numbers the lines of an item's passages, every fifth of them, and marks the quoted ones.
func passagesOf(it sat.Item) []shownPassage {
	var shown []shownPassage
	for i, numbers := range it.Numbers() {
		p := it.Passages[i]
		sp := shownPassage{Heading: p.Title, Attribution: p.Attribution}
		if sp.Heading == "" && len(it.Passages) > 1 {
			sp.Heading = "Passage " + strconv.Itoa(i+1)
		}
		at := 0
		for j, line := range p.Lines {
			n := numbers[j]
			if n%5 != 0 {
				n = 0
			}
			sp.Lines = append(sp.Lines, numberedLine{Number: n, Parts: partsOf([]rune(line), at, stretchesOf(it, p.ID))})
			at += len([]rune(line)) + 1
		}
		shown = append(shown, sp)
	}
	return shown
}

// stretch is a part of a text that is shown in another way.
type stretch struct {
	start, end int
	face       sat.MarkKind // "" for a quotation
}

// stretchesOf gives what is quoted and marked of the passage with an id.
func stretchesOf(it sat.Item, passage string) []stretch {
	var list []stretch
	for _, q := range it.Explanation.Quotes {
		if q.PassageID == passage {
			list = append(list, stretch{q.Start, q.End, ""})
		}
	}
	for _, m := range it.Marks {
		if m.In == sat.InPassage && m.PassageID == passage {
			list = append(list, stretch{m.Start, m.End, m.Kind})
		}
	}
	return list
}

// questionParts cuts a question where its marks begin and end.
func questionParts(it sat.Item) []linePart {
	var list []stretch
	for _, m := range it.Marks {
		if m.In == sat.InQuestion {
			list = append(list, stretch{m.Start, m.End, m.Kind})
		}
	}
	return partsOf([]rune(it.Question), 0, list)
}

// partsOf cuts a line, which begins at an offset of its text, where stretches begin and end.
func partsOf(line []rune, at int, stretches []stretch) []linePart {
	cuts := []int{0, len(line)}
	for _, s := range stretches {
		cuts = append(cuts, min(max(s.start-at, 0), len(line)), min(max(s.end-at, 0), len(line)))
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var parts []linePart
	for i, end := range cuts[1:] {
		start := cuts[i]
		p := linePart{Text: string(line[start:end])}
		for _, s := range stretches {
			if s.start <= at+start && at+end <= s.end {
				p.Marked = p.Marked || s.face == ""
				p.faces = append(p.faces, s.face)
			}
		}
		parts = append(parts, p)
	}
	return parts
}

// itemPage is the page /bank/{id}.
type itemPage struct {
	Page
	Item     api.BankItem
	Passages []shownPassage
	Question []linePart
	Keyed    bool // who looks at it is a teacher
	Skill    string
	Similar  api.SimilarItems
	Evidence api.ItemEvidence
	Findings []told
	Ask      api.MCQRequest   // the question as the tutor is asked
	Open     []api.ItemReport // for teachers: complaints, and those that are closed
	Settled  []api.ItemReport
	History  []itemChange // for teachers
	Done     string
	Error    string
}

// itemShow is GET /bank/{id}.
func (s *Server) itemShow(w http.ResponseWriter, r *http.Request) error {
	return s.showItem(w, r, http.StatusOK, doneWords(r.URL.Query().Get("done")), "")
}

func (s *Server) showItem(w http.ResponseWriter, r *http.Request, status int, done, wrong string) error {
	id := chi.URLParam(r, "id")
	var it api.BankItem
	err := s.asSomebody(w, r, func(ctx context.Context) (err error) {
		it, err = s.opts.Bank.Item(ctx, id)
		return err
	})
	if err != nil {
		return err
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	page := itemPage{Page: s.page(r, "Question "+it.ID), Item: it, Passages: passagesOf(it.Item), Question: questionParts(it.Item), Keyed: it.Answer != "",
		Skill: it.Skill.Title(), Done: done, Error: wrong, Ask: questionOf(it.Item)}
	if page.Similar, err = s.opts.Bank.SimilarItems(ctx, id); err != nil {
		page.Similar = api.SimilarItems{} // the question is worth showing without its likes
	}
	if page.Evidence, err = s.opts.Bank.ItemEvidence(ctx, id); err != nil {
		page.Evidence = api.ItemEvidence{}
	}
	if page.Keyed {
		if check, err := s.opts.Bank.CheckItem(ctx, it.Item); err == nil {
			page.Findings = tellAll(check.Findings, "/bank/"+url.PathEscape(it.ID)+"/edit")
		}
		if reports, err := s.opts.Bank.ItemReports(ctx, it.ID, true, ""); err == nil {
			page.Open, page.Settled = byState(reports.Reports)
		}
		if history, err := s.opts.Bank.ItemHistory(ctx, it.ID); err == nil {
			page.History = changesOf(it.Item, history)
		}
	}
	return render(w, status, s.views.item, page)
}

// questionOf gives an item as the tutor is asked: the passages of a pair one after the other.
func questionOf(it sat.Item) api.MCQRequest {
	q := api.MCQRequest{Question: it.Question}
	for i, p := range it.Passages {
		if i > 0 {
			q.Text += "\n\n"
		}
		q.Text += p.Text()
	}
	for _, c := range it.Choices {
		q.Choices = append(q.Choices, c.Text)
	}
	return q
}

// itemAct is POST /bank/{id}: report or delete.
func (s *Server) itemAct(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	id := chi.URLParam(r, "id")
	switch r.PostForm.Get("do") {
	case "report":
		reason := strings.TrimSpace(lineFeeds(r.PostForm.Get("reason")))
		if len([]rune(reason)) < 3 {
			return s.showItem(w, r, http.StatusUnprocessableEntity, "", "Say in a few words what is wrong with the question.")
		}
		if err := s.opts.Bank.ReportItem(ctx, id, reason); err != nil {
			return err
		}
		http.Redirect(w, r, "/bank/"+url.PathEscape(id)+"?done=reported", http.StatusSeeOther)
	case "delete":
		if r.PostForm.Get("sure") == "" {
			return s.showItem(w, r, http.StatusUnprocessableEntity, "", "Tick the box to confirm that the question is to be taken out.")
		}
		if err := s.opts.Bank.DeleteItem(ctx, id); err != nil {
			return err
		}
		http.Redirect(w, r, "/bank?done=deleted", http.StatusSeeOther)
	default:
		return badForm(errors.New("no such button"))
	}
	return nil
}
