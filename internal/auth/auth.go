// Package auth knows who somebody is, and lets nobody in who is not.
//
// [Accounts] registers people, signs them in and out, and finds the [sat.Identity] behind a secret (identify.go).
// Secrets are made here, shown once, and kept as hashes (secret.go); passwords are hashed with argon2id, a bounded
// number at a time (password.go). Tries of passwords are counted where every replica counts, before a password is
// looked at (throttle.go). Whether a name exists shows neither in words nor in the work that is done.
package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"sattutor/internal/sat"
)

// Store is what accounts ask of a database; errors are *[sat.Error].
type Store interface {
	CreateUser(ctx context.Context, u sat.User) error
	Register(ctx context.Context, n sat.NewAccount) (sat.User, error)
	User(ctx context.Context, id string) (sat.User, error)
	UserByName(ctx context.Context, name string) (sat.User, error)
	Users(ctx context.Context, after string, limit int) ([]sat.User, error)
	SetPassword(ctx context.Context, userID, hash string) error
	Rehash(ctx context.Context, userID, hash string) error
	SetRole(ctx context.Context, userID string, role sat.Role) error
	SetDisabled(ctx context.Context, userID string, since time.Time) error

	CreateToken(ctx context.Context, t sat.Token) error
	Token(ctx context.Context, hash string) (sat.Token, sat.User, error)
	TouchToken(ctx context.Context, hash string, seen time.Time) error
	Tokens(ctx context.Context, userID string) ([]sat.Token, error)
	DeleteToken(ctx context.Context, userID, hash string) error
	DeleteTokens(ctx context.Context, userID string) error

	CreateKey(ctx context.Context, k sat.APIKey) error
	Key(ctx context.Context, hash string) (sat.APIKey, sat.User, error)
	TouchKey(ctx context.Context, id string, used time.Time) error
	Keys(ctx context.Context, userID string) ([]sat.APIKey, error)
	RevokeKey(ctx context.Context, userID, id string) error

	CreateInvite(ctx context.Context, i sat.Invite) error
	Try(ctx context.Context, bucket string, decide func(sat.Tries) (sat.Tries, error)) error
	Forgive(ctx context.Context, bucket string) error
	LogAccess(ctx context.Context, a sat.Access) error
}

// Registration says who may make an account.
type Registration string

// The ways of registering.
const (
	Open    Registration = "open"    // everybody
	Invited Registration = "invited" // whoever has an invitation
	Closed  Registration = "closed"  // nobody; administrators add accounts on the command line
)

// Options are what Accounts are made of. Store must not be nil.
type Options struct {
	Store        Store
	Off          bool // no accounts: everybody is the local person
	Forgets      bool // nothing that people ask is stored, so that nobody need know who does not want it
	Guests       bool // a cookie without an account has a student's rights
	Registration Registration
	Hashers      int              // passwords hashed at a time; 0 for 2
	Now          func() time.Time // nil for time.Now
}

// Accounts knows people. It is safe for concurrent use and made by New.
type Accounts struct {
	opts   Options
	hasher *hasher
}

// New gives accounts over a store.
func New(opts Options) (*Accounts, error) {
	if opts.Store == nil {
		return nil, errors.New("auth: Store is needed")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	hasher, err := newHasher(opts.Hashers)
	if err != nil {
		return nil, err
	}
	return &Accounts{opts: opts, hasher: hasher}, nil
}

// Registration tells who may make an account: "open", "invited" or "closed".
func (a *Accounts) Registration() string { return string(a.registration()) }

func (a *Accounts) registration() Registration {
	if a.opts.Off {
		return Closed
	}
	return a.opts.Registration
}

// On tells that people have accounts here.
func (a *Accounts) On() bool { return !a.opts.Off }

// Register makes an account and signs it in, in one step; the secret of the sign-in is given once.
func (a *Accounts) Register(ctx context.Context, n sat.Newcomer, from sat.Caller) (secret string, u sat.User, err error) {
	switch {
	case a.registration() == Closed:
		return "", u, sat.Errorf(sat.Forbidden, "Accounts are not made here. Ask the person who runs this site.")
	case a.registration() == Invited && n.Invite == "":
		return "", u, invalid("invite", "is missing; ask your teacher, or the person who runs this site, for one")
	}
	if err := a.takeAddress(ctx, from.Address); err != nil {
		return "", u, err
	}
	if u, err = a.newUser(ctx, n.Name, n.Password, sat.Student); err != nil {
		return "", u, err
	}
	secret, token := a.newSignIn(u, from)
	wanted := sat.NewAccount{User: u, GuestID: n.GuestID, Token: token}
	if n.Invite != "" {
		wanted.InviteHash = hashOf(strings.TrimSpace(n.Invite))
	}
	u, err = a.opts.Store.Register(ctx, wanted)
	if n.Invite != "" && sat.CodeOf(err) == sat.NotFound {
		err = invalid("invite", "is not valid, or was used already; ask for a new one")
	}
	if err != nil {
		return "", u, taken(err)
	}
	return secret, u, nil
}

// AddUser makes an account for somebody else, as the command line does.
func (a *Accounts) AddUser(ctx context.Context, name, password string, role sat.Role) (sat.User, error) {
	if !role.Valid() {
		return sat.User{}, invalid("role", "is none of student, teacher, evaluator, admin")
	}
	u, err := a.newUser(ctx, name, password, role)
	if err == nil {
		err = taken(a.opts.Store.CreateUser(ctx, u))
	}
	return u, err
}

func (a *Accounts) newUser(ctx context.Context, name, password string, role sat.Role) (sat.User, error) {
	name, err := cleanName(name)
	if err != nil {
		return sat.User{}, err
	}
	if err := checkPassword(password, name); err != nil {
		return sat.User{}, err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return sat.User{}, err
	}
	return sat.User{ID: "u-" + randomID(), Name: name, Role: role, PasswordHash: hash, KeepAnswers: true, CreatedAt: a.opts.Now().UTC()}, nil
}

// SignIn lets in who knows the password of an account. Whoever does not is told the same in every case.
func (a *Accounts) SignIn(ctx context.Context, name, password string, from sat.Caller) (secret string, u sat.User, err error) {
	if a.opts.Off {
		return "", u, sat.Errorf(sat.Conflict, "Accounts are switched off here: everything is yours without signing in.")
	}
	u, err = a.verify(ctx, name, password, from.Address)
	if err != nil {
		return "", sat.User{}, err
	}
	secret, err = a.issue(ctx, u, from)
	return secret, u, err
}

// errSignIn is the one answer to an unknown name, a wrong password and a disabled account.
func errSignIn() error {
	return sat.Errorf(sat.Unauthorized, "The name or the password is wrong, or the account is closed.")
}

// verify gives the account of a name and its password. The work is the same whether the name exists or not.
func (a *Accounts) verify(ctx context.Context, name, password, address string) (sat.User, error) {
	name = canonicalName(name)
	account := accountBucket(name)
	if err := a.take(ctx, account, address); err != nil {
		return sat.User{}, err
	}
	u, err := a.opts.Store.UserByName(ctx, name)
	if err != nil && sat.CodeOf(err) != sat.NotFound {
		return sat.User{}, err
	}
	match, stale, err := a.hasher.matches(ctx, password, u.PasswordHash)
	if err != nil {
		return sat.User{}, err
	}
	if !match || u.Disabled() {
		return sat.User{}, errSignIn()
	}
	if err := a.giveBack(ctx, account, address); err != nil {
		return sat.User{}, err
	}
	if stale {
		hash, err := a.hasher.hash(ctx, password)
		if err == nil {
			err = a.opts.Store.Rehash(ctx, u.ID, hash)
		}
		if err != nil {
			return sat.User{}, err
		}
	}
	return u, nil
}

// ChangePassword sets a new password for who knows the old one. Every sign-in of the account ends, and a new one begins.
func (a *Accounts) ChangePassword(ctx context.Context, id sat.Identity, old, password string, from sat.Caller) (secret string, err error) {
	if err := checkPassword(password, id.User.Name); err != nil {
		return "", err
	}
	u, err := a.verify(ctx, id.User.Name, old, from.Address)
	if sat.CodeOf(err) == sat.Unauthorized {
		return "", invalid("old_password", "is wrong")
	}
	if err != nil {
		return "", err
	}
	if err := a.SetPassword(ctx, u.ID, password); err != nil {
		return "", err
	}
	return a.issue(ctx, u, from)
}

// SetPassword sets a password without the old one, as the command line does. Every sign-in of the account ends.
func (a *Accounts) SetPassword(ctx context.Context, userID, password string) error {
	u, err := a.opts.Store.User(ctx, userID)
	if err != nil {
		return err
	}
	if err := checkPassword(password, u.Name); err != nil {
		return err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return a.opts.Store.SetPassword(ctx, userID, hash)
}

func invalid(field, message string) error {
	return &sat.Error{Code: sat.Invalid, Message: "The form has a mistake.", Fields: []sat.FieldError{{Field: field, Message: message}}}
}

// taken words the conflict of a name.
func taken(err error) error {
	if sat.CodeOf(err) == sat.Conflict {
		return invalid("name", "is taken; choose another one")
	}
	return err
}
