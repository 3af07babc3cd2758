package auth

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/store"
)

const password = "four quiet river stones"

// people is accounts over a real store, with a clock that the test moves.
type people struct {
	*Accounts
	store *store.Store
	now   time.Time
}

func newPeople(t *testing.T, change ...func(*Options)) *people {
	t.Helper()
	p := &people{now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return p.now }
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "sat.db"), store.WithClock(clock))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	opts := Options{Store: s, Guests: true, Registration: Open, Now: clock}
	for _, c := range change {
		c(&opts)
	}
	p.store = s
	p.Accounts, err = New(opts)
	require.NoError(t, err)
	return p
}

// cheap replaces the comparison of passwords, for tests that compare many.
func (p *people) cheap() *[]string {
	var compared []string
	var mu sync.Mutex
	p.hasher.compare = func(given, hash string) (bool, *argon2id.Params, error) {
		mu.Lock()
		defer mu.Unlock()
		compared = append(compared, hash)
		return given == password, hashing(), nil
	}
	return &compared
}

func (p *people) registered(t *testing.T, name string) (secret string, u sat.User) {
	t.Helper()
	secret, u, err := p.Register(t.Context(), sat.Newcomer{Name: name, Password: password}, sat.Caller{Agent: "Firefox"})
	require.NoError(t, err)
	return secret, u
}

func isCode(t *testing.T, want sat.Code, err error) {
	t.Helper()
	assert.Equal(t, want, sat.CodeOf(err), "%v", err)
}

// complains asserts that an error complains about a field.
func complains(t *testing.T, field string, err error) {
	t.Helper()
	var e *sat.Error
	if assert.ErrorAs(t, err, &e) && assert.NotEmpty(t, e.Fields) {
		assert.Equal(t, field, e.Fields[0].Field)
	}
}

func TestRegisterSignInSignOut(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	secret, u := p.registered(t, "  Ada   Lovelace ")
	assert.Equal(t, "Ada Lovelace", u.Name)
	id, err := p.Identify(ctx, secret)
	require.NoError(t, err)
	assert.Equal(t, sat.BySignIn, id.Manner)
	assert.Equal(t, u.ID, id.User.ID)

	second, _, err := p.SignIn(ctx, "ada lovelace", password, sat.Caller{Agent: "curl\x00/8"})
	require.NoError(t, err)
	assert.NotEqual(t, secret, second)
	list, err := p.SignIns(ctx, id)
	require.NoError(t, err)
	assert.Len(t, list, 2)
	require.NoError(t, p.SignOut(ctx, id))
	_, err = p.Identify(ctx, secret)
	isCode(t, sat.Unauthorized, err)
	other, err := p.Identify(ctx, second)
	require.NoError(t, err, "the other sign-in stays")
	require.NoError(t, p.SignOutEverywhere(ctx, other))
	_, err = p.Identify(ctx, second)
	isCode(t, sat.Unauthorized, err)
}

func TestSecretsAreNotStored(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	secret, u := p.registered(t, "Ada")
	id, err := p.Identify(ctx, secret)
	require.NoError(t, err)
	key, k, err := p.NewKey(ctx, id, sat.APIKey{Label: "script", Scopes: []sat.Scope{sat.ScopeAnswers}})
	require.NoError(t, err)
	invite, _, err := p.Invite(ctx, id, sat.Student, time.Hour)
	require.NoError(t, err)
	stored, err := p.store.User(ctx, u.ID)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(stored.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$"), stored.PasswordHash)
	assert.Equal(t, key[:10], k.Prefix)
	raw := dump(t, p)
	for _, s := range []string{secret, key, invite, password} {
		assert.False(t, strings.Contains(raw, s))
	}
}

func TestSignInEnds(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	secret, u := p.registered(t, "Ada")
	for range 23 { // used every half hour, less a minute
		p.now = p.now.Add(29 * time.Minute)
		_, err := p.Identify(ctx, secret)
		require.NoError(t, err)
	}
	p.now = p.now.Add(29 * time.Minute)
	_, err := p.Identify(ctx, secret)
	require.NoError(t, err)
	p.now = p.now.Add(25 * time.Minute)
	_, err = p.Identify(ctx, secret)
	isCode(t, sat.Unauthorized, err)

	idle, _, err := p.SignIn(ctx, "ada", password, sat.Caller{})
	require.NoError(t, err)
	p.now = p.now.Add(30 * time.Minute)
	_, err = p.Identify(ctx, idle)
	isCode(t, sat.Unauthorized, err)

	closed, _, err := p.SignIn(ctx, "ada", password, sat.Caller{})
	require.NoError(t, err)
	require.NoError(t, p.SetDisabled(ctx, sat.Identity{}, u.ID, true))
	_, err = p.Identify(ctx, closed)
	isCode(t, sat.Unauthorized, err)
	_, _, wrong := p.SignIn(ctx, "ada", "wrong password", sat.Caller{})
	_, _, disabled := p.SignIn(ctx, "ada", password, sat.Caller{})
	_, _, unknown := p.SignIn(ctx, "nobody", password, sat.Caller{})
	for _, err := range []error{disabled, unknown} {
		assert.Equal(t, wrong, err, "one text for all")
	}
}

func TestWhoRegisters(t *testing.T) {
	ctx := t.Context()
	t.Run("closed", func(t *testing.T) {
		p := newPeople(t, func(o *Options) { o.Registration = Closed })
		_, _, err := p.Register(ctx, sat.Newcomer{Name: "Ada", Password: password}, sat.Caller{})
		isCode(t, sat.Forbidden, err)
	})
	t.Run("invited", func(t *testing.T) {
		p := newPeople(t, func(o *Options) { o.Registration = Invited })
		_, _, err := p.Register(ctx, sat.Newcomer{Name: "Ada", Password: password}, sat.Caller{})
		complains(t, "invite", err)
		admin, err := p.AddUser(ctx, "Root", password, sat.Admin)
		require.NoError(t, err)
		invite, expires, err := p.Invite(ctx, sat.Identity{User: admin}, sat.Teacher, 24*time.Hour)
		require.NoError(t, err)
		assert.Equal(t, p.now.Add(24*time.Hour), expires)
		_, u, err := p.Register(ctx, sat.Newcomer{Name: "Ada", Password: password, Invite: " " + invite + "\n"}, sat.Caller{})
		require.NoError(t, err)
		assert.Equal(t, sat.Teacher, u.Role)
		_, _, err = p.Register(ctx, sat.Newcomer{Name: "Eve", Password: password, Invite: invite}, sat.Caller{})
		complains(t, "invite", err)
		for _, days := range []int{0, 91} {
			_, _, err = p.Invite(ctx, sat.Identity{User: admin}, sat.Teacher, time.Duration(days)*24*time.Hour)
			complains(t, "days", err)
		}
	})
	t.Run("off", func(t *testing.T) {
		p := newPeople(t, func(o *Options) { o.Off = true })
		id, err := p.Identify(ctx, "Bearer of anything")
		require.NoError(t, err)
		assert.Equal(t, LocalID, id.User.ID)
		for role, may := range map[sat.Role]bool{sat.Student: true, sat.Teacher: true, sat.Evaluator: true, sat.Admin: false} {
			assert.Equal(t, may, id.May(role), role)
		}
		_, _, err = p.SignIn(ctx, "ada", password, sat.Caller{})
		isCode(t, sat.Conflict, err)
		_, _, err = p.Register(ctx, sat.Newcomer{Name: "Ada", Password: password}, sat.Caller{})
		isCode(t, sat.Forbidden, err)
	})
}

func TestNamesAndPasswords(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	p.registered(t, "Ada")
	for _, c := range []struct{ field, name, password string }{
		{"name", "ADA", password}, {"name", "x", password}, {"name", "", password}, {"name", strings.Repeat("x", 41), password},
		{"name", "ada@example.org", password}, {"name", "<b>ada</b>", password}, {"name", "ada\u202e", ""},
		{"password", "Bob", "short"}, {"password", "Bob", strings.Repeat("x", 129)}, {"password", "Bob", "Password1"},
		{"password", "Bob", "1234567890"}, {"password", "Robert Bobson", "robert bobson"}, {"password", "Bob", "a\xff23456789"},
	} {
		_, _, err := p.Register(ctx, sat.Newcomer{Name: c.name, Password: c.password}, sat.Caller{})
		if c.password == "" { // the hidden sign is taken away, and the name is one that is there
			complains(t, "password", err)
			continue
		}
		complains(t, c.field, err)
		assert.NotContains(t, err.Error(), c.password)
	}
	for _, name := range []string{"Zoë", "Jean-Luc O’Neill", "李小龙", "s_42.b"} {
		_, _, err := p.Register(ctx, sat.Newcomer{Name: name, Password: "пароль из слов"}, sat.Caller{})
		assert.NoError(t, err, name)
	}
	_, _, err := p.SignIn(ctx, "Zoe\u0308", "пароль из слов", sat.Caller{})
	assert.NoError(t, err, "the same name in another normal form")
}

func TestChangePassword(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	first, _ := p.registered(t, "Ada")
	id, err := p.Identify(ctx, first)
	require.NoError(t, err)
	_, err = p.ChangePassword(ctx, id, "not the old one", "another good password", sat.Caller{})
	complains(t, "old_password", err)
	_, err = p.ChangePassword(ctx, id, password, "short", sat.Caller{})
	complains(t, "password", err)
	second, err := p.ChangePassword(ctx, id, password, "another good password", sat.Caller{})
	require.NoError(t, err)
	_, err = p.Identify(ctx, first)
	isCode(t, sat.Unauthorized, err)
	_, err = p.Identify(ctx, second)
	require.NoError(t, err)
	_, _, err = p.SignIn(ctx, "ada", password, sat.Caller{})
	isCode(t, sat.Unauthorized, err)
}

func TestOldHashesAreRenewed(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	old, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 8 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	require.NoError(t, err)
	require.NoError(t, p.store.CreateUser(ctx, sat.User{ID: "u-old", Name: "Old", Role: sat.Student, PasswordHash: old, CreatedAt: p.now}))
	_, _, err = p.SignIn(ctx, "old", password, sat.Caller{})
	require.NoError(t, err)
	u, err := p.store.User(ctx, "u-old")
	require.NoError(t, err)
	assert.Contains(t, u.PasswordHash, "m=19456,t=2,p=1")
	_, _, err = p.SignIn(ctx, "old", password, sat.Caller{})
	require.NoError(t, err)
}

func TestGuessesOfOneAccountAreMostlyRefused(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	p.registered(t, "Ada")
	p.registered(t, "Bob")
	compared := p.cheap()
	from := sat.Caller{Address: "192.0.2.7"}
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			_, _, err := p.SignIn(ctx, "ada", fmt.Sprintf("guess number %d", i), from)
			assert.Contains(t, []sat.Code{sat.RateLimited, sat.Unauthorized, sat.Unavailable}, sat.CodeOf(err))
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, len(*compared), freeTries, "at one moment")
	_, _, err := p.SignIn(ctx, "bob", password, from)
	require.NoError(t, err, "another one signs in from the same address")
	*compared = nil
	for range 15 * 60 {
		p.now = p.now.Add(time.Second)
		_, _, _ = p.SignIn(ctx, "ada", "guess", from)
	}
	assert.LessOrEqual(t, len(*compared), 6, "in a quarter of an hour, one try a second")
	_, _, err = p.SignIn(ctx, "no such name", "guess", from)
	isCode(t, sat.Unauthorized, err)
	for range freeTries {
		_, _, err = p.SignIn(ctx, "no such name", "guess", from)
	}
	isCode(t, sat.RateLimited, err)
	var e *sat.Error
	require.True(t, errors.As(err, &e))
	assert.Equal(t, time.Second, e.RetryAfter, "names that do not exist are refused alike")
	p.now = p.now.Add(window)
	_, _, err = p.SignIn(ctx, "ada", password, from)
	require.NoError(t, err, "nobody is locked out for good")
}

func TestGuessesOfOneAddressAreRefused(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	p.registered(t, "Ada")
	p.cheap()
	for i := range 150 {
		_, _, err := p.SignIn(ctx, fmt.Sprint("name", i), "guess", sat.Caller{Address: "192.0.2.7"})
		if i < failuresOfAddr {
			isCode(t, sat.Unauthorized, err)
		} else {
			isCode(t, sat.RateLimited, err)
		}
	}
	_, _, err := p.SignIn(ctx, "ada", password, sat.Caller{Address: "192.0.2.8"})
	require.NoError(t, err)
	for range 2 * failuresOfAddr {
		_, _, err := p.SignIn(ctx, "ada", password, sat.Caller{Address: "192.0.2.9"})
		require.NoError(t, err, "who knows the password is not counted")
	}
}

func TestFewPasswordsAreHashedAtATime(t *testing.T) {
	p := newPeople(t)
	h := p.hasher
	block, entered := make(chan struct{}), make(chan struct{}, defaultHashers)
	h.compare = func(string, string) (bool, *argon2id.Params, error) {
		entered <- struct{}{}
		<-block
		return false, hashing(), nil
	}
	var wg sync.WaitGroup
	for range defaultHashers {
		wg.Go(func() { _, _, _ = h.matches(context.Background(), "x", "") })
		<-entered
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range maxWaiting {
		wg.Go(func() {
			_, _, err := h.matches(ctx, "x", "")
			isCode(t, sat.Timeout, err)
		})
	}
	for len(h.waiting) < cap(h.waiting) { // until all of them wait
		time.Sleep(time.Millisecond)
	}
	_, _, err := h.matches(ctx, "x", "")
	isCode(t, sat.Unavailable, err)
	cancel()
	close(block)
	wg.Wait()
}

func TestKeys(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	secret, _ := p.registered(t, "Ada")
	id, err := p.Identify(ctx, secret)
	require.NoError(t, err)
	key, k, err := p.NewKey(ctx, id, sat.APIKey{Label: "script", Scopes: []sat.Scope{sat.ScopeV1, sat.ScopeAnswers, sat.ScopeV1}, ExpiresAt: p.now.Add(time.Hour)})
	require.NoError(t, err)
	assert.Equal(t, []sat.Scope{sat.ScopeAnswers, sat.ScopeV1}, k.Scopes)
	by, err := p.Identify(ctx, key)
	require.NoError(t, err)
	assert.Equal(t, sat.ByKey, by.Manner)
	assert.Equal(t, "Ada", by.User.Name)
	assert.True(t, by.Key.Opens(sat.ScopeV1))
	assert.False(t, by.Key.Opens(sat.ScopeItems))
	list, err := p.Keys(ctx, id)
	require.NoError(t, err)
	assert.Equal(t, p.now, list[0].UsedAt)
	require.NoError(t, p.RevokeKey(ctx, id, k.ID))
	_, err = p.Identify(ctx, key)
	isCode(t, sat.Unauthorized, err)
	for name, want := range map[string]sat.APIKey{
		"label": {Scopes: []sat.Scope{sat.ScopeV1}}, "scopes": {Label: "x"}, "scopes[0]": {Label: "x", Scopes: []sat.Scope{"all"}},
		"scopes[1]":  {Label: "x", Scopes: []sat.Scope{sat.ScopeV1, sat.ScopeAdmin}},
		"expires_at": {Label: "x", Scopes: []sat.Scope{sat.ScopeV1}, ExpiresAt: p.now},
	} {
		_, _, err := p.NewKey(ctx, id, want)
		complains(t, name, err)
	}
	short, _, err := p.NewKey(ctx, id, sat.APIKey{Label: "x", Scopes: []sat.Scope{sat.ScopeV1}, ExpiresAt: p.now.Add(time.Minute)})
	require.NoError(t, err)
	for range maxKeys - 1 {
		_, _, err = p.NewKey(ctx, id, sat.APIKey{Label: "x", Scopes: []sat.Scope{sat.ScopeV1}})
		require.NoError(t, err)
	}
	_, _, err = p.NewKey(ctx, id, sat.APIKey{Label: "x", Scopes: []sat.Scope{sat.ScopeV1}})
	isCode(t, sat.Conflict, err)
	p.now = p.now.Add(time.Minute)
	_, err = p.Identify(ctx, short)
	isCode(t, sat.Unauthorized, err)
}

func TestGuests(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	guest, err := p.Guest()
	require.NoError(t, err)
	id, err := p.Identify(ctx, guest)
	require.NoError(t, err)
	assert.Equal(t, sat.AsGuest, id.Manner)
	assert.Equal(t, GuestOf(guest), id.User.ID)
	assert.True(t, id.May(sat.Student))
	assert.False(t, id.May(sat.Teacher))
	require.NoError(t, p.store.EnsureGuest(ctx, id.User.ID))
	require.NoError(t, p.store.AddExchange(ctx, sat.Exchange{ID: "x", UserID: id.User.ID, AskedAt: p.now, Question: sat.Question{Choices: []string{"a"}}}))
	_, u, err := p.Register(ctx, sat.Newcomer{Name: "Ada", Password: password, GuestID: GuestOf(guest)}, sat.Caller{})
	require.NoError(t, err)
	list, err := p.store.Exchanges(ctx, u.ID, sat.Cursor{}, 10)
	require.NoError(t, err)
	assert.Len(t, list, 1, "a guest's work goes over to the account")

	none := newPeople(t, func(o *Options) { o.Guests = false })
	_, err = none.Guest()
	isCode(t, sat.Forbidden, err)
	_, err = none.Identify(ctx, guest)
	isCode(t, sat.Unauthorized, err)
	for _, secret := range []string{"x", "sat_g_", "sat_g_short", "sat_k_" + guest[6:], "sat_s_" + guest[6:], guest + "x"} {
		_, err := p.Identify(ctx, secret)
		isCode(t, sat.Unauthorized, err)
	}
	assert.Empty(t, GuestOf("sat_s_"+guest[6:]))
	anonymous, err := p.Identify(ctx, "")
	require.NoError(t, err)
	assert.False(t, anonymous.May(sat.Student))
}

func TestManagingAccounts(t *testing.T) {
	ctx := t.Context()
	p := newPeople(t)
	root, err := p.AddUser(ctx, "Root", password, sat.Admin)
	require.NoError(t, err)
	by := sat.Identity{Manner: sat.BySignIn, User: root}
	secret, ada := p.registered(t, "Ada")
	require.NoError(t, p.SetRole(ctx, by, ada.ID, sat.Teacher))
	_, err = p.Identify(ctx, secret)
	isCode(t, sat.Unauthorized, err)
	complains(t, "role", p.SetRole(ctx, by, ada.ID, "owner"))
	isCode(t, sat.Conflict, p.SetRole(ctx, by, root.ID, sat.Student))
	isCode(t, sat.Conflict, p.SetDisabled(ctx, by, root.ID, true))
	isCode(t, sat.NotFound, p.SetRole(ctx, by, "u-none", sat.Student))
	require.NoError(t, p.store.EnsureGuest(ctx, "g-1"))
	isCode(t, sat.NotFound, p.SetRole(ctx, by, "g-1", sat.Admin))
	require.NoError(t, p.SetDisabled(ctx, by, ada.ID, true))
	require.NoError(t, p.SetDisabled(ctx, by, ada.ID, false))
	log, err := p.store.AccessLog(ctx, 10)
	require.NoError(t, err)
	assert.Len(t, log, 3)
	fresh, err := p.ResetPassword(ctx, by, ada.ID)
	require.NoError(t, err)
	_, _, err = p.SignIn(ctx, "ada", password, sat.Caller{})
	isCode(t, sat.Unauthorized, err)
	_, _, err = p.SignIn(ctx, "ada", fresh, sat.Caller{})
	require.NoError(t, err)
	_, err = p.ResetPassword(ctx, by, root.ID)
	isCode(t, sat.Conflict, err)
	log, err = p.store.AccessLog(ctx, 10)
	require.NoError(t, err)
	var told [][3]string // all of one moment, by the clock of this test
	for _, entry := range log {
		told = append(told, [3]string{entry.By, entry.Action, entry.Of})
	}
	assert.Contains(t, told, [3]string{"Root", "password", "Ada"})
	users, more, err := p.Users(ctx, "")
	require.NoError(t, err)
	assert.False(t, more)
	assert.Len(t, users, 2)
	_, err = p.AddUser(ctx, "New", password, "owner")
	complains(t, "role", err)
}

// dump gives everything that is stored.
func dump(t *testing.T, p *people) string {
	t.Helper()
	var file bytes.Buffer
	_, err := p.store.Backup(t.Context(), &file)
	require.NoError(t, err)
	r, err := gzip.NewReader(&file)
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(text)
}

// fullDisk is a store that is read and takes nothing more.
type fullDisk struct{ Store }

func (fullDisk) TouchToken(context.Context, string, time.Time) error { return errFull }
func (fullDisk) TouchKey(context.Context, string, time.Time) error   { return errFull }

var errFull = &sat.Error{Code: sat.Unavailable, Reason: "storage", Message: "The disk is full."}

// TestAFullDiskKeepsNobodyOut: who is signed in or holds a key reads on.
func TestAFullDiskKeepsNobodyOut(t *testing.T) {
	p := newPeople(t)
	secret, u := p.registered(t, "Ada")
	id, err := p.Identify(t.Context(), secret)
	require.NoError(t, err)
	key, _, err := p.NewKey(t.Context(), id, sat.APIKey{Label: "script", Scopes: []sat.Scope{sat.ScopeAnswers}, ExpiresAt: p.now.Add(time.Hour)})
	require.NoError(t, err)
	p.opts.Store = fullDisk{p.opts.Store}
	p.now = p.now.Add(2 * touchEvery)
	for _, s := range []string{secret, key} {
		id, err := p.Identify(t.Context(), s)
		require.NoError(t, err)
		assert.Equal(t, u.ID, id.User.ID)
	}
}
