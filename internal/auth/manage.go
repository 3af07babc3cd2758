package auth

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"sattutor/internal/sat"
)

// Bounds of what one account may have.
const (
	maxKeys     = 20
	maxLabel    = 60
	maxKeyLife  = 366 * 24 * time.Hour
	maxInviting = 90 * 24 * time.Hour
	prefixShown = 10 // characters of a key that stay visible
	usersAPage  = 100
)

// SignOut ends the sign-in in use.
func (a *Accounts) SignOut(ctx context.Context, id sat.Identity) error {
	return a.opts.Store.DeleteToken(ctx, id.User.ID, id.TokenHash)
}

// SignOutEverywhere ends every sign-in of an account.
func (a *Accounts) SignOutEverywhere(ctx context.Context, id sat.Identity) error {
	return a.opts.Store.DeleteTokens(ctx, id.User.ID)
}

// SignIns lists the sign-ins of an account that still work.
func (a *Accounts) SignIns(ctx context.Context, id sat.Identity) ([]sat.Token, error) {
	tokens, err := a.opts.Store.Tokens(ctx, id.User.ID)
	now := a.opts.Now()
	return slices.DeleteFunc(tokens, func(t sat.Token) bool {
		return !now.Before(t.ExpiresAt) || now.Sub(t.SeenAt) >= idleLife
	}), err
}

// EndSignIn ends one sign-in of an account.
func (a *Accounts) EndSignIn(ctx context.Context, id sat.Identity, signInID string) error {
	tokens, err := a.opts.Store.Tokens(ctx, id.User.ID)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if t.ID() == signInID {
			return a.opts.Store.DeleteToken(ctx, id.User.ID, t.Hash)
		}
	}
	return sat.Errorf(sat.NotFound, "There is no such sign-in.")
}

// NewKey makes an API key within the rights of its owner; the secret is given once.
func (a *Accounts) NewKey(ctx context.Context, id sat.Identity, want sat.APIKey) (secret string, k sat.APIKey, err error) {
	now := a.opts.Now().UTC()
	var fields []sat.FieldError
	bad := func(field, message string) { fields = append(fields, sat.FieldError{Field: field, Message: message}) }
	if n := utf8.RuneCountInString(want.Label); n < 1 || n > maxLabel {
		bad("label", fmt.Sprintf("must have 1 to %d characters; say what the key is for", maxLabel))
	}
	if len(want.Scopes) == 0 {
		bad("scopes", "is empty; give at least one of answers, v1, items, admin")
	}
	for i, scope := range want.Scopes {
		if !slices.Contains(sat.Scopes(), scope) {
			bad(fmt.Sprintf("scopes[%d]", i), "is none of answers, v1, items, admin")
		} else if scope == sat.ScopeAdmin && !id.May(sat.Admin) {
			bad(fmt.Sprintf("scopes[%d]", i), "is for administrators")
		}
	}
	if !want.ExpiresAt.IsZero() && (!want.ExpiresAt.After(now) || want.ExpiresAt.Sub(now) > maxKeyLife) {
		bad("expires_at", "must lie in the future, within a year; leave it out for a key that does not expire")
	}
	if fields != nil {
		return "", k, &sat.Error{Code: sat.Invalid, Message: "The key cannot be made like that.", Fields: fields}
	}
	keys, err := a.opts.Store.Keys(ctx, id.User.ID)
	if err != nil {
		return "", k, err
	}
	if n := len(slices.DeleteFunc(keys, func(k sat.APIKey) bool { return !k.Works(now) })); n >= maxKeys {
		return "", k, sat.Errorf(sat.Conflict, "You have %d keys already. Revoke one that you no longer use.", n)
	}
	secret = newSecret(keyPrefix)
	scopes := slices.Clone(want.Scopes)
	slices.Sort(scopes)
	k = sat.APIKey{ID: "k-" + randomID(), UserID: id.User.ID, Label: want.Label, Prefix: secret[:prefixShown], Hash: hashOf(secret),
		Scopes: slices.Compact(scopes), CreatedAt: now, ExpiresAt: want.ExpiresAt}
	return secret, k, a.opts.Store.CreateKey(ctx, k)
}

// Keys lists the API keys of an account.
func (a *Accounts) Keys(ctx context.Context, id sat.Identity) ([]sat.APIKey, error) {
	return a.opts.Store.Keys(ctx, id.User.ID)
}

// RevokeKey ends an API key for good.
func (a *Accounts) RevokeKey(ctx context.Context, id sat.Identity, keyID string) error {
	return a.opts.Store.RevokeKey(ctx, id.User.ID, keyID)
}

// Users lists accounts by name, a page after a name; more tells that there are others behind.
func (a *Accounts) Users(ctx context.Context, after string) (users []sat.User, more bool, err error) {
	users, err = a.opts.Store.Users(ctx, after, usersAPage+1)
	if len(users) > usersAPage {
		return users[:usersAPage], true, err
	}
	return users, false, err
}

// SetRole gives an account another role. Nobody changes their own, so that an administrator is always left.
func (a *Accounts) SetRole(ctx context.Context, by sat.Identity, userID string, role sat.Role) error {
	if !role.Valid() {
		return invalid("role", "is none of student, teacher, evaluator, admin")
	}
	return a.manage(ctx, by, "role "+string(role), userID, func() error { return a.opts.Store.SetRole(ctx, userID, role) })
}

// SetDisabled closes an account or opens it again; its sign-ins end and its keys rest.
func (a *Accounts) SetDisabled(ctx context.Context, by sat.Identity, userID string, disabled bool) error {
	since, action := time.Time{}, "enable"
	if disabled {
		since, action = a.opts.Now().UTC(), "disable"
	}
	return a.manage(ctx, by, action, userID, func() error { return a.opts.Store.SetDisabled(ctx, userID, since) })
}

// ResetPassword sets a new password for somebody who forgot theirs, and gives it once. Every sign-in of the account ends.
func (a *Accounts) ResetPassword(ctx context.Context, by sat.Identity, userID string) (password string, err error) {
	password = newPassword()
	err = a.manage(ctx, by, "password", userID, func() error { return a.SetPassword(ctx, userID, password) })
	if err != nil {
		return "", err
	}
	return password, nil
}

// manage changes somebody else's account, and notes it.
func (a *Accounts) manage(ctx context.Context, by sat.Identity, action, userID string, change func() error) error {
	if by.User.ID == userID {
		return sat.Errorf(sat.Conflict, "Nobody does this to their own account. Ask another administrator; your own password is changed on your account's page.")
	}
	u, err := a.opts.Store.User(ctx, userID)
	if err == nil && u.Guest() {
		err = sat.Errorf(sat.NotFound, "There is no such user.")
	}
	if err == nil {
		err = change()
	}
	if err != nil {
		return err
	}
	return a.opts.Store.LogAccess(ctx, sat.Access{Actor: by.User.ID, Action: action, Subject: userID})
}

// Invite makes an invitation with a role, for one person and a time; the secret is given once.
func (a *Accounts) Invite(ctx context.Context, by sat.Identity, role sat.Role, life time.Duration) (secret string, expires time.Time, err error) {
	switch {
	case !role.Valid():
		return "", expires, invalid("role", "is none of student, teacher, evaluator, admin")
	case life <= 0 || life > maxInviting:
		return "", expires, invalid("days", "must be 1 to 90")
	}
	now := a.opts.Now().UTC()
	secret, expires = newSecret(invitePrefix), now.Add(life)
	err = a.opts.Store.CreateInvite(ctx, sat.Invite{Hash: hashOf(secret), Role: role, CreatedBy: by.User.ID, CreatedAt: now, ExpiresAt: expires})
	if err == nil {
		err = a.opts.Store.LogAccess(ctx, sat.Access{Actor: by.User.ID, Action: "invite " + string(role)})
	}
	return secret, expires, err
}
