package auth

import (
	"context"
	"strings"
	"time"

	"sattutor/internal/sat"
)

// Life of a sign-in.
const (
	idleLife     = 30 * time.Minute
	absoluteLife = 12 * time.Hour
	touchEvery   = time.Minute // how exactly its use is noted
	maxAgent     = 80
)

// LocalID is the id of the person at the machine, where accounts are off.
const LocalID = "local"

// Identify finds who shows a secret, "" for none. A secret that opens nothing is an error: whoever shows one expects to
// be somebody.
func (a *Accounts) Identify(ctx context.Context, secret string) (sat.Identity, error) {
	switch {
	case a.opts.Off:
		return a.asLocal(ctx), nil
	case secret == "":
		return sat.Identity{Manner: sat.Anonymous}, nil
	case wellFormed(secret, signInPrefix):
		return a.bySignIn(ctx, secret)
	case wellFormed(secret, keyPrefix):
		return a.byKey(ctx, secret)
	case wellFormed(secret, guestPrefix) && a.opts.Guests:
		return a.asGuest(ctx, guestID(secret))
	}
	return sat.Identity{}, errSecret()
}

func errSecret() error {
	return sat.Errorf(sat.Unauthorized, "You are not signed in any more, or the key does not work. Sign in, or use another key.")
}

func (a *Accounts) bySignIn(ctx context.Context, secret string) (sat.Identity, error) {
	t, u, err := a.opts.Store.Token(ctx, hashOf(secret))
	now := a.opts.Now()
	switch {
	case sat.CodeOf(err) == sat.NotFound:
		return sat.Identity{}, errSecret()
	case err != nil:
		return sat.Identity{}, err
	case !now.Before(t.ExpiresAt), now.Sub(t.SeenAt) >= idleLife, u.Disabled():
		return sat.Identity{}, errSecret()
	}
	if now.Sub(t.SeenAt) >= touchEvery {
		if err := touched(a.opts.Store.TouchToken(ctx, t.Hash, now)); err != nil {
			return sat.Identity{}, err
		}
	}
	return sat.Identity{Manner: sat.BySignIn, User: u, TokenHash: t.Hash}, nil
}

func (a *Accounts) byKey(ctx context.Context, secret string) (sat.Identity, error) {
	k, u, err := a.opts.Store.Key(ctx, hashOf(secret))
	now := a.opts.Now()
	switch {
	case sat.CodeOf(err) == sat.NotFound:
		return sat.Identity{}, errSecret()
	case err != nil:
		return sat.Identity{}, err
	case !k.Works(now), u.Disabled():
		return sat.Identity{}, errSecret()
	}
	if now.Sub(k.UsedAt) >= touchEvery {
		if err := touched(a.opts.Store.TouchKey(ctx, k.ID, now)); err != nil {
			return sat.Identity{}, err
		}
	}
	return sat.Identity{Manner: sat.ByKey, User: u, Key: k}, nil
}

// touched lets a database pass that takes nothing more, for instance because its disk is full: who was known stays known,
// and what is stored can be read.
func touched(err error) error {
	if sat.CodeOf(err) == sat.Unavailable {
		return nil
	}
	return err
}

// asGuest gives a guest, whose row is made when something is stored for them.
func (a *Accounts) asGuest(ctx context.Context, id string) (sat.Identity, error) {
	u, err := a.opts.Store.User(ctx, id)
	switch {
	case sat.CodeOf(err) == sat.NotFound:
		u = sat.User{ID: id, Role: sat.Student, KeepAnswers: true}
	case err != nil:
		return sat.Identity{}, err
	case !u.Guest():
		return sat.Identity{}, errSecret()
	}
	return sat.Identity{Manner: sat.AsGuest, User: u}, nil
}

// asLocal gives the person at the machine. A database that is not there keeps nobody from asking.
func (a *Accounts) asLocal(ctx context.Context) sat.Identity {
	local := sat.Identity{Manner: sat.AsLocal, User: sat.User{ID: LocalID, Role: sat.Student, KeepAnswers: true}}
	if a.opts.Forgets {
		return local
	}
	if u, err := a.opts.Store.User(ctx, LocalID); err == nil {
		local.User = u
	}
	return local
}

// GuestOf gives the id of the guest behind a secret, "" where it is none of a guest.
func GuestOf(secret string) string {
	if !wellFormed(secret, guestPrefix) {
		return ""
	}
	return guestID(secret)
}

// issue begins a sign-in.
func (a *Accounts) issue(ctx context.Context, u sat.User, from sat.Caller) (string, error) {
	secret, t := a.newSignIn(u, from)
	return secret, a.opts.Store.CreateToken(ctx, t)
}

// newSignIn gives a sign-in that is to be stored, and its secret.
func (a *Accounts) newSignIn(u sat.User, from sat.Caller) (secret string, t sat.Token) {
	secret, now := newSecret(signInPrefix), a.opts.Now().UTC()
	return secret, sat.Token{Hash: hashOf(secret), UserID: u.ID, Agent: shortened(from.Agent), CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(absoluteLife)}
}

// shortened keeps of a browser's name what tells one from another.
func shortened(agent string) string {
	agent = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, agent), "")
	if runes := []rune(agent); len(runes) > maxAgent {
		return string(runes[:maxAgent])
	}
	return agent
}
