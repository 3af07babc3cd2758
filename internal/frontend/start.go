package frontend

import "net/http"

// startPage is the page /.
type startPage struct {
	Page
	Example *example
}

// start is GET /.
func (s *Server) start(w http.ResponseWriter, r *http.Request) error {
	page := startPage{Page: s.page(r, "Start"), Example: s.samples[0].example()}
	return render(w, http.StatusOK, s.views.start, page)
}
