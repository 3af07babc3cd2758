package backend

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// registerKeys adds the calls about API keys.
func (s *Server) registerKeys(to huma.API) {
	const tag = "API keys"
	huma.Register(to, operation("list-keys", http.MethodGet, "/api/v1/keys", tag, "List your keys"),
		func(ctx context.Context, _ *struct{}) (*reply[api.KeyList], error) {
			keys, err := s.opts.Accounts.Keys(ctx, sat.IdentityOf(ctx))
			if err != nil {
				return nil, err
			}
			list := api.KeyList{Keys: []api.Key{}}
			for _, k := range keys {
				list.Keys = append(list.Keys, api.FromKey(k))
			}
			return &reply[api.KeyList]{list}, nil
		})
	huma.Register(to, operation("create-key", http.MethodPost, "/api/v1/keys", tag, "Make a key; its secret is shown this once"),
		func(ctx context.Context, in *in[api.KeyRequest]) (*reply[api.NewKey], error) {
			want := sat.APIKey{Label: in.Body.Label}
			for _, scope := range in.Body.Scopes {
				want.Scopes = append(want.Scopes, sat.Scope(scope))
			}
			if in.Body.ExpiresAt != nil {
				want.ExpiresAt = *in.Body.ExpiresAt
			}
			secret, k, err := s.opts.Accounts.NewKey(ctx, sat.IdentityOf(ctx), want)
			if err != nil {
				return nil, err
			}
			return &reply[api.NewKey]{api.NewKey{Key: api.FromKey(k), Secret: secret}}, nil
		})
	huma.Register(to, operation("revoke-key", http.MethodDelete, "/api/v1/keys/{id}", tag, "Revoke a key for good"),
		func(ctx context.Context, in *onPath) (*reply[api.Done], error) {
			return done(s.opts.Accounts.RevokeKey(ctx, sat.IdentityOf(ctx), in.ID))
		})
}

type usersInput struct {
	After string `query:"after" doc:"Only names behind this one."`
}

type userInput struct {
	ID   string `path:"id"`
	Body api.UserChange
}

// registerUsers adds the calls of administrators about other people.
func (s *Server) registerUsers(to huma.API) {
	const tag = "Administration"
	huma.Register(to, operation("list-users", http.MethodGet, "/api/v1/users", tag, "List accounts by name"), s.listUsers)
	huma.Register(to, operation("change-user", http.MethodPatch, "/api/v1/users/{id}", tag, "Change a role, close an account or open it again"), s.changeUser)
	huma.Register(to, operation("reset-password", http.MethodPost, "/api/v1/users/{id}/password", tag, "Set a new password, shown this once; the account's sign-ins end"),
		func(ctx context.Context, in *onPath) (*reply[api.NewPassword], error) {
			password, err := s.opts.Accounts.ResetPassword(ctx, sat.IdentityOf(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			return &reply[api.NewPassword]{api.NewPassword{Password: password}}, nil
		})
	huma.Register(to, operation("create-invite", http.MethodPost, "/api/v1/invites", tag, "Invite one person; the invitation is shown this once"),
		func(ctx context.Context, in *in[api.InviteRequest]) (*reply[api.Invite], error) {
			life := time.Duration(in.Body.Days) * 24 * time.Hour
			secret, expires, err := s.opts.Accounts.Invite(ctx, sat.IdentityOf(ctx), sat.Role(in.Body.Role), life)
			if err != nil {
				return nil, err
			}
			return &reply[api.Invite]{api.Invite{Invite: secret, Role: in.Body.Role, ExpiresAt: expires}}, nil
		})
	huma.Register(to, operation("access-log", http.MethodGet, "/api/v1/access-log", tag, "Tell who did what to whose account"), s.accessLog)
}

func (s *Server) listUsers(ctx context.Context, in *usersInput) (*reply[api.UserList], error) {
	users, more, err := s.opts.Accounts.Users(ctx, in.After)
	if err != nil {
		return nil, err
	}
	list := api.UserList{Users: []api.User{}}
	for _, u := range users {
		list.Users = append(list.Users, api.FromUser(u))
	}
	if more {
		list.After = users[len(users)-1].Name
	}
	return &reply[api.UserList]{list}, nil
}

func (s *Server) changeUser(ctx context.Context, in *userInput) (*reply[api.Done], error) {
	by := sat.IdentityOf(ctx)
	if in.Body.Role == "" && in.Body.Disabled == nil {
		return nil, &sat.Error{Code: sat.Invalid, Message: "There is nothing to change.",
			Fields: []sat.FieldError{{Field: "role", Message: "is missing; give a role, or disabled"}}}
	}
	if in.Body.Role != "" {
		if err := s.opts.Accounts.SetRole(ctx, by, in.ID, sat.Role(in.Body.Role)); err != nil {
			return nil, err
		}
	}
	if in.Body.Disabled != nil {
		return done(s.opts.Accounts.SetDisabled(ctx, by, in.ID, *in.Body.Disabled))
	}
	return done(nil)
}

func (s *Server) accessLog(ctx context.Context, _ *struct{}) (*reply[api.AccessLog], error) {
	if s.opts.Records == nil {
		return &reply[api.AccessLog]{api.AccessLog{Entries: []api.Access{}}}, nil
	}
	entries, err := s.opts.Records.AccessLog(ctx, accessEntries)
	if err != nil {
		return nil, err
	}
	log := api.AccessLog{Entries: []api.Access{}}
	for _, e := range entries {
		log.Entries = append(log.Entries, api.Access{At: e.At, Actor: e.Actor, By: e.By, Action: e.Action, Subject: e.Subject, Of: e.Of})
	}
	return &reply[api.AccessLog]{log}, nil
}
