package frontend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"sattutor/internal/sat"
)

// itemForm is the form in which a question is written.
type itemForm struct {
	Version  int
	Fixed    bool // the id cannot be changed any more
	ID       string
	Passages []passageFields
	Question string
	Choices  []choiceFields
	Text     string   // of the explanation
	Quotes   string   // words of the passage, a quotation a line
	Marks    []string // what is marked in passages and question, in words
	Tags     string
	Source   string
	Licence  string
	Previous string
	Requires []option
	Selects  []selectBox
}

// passageFields are the fields of one passage.
type passageFields struct {
	N                                    int
	ID, Title, Attribution, Lines, Start string // Start is the number of the first line; "" for one that is counted
}

// choiceFields are the fields of one choice.
type choiceFields struct {
	Letter, Text, Why string
	Key               bool
}

// itemEditPage is the page /bank/new or /bank/{id}/edit.
type itemEditPage struct {
	Page
	Form     itemForm
	Action   string // where the form is sent
	Findings []told
	Checked  bool
	Conflict bool
	Held     bool    // it was not saved, because of what would go
	Dropped  string  // the marks that would go, as the page says; who saves the form as it is lets them go
	Notice   *notice // why nothing could be done, nil where something was
}

// box is a line of the form, or with rows a text of several, with what is to be said of it.
type box struct {
	said
	Name, Label, Value string
	Rows               int
	Fixed              bool // it cannot be changed
}

// said is what is to be said of one control.
type said struct {
	ID       string
	Findings []told
}

// Wrong tells that the control holds an error.
func (s said) Wrong() bool {
	return slices.ContainsFunc(s.Findings, func(f told) bool { return f.Severity == sat.SeverityError })
}

// Said gives the findings that belong beside a control.
func (p itemEditPage) Said(control string) said {
	s := said{ID: control}
	for _, f := range p.Findings {
		if f.Control == control {
			s.Findings = append(s.Findings, f)
		}
	}
	return s
}

// Box gives a control for the template.
func (p itemEditPage) Box(id, name, label, value string, rows int) box {
	return box{said: p.Said(id), Name: name, Label: label, Value: value, Rows: rows, Fixed: id == "id" && p.Form.Fixed}
}

// Sum counts the findings in words.
func (p itemEditPage) Sum() string { return sumUp(p.Findings) }

// itemEditPage makes the page for an item; version is 0 for a new one.
func (s *Server) itemEditPage(r *http.Request, it sat.Item, version int) itemEditPage {
	title := "New question"
	if version > 0 {
		title = "Edit " + it.ID
	}
	return itemEditPage{Page: s.page(r, title), Action: r.URL.Path, Form: formOfItem(it, version)}
}

// itemNew is GET /bank/new.
func (s *Server) itemNew(w http.ResponseWriter, r *http.Request) error {
	if err := s.onlyTeachers(r); err != nil {
		return err
	}
	it := sat.Item{Framework: sat.Digital, Licence: sat.CC0, Choices: make([]sat.Choice, 4), Passages: make([]sat.Passage, 1)}
	return render(w, http.StatusOK, s.views.itemEdit, s.itemEditPage(r, it, 0))
}

// itemEdit is GET /bank/{id}/edit.
func (s *Server) itemEdit(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	it, err := s.opts.Bank.Item(ctx, chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	if it.Answer == "" {
		return sat.Errorf(sat.Forbidden, "Only teachers change questions.")
	}
	return render(w, http.StatusOK, s.views.itemEdit, s.itemEditPage(r, it.Item, it.Version))
}

// itemSave is POST /bank/new and /bank/{id}/edit: check, save or change the colours, always with the form as it was typed.
func (s *Server) itemSave(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	it := itemOfForm(r.PostForm)
	version, _ := strconv.Atoi(r.PostForm.Get("version"))
	if id := chi.URLParam(r, "id"); id != "" {
		it.ID = id
	}
	page := s.itemEditPage(r, it, version)
	page.Form.Quotes = lineFeeds(r.PostForm.Get("quotes"))
	action := r.PostForm.Get("do")
	if theme, ok := strings.CutPrefix(action, "theme-"); ok && knownTheme(theme) {
		s.setTheme(w, theme)
		page.Page = page.inColours(theme)
		return render(w, http.StatusOK, s.views.itemEdit, page)
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	former, err := s.storedItem(ctx, it.ID, version)
	if err != nil {
		return s.refuseItem(w, r, page, err)
	}
	lost, dropped := rejoin(&it, former, page.Form.Quotes)
	check, err := s.opts.Bank.CheckItem(ctx, it)
	if err != nil {
		return s.refuseItem(w, r, page, err)
	}
	page.Form.Marks, page.Dropped = marksOf(check.Item), summary(dropped)
	page.Checked, page.Findings = true, findingsOfForm(it, lost, slices.Concat(dropped, check.Findings))
	switch {
	case action != "save":
		return render(w, http.StatusOK, s.views.itemEdit, page)
	case len(lost) > 0:
		return render(w, http.StatusUnprocessableEntity, s.views.itemEdit, page)
	case page.Dropped != lineFeeds(r.PostForm.Get("dropped")): // nobody has said yet that they may go
		page.Held = true
		return render(w, http.StatusUnprocessableEntity, s.views.itemEdit, page)
	}
	return s.storeItem(ctx, w, r, check.Item, page)
}

// storedItem gives a question as it is stored; for the version 0, which is new, an empty one.
func (s *Server) storedItem(ctx context.Context, id string, version int) (sat.Item, error) {
	if version == 0 {
		return sat.Item{}, nil
	}
	it, err := s.opts.Bank.Item(ctx, id)
	return it.Item, err
}

// storeItem saves a question that was checked, and shows it; where it cannot be saved, the page says why.
func (s *Server) storeItem(ctx context.Context, w http.ResponseWriter, r *http.Request, it sat.Item, page itemEditPage) error {
	saved, err := s.opts.Bank.SaveItem(ctx, it, page.Form.Version)
	switch {
	case err == nil:
		http.Redirect(w, r, "/bank/"+url.PathEscape(saved.Item.ID)+"?done=saved", http.StatusSeeOther)
		return nil
	case sat.CodeOf(err) == sat.Conflict:
		page.Conflict = true
		return render(w, http.StatusConflict, s.views.itemEdit, page)
	case sat.CodeOf(err) == sat.Invalid:
		page.Findings = append(page.Findings, refusals(page.Findings, err)...)
		return render(w, http.StatusUnprocessableEntity, s.views.itemEdit, page)
	}
	return s.refuseItem(w, r, page, err)
}

// refusals gives what keeps a question from being stored where no finding says so: words that other questions on its
// passage quote.
func refusals(findings []told, err error) []told {
	var wrong *sat.Error
	if !errors.As(err, &wrong) || slices.ContainsFunc(findings, func(f told) bool { return f.Severity == sat.SeverityError }) {
		return nil
	}
	var list []sat.Finding
	for _, f := range wrong.Fields {
		list = append(list, sat.Finding{Code: ruleQuote, Severity: sat.SeverityError, Field: "passages", Message: f.Message})
	}
	return tellAll(list, "")
}

// summary gives the messages of findings, a line each.
func summary(findings []sat.Finding) string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, f.Field+" "+f.Message)
	}
	return strings.Join(lines, "\n")
}

// refuseItem shows the form as it was typed, and why nothing was done with it.
func (s *Server) refuseItem(w http.ResponseWriter, r *http.Request, page itemEditPage, err error) error {
	if left(r) {
		return err
	}
	n := noticeOf(err).ofForm(err)
	page.Notice = n
	s.noteFailure(r, n, err)
	n.setRetryAfter(w)
	return render(w, n.status, s.views.itemEdit, page)
}

// findingsOfForm gives what is to be said of a form: what could not be read from it, and what lint says of the item. What
// lint says of fields only because the form left them out is not said twice.
func findingsOfForm(it sat.Item, lost, lint []sat.Finding) []told {
	lint = slices.DeleteFunc(slices.Clone(lint), func(f sat.Finding) bool {
		return f.Field == "domain" && it.Skill == "" || f.Field == "explanation.quotes" && len(lost) > 0
	})
	return tellAll(append(lost, lint...), "")
}

// formOfItem puts an item into the form.
func formOfItem(it sat.Item, version int) itemForm {
	f := itemForm{Version: version, Fixed: version > 0, ID: it.ID, Question: it.Question, Text: it.Explanation.Text,
		Tags: strings.Join(it.Tags, " "), Source: it.Source, Licence: it.Licence, Previous: it.PreviousID}
	for i := range sat.MaxPassages {
		p := passageFields{N: i + 1}
		if i < len(it.Passages) {
			was := it.Passages[i]
			p.ID, p.Title, p.Attribution, p.Lines = was.ID, was.Title, was.Attribution, was.Text()
			if was.LineStart > 0 {
				p.Start = strconv.Itoa(was.LineStart)
			}
		}
		f.Passages = append(f.Passages, p)
	}
	for i := range sat.MaxChoices {
		c := choiceFields{Letter: sat.Letter(i), Key: it.Answer == sat.Letter(i)}
		if i < len(it.Choices) {
			c.Text, c.Why = it.Choices[i].Text, it.Choices[i].Why
		}
		f.Choices = append(f.Choices, c)
	}
	var quotes []string
	for _, q := range it.Explanation.Quotes {
		quotes = append(quotes, oneLine(it.Quoted(q)))
	}
	f.Marks = marksOf(it)
	f.Quotes = strings.Join(quotes, "\n")
	for _, req := range sat.Requirements() {
		f.Requires = append(f.Requires, option{Value: string(req), Label: string(req), On: it.Needs(req)})
	}
	f.Selects = []selectBox{
		{"framework", "Exam", options("choose", string(it.Framework), sat.Frameworks(), plainLabel)},
		{"skill", "Skill", options("choose", string(it.Skill), sat.Skills(), skillLabel)},
		{"genre", "Genre", options("none", string(it.Genre), sat.Genres(), plainLabel)},
		{"difficulty", "Difficulty", options("none", string(it.Difficulty), sat.Difficulties(), sat.Difficulty.Title)},
		{"split", "Kept for", options("practice", string(it.Split), sat.Splits()[1:], plainLabel)},
	}
	return f
}

// itemOfForm reads the form, but for its quotations.
func itemOfForm(v url.Values) sat.Item {
	text := func(name string) string { return lineFeeds(v.Get(name)) }
	skill := sat.Skill(v.Get("skill"))
	it := sat.Item{ID: strings.TrimSpace(text("id")), Framework: sat.Framework(v.Get("framework")), Domain: skill.Domain(), Skill: skill,
		Genre: sat.Genre(v.Get("genre")), Difficulty: sat.Difficulty(v.Get("difficulty")), Split: sat.Split(v.Get("split")),
		PreviousID: strings.TrimSpace(text("previous")), Question: text("question"), Answer: v.Get("answer"),
		Explanation: sat.Explanation{Text: text("explanation")}, Tags: strings.Fields(text("tags")), Source: text("source"), Licence: text("licence")}
	for _, r := range v["requires"] {
		it.Requires = append(it.Requires, sat.Requirement(r))
	}
	for n := 1; n <= sat.MaxPassages; n++ {
		name := func(part string) string { return fmt.Sprintf("passage-%d-%s", n, part) }
		if lines := text(name("lines")); strings.TrimSpace(lines) != "" {
			start, _ := strconv.Atoi(v.Get(name("start")))
			it.Passages = append(it.Passages, sat.Passage{ID: strings.TrimSpace(text(name("id"))), Title: text(name("title")),
				Attribution: text(name("attribution")), Lines: strings.Split(lines, "\n"), LineStart: start})
		}
	}
	for i := range sat.MaxChoices {
		letter := sat.Letter(i)
		it.Choices = append(it.Choices, sat.Choice{ID: letter, Text: text("choice-" + letter), Why: text("why-" + letter)})
	}
	for n := len(it.Choices); n > 0 && strings.TrimSpace(it.Choices[n-1].Text+it.Choices[n-1].Why) == ""; n-- {
		it.Choices = it.Choices[:n-1]
	}
	return it
}
