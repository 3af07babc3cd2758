package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/store"
)

func accounts(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	ada := account(t, s, "Ada")
	account(t, s, "bob")
	t.Run("is found by id and by name in any case", func(t *testing.T) {
		u, err := s.User(ctx, ada.ID)
		require.NoError(t, err)
		assert.Equal(t, ada, u)
		u, err = s.UserByName(ctx, " aDA ")
		require.NoError(t, err)
		assert.Equal(t, ada, u)
		_, err = s.UserByName(ctx, "nobody")
		isCode(t, sat.NotFound, err)
	})
	t.Run("has a name of its own", func(t *testing.T) {
		isCode(t, sat.Conflict, s.CreateUser(ctx, sat.User{ID: "u-other", Name: "ADA", Role: sat.Student, CreatedAt: noon}))
	})
	t.Run("guests have no name and are not listed", func(t *testing.T) {
		require.NoError(t, s.EnsureGuest(ctx, "g-1"))
		require.NoError(t, s.EnsureGuest(ctx, "g-1"))
		require.NoError(t, s.EnsureGuest(ctx, "g-2"))
		list, err := s.Users(ctx, "", 10)
		require.NoError(t, err)
		assert.Equal(t, []string{"Ada", "bob"}, names(list))
		list, err = s.Users(ctx, "ada", 10)
		require.NoError(t, err)
		assert.Equal(t, []string{"bob"}, names(list))
		_, err = s.UserByName(ctx, "")
		isCode(t, sat.NotFound, err)
	})
	t.Run("is changed, and loses its sign-ins where that matters", func(t *testing.T) {
		for _, c := range []struct {
			name    string
			change  func() error
			signOut bool
		}{
			{"password", func() error { return s.SetPassword(ctx, ada.ID, "new") }, true},
			{"rehash", func() error { return s.Rehash(ctx, ada.ID, "newer") }, false},
			{"role", func() error { return s.SetRole(ctx, ada.ID, sat.Teacher) }, true},
			{"disable", func() error { return s.SetDisabled(ctx, ada.ID, noon) }, true},
			{"keep", func() error { return s.SetKeepAnswers(ctx, ada.ID, false) }, false},
		} {
			hash := "token for " + c.name
			require.NoError(t, s.CreateToken(ctx, sat.Token{Hash: hash, UserID: ada.ID, CreatedAt: noon, SeenAt: noon, ExpiresAt: noon}))
			require.NoError(t, c.change(), c.name)
			_, _, err := s.Token(ctx, hash)
			assert.Equal(t, c.signOut, err != nil, c.name)
		}
		u, err := s.User(ctx, ada.ID)
		require.NoError(t, err)
		assert.Equal(t, sat.User{ID: ada.ID, Name: "Ada", Role: sat.Teacher, PasswordHash: "newer", CreatedAt: noon, DisabledAt: noon}, u)
		require.NoError(t, s.SetDisabled(ctx, ada.ID, time.Time{}))
		u, err = s.User(ctx, ada.ID)
		require.NoError(t, err)
		assert.False(t, u.Disabled())
		isCode(t, sat.NotFound, s.SetRole(ctx, "u-none", sat.Admin))
	})
	t.Run("notes who did what", func(t *testing.T) {
		require.NoError(t, s.LogAccess(ctx, sat.Access{Actor: ada.ID, Action: "disable", Subject: "u-bob"}))
		log, err := s.AccessLog(ctx, 10)
		require.NoError(t, err)
		require.Len(t, log, 1)
		assert.Equal(t, "disable", log[0].Action)
		require.NoError(t, s.Erase(ctx, ada.ID))
		log, err = s.AccessLog(ctx, 10)
		require.NoError(t, err)
		require.Len(t, log, 1, "what was done to others stays")
		assert.Empty(t, log[0].Actor)
	})
}

func names(users []sat.User) (list []string) {
	for _, u := range users {
		list = append(list, u.Name)
	}
	return list
}

// newAccount gives an account that is to be made.
func newAccount(name, invite, guest string) sat.NewAccount {
	return sat.NewAccount{User: sat.User{ID: "u-" + strings.ToLower(name), Name: name, Role: sat.Student, KeepAnswers: true, CreatedAt: noon},
		InviteHash: invite, GuestID: guest,
		Token: sat.Token{Hash: "sign-in of " + name, CreatedAt: noon, SeenAt: noon, ExpiresAt: noon.Add(24 * time.Hour)}}
}

func secrets(t *testing.T, open Open) {
	ctx := t.Context()
	c := newClock()
	s := open(t, store.WithClock(c.Now))
	ada, bob := account(t, s, "Ada"), account(t, s, "Bob")
	t.Run("sign-ins", func(t *testing.T) {
		token := sat.Token{Hash: "h1", UserID: ada.ID, Agent: "Firefox", CreatedAt: noon, SeenAt: noon, ExpiresAt: noon.Add(time.Hour)}
		require.NoError(t, s.CreateToken(ctx, token))
		require.NoError(t, s.TouchToken(ctx, "h1", noon.Add(time.Minute)))
		got, u, err := s.Token(ctx, "h1")
		require.NoError(t, err)
		token.SeenAt = noon.Add(time.Minute)
		assert.Equal(t, token, got)
		assert.Equal(t, ada, u)
		require.NoError(t, s.DeleteToken(ctx, bob.ID, "h1"))
		list, err := s.Tokens(ctx, ada.ID)
		require.NoError(t, err)
		assert.Len(t, list, 1, "nobody ends another's sign-in")
		require.NoError(t, s.DeleteTokens(ctx, ada.ID))
		_, _, err = s.Token(ctx, "h1")
		isCode(t, sat.NotFound, err)
		isCode(t, sat.NotFound, s.CreateToken(ctx, sat.Token{Hash: "h2", UserID: "u-none", CreatedAt: noon, SeenAt: noon, ExpiresAt: noon}))
	})
	t.Run("keys", func(t *testing.T) {
		key := sat.APIKey{ID: "k1", UserID: ada.ID, Label: "script", Prefix: "sat_k_ab", Hash: "kh", Scopes: []sat.Scope{sat.ScopeV1, sat.ScopeItems}, CreatedAt: noon}
		require.NoError(t, s.CreateKey(ctx, key))
		require.NoError(t, s.TouchKey(ctx, "k1", noon))
		key.UsedAt = noon
		got, u, err := s.Key(ctx, "kh")
		require.NoError(t, err)
		assert.Equal(t, key, got)
		assert.Equal(t, ada, u)
		isCode(t, sat.NotFound, s.RevokeKey(ctx, bob.ID, "k1"))
		require.NoError(t, s.RevokeKey(ctx, ada.ID, "k1"))
		c.move(time.Hour)
		require.NoError(t, s.RevokeKey(ctx, ada.ID, "k1"))
		list, err := s.Keys(ctx, ada.ID)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, noon, list[0].RevokedAt, "the first time holds")
	})
	t.Run("an invitation lets one person in", func(t *testing.T) {
		require.NoError(t, s.CreateInvite(ctx, sat.Invite{Hash: "i1", Role: sat.Evaluator, CreatedBy: ada.ID, CreatedAt: noon, ExpiresAt: c.Now().Add(time.Hour)}))
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = s.Register(ctx, newAccount(fmt.Sprint("New", i), "i1", ""))
			})
		}
		wg.Wait()
		let := 0
		for _, err := range errs {
			if err == nil {
				let++
			} else {
				isCode(t, sat.NotFound, err)
			}
		}
		assert.Equal(t, 1, let)
		require.NoError(t, s.CreateInvite(ctx, sat.Invite{Hash: "i2", Role: sat.Student, CreatedAt: noon, ExpiresAt: c.Now().Add(time.Hour)}))
		taken := newAccount("ada", "i2", "")
		taken.User.ID = "u-ada2"
		_, err := s.Register(ctx, taken)
		isCode(t, sat.Conflict, err, "a taken name uses nothing up")
		eve, err := s.Register(ctx, newAccount("Eve", "i2", ""))
		require.NoError(t, err)
		assert.Equal(t, sat.Student, eve.Role)
		require.NoError(t, s.CreateInvite(ctx, sat.Invite{Hash: "i3", Role: sat.Student, CreatedAt: noon, ExpiresAt: c.Now()}))
		_, err = s.Register(ctx, newAccount("Late", "i3", ""))
		isCode(t, sat.NotFound, err, "one that has expired")
	})
	t.Run("a registration is one step", func(t *testing.T) {
		require.NoError(t, s.EnsureGuest(ctx, "g-1"))
		require.NoError(t, s.AddExchange(ctx, exchange("guest's", "g-1", noon)))
		require.NoError(t, s.CreateInvite(ctx, sat.Invite{Hash: "i4", Role: sat.Teacher, CreatedAt: noon, ExpiresAt: c.Now().Add(time.Hour)}))
		failing := newAccount("Zoe", "i4", "g-1")
		failing.Token.Hash = newAccount("Eve", "", "").Token.Hash // which is there, so that the last part fails
		_, err := s.Register(ctx, failing)
		require.Error(t, err)
		_, err = s.UserByName(ctx, "Zoe")
		isCode(t, sat.NotFound, err)
		list, err := s.Exchanges(ctx, "g-1", sat.Cursor{}, 10)
		require.NoError(t, err)
		assert.Len(t, list, 1, "the guest goes on")

		zoe, err := s.Register(ctx, newAccount("Zoe", "i4", "g-1"))
		require.NoError(t, err, "and may try again")
		assert.Equal(t, sat.Teacher, zoe.Role)
		list, err = s.Exchanges(ctx, zoe.ID, sat.Cursor{}, 10)
		require.NoError(t, err)
		assert.Len(t, list, 1)
		_, u, err := s.Token(ctx, "sign-in of Zoe")
		require.NoError(t, err)
		assert.Equal(t, zoe.ID, u.ID)
	})
}

func limits(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	t.Run("of tries at once, one sees the other", func(t *testing.T) {
		errFull := errors.New("full")
		var wg sync.WaitGroup
		var mu sync.Mutex
		taken := 0
		for range 24 {
			wg.Go(func() {
				err := s.Try(ctx, "account/ada", func(n sat.Tries) (sat.Tries, error) {
					if n.N >= 10 {
						return n, errFull
					}
					return sat.Tries{Since: noon, N: n.N + 1, Last: noon}, nil
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					taken++
				} else {
					assert.ErrorIs(t, err, errFull)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 10, taken)
		require.NoError(t, s.Try(ctx, "account/bob", func(n sat.Tries) (sat.Tries, error) {
			assert.Zero(t, n.N)
			return n, nil
		}))
		require.NoError(t, s.Forgive(ctx, "account/ada"))
		require.NoError(t, s.Try(ctx, "account/ada", func(n sat.Tries) (sat.Tries, error) {
			assert.Zero(t, n.N)
			return n, nil
		}))
	})
	t.Run("counters count together", func(t *testing.T) {
		a, b, other := s.Counter("general"), s.Counter("general"), s.Counter("answers")
		for _, c := range []*store.Counter{a, b, other} {
			c.Config(100, time.Minute)
		}
		var wg sync.WaitGroup
		for _, c := range []*store.Counter{a, b} {
			for range 10 {
				wg.Go(func() { assert.NoError(t, c.Increment("u-ada", noon)) })
			}
		}
		wg.Wait()
		require.NoError(t, a.IncrementBy("u-ada", noon.Add(-time.Minute), 5))
		require.NoError(t, other.Increment("u-ada", noon))
		now, before, err := b.Get("u-ada", noon, noon.Add(-time.Minute))
		require.NoError(t, err)
		assert.Equal(t, []int{20, 5}, []int{now, before})
		now, before, err = b.Get("u-bob", noon, noon.Add(-time.Minute))
		require.NoError(t, err)
		assert.Equal(t, []int{0, 0}, []int{now, before})
	})
}

func replies(t *testing.T, open Open) {
	ctx := t.Context()
	c := newClock()
	s := open(t, store.WithClock(c.Now))
	ada, bob := account(t, s, "Ada"), account(t, s, "Bob")
	once := sat.Once{UserID: ada.ID, Route: "POST /api/v1/items", Key: "key-1", RequestHash: "h1"}
	reply := sat.Reply{Status: 201, Header: map[string]string{"Location": "/items/1"}, Body: []byte(`{"id":"1"}`)}

	_, first, err := s.BeginOnce(ctx, once)
	require.NoError(t, err)
	assert.True(t, first)
	got, first, err := s.BeginOnce(ctx, once)
	require.NoError(t, err)
	assert.False(t, first)
	assert.Zero(t, got.Status, "the first one is still served")
	require.NoError(t, s.EndOnce(ctx, once, reply))
	got, first, err = s.BeginOnce(ctx, once)
	require.NoError(t, err)
	assert.False(t, first)
	assert.Equal(t, reply, got)
	require.NoError(t, s.DropOnce(ctx, once))
	_, first, err = s.BeginOnce(ctx, once)
	require.NoError(t, err)
	assert.False(t, first, "what took effect is never forgotten")

	changed, foreign := once, once
	changed.RequestHash, foreign.UserID = "h2", bob.ID
	_, _, err = s.BeginOnce(ctx, changed)
	isCode(t, sat.Invalid, err)
	_, first, err = s.BeginOnce(ctx, foreign)
	require.NoError(t, err)
	assert.True(t, first, "names of different users never meet")
	require.NoError(t, s.DropOnce(ctx, foreign))
	_, first, err = s.BeginOnce(ctx, foreign)
	require.NoError(t, err)
	assert.True(t, first)
	c.move(3 * time.Minute)
	_, first, err = s.BeginOnce(ctx, foreign)
	require.NoError(t, err)
	assert.True(t, first, "a request whose process died gives way")
	c.move(25 * time.Hour)
	_, first, err = s.BeginOnce(ctx, once)
	require.NoError(t, err)
	assert.True(t, first, "after a day")
}

func answers(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	ada, bob := account(t, s, "Ada"), account(t, s, "Bob")
	for i, id := range []string{"x1", "x2", "x3"} {
		require.NoError(t, s.AddExchange(ctx, exchange(id, ada.ID, noon.Add(time.Duration(i)*time.Minute))))
	}
	require.NoError(t, s.AddExchange(ctx, exchange("nobody's", "", noon)))
	list, err := s.Exchanges(ctx, ada.ID, sat.Cursor{}, 2)
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, exchange("x3", ada.ID, noon.Add(2*time.Minute)), list[0])
	list, err = s.Exchanges(ctx, ada.ID, sat.Cursor{At: list[1].AskedAt}, 2)
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, "x1", list[0].ID)
	t.Run("none is lost between pages, though all are of one moment", func(t *testing.T) {
		want := []string{"m1", "m2", "m3", "m4", "m5"}
		for _, id := range want {
			require.NoError(t, s.AddExchange(ctx, exchange(id, bob.ID, noon)))
		}
		var got []string
		for before := (sat.Cursor{}); len(got) <= len(want); {
			page, err := s.Exchanges(ctx, bob.ID, before, 2)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, x := range page {
				got = append(got, x.ID)
			}
			last := page[len(page)-1]
			before = sat.Cursor{At: last.AskedAt, ID: last.ID}
		}
		assert.Equal(t, want, got)
	})
	isCode(t, sat.NotFound, s.DeleteExchange(ctx, bob.ID, "x1"))
	require.NoError(t, s.DeleteExchange(ctx, ada.ID, "x1"))
	require.NoError(t, s.EraseAnswers(ctx, ada.ID))
	list, err = s.Exchanges(ctx, ada.ID, sat.Cursor{}, 10)
	require.NoError(t, err)
	assert.Empty(t, list)
	isCode(t, sat.NotFound, s.AddExchange(ctx, exchange("x9", "u-none", noon)))
}
