package frontend

import (
	"net/http"
	"net/url"
	"strings"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// historyPage is the page /account/history.
type historyPage struct {
	Page
	Kept    bool
	Entries []historyEntry
	Next    string // address of the page of older ones; "" on the last
	Trouble string
}

type historyEntry struct {
	ID, When, Passage, Question, Answer, Model string
}

// excerptLength is how much of a passage the list shows, in characters.
const excerptLength = 160

// history is GET /account/history.
func (s *Server) history(w http.ResponseWriter, r *http.Request) error {
	return s.showHistory(w, r, nil)
}

func (s *Server) showHistory(w http.ResponseWriter, r *http.Request, cause error) error {
	before := r.URL.Query().Get("before")
	if _, err := sat.ParseCursor(before); err != nil {
		before = "" // anything else begins with the newest
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	me, err := s.opts.Backend.Me(ctx)
	if err != nil {
		return err
	}
	page := historyPage{Page: s.page(r, "Your questions"), Kept: me.KeepAnswers && me.Stored, Trouble: tell(cause)}
	if me.ID != "" {
		list, err := s.opts.Backend.Answers(ctx, before)
		if err != nil {
			return err
		}
		for _, a := range list.Answers {
			page.Entries = append(page.Entries, entryOf(a))
		}
		if list.Before != "" {
			page.Next = "/account/history?before=" + url.QueryEscape(list.Before)
		}
	}
	return render(w, statusOf(cause), s.views.history, page)
}

func entryOf(a api.StoredAnswer) historyEntry {
	passage := []rune(strings.Join(strings.Fields(a.Asked.Text), " "))
	if len(passage) > excerptLength {
		passage = append(passage[:excerptLength], '…')
	}
	return historyEntry{ID: a.ID, When: moment(a.AskedAt), Passage: string(passage), Question: a.Asked.Question, Answer: a.Answer.Answer, Model: a.Answer.Model}
}

// forget is POST /account/history.
func (s *Server) forget(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	if err := s.opts.Backend.DeleteAnswer(ctx, r.PostForm.Get("id")); err != nil {
		return s.showHistory(w, r, err)
	}
	http.Redirect(w, r, "/account/history", http.StatusSeeOther)
	return nil
}
