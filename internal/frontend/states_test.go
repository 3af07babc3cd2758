package frontend

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// state is a page in one of its states, as somebody meets it.
type state struct {
	name    string
	path    string
	as      string           // who looks at it; "" for nobody
	answer  http.HandlerFunc // of the stand-in
	actions []step
}

// studentStates lists the pages in front of a stand-in, in every state that is designed.
func studentStates() []state {
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

// choiceStates lists the pages that change where several models answer.
func choiceStates() []state {
	return []state{
		{name: "about-models", path: "/about"},
		{name: "ask-models", path: "/ask?model=sat-lora"},
		{name: "ask-model-gone", path: "/ask?sample=none&model=sat-gone"},
	}
}

// goTo opens another page of the site.
func goTo(base, path string) step { return chromedp.Navigate(base + path) }

// accountStates lists the pages of accounts. The later ones find what the earlier ones have done.
func (p *school) accountStates() []state {
	const zoe = "form:has(input[value=Zoe])" // nobody looks at a page as her
	press := click("main button.primary")
	ask := []step{click("#submit"), visible(".answer")}
	return []state{
		{name: "account-nobody", path: "/account"},
		{name: "account-guest", path: "/ask", actions: append(ask[:2:2], goTo(p.URL, "/account"))},
		{name: "history-guest", path: "/ask", actions: append(ask[:2:2], goTo(p.URL, "/account/history"))},
		{name: "register", path: "/register"},
		{name: "register-refused", path: "/register", actions: []step{write("#name", "A"), write("#password", "short"), press, visible("#name-error span")}},
		{name: "sign-in", path: "/sign-in"},
		{name: "sign-in-refused", path: "/sign-in", actions: []step{write("#name", "ada"), write("#password", "wrong password"), press, visible(".trouble")}},
		{name: "delete-nobody", path: "/account/delete"},
		{name: "account", path: "/account", as: "Ada"},
		{name: "account-refused", path: "/account", as: "Ada", actions: []step{write("#old_password", "wrong password"),
			write("#password", goodPassword+"!"), click("button[value=password]"), visible("#old_password-error span")}},
		{name: "account-key", path: "/account", as: "Ada", actions: []step{write("#label", "my script"), click("button[value=key]"), visible(".secret")}},
		{name: "history-none", path: "/account/history", as: "Ada"},
		{name: "history", path: "/ask", as: "Ada", actions: append(ask[:2:2], goTo(p.URL, "/account/history"))},
		{name: "delete", path: "/account/delete", as: "Ada"},
		{name: "delete-refused", path: "/account/delete", as: "Ada", actions: []step{click("main form button"), visible("#confirm-error span")}},
		{name: "users", path: "/account/users", as: "Root"},
		{name: "users-invited", path: "/account/users", as: "Root", actions: []step{click("button[value=invite]"), visible(".secret")}},
		{name: "users-reset", path: "/account/users", as: "Root", actions: []step{click(zoe + " summary"), click(zoe + " button[value=reset]"), visible(".secret")}},
		{name: "log", path: "/account/log", as: "Root"},
		{name: "users-hidden", path: "/account/users", as: "Ada"},
	}
}

// bankStates lists the pages of the question bank. The later ones find what the earlier ones have done.
func (p *school) bankStates() []state {
	typed := []step{write("#p1-lines", "The lamp burned\nall night long."), write("#question", "What burned?"), write("#choice-A", "The lamp"),
		write("#choice-B", "The pier"), write("#quotes", "the sea burned"), click("button[value=check]"), visible("#checked section")}
	chosen := []step{chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{p.file}), click("main button.primary"), visible("#report")}
	return []state{
		{name: "bank-guest", path: "/bank"},
		{name: "bank-student", path: "/bank", as: "Ada"},
		{name: "item-student", path: "/bank/bennett-visit-2", as: "Ada"},
		{name: "item-edit-student", path: "/bank/bennett-visit-2/edit", as: "Ada"},
		{name: "import-student", path: "/bank/import", as: "Ada"},
		{name: "bank", path: "/bank", as: "Tess"},
		{name: "bank-last", path: "/bank?from=40", as: "Tess"},
		{name: "bank-found", path: "/bank?q=conviction&skill=WIC", as: "Tess"},
		{name: "bank-nothing", path: "/bank?q=xyzzy", as: "Tess"},
		{name: "item", path: "/bank/bennett-visit-2", as: "Tess"},
		{name: "item-keyed", path: "/bank/bennett-visit-2", as: "Tess", actions: []step{click("details.key summary"), visible("details.key dl")}},
		{name: "item-pair", path: "/bank/sumner-dollar-1", as: "Tess"},
		{name: "item-missing", path: "/bank/nothing", as: "Tess"},
		{name: "item-new", path: "/bank/new", as: "Tess"},
		{name: "item-checked", path: "/bank/new", as: "Tess", actions: typed},
		{name: "item-edit", path: "/bank/bennett-visit-2/edit", as: "Tess"},
		{name: "reports-none", path: "/bank/reports", as: "Tess"},
		{name: "item-reported", path: "/bank/bennett-visit-2", as: "Ada", actions: []step{click("details.report-form summary"),
			write("#reason", "Line 15 does not say what the key says it does."), click("button[value=report]"), visible("main .done")}},
		{name: "reports", path: "/bank/reports", as: "Tess"},
		{name: "bank-reported", path: "/bank?reported=true", as: "Tess"},
		{name: "import", path: "/bank/import", as: "Tess"},
		{name: "import-pasted", path: "/bank/import", as: "Tess", actions: []step{click("details.whole summary"), write("#pasted", "What burned?\nA. The lamp"), click("#try"), visible("#report")}},
		{name: "import-report", path: "/bank/import", as: "Tess", actions: chosen},
		{name: "import-done", path: "/bank/import", as: "Tess", actions: append(chosen[:3:3], click("#take"), visible("main .done"))},
		{name: "export", path: "/bank/export", as: "Tess"},
		{name: "export-losses", path: "/bank/export?format=csv&skill=WIC", as: "Tess"},
		{name: "export-whole", path: "/bank/export?format=jsonl", as: "Tess"},
		{name: "export-nothing", path: "/bank/export?format=jsonl&q=xyzzy", as: "Tess"},
	}
}

// school is the pages with accounts and the shipped questions, and somebody of each kind who is signed in.
type school struct {
	*people
	file    string            // of questions, one of them wrong
	secrets map[string]string // of who is signed in, by name
}

func newSchool(t *testing.T) *school {
	t.Helper()
	p := &school{people: newPeople(t, nil), file: filepath.Join(t.TempDir(), "bank.csv"), secrets: map[string]string{}}
	fill(t, p.desk)
	require.NoError(t, os.WriteFile(p.file, []byte("passage,question,a,b,c,d,answer,framework,skill\n"+
		"The lamp burned.,What burned?,lamp,sea,sky,pier,A,digital,INF\nThe sea was calm.,What was calm?,lamp,sea,sky,pier,E,digital,INF\n"), 0o600))
	for name, role := range map[string]sat.Role{"Ada": sat.Student, "Tess": sat.Teacher, "Root": sat.Admin, "Zoe": sat.Student} {
		_, err := p.accounts.AddUser(t.Context(), name, goodPassword, role)
		require.NoError(t, err)
		p.secrets[name], _, err = p.accounts.SignIn(t.Context(), name, goodPassword, sat.Caller{Agent: "Firefox 140 on Linux"})
		require.NoError(t, err)
	}
	return p
}

// scene is a site with the states in which its pages are looked at.
type scene struct {
	*site
	secrets map[string]string
	states  []state
}

// scenes lists every page in every state that is designed.
func scenes(t *testing.T) []scene {
	t.Helper()
	p := newSchool(t)
	q := newSchool(t)
	several := newSite(t)
	other := measuredModel
	other.Default = false
	several.backend.setModels(demoModel, other)
	return []scene{{site: newSite(t), states: studentStates()}, {site: several, states: choiceStates()}, {p.site, p.secrets, p.accountStates()}, {q.site, q.secrets, q.bankStates()}}
}

// pattern gives the route that serves a path; "" for none.
func pattern(routes chi.Routes, method, path string) string {
	rc := chi.NewRouteContext()
	if !routes.Match(rc, method, path) {
		return ""
	}
	return rc.RoutePattern()
}
