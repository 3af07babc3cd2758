package frontend

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"sattutor/internal/api"
)

// askPage is the page /ask.
type askPage struct {
	Page
	SampleTitle  string // of the sample in the form; "" where the form holds none
	NextSample   string // id of the sample that the button Sample gives
	Block        field
	BlockOpen    bool
	Passage      field
	Question     field
	Choices      []field
	ChoicesError string
	Fifth        bool
	Models       []option // to choose among; none where one model answers
	Whole        bool     // the passage looks like a whole question
	Answer       *answerPanel
	Notice       *notice
}

// noSample is the id that asks for an empty form.
const noSample = "none"

// askForm is GET /ask: the form with a sample of our own, or the one that the query names.
func (s *Server) askForm(w http.ResponseWriter, r *http.Request) error {
	model := r.URL.Query().Get("model")
	page := s.askPage(r, form{Model: model})
	id := r.URL.Query().Get("sample")
	if id == "" {
		id = s.samples[0].ID
	}
	if i, ok := s.sampleIndex(id); ok {
		page.fill(formFrom(s.samples[i].request(), model))
		page.SampleTitle = s.samples[i].Title
		page.NextSample = s.samples[(i+1)%len(s.samples)].ID
	} else if id != noSample {
		return errNotFound
	}
	return render(w, http.StatusOK, s.views.ask, page)
}

func (s *Server) askPage(r *http.Request, f form) *askPage {
	page := &askPage{Page: s.page(r, "Ask the tutor"), NextSample: s.samples[0].ID, Models: s.models.options(r.Context(), f.Model)}
	page.fill(f)
	return page
}

// ask is POST /ask: what the pressed button says, always with the form as it was typed.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	f := formOf(r.PostForm)
	action := r.PostForm.Get("do")
	if theme, ok := strings.CutPrefix(action, "theme-"); ok && knownTheme(theme) {
		return s.askInColours(w, r, f, theme)
	}
	switch {
	case action == "add":
		f.Fifth = true
		page := s.askPage(r, f)
		page.Choices[4].Focus = true
		return render(w, http.StatusOK, s.views.ask, page)
	case action == "split", f.Block != "" && f.Passage == "" && f.noQuestion():
		return s.split(w, r, f)
	}
	return s.answer(w, r, f)
}

// askInColours shows the same form in other colours.
func (s *Server) askInColours(w http.ResponseWriter, r *http.Request, f form, theme string) error {
	s.setTheme(w, theme)
	page := s.askPage(r, f)
	page.Page = page.inColours(theme)
	return render(w, http.StatusOK, s.views.ask, page)
}

// answer asks the backend and shows its answer, or in words why there is none.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, f form) error {
	question := api.AnswerRequest{MCQRequest: f.request(), Model: f.Model}
	var answer api.Answer
	err := s.asSomebody(w, r, func(ctx context.Context) (err error) {
		answer, err = s.opts.Backend.Answer(ctx, question)
		return err
	})
	page := s.askPage(r, f)
	if err != nil {
		page.Whole = f.noQuestion() && f.looksWhole()
		return s.refuse(w, r, page, err)
	}
	model := s.models.find(r.Context(), answer.Model)
	page.Answer, err = panelOf(answer, model, question, s.opts.APIURL)
	if err != nil {
		return err
	}
	return render(w, http.StatusOK, s.views.ask, page)
}

// split has the backend split a pasted block into the fields. A block in the passage's own field is taken too.
func (s *Server) split(w http.ResponseWriter, r *http.Request, f form) error {
	block, at := f.Block, idBlock
	if strings.TrimSpace(block) == "" && f.looksWhole() {
		block, at = f.Passage, idPassage
	}
	if strings.TrimSpace(block) == "" {
		page := s.askPage(r, f)
		page.BlockOpen = true
		page.complain(idBlock, "The box is empty. Paste the passage, the question and the choices into it.")
		page.Notice = splitRefused(page)
		return render(w, http.StatusUnprocessableEntity, s.views.ask, page)
	}
	var question api.MCQRequest
	err := s.asSomebody(w, r, func(ctx context.Context) (err error) {
		question, err = s.opts.Backend.ParseQuestion(ctx, block)
		return err
	})
	if err != nil {
		page := s.askPage(r, f)
		page.BlockOpen = at == idBlock
		return s.refuseSplit(w, r, page, at, err)
	}
	page := s.askPage(r, formFrom(question, f.Model))
	page.Notice = splitDone()
	return render(w, http.StatusOK, s.views.ask, page)
}

// left tells that the student left, so that nobody reads a reply.
func left(r *http.Request) bool { return errors.Is(r.Context().Err(), context.Canceled) }
