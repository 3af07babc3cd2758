package frontend

import (
	"net/http"
	"slices"

	"sattutor/internal/api"
)

// aboutPage is the page /about.
type aboutPage struct {
	Page
	Details     []fact
	Evaluations []evaluation
	Version     string
	Tells       string // the host that what students write is sent to; "" for nobody
}

// fact is one line about the model in use.
type fact struct{ Name, Value string }

// evaluation is one measurement of the model in use.
type evaluation struct {
	Pool, Correct, N, Interval, Method, Date string
}

// about is GET /about.
func (s *Server) about(w http.ResponseWriter, r *http.Request) error {
	page := aboutPage{Page: s.page(r, "About"), Version: s.opts.Version, Tells: s.opts.Tells}
	list, _ := s.models.models(r.Context()) // an error is the page's State already
	if i := slices.IndexFunc(list, func(m api.Model) bool { return m.Default && m.Available }); i >= 0 {
		page.describe(list[i])
	}
	return render(w, http.StatusOK, s.views.about, page)
}

func (p *aboutPage) describe(m api.Model) {
	add := func(name, value string) {
		if value != "" {
			p.Details = append(p.Details, fact{name, value})
		}
	}
	add("Model", modelName(m.Name, m.Base, m.Adapter))
	add("Served as", m.Name)
	add("Precision", m.Precision)
	add("Licence", m.Licence)
	add("How it is asked", methodWords(m.Method))
	if t := m.Temperature; t != 0 && t != 1 || m.PriorID != "" {
		add("How sure it is", "calibrated on questions with known answers")
	}
	if m.ContextTokens > 0 {
		add("Reads up to", grouped(m.ContextTokens)+" tokens, about "+grouped(3*m.ContextTokens/1000*1000)+" characters")
	}
	for _, e := range m.Evaluations {
		p.Evaluations = append(p.Evaluations, evaluation{Pool: e.Pool, Correct: grouped(e.Correct), N: grouped(e.N),
			Interval: interval(e), Method: e.Method, Date: e.Date})
	}
}

// methodWords explains an answering method.
func methodWords(method string) string {
	switch method {
	case "letter":
		return "once; its shares for the letters are read"
	case "option":
		return "once for each choice: is this one correct?"
	case "generate":
		return "once; its written reply is read"
	}
	return method
}
