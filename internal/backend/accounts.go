package backend

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// Accounts knows people; its errors are *[sat.Error].
type Accounts interface {
	On() bool
	Registration() string
	Identify(ctx context.Context, secret string) (sat.Identity, error)
	Guest() (secret string, err error)
	Register(ctx context.Context, n sat.Newcomer, from sat.Caller) (secret string, u sat.User, err error)
	SignIn(ctx context.Context, name, password string, from sat.Caller) (secret string, u sat.User, err error)
	SignOut(ctx context.Context, who sat.Identity) error
	SignOutEverywhere(ctx context.Context, who sat.Identity) error
	SignIns(ctx context.Context, who sat.Identity) ([]sat.Token, error)
	EndSignIn(ctx context.Context, who sat.Identity, id string) error
	ChangePassword(ctx context.Context, who sat.Identity, old, password string, from sat.Caller) (secret string, err error)
	NewKey(ctx context.Context, who sat.Identity, want sat.APIKey) (secret string, k sat.APIKey, err error)
	Keys(ctx context.Context, who sat.Identity) ([]sat.APIKey, error)
	RevokeKey(ctx context.Context, who sat.Identity, id string) error
	Users(ctx context.Context, after string) (users []sat.User, more bool, err error)
	SetRole(ctx context.Context, by sat.Identity, userID string, role sat.Role) error
	SetDisabled(ctx context.Context, by sat.Identity, userID string, disabled bool) error
	ResetPassword(ctx context.Context, by sat.Identity, userID string) (password string, err error)
	Invite(ctx context.Context, by sat.Identity, role sat.Role, life time.Duration) (secret string, expires time.Time, err error)
}

// Records keeps what people make; its errors are *[sat.Error].
type Records interface {
	EnsureGuest(ctx context.Context, id string) error
	Exchanges(ctx context.Context, userID string, before sat.Cursor, limit int) ([]sat.Exchange, error)
	DeleteExchange(ctx context.Context, userID, id string) error
	EraseAnswers(ctx context.Context, userID string) error
	SetKeepAnswers(ctx context.Context, userID string, keep bool) error
	Export(ctx context.Context, userID string, to io.Writer) error
	Erase(ctx context.Context, userID string) error
	AccessLog(ctx context.Context, limit int) ([]sat.Access, error)
	BeginOnce(ctx context.Context, o sat.Once) (reply sat.Reply, first bool, err error)
	EndOnce(ctx context.Context, o sat.Once, reply sat.Reply) error
	DropOnce(ctx context.Context, o sat.Once) error
}

// Bounds of lists.
const (
	answersAPage  = 50
	accessEntries = 200
)

// in is the input of a huma handler whose body is a T.
type in[T any] struct {
	Agent string `header:"User-Agent" hidden:"true"`
	Body  T
}

// onPath is the input of a huma handler for one object.
type onPath struct {
	ID string `path:"id"`
}

// operation describes a call. Bodies were read before huma sees them.
func operation(id, method, path, tag, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{tag}, Summary: summary, BodyReadTimeout: -1}
}

// done is the reply of calls that have nothing else to say.
func done(err error) (*reply[api.Done], error) {
	if err != nil {
		return nil, err
	}
	return &reply[api.Done]{api.Done{Done: true}}, nil
}

// callerOf tells where a request comes from.
func callerOf(ctx context.Context, agent string) sat.Caller {
	return sat.Caller{Address: sat.IdentityOf(ctx).Address, Agent: agent}
}

// accounts gives the accounts, or why there are none.
func (s *Server) accounts() (Accounts, error) {
	if s.opts.Accounts == nil {
		return nil, sat.Errorf(sat.Conflict, "Accounts are switched off here: everything is yours without signing in.")
	}
	return s.opts.Accounts, nil
}

// records gives what is stored of somebody, who need not have a row.
func (s *Server) records(ctx context.Context) (Records, sat.User, error) {
	who := sat.IdentityOf(ctx)
	if s.opts.Records == nil {
		return nil, sat.User{}, sat.Errorf(sat.Conflict, "Nothing is stored on this site.")
	}
	return s.opts.Records, who.User, nil
}

// ensure makes a row for somebody who has no account.
func (s *Server) ensure(ctx context.Context, who sat.Identity) error {
	if who.User.Guest() && s.opts.Records != nil {
		return s.opts.Records.EnsureGuest(ctx, who.User.ID)
	}
	return nil
}

// registerAccounts adds the calls about people.
func (s *Server) registerAccounts(to huma.API) {
	const tag = "Accounts"
	huma.Register(to, operation("register", http.MethodPost, "/api/v1/accounts", tag, "Make an account and sign in; a guest's work goes over to it"), s.register)
	huma.Register(to, operation("create-guest", http.MethodPost, "/api/v1/guests", tag, "Work without an account; the token is shown this once"),
		func(context.Context, *struct{}) (*reply[api.Guest], error) {
			accounts, err := s.accounts()
			if err != nil {
				return nil, err
			}
			secret, err := accounts.Guest()
			if err != nil {
				return nil, err
			}
			return &reply[api.Guest]{api.Guest{Token: secret}}, nil
		})
	huma.Register(to, operation("sign-in", http.MethodPost, "/api/v1/sign-ins", tag, "Sign in"), s.signIn)
	huma.Register(to, operation("list-sign-ins", http.MethodGet, "/api/v1/sign-ins", tag, "List where you are signed in"), s.listSignIns)
	huma.Register(to, operation("sign-out", http.MethodDelete, "/api/v1/sign-ins/current", tag, "Sign out"),
		func(ctx context.Context, _ *struct{}) (*reply[api.Done], error) {
			return done(s.opts.Accounts.SignOut(ctx, sat.IdentityOf(ctx)))
		})
	huma.Register(to, operation("sign-out-everywhere", http.MethodDelete, "/api/v1/sign-ins", tag, "Sign out everywhere"),
		func(ctx context.Context, _ *struct{}) (*reply[api.Done], error) {
			return done(s.opts.Accounts.SignOutEverywhere(ctx, sat.IdentityOf(ctx)))
		})
	huma.Register(to, operation("end-sign-in", http.MethodDelete, "/api/v1/sign-ins/{id}", tag, "Sign out in one place"),
		func(ctx context.Context, in *onPath) (*reply[api.Done], error) {
			return done(s.opts.Accounts.EndSignIn(ctx, sat.IdentityOf(ctx), in.ID))
		})
	huma.Register(to, operation("change-password", http.MethodPut, "/api/v1/me/password", tag, "Change your password; all sign-ins end and a new one begins"), s.changePassword)
	s.registerMe(to)
	s.registerKeys(to)
	s.registerUsers(to)
}

func (s *Server) register(ctx context.Context, in *in[api.RegisterRequest]) (*reply[api.SignedIn], error) {
	accounts, err := s.accounts()
	if err != nil {
		return nil, err
	}
	who := sat.IdentityOf(ctx)
	newcomer := sat.Newcomer{Name: in.Body.Name, Password: in.Body.Password, Invite: in.Body.Invite}
	if who.Manner == sat.AsGuest {
		newcomer.GuestID = who.User.ID
	}
	secret, u, err := accounts.Register(ctx, newcomer, callerOf(ctx, cmp.Or(in.Body.Agent, in.Agent)))
	if err != nil {
		return nil, err
	}
	return &reply[api.SignedIn]{api.SignedIn{Token: secret, Name: u.Name, Role: string(u.Role)}}, nil
}

func (s *Server) signIn(ctx context.Context, in *in[api.SignInRequest]) (*reply[api.SignedIn], error) {
	accounts, err := s.accounts()
	if err != nil {
		return nil, err
	}
	secret, u, err := accounts.SignIn(ctx, in.Body.Name, in.Body.Password, callerOf(ctx, cmp.Or(in.Body.Agent, in.Agent)))
	if err != nil {
		return nil, err
	}
	return &reply[api.SignedIn]{api.SignedIn{Token: secret, Name: u.Name, Role: string(u.Role)}}, nil
}

func (s *Server) listSignIns(ctx context.Context, _ *struct{}) (*reply[api.SignInList], error) {
	who := sat.IdentityOf(ctx)
	tokens, err := s.opts.Accounts.SignIns(ctx, who)
	if err != nil {
		return nil, err
	}
	list := api.SignInList{SignIns: []api.SignIn{}}
	for _, t := range tokens {
		list.SignIns = append(list.SignIns, api.SignIn{ID: t.ID(), Agent: t.Agent, CreatedAt: t.CreatedAt, SeenAt: t.SeenAt,
			ExpiresAt: t.ExpiresAt, Current: t.Hash == who.TokenHash})
	}
	return &reply[api.SignInList]{list}, nil
}

func (s *Server) changePassword(ctx context.Context, in *in[api.PasswordChange]) (*reply[api.SignedIn], error) {
	who := sat.IdentityOf(ctx)
	secret, err := s.opts.Accounts.ChangePassword(ctx, who, in.Body.OldPassword, in.Body.Password, callerOf(ctx, cmp.Or(in.Body.Agent, in.Agent)))
	if err != nil {
		return nil, err
	}
	return &reply[api.SignedIn]{api.SignedIn{Token: secret, Name: who.User.Name, Role: string(who.User.Role)}}, nil
}

// registerMe adds the calls about the caller's own things.
func (s *Server) registerMe(to huma.API) {
	const tag = "Me"
	huma.Register(to, operation("me", http.MethodGet, "/api/v1/me", tag, "Tell who you are, and what this site offers"), s.me)
	huma.Register(to, operation("change-me", http.MethodPatch, "/api/v1/me", tag, "Change how you are treated"),
		func(ctx context.Context, in *in[api.MeChange]) (*reply[api.Me], error) {
			records, u, err := s.records(ctx)
			if err == nil && in.Body.KeepAnswers != nil {
				err = s.ensure(ctx, sat.IdentityOf(ctx))
			}
			if err == nil && in.Body.KeepAnswers != nil {
				err = records.SetKeepAnswers(ctx, u.ID, *in.Body.KeepAnswers)
			}
			if err != nil {
				return nil, err
			}
			shape := s.meOf(ctx)
			if in.Body.KeepAnswers != nil {
				shape.KeepAnswers = *in.Body.KeepAnswers
			}
			return &reply[api.Me]{shape}, nil
		})
	huma.Register(to, operation("export", http.MethodGet, "/api/v1/me/export", tag, "Give everything that is stored of you"), s.export)
	huma.Register(to, operation("erase", http.MethodPost, "/api/v1/me:erase", tag, "Delete what is stored of you"), s.erase)
	huma.Register(to, operation("list-answers", http.MethodGet, "/api/v1/me/answers", tag, "List your questions and the tutor's answers"), s.listAnswers)
	huma.Register(to, operation("delete-answer", http.MethodDelete, "/api/v1/me/answers/{id}", tag, "Forget one question"),
		func(ctx context.Context, in *onPath) (*reply[api.Done], error) {
			records, u, err := s.records(ctx)
			if err == nil {
				err = records.DeleteExchange(ctx, u.ID, in.ID)
			}
			return done(err)
		})
}

func (s *Server) me(ctx context.Context, _ *struct{}) (*reply[api.Me], error) {
	return &reply[api.Me]{s.meOf(ctx)}, nil
}

func (s *Server) meOf(ctx context.Context) api.Me {
	who := sat.IdentityOf(ctx)
	shape := api.Me{Manner: string(who.Manner), ID: who.User.ID, Name: who.User.Name, Role: string(who.User.Role),
		KeepAnswers: who.User.KeepAnswers, Registration: "closed", Stored: s.opts.Records != nil && !s.opts.Forgets}
	if s.opts.Accounts != nil {
		shape.Accounts, shape.Registration = s.opts.Accounts.On(), s.opts.Accounts.Registration()
	}
	return shape
}

func (s *Server) erase(ctx context.Context, in *in[api.EraseRequest]) (*reply[api.Done], error) {
	if !strings.EqualFold(strings.TrimSpace(in.Body.Confirm), "delete") {
		return nil, &sat.Error{Code: sat.Invalid, Message: "Nothing was deleted: it was not confirmed.",
			Fields: []sat.FieldError{{Field: "confirm", Message: "must be the word delete"}}}
	}
	records, u, err := s.records(ctx)
	switch {
	case err != nil:
		return nil, err
	case in.Body.What == "answers":
		return done(records.EraseAnswers(ctx, u.ID))
	}
	err = records.Erase(ctx, u.ID)
	if u.Guest() && sat.CodeOf(err) == sat.NotFound { // nothing was ever stored
		err = nil
	}
	return done(err)
}

type answersInput struct {
	Before string `query:"before" maxLength:"200" doc:"What the page before gave as before, or a time: only what was asked earlier."`
}

func (s *Server) listAnswers(ctx context.Context, in *answersInput) (*reply[api.StoredAnswers], error) {
	records, u, err := s.records(ctx)
	if err != nil {
		return nil, err
	}
	before, err := sat.ParseCursor(in.Before)
	if err != nil {
		return nil, err
	}
	list, err := records.Exchanges(ctx, u.ID, before, answersAPage+1)
	if err != nil {
		return nil, err
	}
	page := api.StoredAnswers{Answers: []api.StoredAnswer{}}
	for i, x := range list {
		if i == answersAPage {
			page.Before = sat.Cursor{At: list[i-1].AskedAt, ID: list[i-1].ID}.String()
			break
		}
		page.Answers = append(page.Answers, api.FromExchange(x))
	}
	return &reply[api.StoredAnswers]{page}, nil
}
