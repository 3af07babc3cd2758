package frontend

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// state is a page in one of its states, as a student meets it.
type state struct {
	name    string
	path    string
	answer  http.HandlerFunc // of the stand-in
	actions []step
}

// states lists every page in every state that is designed.
func states() []state {
	press := []step{click("#submit"), visible("#answer [data-state]:not([data-state=waiting])")}
	fails := func(name string, status int, e *sat.Error) state {
		return state{name: name, path: "/ask", answer: refuseWith(status, e), actions: press}
	}
	long := strings.Repeat("Along the quay the barges lay three deep, and nobody counted them any more.\n", 60)
	return []state{
		{name: "start", path: "/"},
		{name: "about", path: "/about"},
		{name: "missing", path: "/nowhere"},
		{name: "arena", path: "/arena"},
		{name: "arena-pair", path: "/arena", actions: []step{click("button[value=next]"), visible(".ballot")}},
		{name: "arena-told", path: "/arena", actions: []step{click("button[value=next]"), visible(".ballot"), click("button[value=b]"), visible(".verdict")}},
		{name: "ask", path: "/ask"},
		{name: "ask-empty", path: "/ask?sample=none"},
		{name: "ask-block", path: "/ask?sample=none", actions: []step{click(".whole summary")}},
		{name: "ask-answered", path: "/ask", actions: press},
		{name: "ask-curl", path: "/ask", actions: append(press[:2:2], click(".curl summary"))},
		{name: "ask-long", path: "/ask?sample=none", actions: append([]step{
			write("#text", long), write("#question", strings.Repeat("Which of these long questions is long? ", 6)),
			write("#choice-0", strings.Repeat("a long choice that goes on ", 12)),
			write("#choice-1", strings.Repeat("unbroken", 40)), write("#choice-2", "short"),
			click("#add"), write("#choice-3", "d"), write("#choice-4", "the fifth of them")}, press...)},
		{name: "ask-waiting", path: "/ask", answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			actions: []step{click("#submit"), visible("[data-state=waiting]")}},
		fails("ask-starting", 503, &sat.Error{Code: sat.Unavailable, Reason: "engine-not-ready", Message: "The engine is starting.", RetryAfter: 40 * time.Second}),
		fails("ask-busy", 503, &sat.Error{Code: sat.Unavailable, Reason: "overloaded", RetryAfter: 12 * time.Second,
			Message: "Thirty questions are ahead of yours; try again in 12 s."}),
		fails("ask-timeout", 504, &sat.Error{Code: sat.Timeout, Message: "late"}),
		fails("ask-too-long", 413, &sat.Error{Code: sat.TooLarge,
			Message: "Passage and question are 2,310 tokens; this model reads 2,048. Shorten the passage by about 800 characters."}),
		fails("ask-invalid", 422, &sat.Error{Code: sat.Invalid, Message: "The question has 3 problems.", Fields: []sat.FieldError{
			{Field: "question", Message: "is empty; give the question"}, {Field: "text", Message: "has 20341 characters; at most 20000 are allowed"},
			{Field: "choices[2]", Message: "says the same as choices[0]; each choice must differ"}}}),
		fails("ask-bad-output", 502, &sat.Error{Code: sat.BadOutput, Message: "no letter"}),
		fails("ask-internal", 500, &sat.Error{Code: sat.Internal, Message: "secret"}),
	}
}

// TestScreenshots writes a picture of every state into the folder that SAT_SCREENSHOTS names, for people to look at.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("SAT_SCREENSHOTS")
	if folder == "" { // nothing is proved, so nothing is left out
		t.Skip("SAT_SCREENSHOTS names no folder")
	}
	s := newSite(t)
	tab := newTab(t, s)
	for _, view := range []struct {
		width, height int64
		scheme        string
	}{{1280, 900, "light"}, {1280, 900, "dark"}, {390, 844, "light"}, {390, 844, "dark"}, {1600, 1000, "light"}, {360, 740, "light"},
		{1280, 900, "contrast"}, {1280, 900, "forced"}, {800, 900, "print"}} {
		for _, st := range states() {
			s.backend.setAnswer(st.answer)
			tab.view(view.width, view.height, "light")
			tab.do(append([]step{chromedp.Navigate(s.URL + st.path)}, st.actions...)...)
			tab.view(view.width, view.height, view.scheme)
			tab.do(chromedp.Sleep(200 * time.Millisecond))
			picture, err := chromedp.Run(tab.ctx, chromedp.FullScreenshot(100))
			require.NoError(t, err)
			name := fmt.Sprintf("%s-%d-%s.png", st.name, view.width, view.scheme)
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), picture, 0o644))
		}
	}
}
