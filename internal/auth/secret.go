package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"sattutor/internal/sat"
)

// What a secret begins with tells people and scanners what it is.
const (
	signInPrefix = "sat_s_"
	keyPrefix    = "sat_k_"
	guestPrefix  = "sat_g_"
	invitePrefix = "sat_i_"
)

// secretBytes is the length of what cannot be guessed.
const secretBytes = 32

// newSecret makes a secret, which is shown once and never stored.
func newSecret(prefix string) string {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(raw)
}

// wellFormed tells that a text could be a secret of a kind.
func wellFormed(secret, prefix string) bool {
	rest, ok := strings.CutPrefix(secret, prefix)
	raw, err := base64.RawURLEncoding.DecodeString(rest)
	return ok && err == nil && len(raw) == secretBytes
}

// hashOf is the form in which a secret is stored and looked up: being found by its hash takes no comparison that could
// be timed.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Guest makes the secret of a guest, who is nobody until something is stored for them.
func (a *Accounts) Guest() (secret string, err error) {
	switch {
	case a.opts.Off:
		return "", sat.Errorf(sat.Conflict, "Accounts are switched off here: everything is yours without signing in.")
	case !a.opts.Guests:
		return "", sat.Errorf(sat.Forbidden, "This site is for people with an account. Sign in first.")
	}
	return newSecret(guestPrefix), nil
}

// guestID is the id of the guest behind a secret.
func guestID(secret string) string { return "g-" + hashOf(secret)[:32] }

// newPassword makes a password that can be read out: 80 random bits in groups of four.
func newPassword() string {
	text := strings.ToLower(rand.Text()[:16])
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}

func randomID() string { return strings.ToLower(rand.Text()) }
