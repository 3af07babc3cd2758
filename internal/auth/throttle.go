package auth

import (
	"context"
	"strings"
	"time"

	"sattutor/internal/sat"
)

// Tries of passwords: of an account, whether it exists or not, and failures of an address. Behind the free ones the
// time to the next try doubles from one second on.
const (
	window         = 15 * time.Minute
	triesOfAccount = 10
	freeTries      = 5
	longestDelay   = time.Minute
	failuresOfAddr = 100
)

// accountBucket is where the tries of a name are counted. The name itself is not stored there.
func accountBucket(name string) string {
	return "account/" + hashOf(strings.ToLower(name))[:32]
}

// take counts a try before the password is looked at, so that tries at once cannot exceed the limit. A refused one is
// told how long to wait.
func (a *Accounts) take(ctx context.Context, account, address string) error {
	now := a.opts.Now()
	err := a.opts.Store.Try(ctx, account, func(t sat.Tries) (sat.Tries, error) {
		if now.Sub(t.Since) >= window {
			t = sat.Tries{Since: now}
		}
		if wait := t.Last.Add(delay(t.N)).Sub(now); t.N >= freeTries && wait > 0 {
			return t, tooMany(wait)
		}
		if t.N >= triesOfAccount {
			return t, tooMany(t.Since.Add(window).Sub(now))
		}
		return sat.Tries{Since: t.Since, N: t.N + 1, Last: now}, nil
	})
	if err != nil {
		return err
	}
	return a.takeAddress(ctx, address)
}

// takeAddress counts a try of an address alone.
func (a *Accounts) takeAddress(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	now := a.opts.Now()
	return a.opts.Store.Try(ctx, "address/"+address, func(t sat.Tries) (sat.Tries, error) {
		if now.Sub(t.Since) >= window {
			t = sat.Tries{Since: now}
		}
		if t.N >= failuresOfAddr {
			return t, tooMany(t.Since.Add(window).Sub(now))
		}
		return sat.Tries{Since: t.Since, N: t.N + 1, Last: now}, nil
	})
}

// giveBack forgets the tries of an account whose password was right, and takes this one from those of its address.
func (a *Accounts) giveBack(ctx context.Context, account, address string) error {
	if err := a.opts.Store.Forgive(ctx, account); err != nil || address == "" {
		return err
	}
	return a.opts.Store.Try(ctx, "address/"+address, func(t sat.Tries) (sat.Tries, error) {
		t.N = max(0, t.N-1)
		return t, nil
	})
}

// delay is how long after the last of n tries the next one may come.
func delay(n int) time.Duration {
	if n < freeTries {
		return 0
	}
	return min(time.Second<<(n-freeTries), longestDelay)
}

func tooMany(wait time.Duration) error {
	return &sat.Error{Code: sat.RateLimited, RetryAfter: wait, Message: "That was tried too often. Wait a moment, then try again."}
}
