package frontend

import (
	"archive/zip"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/apiclient"
	"sattutor/internal/auth"
	"sattutor/internal/backend"
	"sattutor/internal/questionbank"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

const goodPassword = "four quiet river stones"

// people is the pages in front of a real backend with accounts and an empty bank over a real store.
type people struct {
	*site
	accounts *auth.Accounts
	store    *store.Store
	desk     *questionbank.Desk
}

// readingTutor answers A and keeps that for who asks, as the wired tutor does.
type readingTutor struct{ store *store.Store }

func (k readingTutor) Answer(ctx context.Context, q sat.Question, _ sat.Options) (sat.Answer, error) {
	a := sat.Answer{Letter: "A", Text: q.Choices[0], Method: sat.MethodLetter, Model: "sat-base", Quality: sat.Demo}
	who := sat.IdentityOf(ctx)
	if !who.User.KeepAnswers {
		return a, nil
	}
	if who.User.Guest() {
		if err := k.store.EnsureGuest(ctx, who.User.ID); err != nil {
			return a, err
		}
	}
	return a, k.store.AddExchange(ctx, sat.Exchange{ID: "x" + time.Now().Format("150405.000000000"), UserID: who.User.ID, AskedAt: time.Now(), Question: q, Answer: a})
}

func (readingTutor) Models() []sat.Listed {
	return []sat.Listed{{Model: sat.Model{Name: "sat-base", Method: sat.MethodLetter, Quality: sat.Demo}, Default: true, Available: true}}
}

func newPeople(t *testing.T, change func(*auth.Options)) *people {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "sat.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	opts := auth.Options{Store: s, Guests: true, Registration: auth.Open}
	if change != nil {
		change(&opts)
	}
	accounts, err := auth.New(opts)
	require.NoError(t, err)
	tutor, desk := readingTutor{s}, questionbank.NewDesk(s)
	api, err := backend.New(backend.Options{Answers: tutor, Models: tutor, Accounts: accounts, Records: s, Bank: newShelves(s, desk),
		Parse: func(string) (sat.Question, error) {
			return sat.Question{Passage: "A split passage.", Stem: "Which one?", Choices: []string{"red", "green"}}, nil
		}})
	require.NoError(t, err)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	client, err := apiclient.New(apiclient.Options{BaseURL: server.URL})
	require.NoError(t, err)
	pages := newSite(t, func(o *Options) { o.Backend, o.Bank = client, client })
	return &people{site: pages, accounts: accounts, store: s, desk: desk}
}

// browser keeps cookies and follows redirects.
type browser struct {
	t      *testing.T
	base   string
	client *http.Client
}

func (p *people) browser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{t: t, base: p.URL, client: &http.Client{Jar: jar}}
}

func (b *browser) open(path string) page {
	b.t.Helper()
	resp, err := b.client.Get(b.base + path)
	require.NoError(b.t, err)
	return b.read(resp)
}

func (b *browser) send(path string, pairs ...string) page {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	resp, err := b.client.PostForm(b.base+path, form)
	require.NoError(b.t, err)
	return b.read(resp)
}

func (b *browser) read(resp *http.Response) page {
	b.t.Helper()
	defer func() { _ = resp.Body.Close() }()
	var body strings.Builder
	_, err := io.Copy(&body, resp.Body)
	require.NoError(b.t, err)
	return page{resp, body.String()}
}

func (b *browser) ask() page {
	b.t.Helper()
	return b.send("/ask", "do", "ask", "text", "The lamp burned late.", "question", "What burned?", "choice", "The lamp", "choice", "The pier")
}

func TestAPersonsWay(t *testing.T) {
	p := newPeople(t, nil)
	b := p.browser(t)
	assert.Contains(t, b.open("/account").words(), "You are not signed in.")
	assert.Empty(t, b.client.Jar.Cookies(mustURL(t, p.URL)), "looking at pages makes nobody somebody")
	assert.Contains(t, b.ask().words(), "Tutor’s answer: A) The lamp")
	assert.Contains(t, b.open("/account").words(), "You work without an account.")
	assert.Contains(t, b.open("/account/history").words(), "What burned?")

	wrong := b.send("/register", "name", "A", "password", "short")
	assert.Equal(t, http.StatusUnprocessableEntity, wrong.StatusCode)
	assert.Contains(t, wrong.words(), "This is too short; give 2 to 40 characters.")
	assert.NotContains(t, wrong.body, `value="short"`, "a password is never sent back")
	assert.Contains(t, b.open("/register").words(), "What you have done without an account goes over to it.")
	in := b.send("/register", "name", "Ada", "password", goodPassword)
	assert.Equal(t, "/account", in.Request.URL.Path)
	assert.Contains(t, in.words(), "You are signed in as student")
	assert.Contains(t, b.open("/account/history").words(), "What burned?", "a guest's questions go over")
	export := b.open("/account/export").body
	archive, err := zip.NewReader(strings.NewReader(export), int64(len(export)))
	require.NoError(t, err)
	file, err := archive.Open("answers.csv")
	require.NoError(t, err)
	table, err := io.ReadAll(file)
	require.NoError(t, err)
	assert.Contains(t, string(table), "The lamp burned late.")

	made := b.send("/account", "do", "key", "label", "my script", "scopes", "answers")
	secret := regexp.MustCompile(`sat_k_[A-Za-z0-9_-]{43}`).FindString(made.body)
	assert.NotEmpty(t, secret)
	assert.NotContains(t, b.open("/account").body, secret, "shown once")
	id := regexp.MustCompile(`name="id" value="(k-[^"]+)"`).FindStringSubmatch(made.body)[1]
	assert.Contains(t, b.send("/account", "do", "revoke", "id", id).words(), "The key does not work any more.")
	none := b.send("/account", "do", "key", "label", "")
	assert.Equal(t, http.StatusUnprocessableEntity, none.StatusCode)
	assert.Contains(t, none.words(), "say what the key is for")

	assert.Contains(t, b.send("/account", "do", "password", "old_password", "wrong", "password", "another good password").words(), "This is wrong.")
	assert.Contains(t, b.send("/account", "do", "password", "old_password", goodPassword, "password", "another good password").words(), "The password is changed.")
	assert.Contains(t, b.send("/account", "do", "keep", "keep", "off").words(), "are not stored")
	answer := regexp.MustCompile(`name="id" value="(x[^"]+)"`).FindStringSubmatch(b.open("/account/history").body)
	require.NotNil(t, answer)
	assert.Contains(t, b.send("/account/history", "id", answer[1]).words(), "Your questions are not stored.")
	assert.Equal(t, http.StatusNotFound, b.send("/account/history", "id", answer[1]).StatusCode)

	assert.Equal(t, http.StatusNotFound, b.open("/account/users").StatusCode, "not for students")
	assert.Equal(t, http.StatusNotFound, b.send("/account/users", "do", "invite", "role", "admin").StatusCode)
	out := b.send("/account", "do", "sign-out")
	assert.Equal(t, "/", out.Request.URL.Path)
	bad := b.send("/sign-in", "name", "ada", "password", goodPassword)
	assert.Equal(t, http.StatusUnauthorized, bad.StatusCode)
	assert.Contains(t, bad.words(), "The name or the password is wrong")
	assert.Contains(t, bad.body, `value="ada"`, "the name is kept")
	b.send("/sign-in", "name", "ada", "password", "another good password")

	refused := b.send("/account/delete", "what", "everything", "confirm", "yes")
	assert.Equal(t, http.StatusUnprocessableEntity, refused.StatusCode)
	assert.Contains(t, refused.words(), "This must be the word delete.")
	gone := b.send("/account/delete", "what", "everything", "confirm", "delete")
	assert.Equal(t, "/", gone.Request.URL.Path)
	_, err = p.store.UserByName(t.Context(), "ada")
	assert.Equal(t, sat.NotFound, sat.CodeOf(err))
}

func TestAKeyEndsWhenItsOwnerSaid(t *testing.T) {
	p := newPeople(t, nil)
	b := p.browser(t)
	b.send("/register", "name", "Ada", "password", goodPassword)
	assert.Contains(t, b.open("/account").words(), "until it is revoked")
	b.send("/account", "do", "key", "label", "for a month", "scopes", "answers", "days", "30")
	u, err := p.store.UserByName(t.Context(), "ada")
	require.NoError(t, err)
	keys, err := p.store.Keys(t.Context(), u.ID)
	require.NoError(t, err)
	assert.InDelta(t, 30*24, time.Until(keys[0].ExpiresAt).Hours(), 1)
	assert.Contains(t, b.open("/account").words(), "works until "+moment(keys[0].ExpiresAt))
	bad := b.send("/account", "do", "key", "label", "for ever", "scopes", "answers", "days", "9999")
	assert.Equal(t, http.StatusUnprocessableEntity, bad.StatusCode)
	assert.Contains(t, bad.words(), "within a year")
}

func TestAForgottenPasswordIsReplaced(t *testing.T) {
	p := newPeople(t, nil)
	_, err := p.accounts.AddUser(t.Context(), "Root", goodPassword, sat.Admin)
	require.NoError(t, err)
	ada, root := p.browser(t), p.browser(t)
	ada.send("/register", "name", "Ada", "password", goodPassword)
	assert.Contains(t, p.browser(t).open("/sign-in").words(), "You forgot the password?")
	root.send("/sign-in", "name", "root", "password", goodPassword)
	u, err := p.store.UserByName(t.Context(), "ada")
	require.NoError(t, err)
	done := root.send("/account/users", "do", "reset", "id", u.ID, "name", "Ada")
	assert.Contains(t, done.words(), "This is the new password of Ada.")
	password := regexp.MustCompile(`<code>([a-z2-7-]{19})</code>`).FindStringSubmatch(done.body)
	require.NotNil(t, password)
	assert.NotContains(t, root.open("/account/users").body, password[1], "shown once")
	assert.Contains(t, ada.open("/account").words(), "Your sign-in has ended.")
	assert.Equal(t, http.StatusUnauthorized, ada.send("/sign-in", "name", "ada", "password", goodPassword).StatusCode)
	assert.Equal(t, http.StatusOK, ada.send("/sign-in", "name", "ada", "password", password[1]).StatusCode)
	assert.Contains(t, root.open("/account/log").words(), "Root set a new password for Ada")
	assert.Equal(t, http.StatusNotFound, ada.open("/account/log").StatusCode, "for administrators alone")
	assert.Equal(t, http.StatusNotFound, ada.send("/account/users", "do", "reset", "id", u.ID).StatusCode)
}

// TestSigningInLeadsBack opens a page that needs an account, and signs in from there.
func TestSigningInLeadsBack(t *testing.T) {
	p := newPeople(t, nil)
	_, err := p.accounts.AddUser(t.Context(), "Tess", goodPassword, sat.Teacher)
	require.NoError(t, err)
	b := p.browser(t)
	refused := b.open("/bank/export?skill=WIC")
	assert.Equal(t, http.StatusUnauthorized, refused.StatusCode)
	link := regexp.MustCompile(`href="(/sign-in\?back=[^"]+)"`).FindStringSubmatch(refused.body)
	require.NotNil(t, link)
	form := b.open(link[1])
	back := regexp.MustCompile(`name="back" value="([^"]+)"`).FindStringSubmatch(form.body)
	require.NotNil(t, back)
	wrong := b.send("/sign-in", "name", "tess", "password", "wrong password", "back", back[1])
	assert.Contains(t, wrong.body, `name="back" value="`+back[1]+`"`, "a mistake does not lose the way")
	in := b.send("/sign-in", "name", "tess", "password", goodPassword, "back", back[1])
	assert.Equal(t, "/bank/export?skill=WIC", in.Request.URL.String()[len(p.URL):])
	for _, elsewhere := range []string{"https://example.org/", "//example.org/account", "/\\example.org", "/no-page"} {
		assert.Equal(t, "/", b.send("/sign-in", "name", "tess", "password", goodPassword, "back", elsewhere).Request.URL.Path, elsewhere)
	}
	student := p.browser(t)
	student.send("/register", "name", "Ada", "password", goodPassword)
	for _, path := range []string{"/bank/new", "/bank/export"} {
		assert.Equal(t, http.StatusForbidden, student.open(path).StatusCode, path)
	}
}

func TestAnEndedSignInIsToldAndLosesNothing(t *testing.T) {
	p := newPeople(t, nil)
	b := p.browser(t)
	b.send("/register", "name", "Ada", "password", goodPassword)
	u, err := p.store.UserByName(t.Context(), "ada")
	require.NoError(t, err)
	require.NoError(t, p.store.DeleteTokens(t.Context(), u.ID))
	page := b.ask()
	assert.Equal(t, http.StatusUnauthorized, page.StatusCode)
	assert.Contains(t, page.words(), "Sign in first")
	assert.Contains(t, page.body, "The lamp burned late.", "the text is kept")
	assert.Contains(t, b.open("/account").words(), "Your sign-in has ended.")
	assert.Contains(t, b.open("/account").words(), "You are not signed in.")
}

func TestAnAdministratorsWay(t *testing.T) {
	p := newPeople(t, func(o *auth.Options) { o.Registration = auth.Invited })
	_, err := p.accounts.AddUser(t.Context(), "Root", goodPassword, sat.Admin)
	require.NoError(t, err)
	root := p.browser(t)
	root.send("/sign-in", "name", "root", "password", goodPassword)
	invited := root.send("/account/users", "do", "invite", "role", "teacher")
	invite := regexp.MustCompile(`sat_i_[A-Za-z0-9_-]{43}`).FindString(invited.body)
	require.NotEmpty(t, invite)
	teacher := p.browser(t)
	assert.Contains(t, teacher.send("/register", "name", "Bob", "password", goodPassword).words(), "This is missing")
	assert.Contains(t, teacher.send("/register", "name", "Bob", "password", goodPassword, "invite", invite).words(), "You are signed in as teacher")
	u, err := p.store.UserByName(t.Context(), "bob")
	require.NoError(t, err)
	root.send("/account/users", "do", "role", "id", u.ID, "role", "student")
	assert.Contains(t, teacher.open("/account").words(), "Your sign-in has ended.")
	root.send("/account/users", "do", "close", "id", u.ID)
	assert.Contains(t, root.open("/account/users").words(), "Bob (closed)")
	assert.Equal(t, http.StatusUnauthorized, teacher.send("/sign-in", "name", "bob", "password", goodPassword).StatusCode)
	root.send("/account/users", "do", "open", "id", u.ID)
	assert.Equal(t, http.StatusOK, teacher.send("/sign-in", "name", "bob", "password", goodPassword).StatusCode)
}

func TestWithoutGuestsPeopleSignInFirst(t *testing.T) {
	p := newPeople(t, func(o *auth.Options) { o.Guests, o.Registration = false, auth.Closed })
	b := p.browser(t)
	page := b.ask()
	assert.Equal(t, http.StatusUnauthorized, page.StatusCode)
	assert.Contains(t, page.words(), "Sign in first")
	assert.Contains(t, b.open("/register").words(), "Accounts are not made here.")
	assert.Equal(t, http.StatusForbidden, b.send("/register", "name", "Ada", "password", goodPassword).StatusCode)
}

func TestTheVisitorsCookie(t *testing.T) {
	for public, want := range map[string]string{"http://localhost:7860": "sat", "https://tutor.example": "__Host-sat"} {
		s := newSite(t, func(o *Options) { o.Public = public })
		w := httptest.NewRecorder()
		s.pages.remember(w, "sat_g_x", guestLife)
		cookie := w.Result().Cookies()[0]
		assert.Equal(t, want, cookie.Name)
		assert.True(t, cookie.HttpOnly)
		assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
		assert.Equal(t, "/", cookie.Path)
		assert.Empty(t, cookie.Domain)
		assert.Equal(t, public != "http://localhost:7860", cookie.Secure)
	}
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}
