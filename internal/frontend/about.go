package frontend

import (
	"net/http"

	"sattutor/internal/api"
)

// aboutPage is the page /about.
type aboutPage struct {
	Page
	InUse   *described  // the default model; nil while none answers
	Others  []described // that answer too
	Version string
	Tells   string // the host that what students write is sent to; "" for nobody
}

// described is what the page says of one model.
type described struct {
	Name, Title string
	quality
	Details     []fact
	Evaluations []evaluation
}

// fact is one line about a model.
type fact struct{ Name, Value string }

// evaluation is one measurement of a model.
type evaluation struct {
	Pool, Correct, N, Interval, Method, Date string
	Verdict                                  string // what the comparison with its base and the gate say of it
}

// about is GET /about.
func (s *Server) about(w http.ResponseWriter, r *http.Request) error {
	page := aboutPage{Page: s.page(r, "About"), Version: s.opts.Version, Tells: s.opts.Tells}
	list, _ := s.models.models(r.Context()) // an error is the page's State already
	for _, m := range list {
		switch d := describe(m); {
		case !m.Available:
		case m.Default:
			page.InUse = &d
		default:
			page.Others = append(page.Others, d)
		}
	}
	return render(w, http.StatusOK, s.views.about, page)
}

func describe(m api.Model) described {
	d := described{Name: m.Name, Title: modelName(m.Name, m.Base, m.Adapter), quality: qualityOf(m.Quality, m.QualityNote, m.Evaluations)}
	add := func(name, value string) {
		if value != "" {
			d.Details = append(d.Details, fact{name, value})
		}
	}
	add("Model", d.Title)
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
		d.Evaluations = append(d.Evaluations, evaluation{Pool: e.Pool, Correct: grouped(e.Correct), N: grouped(e.N),
			Interval: interval(e), Method: e.Method, Date: e.Date, Verdict: e.Verdict})
	}
	return d
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
