package frontend

import (
	"flag"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// page is a reply of the site.
type page struct {
	*http.Response
	body string
}

// get asks for a page; nothing is followed.
func (s *site) get(t testing.TB, path string, change ...func(*http.Request)) page {
	t.Helper()
	return s.send(t, http.MethodGet, path, nil, change...)
}

// post sends a form.
func (s *site) post(t testing.TB, path string, values url.Values, change ...func(*http.Request)) page {
	t.Helper()
	return s.send(t, http.MethodPost, path, values, change...)
}

func (s *site) send(t testing.TB, method, path string, values url.Values, change ...func(*http.Request)) page {
	t.Helper()
	var body io.Reader
	if values != nil {
		body = strings.NewReader(values.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	require.NoError(t, err)
	if values != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range change {
		c(r)
	}
	resp, err := s.Client().Transport.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return page{resp, string(raw)}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// question is a whole form, pressed at the button.
func question(button string) url.Values {
	return url.Values{"do": {button}, "text": {"The lamp burned\r\nlate."}, "question": {"What burned?"},
		"choice": {"the pier", "the lamp", "the ledger", "the wall", ""}, "block": {""}, "fifth": {""}}
}

var (
	mainPart   = regexp.MustCompile(`(?s)<main[^>]*>(.*)</main>`)
	unseen     = regexp.MustCompile(`(?s)<template.*?</template>|<svg.*?</svg>|<[^>]* hidden>.*?</(?:p|div|button|fieldset)>`)
	tags       = regexp.MustCompile(`<[^>]*>`)
	blankLines = regexp.MustCompile(`\s*\n\s*`)
)

// words gives what a page's main part says to people, one block a line.
func (p page) words() string {
	part := mainPart.FindStringSubmatch(p.body)
	if part == nil {
		return p.body
	}
	text := html.UnescapeString(tags.ReplaceAllString(unseen.ReplaceAllString(part[1], ""), " "))
	return strings.TrimSpace(blankLines.ReplaceAllString(regexp.MustCompile(`[ \t]+`).ReplaceAllString(text, " "), "\n"))
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "run with -update if the change is meant")
}

// fullPages fills every page's struct, so that every branch of every template runs.
func fullPages(s *Server) map[string][]any {
	base := func(line modelLine) Page {
		return Page{Title: "T", Path: "/ask", Theme: themeDark, Model: line, Themes: themeChoices(themeDark)}
	}
	demo, measured := lineOf(demoModel), lineOf(measuredModel)
	failed := demo
	failed.Measured, failed.Record = true, "right on 1 of 2 questions (1–99 %)"
	ask := func(line modelLine) *askPage {
		p := &askPage{Page: base(line), SampleTitle: "S", NextSample: "s", Whole: true, Models: []option{{Label: "L"}, {Value: "v", Label: "M", On: true}}}
		p.fill(form{Block: "b", Passage: "p", Question: "q", Choices: [5]string{"a", "b", "c", "d", "e"}})
		for _, id := range []string{idBlock, idPassage, idQuestion, idChoices, choiceID(4)} {
			p.complain(id, "wrong")
		}
		return p
	}
	q := api.MCQRequest{Text: "t", Question: "q", Choices: []string{"a", "b"}}
	asked := api.AnswerRequest{MCQRequest: q}
	var asks []any
	for _, a := range []api.Answer{answerB(q), {Letter: "A", Text: "a", Method: "generate", Tied: true, Quality: "production"}} {
		p := ask(measured)
		p.Answer, _ = panelOf(a, measuredModel, asked, "http://localhost:8090")
		asks = append(asks, p)
	}
	for _, code := range sat.Codes() {
		p := ask(demo)
		p.Notice = noticeOf(&sat.Error{Code: code, RetryAfter: time.Second, Fields: []sat.FieldError{{Field: "model", Message: "is not served"}}})
		p.Notice.RequestID, p.Notice.Fields = "id", p.complaints()
		asks = append(asks, p, &askPage{Page: base(modelLine{State: stateAway}), Notice: splitDone(), Choices: p.Choices})
	}
	inUse := describe(measuredModel)
	about := aboutPage{Page: base(measured), Version: "v", InUse: &inUse, Others: []described{describe(demoModel)}}
	revealed := api.Pair{ID: "x", Question: q, A: api.PairAnswer{Letter: "A", Text: "a"}, B: api.PairAnswer{Letter: "A", Text: "a"}, PassedOver: 2,
		Revealed: &api.PairReveal{Winner: "a", Key: "A", CorrectA: new(bool), CorrectB: new(bool)}}
	blind := revealed
	blind.Revealed = nil
	result := resultOf(api.ArenaSummary{Votes: 24, Needed: 20, Comparisons: []api.ArenaComparison{comparison()}})
	return map[string][]any{
		"arena": {&arenaPage{Page: base(demo), Pair: pairOf(blind), Result: result}, &arenaPage{Page: base(demo), Pair: pairOf(revealed)},
			&arenaPage{Page: base(measured), Notice: noticeOf(&sat.Error{Code: sat.Timeout}), Block: field{Value: "x", Error: "e"}}},
		"start": {startPage{Page: base(demo), Example: s.samples[0].example()}, startPage{Page: base(failed)}},
		"ask":   asks,
		"about": {about, aboutPage{Page: base(demo)}, aboutPage{Page: base(failed)}, aboutPage{Page: base(modelLine{State: stateLoading})}, aboutPage{Page: base(modelLine{State: stateAway})}},
		"sign-in": {signInPage{Page: base(demo), Inputs: signInInputs(), Guest: true, Open: true}, signInPage{Page: base(demo), Guest: true, Trouble: "T"},
			signInPage{Page: base(demo), Inputs: registerInputs(true), Register: true, Guest: true, Open: true},
			signInPage{Page: base(demo), Register: true}, signInPage{Page: base(demo), Off: true}},
		"account": {&accountPage{Page: base(demo), Me: api.Me{Manner: "local", ID: "local", Stored: true}}, &accountPage{Page: base(demo), Me: api.Me{Manner: "anonymous", Registration: "open"}},
			&accountPage{Page: base(demo), Me: api.Me{Manner: "guest", ID: "g", Registration: "open", KeepAnswers: true, Stored: true}, Trouble: "T"},
			&accountPage{Page: base(demo), Me: api.Me{Manner: "sign-in", ID: "u", Name: "Ada", Role: "admin", KeepAnswers: true}, Said: "S", Secret: "s",
				Password: passwordInputs(), SignIns: []signInLine{{ID: "1", Current: true}, {ID: "2", Agent: "curl"}},
				Keys: []keyLine{{ID: "k", Works: true}, {ID: "l", State: "revoked"}}, Scopes: []scopeChoice{{"answers", "Ask"}, {"v1", "V"}}}},
		"history": {historyPage{Page: base(demo), Kept: true}, historyPage{Page: base(demo), Entries: []historyEntry{{ID: "x"}}, Next: "/n", Trouble: "T"}, historyPage{Page: base(demo)}},
		"delete":  {deletePage{Page: base(demo), Me: api.Me{Manner: "sign-in", ID: "u"}, Confirm: confirmInput()}, deletePage{Page: base(demo)}},
		"users": {&usersPage{Page: base(demo), Roles: []string{"student", "admin"}, Users: []userLine{{ID: "a", Self: true}, {ID: "b", Role: "admin"}, {ID: "c", Closed: true}},
			Next: "/n", Trouble: "T", Invite: "sat_i_x", Role: "student", Until: "then"}},
		"problem": {&problemPage{Page: base(demo), Status: 500, Heading: "H", Text: "T", RequestID: "id"}, &problemPage{Page: base(measured)}},
	}
}

func TestEveryTemplateRunsWithItsStruct(t *testing.T) {
	s := newSite(t).pages
	for name, pages := range fullPages(s) {
		view := map[string]interface {
			ExecuteTemplate(io.Writer, string, any) error
		}{"start": s.views.start, "ask": s.views.ask, "about": s.views.about, "arena": s.views.arena, "problem": s.views.problem,
			"sign-in": s.views.signIn, "account": s.views.account, "history": s.views.history, "delete": s.views.erase, "users": s.views.users}[name]
		require.NotNil(t, view, name)
		for _, data := range pages {
			assert.NoError(t, view.ExecuteTemplate(io.Discard, "layout", data), name)
		}
	}
}

// TestWords pins what every page and every state says.
func TestWords(t *testing.T) {
	s := newSite(t, func(o *Options) { o.NewID = func() string { return "page-request-1" } })
	var out strings.Builder
	write := func(name string, p page, words string) {
		out.WriteString("== " + name + " · " + p.Status + "\n" + words + "\n\n")
	}
	say := func(name string, p page) { write(name, p, p.words()) }
	panel := func(name string, p page) {
		write(name, p, p.words()[strings.Index(p.words(), "\nSample\n")+len("\nSample\n"):])
	}
	say("start", s.get(t, "/"))
	say("ask", s.get(t, "/ask"))
	say("about", s.get(t, "/about"))
	say("missing", s.get(t, "/nowhere"))
	say("method", s.send(t, http.MethodDelete, "/ask", nil))
	say("arena", s.get(t, "/arena"))
	at, shown := s.follow(t, "/arena", url.Values{"do": {"next"}})
	say("arena pair", shown)
	_, told := s.follow(t, at, url.Values{"winner": {"a"}})
	say("arena told", told)
	panel("answered", s.post(t, "/ask", question("ask")))
	panel("split", s.post(t, "/ask", question("split")))
	for _, f := range failures() {
		s.backend.setAnswer(f.answer)
		panel(f.name, s.post(t, "/ask", question("ask")))
	}
	golden(t, "words.golden", out.String())
}

// TestS02TheTutorNeverClaimsTheKey also holds the voice: no exclamation, no percentage alone.
func TestS02TheTutorNeverClaimsTheKey(t *testing.T) {
	s := newSite(t)
	s.backend.setModels(measuredModel)
	s.backend.setAnswer(func(w http.ResponseWriter, _ *http.Request) {
		a := answerB(api.MCQRequest{Choices: []string{"a", "the lamp", "c", "d"}})
		a.Model, a.Base, a.Adapter, a.Method, a.Template, a.Quality = "sat-lora", measuredModel.Base, "sat-lora", "letter", "answer_v1", "production"
		reply(w, a)
	})
	answered := s.post(t, "/ask", question("ask"))
	assert.Contains(t, answered.words(), "Tutor’s answer: B) the lamp")
	assert.Contains(t, answered.words(), "not an official key")
	assert.Contains(t, answered.words(), "62 % sure · right on 41 of 60 such questions (56–79 %)")
	assert.Contains(t, answered.words(), "Measured model.")
	for _, path := range []string{"/", "/ask", "/about", "/nowhere"} {
		page := s.get(t, path)
		for _, p := range []string{page.words(), answered.words()} {
			for _, banned := range []string{"correct answer", "oops", "!", "success", "✅", "longest choice"} {
				assert.NotContains(t, strings.ToLower(p), banned, path)
			}
		}
	}
}

func TestS26PagesSayWhatIsTrueOfTheModel(t *testing.T) {
	now := time.Now()
	s := newSite(t, func(o *Options) { o.Now = func() time.Time { return now } })
	later := func() { now = now.Add(time.Minute) }
	assert.Contains(t, s.get(t, "/").body, "<strong>SmolLM2-135M-Instruct</strong> · demonstration")
	s.backend.setModels(measuredModel)
	assert.Contains(t, s.get(t, "/").body, "SmolLM2", "known for some seconds")
	later()
	assert.Contains(t, s.get(t, "/").body, "<strong>Llama-3.2-3B-Instruct with sat-lora</strong> · measured · right on 41 of 60 questions (56–79 %)")
	assert.Contains(t, s.get(t, "/about").words(), "held-out-60 41 of 60 56–79 %")
	loading := demoModel
	loading.Available = false
	s.backend.setModels(loading)
	later()
	assert.Contains(t, s.get(t, "/").body, "Model in use: still loading.")
	s.backend.server.Close()
	later()
	begin := time.Now()
	away := s.get(t, "/about")
	assert.Less(t, time.Since(begin), 3*time.Second)
	assert.Equal(t, http.StatusOK, away.StatusCode)
	assert.Contains(t, away.words(), "does not answer just now")
}

func TestHealthNeedsNoBackend(t *testing.T) {
	s := newSite(t)
	s.backend.server.Close()
	p := s.get(t, "/health", header("Host", "frontend.example"))
	assert.Equal(t, http.StatusOK, p.StatusCode)
	assert.JSONEq(t, `{"status":"healthy","service":"SAT Reading Tutor Frontend","version":"v0.0.0-test"}`, p.body)
}

// TestNavigationShowsOnlyPagesThatExist follows every address that any page names.
func TestNavigationShowsOnlyPagesThatExist(t *testing.T) {
	s := newSite(t)
	address := regexp.MustCompile(`(?:href|src|action|formaction)="([^"]*)"`)
	id := regexp.MustCompile(`id="([^"]*)"`)
	seen := map[string]bool{}
	queue := []string{"/"}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if seen[path] || path == "/settings" {
			continue
		}
		seen[path] = true
		p := s.get(t, path)
		require.Equal(t, http.StatusOK, p.StatusCode, path)
		ids := map[string]int{}
		for _, m := range id.FindAllStringSubmatch(regexp.MustCompile(`(?s)<template.*?</template>`).ReplaceAllString(p.body, ""), -1) {
			ids[m[1]]++
			assert.Equal(t, 1, ids[m[1]], "%s has the id %q twice", path, m[1])
		}
		for _, m := range address.FindAllStringSubmatch(p.body, -1) {
			to := html.UnescapeString(m[1])
			require.True(t, strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") || strings.HasPrefix(to, "#"), "%s names %s", path, to)
			page, fragment, _ := strings.Cut(to, "#")
			if page == "" {
				assert.Contains(t, ids, fragment, path)
			} else {
				queue = append(queue, page)
			}
			if fragment != "" && page != "" {
				assert.Contains(t, s.get(t, page).body, `id="`+fragment+`"`, to)
			}
		}
	}
	assert.Contains(t, seen, "/about")
	assert.GreaterOrEqual(t, len(seen), 8)
}
