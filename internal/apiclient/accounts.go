package apiclient

import (
	"context"
	"net/http"
	"net/url"

	"sattutor/internal/api"
)

// Me tells who the caller is, and what the site offers.
func (c *Client) Me(ctx context.Context) (api.Me, error) {
	return send[api.Me](ctx, c, http.MethodGet, "/api/v1/me", nil)
}

// Guest makes somebody without an account.
func (c *Client) Guest(ctx context.Context) (api.Guest, error) {
	return send[api.Guest](ctx, c, http.MethodPost, "/api/v1/guests", struct{}{})
}

// Register makes an account and signs it in.
func (c *Client) Register(ctx context.Context, r api.RegisterRequest) (api.SignedIn, error) {
	return send[api.SignedIn](ctx, c, http.MethodPost, "/api/v1/accounts", r)
}

// SignIn signs in.
func (c *Client) SignIn(ctx context.Context, r api.SignInRequest) (api.SignedIn, error) {
	return send[api.SignedIn](ctx, c, http.MethodPost, "/api/v1/sign-ins", r)
}

// SignIns lists where the caller is signed in.
func (c *Client) SignIns(ctx context.Context) ([]api.SignIn, error) {
	list, err := send[api.SignInList](ctx, c, http.MethodGet, "/api/v1/sign-ins", nil)
	return list.SignIns, err
}

// EndSignIn ends one sign-in of the caller, or with "current" the one in use.
func (c *Client) EndSignIn(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/sign-ins/"+url.PathEscape(id), nil)
}

// SignOutEverywhere ends every sign-in of the caller.
func (c *Client) SignOutEverywhere(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/sign-ins", nil)
}

// ChangePassword sets a new password; the caller goes on with the new token.
func (c *Client) ChangePassword(ctx context.Context, p api.PasswordChange) (api.SignedIn, error) {
	return send[api.SignedIn](ctx, c, http.MethodPut, "/api/v1/me/password", p)
}

// ChangeMe changes how the caller is treated.
func (c *Client) ChangeMe(ctx context.Context, m api.MeChange) (api.Me, error) {
	return send[api.Me](ctx, c, http.MethodPatch, "/api/v1/me", m)
}

// Export gives everything that is stored of the caller: a zip archive with JSON, and a CSV file for each table.
func (c *Client) Export(ctx context.Context) (*Exported, error) {
	return c.file(ctx, "/api/v1/me/export?format=zip")
}

// Erase deletes what is stored of the caller.
func (c *Client) Erase(ctx context.Context, e api.EraseRequest) error {
	return c.do(ctx, http.MethodPost, "/api/v1/me:erase", e)
}

// Answers lists the caller's questions and the tutor's answers, the newest first: those behind a page by what that
// gave as Before, from the newest on for "".
func (c *Client) Answers(ctx context.Context, before string) (api.StoredAnswers, error) {
	path := "/api/v1/me/answers"
	if before != "" {
		path += "?before=" + url.QueryEscape(before)
	}
	return send[api.StoredAnswers](ctx, c, http.MethodGet, path, nil)
}

// DeleteAnswer forgets one question of the caller.
func (c *Client) DeleteAnswer(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/me/answers/"+url.PathEscape(id), nil)
}

// Keys lists the caller's API keys.
func (c *Client) Keys(ctx context.Context) ([]api.Key, error) {
	list, err := send[api.KeyList](ctx, c, http.MethodGet, "/api/v1/keys", nil)
	return list.Keys, err
}

// NewKey makes an API key.
func (c *Client) NewKey(ctx context.Context, k api.KeyRequest) (api.NewKey, error) {
	return send[api.NewKey](ctx, c, http.MethodPost, "/api/v1/keys", k)
}

// RevokeKey ends an API key for good.
func (c *Client) RevokeKey(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/keys/"+url.PathEscape(id), nil)
}

// Users lists accounts by name, those behind a name.
func (c *Client) Users(ctx context.Context, after string) (api.UserList, error) {
	return send[api.UserList](ctx, c, http.MethodGet, "/api/v1/users?after="+url.QueryEscape(after), nil)
}

// ChangeUser changes somebody's role, closes an account or opens it again.
func (c *Client) ChangeUser(ctx context.Context, id string, u api.UserChange) error {
	return c.do(ctx, http.MethodPatch, "/api/v1/users/"+url.PathEscape(id), u)
}

// ResetPassword sets a new password for somebody and gives it.
func (c *Client) ResetPassword(ctx context.Context, id string) (string, error) {
	made, err := send[api.NewPassword](ctx, c, http.MethodPost, "/api/v1/users/"+url.PathEscape(id)+"/password", struct{}{})
	return made.Password, err
}

// AccessLog tells who did what to whose account, the newest first.
func (c *Client) AccessLog(ctx context.Context) ([]api.Access, error) {
	log, err := send[api.AccessLog](ctx, c, http.MethodGet, "/api/v1/access-log", nil)
	return log.Entries, err
}

// Invite makes an invitation.
func (c *Client) Invite(ctx context.Context, i api.InviteRequest) (api.Invite, error) {
	return send[api.Invite](ctx, c, http.MethodPost, "/api/v1/invites", i)
}

// do makes a call whose reply says nothing else than that it was done.
func (c *Client) do(ctx context.Context, method, path string, body any) error {
	_, err := send[api.Done](ctx, c, method, path, body)
	return err
}
