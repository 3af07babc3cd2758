package frontend

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/apiclient"
	"sattutor/internal/backend"
	"sattutor/internal/questionbank"
	"sattutor/internal/questionbank/shipped"
	"sattutor/internal/retrieval"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

// bankSite is the pages over a real backend with a real bank, in which nothing answers questions.
type bankSite struct {
	*Server
	store *store.Store
	desk  *questionbank.Desk
}

type silent struct{}

func (silent) Answer(context.Context, sat.Question, sat.Options) (sat.Answer, error) {
	return sat.Answer{}, sat.Errorf(sat.Unavailable, "no engine")
}
func (silent) Models() []sat.Listed { return nil }

// shelves is a bank as the backend asks for it.
type shelves struct {
	*store.Store
	*questionbank.Desk
	*retrieval.Finder
}

func newShelves(s *store.Store, desk *questionbank.Desk) shelves {
	return shelves{s, desk, retrieval.NewFinder(s, nil, slog.New(slog.DiscardHandler))}
}

func newBankSite(t *testing.T) *bankSite {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "sat.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	desk := questionbank.NewDesk(s)
	fill(t, desk)
	api, err := backend.New(backend.Options{Answers: silent{}, Models: silent{}, Bank: newShelves(s, desk),
		Parse: func(string) (sat.Question, error) { return sat.Question{}, nil }})
	require.NoError(t, err)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	client, err := apiclient.New(apiclient.Options{BaseURL: server.URL})
	require.NoError(t, err)
	pages, err := New(Options{Backend: client, Bank: client})
	require.NoError(t, err)
	return &bankSite{pages, s, desk}
}

// fill takes the shipped questions in.
func fill(t *testing.T, desk *questionbank.Desk) {
	t.Helper()
	file, err := io.ReadAll(shipped.Open())
	require.NoError(t, err)
	_, err = desk.ImportItems(t.Context(), sat.ImportRequest{File: file})
	require.NoError(t, err)
}

func (s *bankSite) send(method, path, kind, body string) (*http.Response, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost:7860"
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func (s *bankSite) see(t *testing.T, path string) string {
	t.Helper()
	resp, body := s.send(http.MethodGet, path, "", "")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	return body
}

func (s *bankSite) post(path string, form url.Values) (*http.Response, string) {
	return s.send(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode())
}

func (s *bankSite) upload(t *testing.T, fields map[string]string, file string) (*http.Response, string) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, value := range fields {
		require.NoError(t, w.WriteField(name, value))
	}
	if file != "" {
		part, err := w.CreateFormFile("file", "bank.csv")
		require.NoError(t, err)
		_, err = part.Write([]byte(file))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return s.send(http.MethodPost, "/bank/import", w.FormDataContentType(), form.String())
}

func TestTheBankIsSearchedPageByPage(t *testing.T) {
	s := newBankSite(t)
	body := s.see(t, "/bank")
	assert.Contains(t, body, "56 questions")
	assert.Contains(t, body, "New question", "the person at the machine may change the bank")
	assert.Equal(t, 20, strings.Count(body, `<li><a href="/bank/`))
	assert.Contains(t, body, "from=20")
	assert.NotContains(t, body, "Earlier")
	assert.Contains(t, s.see(t, "/bank?from=40"), "Earlier")
	assert.NotContains(t, s.see(t, "/bank?from=40"), ">More<")
	body = s.see(t, "/bank?skill=WIC&q=conviction")
	assert.Contains(t, body, `<option value="WIC" selected>`)
	assert.Contains(t, body, "bennett-visit-4")
	assert.Contains(t, s.see(t, "/bank?q=xyzzy"), "No question fits")
	resp, _ := s.send(http.MethodGet, "/bank/nothing", "", "")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestAQuestionIsShownWithLinesAndKey(t *testing.T) {
	s := newBankSite(t)
	body := s.see(t, "/bank/bennett-visit-4")
	assert.Contains(t, body, `data-n="5"`)
	assert.NotContains(t, body, `data-n="4"`, "every fifth line is numbered")
	assert.Contains(t, body, "<mark>", "the quoted words are marked")
	assert.Contains(t, body, "Key: ")
	assert.Contains(t, body, "Similar questions")
	resp, body := s.post("/bank/bennett-visit-4", url.Values{"do": {"report"}, "reason": {""}})
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	assert.Contains(t, body, "Say in a few words")
	resp, _ = s.post("/bank/bennett-visit-4", url.Values{"do": {"report"}, "reason": {"the key <b>is</b> wrong"}})
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	assert.Contains(t, s.see(t, resp.Header.Get("Location")), "A teacher will look")
	body = s.see(t, "/bank/reports")
	assert.Contains(t, body, "the key &lt;b&gt;is&lt;/b&gt; wrong")
	id := regexp.MustCompile(`name="report" value="([^"]+)"`).FindStringSubmatch(body)[1]
	resp, _ = s.post("/bank/reports", url.Values{"report": {id}, "note": {"it is right"}})
	assert.Equal(t, http.StatusSeeOther, resp.StatusCode)
	assert.Contains(t, s.see(t, "/bank/reports"), "No report is open")
	resp, body = s.post("/bank/bennett-visit-4", url.Values{"do": {"delete"}})
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, body)
	resp, _ = s.post("/bank/bennett-visit-4", url.Values{"do": {"delete"}, "sure": {"1"}})
	assert.Equal(t, http.StatusSeeOther, resp.StatusCode)
	assert.Contains(t, s.see(t, "/bank"), "55 questions")
}

// lampForm is a form with a good question.
func lampForm() url.Values {
	return url.Values{"version": {"0"}, "framework": {"digital"}, "skill": {"INF"}, "passage-1-lines": {"The lamp burned\r\nall night long."},
		"question": {"What burned?"}, "choice-A": {"The lamp"}, "choice-B": {"The pier"}, "choice-C": {"The sea"}, "choice-D": {"The sky"},
		"answer": {"A"}, "quotes": {"lamp burned all night"}, "explanation": {"It says so."}, "id": {"lamp-1"}}
}

func TestAQuestionIsWrittenCheckedAndSaved(t *testing.T) {
	s := newBankSite(t)
	assert.Contains(t, s.see(t, "/bank/new"), "Check without saving")
	form := lampForm()
	form.Set("do", "check")
	resp, body := s.post("/bank/new", form)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, body, "L15", "the passage is short")
	assert.Contains(t, body, "The lamp burned\nall night long.", "what was typed is kept")
	form.Set("answer", "E")
	form.Set("do", "save")
	resp, body = s.post("/bank/new", form)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	assert.Contains(t, body, "names none of the choices")
	form = lampForm()
	form.Set("do", "save")
	form.Set("quotes", "the pier burned")
	_, body = s.post("/bank/new", form)
	assert.Contains(t, body, "is not in the passage word for word")
	form = lampForm()
	form.Set("do", "save")
	resp, body = s.post("/bank/new", form)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, body)
	it, err := s.store.Item(t.Context(), "lamp-1")
	require.NoError(t, err)
	require.Len(t, it.Explanation.Quotes, 1)
	assert.Equal(t, "lamp burned\nall night", it.Quoted(it.Explanation.Quotes[0]))
	body = s.see(t, "/bank/lamp-1/edit")
	assert.Contains(t, body, `name="version" value="1"`)
	assert.Contains(t, body, "lamp burned all night")

	form.Set("version", "1")
	form.Set("passage-1-id", it.Passages[0].ID)
	form.Set("question", "What burned all night?")
	resp, body = s.post("/bank/lamp-1/edit", form)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, body)
	resp, body = s.post("/bank/lamp-1/edit", form)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Contains(t, body, "stored by somebody else meanwhile")
}

func TestAFileIsRehearsedAndTakenIn(t *testing.T) {
	s := newBankSite(t)
	const file = "passage,question,a,b,c,d,answer\nThe lamp burned.,What burned?,lamp,sea,sky,pier,A\nThe sea was calm.,What was calm?,lamp,sea,sky,pier,E\n"
	fields := map[string]string{"framework": "digital", "skill": "INF"}
	resp, body := s.upload(t, fields, "")
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	assert.Contains(t, body, "Choose a file")
	resp, body = s.upload(t, fields, file)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	assert.Contains(t, body, "Import 1 new and 0 changed questions")
	assert.Contains(t, body, "line 3, column 1", "the place of what is wrong")
	hidden := func(name string) string {
		return regexp.MustCompile(`name="` + name + `" value="([^"]+)"`).FindStringSubmatch(body)[1]
	}
	confirm := map[string]string{"token": hidden("token"), "plan": hidden("plan")}
	resp, again := s.upload(t, map[string]string{"token": confirm["token"], "plan": "another"}, "")
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Contains(t, again, "the bank has changed since")
	resp, raw := s.upload(t, confirm, "")
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, raw)
	body = s.see(t, "/bank/import?done=imported")
	assert.Contains(t, body, "were taken into the bank")
	assert.Contains(t, s.see(t, "/bank?q=lamp+burned"), "What burned?")
	resp, _ = s.post("/bank/undo", url.Values{"change": {hidden("change")}})
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	assert.NotContains(t, s.see(t, "/bank?q=lamp+burned"), "What burned?")
	resp, body = s.upload(t, map[string]string{"token": "gone", "plan": "x"}, "")
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	assert.Contains(t, body, "is forgotten")
}

func TestAnExportSaysWhatItLoses(t *testing.T) {
	s := newBankSite(t)
	assert.NotContains(t, s.see(t, "/bank/export"), "Download")
	body := s.see(t, "/bank/export?format=csv&skill=WIC")
	assert.Contains(t, body, "quotations, 8 times")
	resp, file := s.send(http.MethodGet, "/bank/export/file?format=csv&skill=WIC", "", "")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, resp.Header.Get("Content-Disposition"), "sat-bank.csv")
	assert.True(t, strings.HasPrefix(file, "id,framework"))
	assert.Contains(t, s.see(t, "/bank/export?format=jsonl"), "carries everything")
	assert.Contains(t, s.see(t, "/bank/export?format=jsonl&q=xyzzy"), "No question fits")
}

// TestWhatWasFoundIsWhatIsExported follows the links and sends the form as a browser would.
func TestWhatWasFoundIsWhatIsExported(t *testing.T) {
	s := newBankSite(t)
	it, _ := itemOfForm(lampForm())
	it.ID, it.Split, it.Tags = "held-1", sat.ForHoldout, []string{"oil", "lamp"}
	_, _, err := s.desk.Save(t.Context(), "", it, 0)
	require.NoError(t, err)
	_, err = s.store.ReportItem(t.Context(), sat.ItemReport{ItemID: "bennett-visit-4", Reason: "the key is wrong"})
	require.NoError(t, err)
	link := func(body, words string) string {
		m := regexp.MustCompile(`href="([^"]+)"[^>]*>` + words + `<`).FindStringSubmatch(body)
		require.NotNil(t, m, words)
		return html.UnescapeString(m[1])
	}
	for query, want := range map[string]struct{ words, only string }{
		"q=lamp&split=holdout":                     {"the words “lamp”, kept for holdout", "held-1"},
		"skill=WIC&genre=literature&reported=true": {"skill WIC, genre literature, reported", "bennett-visit-4"},
		"tag=oil": {"tag oil", "held-1"},
		"domain=INI&framework=digital&tag=lamp&passage=": {"exam digital, domain INI, tag lamp", "held-1"},
	} {
		page := s.see(t, link(s.see(t, "/bank?"+query), "Export these"))
		assert.Contains(t, page, "To be exported: 1 question ("+want.words+").", query)
		form := url.Values{"format": {"jsonl"}}
		for _, m := range regexp.MustCompile(`<input[^>]+name="(\w+)"[^>]+value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			form.Set(m[1], html.UnescapeString(m[2]))
		}
		for _, m := range regexp.MustCompile(`<select[^>]+name="(\w+)">(.*?)</select>`).FindAllStringSubmatch(page, -1) {
			if on := regexp.MustCompile(`value="([^"]*)" selected`).FindStringSubmatch(m[2]); on != nil && m[1] != "format" {
				form.Set(m[1], on[1])
			}
		}
		page = s.see(t, "/bank/export?"+form.Encode())
		assert.Contains(t, page, "To be exported: 1 question ("+want.words+").", query)
		_, file := s.send(http.MethodGet, link(page, "Download the file"), "", "")
		assert.Equal(t, 1, strings.Count(strings.TrimSpace(file), "\n")+1, query)
		assert.Contains(t, file, `"`+want.only+`"`, query)
	}
	assert.Contains(t, s.see(t, link(s.see(t, "/bank"), "Export these")), "all 57 questions of the bank, those kept for tests included")
}

func TestFieldsAreNamedAsTheLabelsAre(t *testing.T) {
	for path, want := range map[string]string{"choices[1].why": "reason for choice B", "choices[0]": "choice A", "passages[0].lines[3]": "line 4 of the passage",
		"passages[1].title": "title of the passage", "answer": "key", "explanation.quotes[2]": "quotations", "source": "source", "choices.why": "reasons for the choices"} {
		assert.Equal(t, want, fieldWords(path))
	}
}
