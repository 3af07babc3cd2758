package sat

import (
	"context"
	"slices"
)

// Manner is how somebody showed who they are.
type Manner string

// The manners, from none to the strongest.
const (
	Anonymous Manner = "anonymous" // not at all
	AsLocal   Manner = "local"     // by sitting at the machine, where accounts are off
	AsGuest   Manner = "guest"     // by a cookie without an account
	ByKey     Manner = "key"       // by an API key of an account
	BySignIn  Manner = "sign-in"   // by name and password, a while ago
)

// Identity is who makes a request.
type Identity struct {
	Manner    Manner
	User      User   // the zero value for Anonymous
	Key       APIKey // with ByKey
	TokenHash string // with BySignIn: of the sign-in in use
	Address   string // where the request comes from
}

// Known tells that there is somebody to whom what is made can belong.
func (i Identity) Known() bool { return i.User.ID != "" }

// May says whether somebody has the rights of a role: everybody known has a student's, the local person also a
// teacher's and an evaluator's, an administrator all.
func (i Identity) May(role Role) bool {
	switch {
	case !i.Known():
		return false
	case role == Student, i.User.Role == role, i.User.Role == Admin:
		return true
	}
	return i.Manner == AsLocal && slices.Contains([]Role{Teacher, Evaluator}, role)
}

type identityKey struct{}

// WithIdentity gives a context that knows who makes the request.
func WithIdentity(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, i)
}

// IdentityOf gives who makes the request whose context this is, Anonymous where nobody said.
func IdentityOf(ctx context.Context) Identity {
	if i, ok := ctx.Value(identityKey{}).(Identity); ok {
		return i
	}
	return Identity{Manner: Anonymous}
}

// Newcomer is somebody who asks for an account.
type Newcomer struct {
	Name     string
	Password string
	Invite   string // the secret of an invitation; "" for none
	GuestID  string // whose work goes over to the account; "" for none
}

// Caller is where a sign-in comes from.
type Caller struct {
	Address string
	Agent   string
}

// Receipt is what is known of the storing of one answer, filled in by who stores it.
type Receipt struct {
	Source string // the face of the API that was asked
	Skip   bool   // the caller wants this one not to be stored
	ID     string // of the stored record, once it is on the disk
}

type receiptKey struct{}

// WithReceipt gives a context in which the storing of an answer is noted.
func WithReceipt(ctx context.Context, r *Receipt) context.Context {
	return context.WithValue(ctx, receiptKey{}, r)
}

// ReceiptOf gives the receipt of a context, nil where nobody asks for one.
func ReceiptOf(ctx context.Context) *Receipt {
	r, _ := ctx.Value(receiptKey{}).(*Receipt)
	return r
}
