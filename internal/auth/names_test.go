package auth

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// refusals are sign-ins that are all refused: who guesses must not learn which of the names are accounts.
var refusals = []struct{ what, name, password string }{
	{"a wrong password", "ada", "not her password"},
	{"no such name", "nobody", "not her password"},
	{"no such name, a password of another", "nobody", password},
	{"a closed account, its own password", "eve", password},
	{"a name that cannot be one", strings.Repeat("n", 400), password},
	{"no name", "", password},
	{"a password that cannot be one, of an account", "ada", strings.Repeat("p", 4000)},
	{"a password that cannot be one, of nobody", "nobody", strings.Repeat("p", 4000)},
}

// named gives accounts of which one is closed.
func named(t *testing.T) *people {
	t.Helper()
	p := newPeople(t)
	p.registered(t, "Ada")
	_, eve := p.registered(t, "Eve")
	require.NoError(t, p.SetDisabled(t.Context(), sat.Identity{}, eve.ID, true))
	return p
}

// counted has every computation of argon2id noted, and still done.
func (p *people) counted() (take func() []string) {
	var mu sync.Mutex
	var work []string
	note := func(what string, length int, params *argon2id.Params) {
		mu.Lock()
		defer mu.Unlock()
		work = append(work, fmt.Sprintf("%s %d bytes %+v", what, length, *params))
	}
	create, compare := p.hasher.create, p.hasher.compare
	p.hasher.create = func(password string, params *argon2id.Params) (string, error) {
		note("create", len(password), params)
		return create(password, params)
	}
	p.hasher.compare = func(password, hash string) (bool, *argon2id.Params, error) {
		match, params, err := compare(password, hash)
		note("compare", len(password), params)
		return match, params, err
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		defer func() { work = nil }()
		return work
	}
}

// TestEveryRefusedSignInCostsTheSame: whatever is wrong, argon2id is computed once, with the parameters of today, and the
// answer is the same to the letter.
func TestEveryRefusedSignInCostsTheSame(t *testing.T) {
	p := named(t)
	take := p.counted()
	for _, r := range refusals {
		p.now = p.now.Add(window) // none is refused for the number of tries
		_, _, err := p.SignIn(t.Context(), r.name, r.password, sat.Caller{Address: "192.0.2.7"})
		assert.Equal(t, errSignIn(), err, r.what)
		length := min(len(r.password), maxPassword*4+1)
		assert.Equal(t, []string{fmt.Sprintf("compare %d bytes %+v", length, *hashing())}, take(), r.what)
	}
	_, _, err := p.SignIn(t.Context(), "ada", password, sat.Caller{Address: "192.0.2.7"})
	require.NoError(t, err)
	assert.Len(t, take(), 1, "nor does it cost more to be let in")
}

// TestTriesOfNobodyAreCountedToo: a name that does not exist is refused for too many tries just as one that does.
func TestTriesOfNobodyAreCountedToo(t *testing.T) {
	p := named(t)
	p.cheap()
	told := map[string][]string{}
	for range triesOfAccount + 5 {
		p.now = p.now.Add(time.Second)
		for _, name := range []string{"ada", "nobody", "eve"} {
			_, _, err := p.SignIn(t.Context(), name, "a wrong password", sat.Caller{})
			told[name] = append(told[name], fmt.Sprintf("%+v", err))
		}
	}
	assert.Equal(t, told["ada"], told["nobody"])
	assert.Equal(t, told["ada"], told["eve"])
	assert.NotEqual(t, told["ada"][0], told["ada"][triesOfAccount+4], "it comes to a refusal")
}

// TestTimesOfRefusedSignIns measures what the clock tells about a name, with SAT_BENCH: the refusals take turns, and each
// one's median and quartiles are printed.
func TestTimesOfRefusedSignIns(t *testing.T) {
	if os.Getenv("SAT_BENCH") == "" { // nothing is proved, so nothing is left out
		t.Skip("SAT_BENCH is not set")
	}
	const rounds = 50
	p := named(t)
	took := make([][]time.Duration, len(refusals))
	for range rounds {
		p.now = p.now.Add(window)
		for i, r := range refusals {
			p.now = p.now.Add(window)
			begun := time.Now()
			_, _, err := p.SignIn(t.Context(), r.name, r.password, sat.Caller{})
			took[i] = append(took[i], time.Since(begun))
			require.Equal(t, errSignIn(), err)
		}
	}
	for i, r := range refusals {
		slices.Sort(took[i])
		t.Logf("%-46s n %d, median %v, quartiles %v to %v", r.what, rounds, took[i][rounds/2].Round(10*time.Microsecond),
			took[i][rounds/4].Round(10*time.Microsecond), took[i][rounds*3/4].Round(10*time.Microsecond))
	}
}
