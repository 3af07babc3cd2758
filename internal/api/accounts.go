package api

import (
	"time"

	"sattutor/internal/sat"
)

// HeaderStored names the stored record of an answer, once it is on the disk.
const HeaderStored = "X-Sat-Stored"

// Headers by which the pages tell for whom they call. The address is believed with the key that both servers hold.
const (
	HeaderClientAddr  = "X-Sat-Client-Addr"
	HeaderFrontendKey = "X-Sat-Frontend-Key"
)

// Done says that a call did what it was asked for.
type Done struct {
	Done bool `json:"done"`
}

// Me is who makes the request, and what this site offers.
type Me struct {
	Manner       string `json:"manner" enum:"anonymous,local,guest,key,sign-in" doc:"How you showed who you are."`
	ID           string `json:"id,omitempty"`
	Name         string `json:"name,omitempty"`
	Role         string `json:"role,omitempty" enum:"student,teacher,evaluator,admin"`
	KeepAnswers  bool   `json:"keep_answers" doc:"Your questions and the tutor's answers are stored."`
	Accounts     bool   `json:"accounts" doc:"People have accounts here; otherwise everything belongs to the person at the machine."`
	Registration string `json:"registration" enum:"open,invited,closed" doc:"Who may make an account."`
	Stored       bool   `json:"stored" doc:"Answers are stored at all on this site."`
}

// Guest is somebody without an account. The token is shown this once.
type Guest struct {
	Token string `json:"token" doc:"Send it as Authorization: Bearer. What it stores is seen by whoever has it."`
}

// RegisterRequest is the body of POST /api/v1/accounts.
type RegisterRequest struct {
	Name     string `json:"name" doc:"A nickname, 2 to 40 characters; no mail address."`
	Password string `json:"password" doc:"8 to 128 characters."`
	Agent    string `json:"agent,omitempty" doc:"Name of the browser or program, for the list of sign-ins."`
	Invite   string `json:"invite,omitempty" doc:"An invitation, where registration needs one."`
}

// SignInRequest is the body of POST /api/v1/sign-ins.
type SignInRequest struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Agent    string `json:"agent,omitempty" doc:"Name of the browser or program, for the list of sign-ins."`
}

// SignedIn is the reply to whoever was let in. The token is shown this once.
type SignedIn struct {
	Token string `json:"token" doc:"Send it as Authorization: Bearer. It ends 30 minutes after its last use, at the latest after 12 hours."`
	Name  string `json:"name"`
	Role  string `json:"role"`
}

// SignIn is one place where an account is signed in.
type SignIn struct {
	ID        string    `json:"id"`
	Agent     string    `json:"agent"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Current   bool      `json:"current" doc:"The one that makes this request."`
}

// SignInList is the reply of GET /api/v1/sign-ins.
type SignInList struct {
	SignIns []SignIn `json:"sign_ins"`
}

// PasswordChange is the body of PUT /api/v1/me/password.
type PasswordChange struct {
	OldPassword string `json:"old_password"`
	Password    string `json:"password"`
	Agent       string `json:"agent,omitempty" doc:"Name of the browser or program, for the list of sign-ins."`
}

// MeChange is the body of PATCH /api/v1/me.
type MeChange struct {
	KeepAnswers *bool `json:"keep_answers,omitempty" doc:"Whether your questions and the tutor's answers are stored from now on."`
}

// EraseRequest is the body of POST /api/v1/me:erase.
type EraseRequest struct {
	What    string `json:"what" enum:"everything,answers" doc:"everything deletes the account too."`
	Confirm string `json:"confirm" doc:"The word delete: what is deleted cannot be had back."`
}

// KeyRequest is the body of POST /api/v1/keys.
type KeyRequest struct {
	Label     string     `json:"label" doc:"What the key is for."`
	Scopes    []string   `json:"scopes" doc:"Any of answers, v1, items, admin."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"Within a year; left out for never."`
}

// Key is an API key without its secret.
type Key struct {
	ID        string     `json:"id"`
	Label     string     `json:"label"`
	Prefix    string     `json:"prefix" doc:"How the secret begins."`
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	UsedAt    *time.Time `json:"used_at,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

// NewKey is a key with its secret, which is shown this once.
type NewKey struct {
	Key
	Secret string `json:"secret" doc:"Send it as Authorization: Bearer."`
}

// KeyList is the reply of GET /api/v1/keys.
type KeyList struct {
	Keys []Key `json:"keys"`
}

// StoredAnswer is one question of the caller with the tutor's answer.
type StoredAnswer struct {
	ID      string     `json:"id"`
	AskedAt time.Time  `json:"asked_at"`
	Asked   MCQRequest `json:"asked"`
	Answer  Answer     `json:"answer"`
}

// StoredAnswers is a page of them, the newest first.
type StoredAnswers struct {
	Answers []StoredAnswer `json:"answers"`
	Before  string         `json:"before,omitempty" doc:"Give it as before for the next page; absent on the last one."`
}

// User is an account as an administrator sees it.
type User struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Role       string     `json:"role"`
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at,omitempty"`
}

// UserList is a page of accounts by name.
type UserList struct {
	Users []User `json:"users"`
	After string `json:"after,omitempty" doc:"Give it as after for the next page; absent on the last one."`
}

// UserChange is the body of PATCH /api/v1/users/{id}.
type UserChange struct {
	Role     string `json:"role,omitempty" doc:"student, teacher, evaluator or admin; the account's sign-ins end."`
	Disabled *bool  `json:"disabled,omitempty" doc:"Whether the account is closed."`
}

// NewPassword is a password that was set for somebody else, shown this once.
type NewPassword struct {
	Password string `json:"password" doc:"To be changed by whom it is given to."`
}

// InviteRequest is the body of POST /api/v1/invites.
type InviteRequest struct {
	Role string `json:"role" doc:"student, teacher, evaluator or admin."`
	Days int    `json:"days" doc:"How long it is good for, 1 to 90."`
}

// Invite is an invitation, shown this once.
type Invite struct {
	Invite    string    `json:"invite"`
	Role      string    `json:"role"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Access is one entry of the access log.
type Access struct {
	At      time.Time `json:"at"`
	Actor   string    `json:"actor,omitempty" doc:"Id of a user; absent for the command line."`
	By      string    `json:"actor_name,omitempty"`
	Action  string    `json:"action"`
	Subject string    `json:"subject,omitempty" doc:"Id of a user."`
	Of      string    `json:"subject_name,omitempty"`
}

// AccessLog is the reply of GET /api/v1/access-log, the newest entry first.
type AccessLog struct {
	Entries []Access `json:"entries"`
}

// FromKey gives the API's form of a key.
func FromKey(k sat.APIKey) Key {
	out := Key{ID: k.ID, Label: k.Label, Prefix: k.Prefix, Scopes: []string{}, CreatedAt: k.CreatedAt,
		ExpiresAt: known(k.ExpiresAt), UsedAt: known(k.UsedAt), RevokedAt: known(k.RevokedAt)}
	for _, scope := range k.Scopes {
		out.Scopes = append(out.Scopes, string(scope))
	}
	return out
}

// FromUser gives the API's form of an account.
func FromUser(u sat.User) User {
	return User{ID: u.ID, Name: u.Name, Role: string(u.Role), CreatedAt: u.CreatedAt, DisabledAt: known(u.DisabledAt)}
}

// FromExchange gives the API's form of a stored answer.
func FromExchange(x sat.Exchange) StoredAnswer {
	return StoredAnswer{ID: x.ID, AskedAt: x.AskedAt, Asked: FromQuestion(x.Question), Answer: FromAnswer(x.Answer, "")}
}

// known gives nil for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
