package frontend

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
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
	bank  *brittle
}

// brittle is a bank that fails as a test says.
type brittle struct {
	Bank
	err error // of every call that changes or judges something; nil for none
}

func (b *brittle) CheckItem(ctx context.Context, it sat.Item) (api.ItemCheck, error) {
	if b.err != nil {
		return api.ItemCheck{}, b.err
	}
	return b.Bank.CheckItem(ctx, it)
}

func (b *brittle) ImportItems(ctx context.Context, file []byte, query url.Values) (sat.ImportReport, error) {
	if b.err != nil {
		return sat.ImportReport{}, b.err
	}
	return b.Bank.ImportItems(ctx, file, query)
}

func (b *brittle) Items(ctx context.Context, query url.Values) (api.ItemList, error) {
	if b.err != nil {
		return api.ItemList{}, b.err
	}
	return b.Bank.Items(ctx, query)
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
	served, err := backend.New(backend.Options{Answers: silent{}, Models: silent{}, Bank: newShelves(s, desk),
		Parse: func(string) (sat.Question, error) { return sat.Question{}, nil }})
	require.NoError(t, err)
	server := httptest.NewServer(served)
	t.Cleanup(server.Close)
	client, err := apiclient.New(apiclient.Options{BaseURL: server.URL})
	require.NoError(t, err)
	bank := &brittle{Bank: client}
	pages, err := New(Options{Backend: client, Bank: bank})
	require.NoError(t, err)
	return &bankSite{pages, s, desk, bank}
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
	result := resp.Header.Get("Location")
	body = s.see(t, result)
	for _, want := range []string{"were taken into the bank", "What was done with bank.csv", "<dt>New</dt><dd>1</dd>", "<dt>Not taken</dt><dd>1</dd>",
		"line 3, column 1", "Take the import back"} {
		assert.Contains(t, body, want)
	}
	assert.Contains(t, s.see(t, "/bank?q=lamp+burned"), "What burned?")
	resp, _ = s.upload(t, confirm, "")
	assert.Equal(t, result, resp.Header.Get("Location"), "a form that is sent twice stores once")
	resp, table := s.send(http.MethodGet, regexp.MustCompile(`href="(/bank/import/report[^"]+)"`).FindStringSubmatch(body)[1], "", "")
	assert.Contains(t, resp.Header.Get("Content-Disposition"), "import-report.csv")
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"n", "id", "action", "line", "column", "cell", "field", "code", "severity", "message"}, rows[0])
	assert.Len(t, rows, 1+strings.Count(body, `class="error"`)+strings.Count(body, `class="warning"`)+strings.Count(body, `class="info"`)+
		strings.Count(body, `class="loss"`)+2, "every finding, and what became of two questions")
	undo := url.Values{"change": {hidden("change")}}
	resp, _ = s.post("/bank/undo", undo)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	assert.NotContains(t, s.see(t, "/bank?q=lamp+burned"), "What burned?")
	assert.Contains(t, s.see(t, result), "The import was taken back.")
	resp, body = s.post("/bank/undo", undo)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Contains(t, body, "This change was undone already.")
	assert.Contains(t, body, "Changes of the bank", "the list stays")
	resp, body = s.upload(t, map[string]string{"token": "gone", "plan": "x"}, "")
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	assert.Contains(t, body, "is forgotten")
}

// TestStrangersPushOutNobodysFile: what waits for a teacher's confirmation stays, whoever sends what.
func TestStrangersPushOutNobodysFile(t *testing.T) {
	u := &uploads{}
	now := time.Now()
	first := u.keep(upload{name: "tess.csv", owner: "u-tess", at: now})
	for range 20 {
		u.keep(upload{name: "x", at: now})
	}
	_, ok := u.find(now, first.token)
	assert.True(t, ok)
	assert.Len(t, u.files, 1+mostOfOne)
	for range mostOfOne {
		u.keep(upload{name: "more.csv", owner: "u-tess", at: now})
	}
	_, ok = u.find(now, first.token)
	assert.False(t, ok, "one's own newer files push the oldest out")
	for _, owner := range []string{"u-a", "u-b", "u-c", "u-d"} {
		for range mostOfOne {
			u.keep(upload{name: "x", owner: owner, at: now})
		}
	}
	assert.Len(t, u.files, mostWaiting)
	assert.NotContains(t, owners(u), "", "strangers' files went first")
}

func owners(u *uploads) (list []string) {
	for _, f := range u.files {
		list = append(list, f.owner)
	}
	return list
}

func TestARehearsalNamesWhatChangesWithAPassage(t *testing.T) {
	s := newBankSite(t)
	it := s.stored(t, "bennett-visit-4")
	_, beside, err := s.store.SearchItems(t.Context(), sat.ItemFilter{PassageID: it.Passages[0].ID})
	require.NoError(t, err)
	it.ID, it.Question, it.Explanation.Quotes = "extra-1", "What else?", nil
	it.Passages[0].Title = "Renamed"
	file, _, err := questionbank.Write([]sat.Item{it}, questionbank.JSONL, questionbank.WriteOptions{})
	require.NoError(t, err)
	resp, body := s.upload(t, nil, string(file))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, body, fmt.Sprintf("<dt>Changed with their passage</dt><dd>%d</dd>", beside))
	assert.Contains(t, body, fmt.Sprintf("changed questions, and change %d with their passage", beside))
	assert.Contains(t, body, "<code>bennett-visit-4</code> · <strong>stands on passage "+it.Passages[0].ID+", which differs</strong>")
	_, table := s.send(http.MethodGet, regexp.MustCompile(`href="(/bank/import/report[^"]+)"`).FindStringSubmatch(body)[1], "", "")
	assert.Equal(t, beside, strings.Count(table, ",sibling,1,1,"))
	hidden := func(name string) string {
		return regexp.MustCompile(`name="` + name + `" value="([^"]+)"`).FindStringSubmatch(body)[1]
	}
	resp, raw := s.upload(t, map[string]string{"token": hidden("token"), "plan": hidden("plan")}, "")
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, raw)
	assert.Equal(t, "Renamed", s.stored(t, "bennett-visit-4").Passages[0].Title)
}

// bankTroubles are errors of the backend, and how every page of the bank tells them.
var bankTroubles = []struct {
	err    error
	status int
	words  string
	retry  string
}{
	{&sat.Error{Code: sat.Unauthorized, Message: "Send it as Authorization: Bearer.", Err: &apiclient.Reply{Status: 401}}, 401, "You are not signed in, or not any more.", ""},
	{sat.Errorf(sat.Forbidden, "Your account does not have the rights for this."), 403, "Your account does not have the rights for this.", ""},
	{&sat.Error{Code: sat.RateLimited, Message: "many", RetryAfter: 7 * time.Second}, 429, "Try again in 7 s.", "7"},
	{&sat.Error{Code: sat.Unavailable, Reason: apiclient.ReasonUnreachable}, 503, "cannot be reached", "2"},
	{&sat.Error{Code: sat.Unavailable, Reason: "storage", RetryAfter: 3 * time.Second}, 503, "Nothing can be stored or looked up just now", "3"},
	{&sat.Error{Code: sat.Timeout}, 504, "took too long", ""},
	{&sat.Error{Code: sat.BadOutput}, 502, "no usable answer", ""},
	{errors.New("secret"), 500, "Something went wrong on our side", ""},
}

func TestNoErrorLosesWhatATeacherTyped(t *testing.T) {
	s := newBankSite(t)
	form := lampForm()
	form.Set("do", "save")
	for _, c := range append(bankTroubles[:len(bankTroubles):len(bankTroubles)], bankTroubles[0]) {
		s.bank.err = c.err
		resp, body := s.post("/bank/new", form)
		assert.Equal(t, c.status, resp.StatusCode, c.err)
		assert.Equal(t, c.retry, resp.Header.Get("Retry-After"), c.err)
		unknown := slices.Contains([]int{500, 502, 504}, c.status) || strings.Contains(c.words, "reached")
		assert.Equal(t, !unknown, strings.Contains(body, "Nothing was saved"), c.err)
		assert.Equal(t, unknown, strings.Contains(body, "It is not known whether it was saved; look before you send it again."), c.err)
		assert.Contains(t, body, c.words)
		assert.NotContains(t, body, "Bearer")
		assert.NotContains(t, body, "secret")
		for _, typed := range []string{"The lamp burned\nall night long.", "What burned?", ">\nThe pier</textarea>", "lamp burned all night"} {
			assert.Contains(t, body, typed, c.err)
		}
		assert.Equal(t, c.status == 401, strings.Contains(body, `href="/sign-in?back=`), "who was signed out finds the way back")
	}
	s.bank.err = nil
	resp, body := s.post("/bank/gone/edit", url.Values{"do": {"save"}, "version": {"3"}, "question": {"Typed?"}})
	assert.NotEqual(t, http.StatusSeeOther, resp.StatusCode)
	assert.Contains(t, body, "Typed?")
}

func TestPagesTellHonestlyWhyThereIsNothing(t *testing.T) {
	s := newBankSite(t)
	for _, c := range bankTroubles {
		s.bank.err = c.err
		resp, body := s.send(http.MethodGet, "/bank/export?q=lamp", "", "")
		assert.Equal(t, c.status, resp.StatusCode, c.err)
		assert.Equal(t, c.retry, resp.Header.Get("Retry-After"), c.err)
		assert.Contains(t, body, c.words)
		assert.NotContains(t, body, "Bearer")
		assert.Equal(t, c.status == 401, strings.Contains(body, `href="/sign-in?back=%2Fbank%2Fexport%3Fq%3Dlamp"`))
	}
}

func TestAFileThatMeetsAnErrorWaits(t *testing.T) {
	s := newBankSite(t)
	const file = "passage,question,a,b,c,d,answer,framework,skill\nThe lamp burned.,What burned?,lamp,sea,sky,pier,A,digital,INF\n"
	hidden := func(body, name string) string {
		return regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(body)[1]
	}
	s.bank.err = bankTroubles[3].err
	resp, body := s.upload(t, nil, file)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Contains(t, body, "cannot be reached")
	assert.Contains(t, body, "Show what would happen with bank.csv")
	assert.Contains(t, body, "Changes of the bank", "the list of changes stays")
	s.bank.err = nil
	resp, body = s.upload(t, map[string]string{"token": hidden(body, "token"), "plan": hidden(body, "plan")}, "")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, body, "Import 1 new")
	plan := map[string]string{"token": hidden(body, "token"), "plan": hidden(body, "plan")}
	s.bank.err = bankTroubles[0].err
	resp, body = s.upload(t, plan, "")
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	assert.Contains(t, body, "Import bank.csv now")
	s.bank.err = nil
	resp, _ = s.upload(t, map[string]string{"token": hidden(body, "token"), "plan": hidden(body, "plan")}, "")
	assert.Equal(t, http.StatusSeeOther, resp.StatusCode)
}

func TestAFileThatIsTooLargeIsToldTheWayRound(t *testing.T) {
	s := newBankSite(t)
	resp, body := s.upload(t, nil, strings.Repeat("x", maxUpload))
	assert.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
	assert.Contains(t, body, "a file may have up to 10 MiB")
	assert.Contains(t, body, "several files")
	assert.NotContains(t, body, "20,000")
	assert.Contains(t, body, "Changes of the bank")
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
	it := itemOfForm(lampForm())
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
