package sat

import (
	"slices"
	"time"
)

// Role says what an account may do.
type Role string

// The roles, from the fewest rights to the most.
const (
	Student   Role = "student"   // answers, practises; its own objects
	Teacher   Role = "teacher"   // writes the question bank too
	Evaluator Role = "evaluator" // votes in the arena too
	Admin     Role = "admin"     // everything, users and models included
)

// Roles lists every role once.
func Roles() []Role { return []Role{Student, Teacher, Evaluator, Admin} }

// Valid says whether r is one of the roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// User is somebody who owns what he or she makes: an account, or a guest, who has no name.
type User struct {
	ID           string
	Name         string // as it was typed; "" for a guest
	Role         Role
	PasswordHash string // argon2id; "" for who cannot sign in
	KeepAnswers  bool   // questions and answers are stored
	CreatedAt    time.Time
	DisabledAt   time.Time // zero while the account may be used
}

// Guest tells that the user has no account.
func (u User) Guest() bool { return u.Name == "" }

// Disabled tells that the account may not be used.
func (u User) Disabled() bool { return !u.DisabledAt.IsZero() }

// Token is one sign-in: whoever shows its secret is its user until it expires.
type Token struct {
	Hash      string // SHA-256 of the secret, hexadecimal
	UserID    string
	Agent     string // the browser's or program's own name, shortened
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
}

// ID names the sign-in to its user, and opens nothing.
func (t Token) ID() string { return t.Hash[:min(len(t.Hash), 16)] }

// Scope is a part of the API that a key opens.
type Scope string

// The scopes of keys. What a key may do is also bounded by its owner's role.
const (
	ScopeAnswers Scope = "answers" // ask the tutor
	ScopeV1      Scope = "v1"      // the OpenAI-compatible gateway
	ScopeItems   Scope = "items"   // the question bank
	ScopeAdmin   Scope = "admin"   // users and models
)

// Scopes lists every scope once.
func Scopes() []Scope { return []Scope{ScopeAnswers, ScopeV1, ScopeItems, ScopeAdmin} }

// APIKey is a secret for programs, which acts for its owner within its scopes.
type APIKey struct {
	ID        string
	UserID    string
	Label     string
	Prefix    string // the first characters of the secret, by which people tell keys apart
	Hash      string // SHA-256 of the secret, hexadecimal
	Scopes    []Scope
	CreatedAt time.Time
	ExpiresAt time.Time // zero for never
	UsedAt    time.Time // zero for never
	RevokedAt time.Time // zero while it works
}

// Works tells whether the key opens anything at a time.
func (k APIKey) Works(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// Opens says whether the key has a scope.
func (k APIKey) Opens(s Scope) bool { return slices.Contains(k.Scopes, s) }

// Invite lets one person register with a role.
type Invite struct {
	Hash      string // SHA-256 of the secret, hexadecimal
	Role      Role
	CreatedBy string // id of a user; "" for the command line
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Tries counts what was tried in one bucket of a throttle, such as passwords of one account.
type Tries struct {
	Since time.Time // when counting began
	N     int
	Last  time.Time
}

// Access is one entry of the access log: who did what to whose account.
type Access struct {
	ID      string
	At      time.Time
	Actor   string // id of a user; "" for the command line, and for one who is gone
	By      string // name of the actor; set by the store
	Action  string // "role", "disable", "enable", "invite", "password", "read"
	Subject string // id of a user; "" for none
	Of      string // name of the subject; set by the store
}

// Once names a request that must take effect once.
type Once struct {
	UserID, Route, Key string
	RequestHash        string // over the body: the same key with another body is a mistake of the client
}

// Reply is the first result of a request that carried an Idempotency-Key.
type Reply struct {
	Status int // 0 while the first request is served
	Header map[string]string
	Body   []byte
}

// NewAccount is an account that is to be made, with what goes with it.
type NewAccount struct {
	User       User
	InviteHash string // of the invitation that gives its role; "" for none
	GuestID    string // whose work goes over to it; "" for nobody's
	Token      Token  // its first sign-in
}

// Exchange is one question that was asked and the tutor's answer to it.
type Exchange struct {
	ID       string
	UserID   string // "" where nobody was named
	AskedAt  time.Time
	Source   string // the face of the API: "submit_mcq", "answers", "v1"
	Question Question
	Answer   Answer
}
