package apiclient

import (
	"context"
	"net/http"
	"net/url"

	"sattutor/internal/api"
)

// CreatePair asks for a blind pair: on a question of the bank, where the request is empty.
func (c *Client) CreatePair(ctx context.Context, q api.PairRequest) (api.Pair, error) {
	return send[api.Pair](ctx, c, http.MethodPost, "/api/v1/arena/pairs", q)
}

// Pair gives a pair again, with its models once it was voted on.
func (c *Client) Pair(ctx context.Context, id string) (api.Pair, error) {
	return send[api.Pair](ctx, c, http.MethodGet, "/api/v1/arena/pairs/"+url.PathEscape(id), nil)
}

// Vote votes on a pair, once.
func (c *Client) Vote(ctx context.Context, v api.VoteRequest) (api.Pair, error) {
	return send[api.Pair](ctx, c, http.MethodPost, "/api/v1/arena/votes", v)
}

// ArenaSummary tells how the caller's votes fall.
func (c *Client) ArenaSummary(ctx context.Context) (api.ArenaSummary, error) {
	return send[api.ArenaSummary](ctx, c, http.MethodGet, "/api/v1/arena/summary", nil)
}
