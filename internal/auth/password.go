package auth

import (
	"context"
	_ "embed" // the list of common passwords
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"sattutor/internal/plaintext"
	"sattutor/internal/sat"
)

// Lengths in characters. There are no rules of composition: length and the list of common ones are what helps.
const (
	minPassword = 8
	maxPassword = 128
	minName     = 2
	maxName     = 40
)

// hashing is the cost of one password: 19 MiB, two passes, one thread.
func hashing() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// common.txt holds the 3,000 most frequent passwords of at least 8 characters, from public lists of leaked ones.
//
//go:embed common.txt
var commonText string

var common = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, p := range strings.Fields(commonText) {
		set[p] = true
	}
	return set
})

// checkPassword refuses what would be guessed first.
func checkPassword(password, name string) error {
	n := utf8.RuneCountInString(password)
	folded := strings.ToLower(password)
	switch {
	case n < minPassword:
		return invalid("password", fmt.Sprintf("has %d characters; give at least %d, for example four words", n, minPassword))
	case n > maxPassword:
		return invalid("password", fmt.Sprintf("has %d characters; give at most %d", n, maxPassword))
	case !utf8.ValidString(password):
		return invalid("password", "holds bytes that are no text")
	case common()[folded]:
		return invalid("password", "is one of those that are guessed first; choose another one")
	case folded == strings.ToLower(name):
		return invalid("password", "is the name; choose another one")
	}
	return nil
}

// cleanName gives a name in its canonical form.
func cleanName(name string) (string, error) {
	cleaned := canonicalName(name)
	switch n := utf8.RuneCountInString(cleaned); {
	case n < minName:
		return "", invalid("name", fmt.Sprintf("is too short; give %d to %d characters", minName, maxName))
	case n > maxName:
		return "", invalid("name", fmt.Sprintf("has %d characters; give %d to %d", n, minName, maxName))
	case strings.Contains(cleaned, "@"):
		return "", invalid("name", "looks like a mail address; a nickname is enough here")
	case strings.ContainsFunc(cleaned, func(r rune) bool { return !nameRune(r) }):
		return "", invalid("name", "may hold letters, digits, spaces and the signs . _ - '")
	}
	return cleaned, nil
}

// canonicalName gives a name as it is stored and looked up.
func canonicalName(name string) string {
	return strings.Join(strings.Fields(plaintext.Clean(name)), " ")
}

func nameRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || strings.ContainsRune(" ._-'’", r)
}

// A password takes about 70 ms of one core and 19 MiB: few are hashed at a time, and few wait.
const (
	defaultHashers = 2
	maxWaiting     = 50
	hashRetry      = 5 * time.Second
)

// hasher hashes and compares passwords, so many at a time.
type hasher struct {
	places  chan struct{} // one for each that is hashed
	waiting chan struct{} // one for each that is hashed or waits
	nobody  string        // the hash for names that do not exist
	create  func(password string, params *argon2id.Params) (hash string, err error)
	compare func(password, hash string) (match bool, params *argon2id.Params, err error)
}

func newHasher(atATime int) (*hasher, error) {
	if atATime < 1 {
		atATime = defaultHashers
	}
	nobody, err := argon2id.CreateHash(newSecret(""), hashing())
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return &hasher{places: make(chan struct{}, atATime), waiting: make(chan struct{}, atATime+maxWaiting), nobody: nobody,
		create: argon2id.CreateHash, compare: argon2id.CheckHash}, nil
}

// enter takes a place; leave gives it back.
func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.waiting <- struct{}{}:
	default:
		return nil, &sat.Error{Code: sat.Unavailable, Reason: "overloaded", RetryAfter: hashRetry,
			Message: "Many people are signing in at the moment. Try again shortly."}
	}
	select {
	case h.places <- struct{}{}:
		return func() { <-h.places; <-h.waiting }, nil
	case <-ctx.Done():
		<-h.waiting
		return nil, &sat.Error{Code: sat.Timeout, Message: "Signing in took too long. Try again shortly.", Err: ctx.Err()}
	}
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	hash, err := h.create(password, hashing())
	if err != nil {
		return "", fmt.Errorf("auth: %w", err)
	}
	return hash, nil
}

// matches compares a password with a hash, or, where there is none, with one that no password has. Stale tells that the
// hash was made with other parameters than those of today.
func (h *hasher) matches(ctx context.Context, password, hash string) (match, stale bool, err error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	known := hash != ""
	if !known {
		hash = h.nobody
	}
	if len(password) > maxPassword*utf8.UTFMax {
		password = password[:maxPassword*utf8.UTFMax+1] // too long to be right, and not worth more work
	}
	match, params, err := h.compare(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("auth: a stored password cannot be read: %w", err)
	}
	return match && known, *params != *hashing(), nil
}
