package backend

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/auth"
	"sattutor/internal/questionbank"
	"sattutor/internal/retrieval"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

const goodPassword = "four quiet river stones"

// site is a server with real accounts over a real store.
type site struct {
	*Server
	store    *store.Store
	accounts *auth.Accounts
	secrets  map[string]string // by name of the caller

	newcomers int
}

// callers are who the matrix asks as. Keys belong to an administrator, so that only their scopes hold them back.
func callers() []string {
	return []string{"anonymous", "guest", "student", "teacher", "evaluator", "admin", "key answers", "key v1", "key items", "key admin"}
}

func newSite(t *testing.T, change func(*Options)) *site {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "sat.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(ctx)
	require.NoError(t, err)
	accounts, err := auth.New(auth.Options{Store: s, Guests: true, Registration: auth.Open})
	require.NoError(t, err)
	st := &site{store: s, accounts: accounts, secrets: map[string]string{"anonymous": ""}}
	st.secrets["guest"], err = accounts.Guest()
	require.NoError(t, err)
	st.Server = newServer(t, func(o *Options) {
		o.Accounts, o.Records, o.Bank = accounts, s, desk{s, questionbank.NewDesk(s), retrieval.NewFinder(s, nil, slog.New(slog.DiscardHandler))}
		o.Answers = keeping{s}
		o.Arena = newDesk(s)
		if change != nil {
			change(o)
		}
	})
	return st
}

// keeping answers A and stores that for who asks, as the wired tutor does.
type keeping struct{ store *store.Store }

func (k keeping) Answer(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
	a, err := firstChoice(ctx, q, opts)
	who, receipt := sat.IdentityOf(ctx), sat.ReceiptOf(ctx)
	if err != nil || receipt == nil || receipt.Skip || !who.User.KeepAnswers {
		return a, err
	}
	if who.User.Guest() {
		if err := k.store.EnsureGuest(ctx, who.User.ID); err != nil {
			return a, err
		}
	}
	x := sat.Exchange{ID: fmt.Sprint("x", time.Now().UnixNano()), UserID: who.User.ID, AskedAt: time.Now(), Source: receipt.Source, Question: q, Answer: a}
	receipt.ID = x.ID
	return a, k.store.AddExchange(ctx, x)
}

// member adds an account with a role and signs it in.
func (s *site) member(t *testing.T, name string, role sat.Role) sat.User {
	t.Helper()
	u, err := s.accounts.AddUser(t.Context(), name, goodPassword, role)
	require.NoError(t, err)
	secret, _, err := s.accounts.SignIn(t.Context(), name, goodPassword, sat.Caller{})
	require.NoError(t, err)
	s.secrets[name] = secret
	return u
}

// as sends a request with the secret of a caller.
func (s *site) as(t *testing.T, caller, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	secret, ok := s.secrets[caller]
	require.True(t, ok, caller)
	if secret != "" {
		header = append(header, "Authorization", "Bearer "+secret)
	}
	if method == http.MethodPut || method == http.MethodPatch {
		header = append(header, "Content-Type", "application/json")
	}
	return call(t, s, method, path, body, header...)
}

// populated is a site with every caller.
func populated(t *testing.T) *site {
	t.Helper()
	s := newSite(t, nil)
	for _, role := range sat.Roles() {
		s.member(t, string(role), role)
	}
	admin, err := s.accounts.Identify(t.Context(), s.secrets["admin"])
	require.NoError(t, err)
	for _, scope := range sat.Scopes() {
		secret, _, err := s.accounts.NewKey(t.Context(), admin, sat.APIKey{Label: string(scope), Scopes: []sat.Scope{scope}})
		require.NoError(t, err)
		s.secrets["key "+string(scope)] = secret
	}
	s.member(t, "stranger", sat.Student)
	return s
}

// requests gives a body that each route accepts. A route that takes no body is not here.
func requests() map[string]string {
	return map[string]string{
		"POST /submit_mcq":             goodBody,
		"POST /api/v1/answers":         goodBody,
		"POST /api/v1/questions:parse": `{"block":"x"}`,
		"POST /v1/chat/completions":    `{"messages":[{"role":"user","content":"x"}]}`,
		"POST /api/v1/guests":          `{}`,
		"POST /api/v1/accounts":        `{"name":"newcomer","password":"` + goodPassword + `"}`,
		"POST /api/v1/sign-ins":        `{"name":"student","password":"` + goodPassword + `"}`,
		"PATCH /api/v1/me":             `{"keep_answers":true}`,
		"POST /api/v1/me:erase":        `{"what":"answers","confirm":"delete"}`,
		"PUT /api/v1/me/password":      `{"old_password":"` + goodPassword + `","password":"another good password"}`,
		"POST /api/v1/keys":            `{"label":"x","scopes":["answers"]}`,
		"PATCH /api/v1/users/{id}":     `{"role":"teacher"}`,
		"POST /api/v1/arena/pairs":     `{}`,
		"POST /api/v1/arena/votes":     `{"pair_id":"none","winner":"a"}`,
		"POST /api/v1/invites":         `{"role":"student","days":7}`,

		"POST /api/v1/users/{id}/password": `{}`,

		"POST /api/v1/items/{id}/reports":     `{"reason":"the key is wrong"}`,
		"POST /api/v1/items:check":            `{"item":` + aQuestion("new") + `}`,
		"POST /api/v1/items":                  `{"item":` + aQuestion("newcomer") + `}`,
		"PUT /api/v1/items/{id}":              `{"version":-1,"item":` + aQuestion("a-question") + `}`,
		"POST /api/v1/passages":               `{"passage":{"id":"newcomer","lines":["The pier was empty."]}}`,
		"PUT /api/v1/passages/{id}":           `{"passage":{"id":"id of the path","lines":["The pier was full."]},"version":"` + unusedVersion + `"}`,
		"POST /api/v1/items:import":           `{"v":1,` + aQuestion("imported")[1:],
		"PATCH /api/v1/item-reports/{id}":     `{"note":"it is right"}`,
		"POST /api/v1/bank-changes/{id}/undo": `{}`,
	}
}

// unusedVersion is the version of the passage that objects makes.
var unusedVersion = new(questionbank.Desk).PassageVersion(sat.Passage{ID: "unused", Lines: []string{"The pier was empty."}})

// objects makes, for each route with an object in its path, one that belongs to the caller; it gives the id.
func objects() map[string]func(t *testing.T, s *site, caller string) string {
	return map[string]func(t *testing.T, s *site, caller string) string{
		"/v1/models/{model}": func(*testing.T, *site, string) string { return "sat-base" },
		"/api/v1/me/answers/{id}": func(t *testing.T, s *site, caller string) string {
			resp, body := s.as(t, caller, http.MethodPost, "/api/v1/answers", goodBody)
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			return resp.Header.Get(api.HeaderStored)
		},
		"/api/v1/sign-ins/{id}": func(t *testing.T, s *site, caller string) string {
			secret, _, err := s.accounts.SignIn(t.Context(), strings.TrimPrefix(caller, "key "), goodPassword, sat.Caller{})
			require.NoError(t, err)
			id, err := s.accounts.Identify(t.Context(), secret)
			require.NoError(t, err)
			return sat.Token{Hash: id.TokenHash}.ID()
		},
		"/api/v1/keys/{id}": func(t *testing.T, s *site, caller string) string {
			id, err := s.accounts.Identify(t.Context(), s.secrets[caller])
			require.NoError(t, err)
			_, k, err := s.accounts.NewKey(t.Context(), id, sat.APIKey{Label: "x", Scopes: []sat.Scope{sat.ScopeAnswers}})
			require.NoError(t, err)
			return k.ID
		},
		"/api/v1/items/{id}":          anItem,
		"/api/v1/items/{id}/similar":  anItem,
		"/api/v1/items/{id}/evidence": anItem,
		"/api/v1/items/{id}/history":  anItem,
		"/api/v1/items/{id}/reports":  anItem,
		"GET /api/v1/passages/{id}":   anItem, // its passage has the same id; students see those of questions alone
		"/api/v1/passages/{id}": func(t *testing.T, s *site, caller string) string {
			anItem(t, s, caller)
			found, err := s.store.Passages(t.Context(), []string{"unused"})
			require.NoError(t, err)
			seen := append(found, sat.Passage{})[0] // as an earlier caller left it, or none
			require.NoError(t, s.store.PutPassage(t.Context(), sat.Passage{ID: "unused", Lines: []string{"The pier was empty."}}, seen))
			return "unused"
		},
		"/api/v1/item-reports/{id}": func(t *testing.T, s *site, caller string) string {
			r, err := s.store.ReportItem(t.Context(), sat.ItemReport{ItemID: anItem(t, s, caller), Reason: "wrong"})
			require.NoError(t, err)
			return r.ID
		},
		"/api/v1/bank-changes/{id}/undo": changeOf,
		"/api/v1/arena/pairs/{id}": func(t *testing.T, s *site, caller string) string {
			who, err := s.accounts.Identify(t.Context(), s.secrets[caller])
			require.NoError(t, err)
			p, err := s.opts.Arena.Show(t.Context(), who.User.ID, nil) // past the rights: a student has none
			require.NoError(t, err)
			return p.ID
		},
		"/api/v1/users/{id}":          accountOf,
		"/api/v1/users/{id}/password": accountOf,
	}
}

// accountOf gives the account of a caller.
func accountOf(t *testing.T, s *site, caller string) string {
	id, err := s.accounts.Identify(t.Context(), s.secrets[caller])
	require.NoError(t, err)
	return id.User.ID
}

// hasOwn tells whether a caller can have an object of a route: anonymous people have none, and accounts are not had by
// guests and keys.
func hasOwn(route, caller string) bool {
	switch {
	case shared(route):
		return true
	}
	switch route {
	case "/api/v1/me/answers/{id}":
		return !strings.HasPrefix(caller, "key") && caller != "anonymous"
	}
	return !strings.HasPrefix(caller, "key") && caller != "anonymous" && caller != "guest"
}

// shared tells that a route's objects are nobody's own.
func shared(route string) bool {
	return route == "/v1/models/{model}" || strings.HasPrefix(route, "/api/v1/items/") || strings.HasPrefix(route, "/api/v1/passages/") ||
		strings.HasPrefix(route, "/api/v1/item-reports/") || strings.HasPrefix(route, "/api/v1/bank-changes/")
}

const accessTable = "testdata/access.tsv"

// TestWhoMayDoWhat asks every route as every caller, for an own, a foreign and a missing object, and compares what comes
// with the table. The routes come from the router: one without a row fails.
func TestWhoMayDoWhat(t *testing.T) {
	rows := []string{"# route\tobject\t" + strings.Join(callers(), "\t")}
	s := populated(t)
	var routes []string
	require.NoError(t, chi.Walk(s.handler.(chi.Router), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routes = append(routes, method+" "+route)
		return nil
	}))
	slices.Sort(routes)
	for _, route := range routes {
		_, known := accessOf(route)
		assert.True(t, known, "%s has no row in accessOf", route)
		kinds := []string{"-"}
		if strings.Contains(route, "{") {
			kinds = []string{"own", "foreign", "missing"}
		}
		for _, kind := range kinds {
			row := []string{route, kind}
			for _, caller := range callers() {
				row = append(row, s.ask(t, route, kind, caller))
			}
			rows = append(rows, strings.Join(row, "\t"))
		}
	}
	got := strings.Join(rows, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile(accessTable, []byte(got), 0o644))
	}
	want, err := os.ReadFile(accessTable)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "who may do what changed; if that is wanted: go test ./internal/backend -run WhoMay -update")
}

// ask gives the status of one request; "." where the caller cannot have such an object.
func (s *site) ask(t *testing.T, route, kind, caller string) string {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	open, end := strings.Index(path, "{"), strings.Index(path, "}")
	id := "u-none"
	if open >= 0 {
		maker, special := objects()[route]
		if !special {
			maker = objects()[path]
		}
		require.NotNil(t, maker, "%s has no object in objects()", route)
		switch {
		case kind == "own" && !hasOwn(path, caller), kind == "foreign" && shared(path):
			return "."
		case kind == "own":
			id = maker(t, s, caller)
		case kind == "foreign":
			id = maker(t, s, "stranger")
		}
		path = path[:open] + id + path[end+1:]
	}
	resp, body := s.as(t, caller, method, path, s.bodyOf(t, route, id))
	switch {
	case resp.StatusCode != http.StatusOK:
	case route == "PATCH /api/v1/users/{id}", route == "POST /api/v1/users/{id}/password":
		s.signInAgain(t, "stranger")
	case changesSignIns(route):
		s.signInAgain(t, caller)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		assert.NotContains(t, body, goodPassword)
	}
	return fmt.Sprint(resp.StatusCode)
}

// bodyOf gives a body that a route accepts for an object: every newcomer needs a new name, every item its version.
func (s *site) bodyOf(t *testing.T, route, id string) string {
	t.Helper()
	s.newcomers++
	version := 1
	if it, err := s.store.Item(t.Context(), id); err == nil {
		version = it.Version
	}
	return strings.NewReplacer("newcomer", fmt.Sprint("newcomer-", s.newcomers), "id of the path", id,
		`"version":-1`, fmt.Sprintf(`"version":%d`, version)).Replace(requests()[route])
}

// changesSignIns tells that a route ends the sign-in of the caller.
func changesSignIns(route string) bool {
	return slices.Contains([]string{"PUT /api/v1/me/password", "DELETE /api/v1/sign-ins", "DELETE /api/v1/sign-ins/current"}, route)
}

// signInAgain gives a caller the usual password and a new sign-in.
func (s *site) signInAgain(t *testing.T, caller string) {
	t.Helper()
	u, err := s.store.UserByName(t.Context(), caller)
	require.NoError(t, err)
	require.NoError(t, s.accounts.SetPassword(t.Context(), u.ID, goodPassword))
	secret, _, err := s.accounts.SignIn(t.Context(), caller, goodPassword, sat.Caller{})
	require.NoError(t, err)
	s.secrets[caller] = secret
}

func TestRoutesWithoutARowAreClosed(t *testing.T) {
	s := newServer(t, nil)
	r := chi.NewRouter()
	r.With(s.identified, s.admitted).Get("/new", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	resp, _ := call(t, r, http.MethodGet, "/new", "")
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
}

func TestWithoutAccountsEverythingIsTheLocalPersons(t *testing.T) {
	s := newServer(t, nil)
	resp, body := call(t, s, http.MethodGet, "/api/v1/me", "", "Authorization", "Bearer whatever")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	var me api.Me
	require.NoError(t, json.Unmarshal([]byte(body), &me))
	assert.Equal(t, "local", me.Manner)
	assert.False(t, me.Accounts)
	for _, path := range []string{"/api/v1/keys", "/api/v1/sign-ins"} {
		resp, body = call(t, s, http.MethodGet, path, "")
		assert.Equal(t, http.StatusConflict, resp.StatusCode)
		assert.Contains(t, problemIn(t, resp, body).Detail, "switched off")
	}
	resp, _ = call(t, s, http.MethodPost, "/api/v1/sign-ins", `{"name":"ada","password":"x"}`)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	resp, _ = call(t, s, http.MethodGet, "/api/v1/users", "")
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	resp, _ = call(t, s, http.MethodGet, "/api/v1/me/export", "")
	assert.Equal(t, http.StatusConflict, resp.StatusCode, "nothing is stored here")
}

func TestPeopleComeAndGo(t *testing.T) {
	s := newSite(t, nil)
	_, body := s.as(t, "guest", http.MethodPost, "/submit_mcq", goodBody)
	assert.Contains(t, body, "A) The lamp")
	resp, body := s.as(t, "guest", http.MethodPost, "/api/v1/accounts", `{"name":"Ada","password":"`+goodPassword+`"}`)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	var in api.SignedIn
	require.NoError(t, json.Unmarshal([]byte(body), &in))
	s.secrets["ada"] = in.Token
	var answers api.StoredAnswers
	_, body = s.as(t, "ada", http.MethodGet, "/api/v1/me/answers", "")
	require.NoError(t, json.Unmarshal([]byte(body), &answers))
	require.Len(t, answers.Answers, 1, "what the guest asked is the account's now")
	assert.Equal(t, "The lamp burned late.", answers.Answers[0].Asked.Text)
	_, body = s.as(t, "ada", http.MethodGet, "/api/v1/me/export", "")
	assert.Contains(t, body, "The lamp burned late.")
	exportedWhole(t, s, "ada", body)

	resp, _ = s.as(t, "ada", http.MethodPost, "/api/v1/answers", strings.Replace(goodBody, "{", `{"store":false,`, 1))
	assert.Empty(t, resp.Header.Get(api.HeaderStored), "not wanted this time")
	_, _ = s.as(t, "ada", http.MethodPatch, "/api/v1/me", `{"keep_answers":false}`)
	resp, _ = s.as(t, "ada", http.MethodPost, "/api/v1/answers", goodBody)
	assert.Empty(t, resp.Header.Get(api.HeaderStored), "not wanted any more")

	resp, body = s.as(t, "ada", http.MethodPost, "/api/v1/me:erase", `{"what":"everything","confirm":"yes"}`)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, body)
	resp, body = s.as(t, "ada", http.MethodPost, "/api/v1/me:erase", `{"what":"everything","confirm":"Delete"}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode, body)
	resp, _ = s.as(t, "ada", http.MethodGet, "/api/v1/me/export", "")
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	resp, body = s.as(t, "anonymous", http.MethodPost, "/api/v1/sign-ins", `{"name":"Ada","password":"`+goodPassword+`"}`)
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode, body)
}

// exportedWhole checks that the archive of an export holds the same JSON, and tables with readable times.
func exportedWhole(t *testing.T, s *site, caller, whole string) {
	t.Helper()
	resp, body := s.as(t, caller, http.MethodGet, "/api/v1/me/export?format=zip", "")
	require.Equal(t, "application/zip", resp.Header.Get("Content-Type"))
	archive, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	files := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		require.NoError(t, err)
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		files[f.Name] = string(raw)
	}
	assert.JSONEq(t, whole, files["my-data.json"])
	rows, err := csv.NewReader(strings.NewReader(files["answers.csv"])).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	assert.Equal(t, "id", rows[0][0])
	asked, err := time.Parse(time.RFC3339, rows[1][slices.Index(rows[0], "asked_at")])
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), asked, time.Hour)
	assert.Contains(t, files["users.csv"], "Ada")
	assert.NotContains(t, files["users.csv"], "argon2")
}

func TestAnExportedCellIsNoFormula(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, packTables(&out, []byte(`{"answers":[{"stem":"=1+1","id":"x","n":-2,"none":null,"choices":["a"]}]}`)))
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	file, err := archive.Open("answers.csv")
	require.NoError(t, err)
	raw, err := io.ReadAll(file)
	require.NoError(t, err)
	assert.Equal(t, "id,choices,n,none,stem\nx,\"[\"\"a\"\"]\",'-2,,'=1+1\n", string(raw))
}

// TestLookingMakesNobody asks as guests of whom nothing is stored.
func TestLookingMakesNobody(t *testing.T) {
	s := populated(t)
	for _, path := range []string{"/api/v1/me", "/api/v1/me/answers", "/api/v1/me/export", "/api/v1/me/export?format=zip"} {
		secret, err := s.accounts.Guest()
		require.NoError(t, err)
		s.secrets["stranger"] = secret
		resp, body := s.as(t, "stranger", http.MethodGet, path, "")
		assert.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", path, body)
		_, err = s.store.User(t.Context(), auth.GuestOf(secret))
		assert.Equal(t, sat.NotFound, sat.CodeOf(err), path)
	}
	resp, body := s.as(t, "stranger", http.MethodPost, "/api/v1/me:erase", `{"what":"everything","confirm":"delete"}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode, "there is nothing left: %s", body)
	resp, body = s.as(t, "stranger", http.MethodPatch, "/api/v1/me", `{"keep_answers":false}`)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	u, err := s.store.User(t.Context(), auth.GuestOf(s.secrets["stranger"]))
	require.NoError(t, err, "a choice is stored")
	assert.False(t, u.KeepAnswers)
}

func TestARepeatedRequestGetsTheFirstReply(t *testing.T) {
	s := populated(t)
	first, body := s.as(t, "student", http.MethodPost, "/api/v1/answers", goodBody, headerOnce, "once-1")
	require.Equal(t, http.StatusOK, first.StatusCode)
	again, same := s.as(t, "student", http.MethodPost, "/api/v1/answers", goodBody, headerOnce, "once-1")
	assert.Equal(t, body, same)
	assert.Equal(t, first.Header.Get(api.HeaderStored), again.Header.Get(api.HeaderStored))
	resp, _ := s.as(t, "student", http.MethodPost, "/api/v1/answers", strings.Replace(goodBody, "late", "early", 1), headerOnce, "once-1")
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	resp, _ = s.as(t, "student", http.MethodPost, "/api/v1/answers", goodBody, headerOnce, strings.Repeat("x", 129))
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	other, _ := s.as(t, "teacher", http.MethodPost, "/api/v1/answers", goodBody, headerOnce, "once-1")
	assert.NotEqual(t, first.Header.Get(api.HeaderStored), other.Header.Get(api.HeaderStored))
	student, err := s.accounts.Identify(t.Context(), s.secrets["student"])
	require.NoError(t, err)
	list, err := s.store.Exchanges(t.Context(), student.User.ID, sat.Cursor{}, 10)
	require.NoError(t, err)
	assert.Len(t, list, 1, "one row")
	bad := `{"text":"","question":"?","choices":["a","b"]}`
	for range 2 { // a refused request took no effect, and its name is free
		resp, _ = s.as(t, "student", http.MethodPost, "/api/v1/answers", bad, headerOnce, "once-2")
		assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	}
	resp, _ = s.as(t, "student", http.MethodPost, "/api/v1/answers", goodBody, headerOnce, "once-2")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestLimitsOfCallers(t *testing.T) {
	var refused []string
	s := newSite(t, func(o *Options) {
		o.Limits = Limits{Account: 2, Key: 3, Address: 5}
		o.Refused = func(quota string) { refused = append(refused, quota) }
	})
	s.member(t, "ada", sat.Student)
	for range 2 {
		resp, _ := s.as(t, "ada", http.MethodPost, "/submit_mcq", goodBody)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
	}
	resp, body := s.as(t, "ada", http.MethodPost, "/submit_mcq", goodBody)
	assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	assert.NotEmpty(t, resp.Header.Get("Retry-After"))
	assert.Equal(t, "0", resp.Header.Get("RateLimit-Remaining"))
	assert.Equal(t, "rate_limited", problemIn(t, resp, body).Code)
	resp, _ = s.as(t, "ada", http.MethodGet, "/api/v1/me", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode, "other requests count by themselves")
	for i := range 6 { // forged addresses and wrong keys change nothing
		resp, _ = s.as(t, "anonymous", http.MethodGet, "/api/v1/me", "", "X-Forwarded-For", fmt.Sprint("203.0.113.", i),
			api.HeaderClientAddr, fmt.Sprint("203.0.113.", i), "Authorization", "Bearer sat_k_wrong")
	}
	assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	resp, _ = s.as(t, "anonymous", http.MethodGet, "/health", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, []string{"account", "address"}, refused)
}

func TestImportsHaveLimitsOfTheirOwn(t *testing.T) {
	var refused []string
	s := newSite(t, func(o *Options) {
		o.Limits = Limits{Account: 100, Key: 100, Imports: 2, ImportsNow: 2}
		o.Refused = func(quota string) { refused = append(refused, quota) }
	})
	s.member(t, "ada", sat.Teacher)
	s.member(t, "bob", sat.Teacher)
	file := `{"v":1,` + aQuestion("one")[1:]
	send := func(who, query string) *http.Response {
		resp, _ := s.as(t, who, http.MethodPost, importPath+query, file)
		return resp
	}
	for range 2 {
		assert.Equal(t, http.StatusOK, send("ada", "").StatusCode)
	}
	third := send("ada", "")
	assert.Equal(t, http.StatusTooManyRequests, third.StatusCode)
	assert.Equal(t, "2", third.Header.Get("RateLimit-Limit"))
	for range 2*filesFactor - 2 { // what was refused is not counted
		assert.Equal(t, http.StatusOK, send("ada", "?dry_run=1").StatusCode, "a rehearsal stores nothing")
	}
	assert.Equal(t, http.StatusTooManyRequests, send("ada", "?dry_run=1").StatusCode)
	assert.Equal(t, []string{"imports", "files"}, refused)
	assert.Equal(t, http.StatusOK, send("bob", "").StatusCode, "another account")
	resp, _ := s.as(t, "ada", http.MethodGet, "/api/v1/items", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode, "another call")
	local := newServer(t, func(o *Options) { o.Limits, o.Bank = Limits{Imports: 1, ImportsNow: 1}, s.opts.Bank })
	for range 3 {
		w := httptest.NewRecorder()
		local.ServeHTTP(w, httptest.NewRequest(http.MethodPost, importPath, strings.NewReader(file)))
		assert.NotEqual(t, http.StatusTooManyRequests, w.Code, "the person at the machine is free")
	}
}

// slowFile is a body that says when somebody begins to read it, and gives nothing before it is told to hurry.
type slowFile struct {
	io.Reader
	once    sync.Once
	reading chan<- bool
	hurry   <-chan struct{}
}

func (f *slowFile) Read(p []byte) (int, error) {
	f.once.Do(func() {
		f.reading <- true
		<-f.hurry
	})
	return f.Reader.Read(p)
}

func TestFewFilesOfAnAccountAreReadAtATime(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Limits = Limits{Account: 100, Key: 100, Imports: 1000, ImportsNow: 2} })
	s.member(t, "ada", sat.Teacher)
	file := `{"v":1,` + aQuestion("one")[1:]
	send := func(body io.Reader) int {
		r := httptest.NewRequest(http.MethodPost, "http://localhost"+importPath+"?dry_run=1", body)
		r.Header.Set("Authorization", "Bearer "+s.secrets["ada"])
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	reading, hurry, statuses := make(chan bool, 2), make(chan struct{}), make(chan int, 2)
	for range 2 {
		go func() {
			statuses <- send(&slowFile{Reader: strings.NewReader(file), reading: reading, hurry: hurry})
		}()
	}
	for range 2 {
		select {
		case <-reading:
		case status := <-statuses:
			t.Fatalf("a file on a slow line got %d", status)
		}
	}
	assert.Equal(t, http.StatusTooManyRequests, send(strings.NewReader(file)))
	close(hurry)
	assert.Equal(t, http.StatusOK, <-statuses)
	assert.Equal(t, http.StatusOK, <-statuses)
	assert.Equal(t, http.StatusOK, send(strings.NewReader(file)), "the places are free again")
}

// faces are the calls that ask the engine.
var faces = []struct{ path, body string }{
	{"/submit_mcq", goodBody}, {"/api/v1/answers", goodBody},
	{"/v1/chat/completions", `{"model":"sat-tutor","messages":[{"role":"user","content":"hello"}]}`},
}

func TestAllFacesCountTogether(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Limits = Limits{Account: 4} })
	s.member(t, "ada", sat.Student)
	for i := range 4 {
		face := faces[i%len(faces)]
		resp, body := s.as(t, "ada", http.MethodPost, face.path, face.body)
		assert.NotEqual(t, http.StatusTooManyRequests, resp.StatusCode, body)
		assert.Equal(t, strconv.Itoa(3-i), resp.Header.Get("RateLimit-Remaining"), face.path)
	}
	for _, face := range faces {
		resp, _ := s.as(t, "ada", http.MethodPost, face.path, face.body)
		assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode, face.path)
	}
}

func TestAllFacesAreUnderWayTogether(t *testing.T) {
	begun, end := make(chan bool), make(chan bool)
	s := newSite(t, func(o *Options) {
		o.Limits = Limits{Account: 100, AccountNow: 2}
		o.Answers = answerFunc(func(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
			begun <- true
			<-end
			return firstChoice(ctx, q, opts)
		})
	})
	s.member(t, "ada", sat.Student)
	var asked sync.WaitGroup
	for _, face := range faces[:2] {
		asked.Go(func() {
			resp, body := s.as(t, "ada", http.MethodPost, face.path, face.body)
			assert.Equal(t, http.StatusOK, resp.StatusCode, body)
		})
		<-begun
	}
	for _, face := range faces {
		resp, body := s.as(t, "ada", http.MethodPost, face.path, face.body)
		assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode, body)
	}
	close(end)
	asked.Wait()
}

func TestThePagesNameTheirReadersAddress(t *testing.T) {
	s := newSite(t, func(o *Options) {
		o.Limits = Limits{Address: 1}
		o.FrontendKey = "both-know"
	})
	for i := range 3 {
		resp, _ := s.as(t, "anonymous", http.MethodGet, "/api/v1/me", "", api.HeaderClientAddr, fmt.Sprint("203.0.113.", i), api.HeaderFrontendKey, "both-know")
		assert.Equal(t, http.StatusOK, resp.StatusCode, "each reader counts by themselves")
	}
	resp, _ := s.as(t, "anonymous", http.MethodGet, "/api/v1/me", "", api.HeaderClientAddr, "203.0.113.0", api.HeaderFrontendKey, "both-know")
	assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
}
