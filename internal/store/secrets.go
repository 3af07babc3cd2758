package store

import (
	"context"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

type tokenRow struct {
	bun.BaseModel `bun:"table:tokens,alias:t"`

	Hash      string  `bun:"hash,pk"`
	UserID    string  `bun:"user_id"`
	Agent     string  `bun:"agent"`
	CreatedAt instant `bun:"created_at"`
	SeenAt    instant `bun:"seen_at"`
	ExpiresAt instant `bun:"expires_at"`
}

func (r tokenRow) token() sat.Token {
	return sat.Token{Hash: r.Hash, UserID: r.UserID, Agent: r.Agent, CreatedAt: r.CreatedAt.Time, SeenAt: r.SeenAt.Time,
		ExpiresAt: r.ExpiresAt.Time}
}

func tokenRowOf(t sat.Token) tokenRow {
	return tokenRow{Hash: t.Hash, UserID: t.UserID, Agent: t.Agent, CreatedAt: at(t.CreatedAt), SeenAt: at(t.SeenAt), ExpiresAt: at(t.ExpiresAt)}
}

// CreateToken adds a sign-in.
func (s *Store) CreateToken(ctx context.Context, t sat.Token) error {
	row := tokenRowOf(t)
	_, err := s.write.NewInsert().Model(&row).Exec(ctx)
	return fault(err, "sign-in")
}

// Token gives a sign-in and its user.
func (s *Store) Token(ctx context.Context, hash string) (sat.Token, sat.User, error) {
	var row tokenRow
	if err := s.read.NewSelect().Model(&row).Where("hash = ?", hash).Scan(ctx); err != nil {
		return sat.Token{}, sat.User{}, fault(err, "sign-in")
	}
	u, err := s.User(ctx, row.UserID)
	return row.token(), u, err
}

// TouchToken notes that a sign-in was used.
func (s *Store) TouchToken(ctx context.Context, hash string, seen time.Time) error {
	_, err := s.write.NewUpdate().Model((*tokenRow)(nil)).Set("seen_at = ?", at(seen)).Where("hash = ?", hash).Exec(ctx)
	return fault(err, "sign-in")
}

// Tokens lists the sign-ins of a user, the newest first.
func (s *Store) Tokens(ctx context.Context, userID string) ([]sat.Token, error) {
	var rows []tokenRow
	err := s.read.NewSelect().Model(&rows).Where("user_id = ?", userID).Order("created_at DESC", "hash").Scan(ctx)
	tokens := make([]sat.Token, len(rows))
	for i, row := range rows {
		tokens[i] = row.token()
	}
	return tokens, fault(err, "sign-in")
}

// DeleteToken ends one sign-in of a user; one that is not there is ended already.
func (s *Store) DeleteToken(ctx context.Context, userID, hash string) error {
	_, err := s.write.NewDelete().Model((*tokenRow)(nil)).Where("user_id = ? AND hash = ?", userID, hash).Exec(ctx)
	return fault(err, "sign-in")
}

// DeleteTokens ends every sign-in of a user.
func (s *Store) DeleteTokens(ctx context.Context, userID string) error {
	_, err := s.write.NewDelete().Model((*tokenRow)(nil)).Where("user_id = ?", userID).Exec(ctx)
	return fault(err, "sign-in")
}

type keyRow struct {
	bun.BaseModel `bun:"table:api_keys,alias:k"`

	ID        string  `bun:"id,pk"`
	UserID    string  `bun:"user_id"`
	Label     string  `bun:"label"`
	Prefix    string  `bun:"prefix"`
	Hash      string  `bun:"hash"`
	Scopes    string  `bun:"scopes"`
	CreatedAt instant `bun:"created_at"`
	ExpiresAt instant `bun:"expires_at"`
	UsedAt    instant `bun:"used_at"`
	RevokedAt instant `bun:"revoked_at"`
}

func (r keyRow) key() sat.APIKey {
	k := sat.APIKey{ID: r.ID, UserID: r.UserID, Label: r.Label, Prefix: r.Prefix, Hash: r.Hash, CreatedAt: r.CreatedAt.Time,
		ExpiresAt: r.ExpiresAt.Time, UsedAt: r.UsedAt.Time, RevokedAt: r.RevokedAt.Time}
	for _, scope := range strings.Fields(r.Scopes) {
		k.Scopes = append(k.Scopes, sat.Scope(scope))
	}
	return k
}

// CreateKey adds an API key.
func (s *Store) CreateKey(ctx context.Context, k sat.APIKey) error {
	scopes := make([]string, len(k.Scopes))
	for i, scope := range k.Scopes {
		scopes[i] = string(scope)
	}
	row := keyRow{ID: k.ID, UserID: k.UserID, Label: k.Label, Prefix: k.Prefix, Hash: k.Hash, Scopes: strings.Join(scopes, " "),
		CreatedAt: at(k.CreatedAt), ExpiresAt: at(k.ExpiresAt), UsedAt: at(k.UsedAt), RevokedAt: at(k.RevokedAt)}
	_, err := s.write.NewInsert().Model(&row).Exec(ctx)
	return fault(err, "key")
}

// Key gives an API key by the hash of its secret, and its owner.
func (s *Store) Key(ctx context.Context, hash string) (sat.APIKey, sat.User, error) {
	var row keyRow
	if err := s.read.NewSelect().Model(&row).Where("hash = ?", hash).Scan(ctx); err != nil {
		return sat.APIKey{}, sat.User{}, fault(err, "key")
	}
	u, err := s.User(ctx, row.UserID)
	return row.key(), u, err
}

// TouchKey notes that a key was used.
func (s *Store) TouchKey(ctx context.Context, id string, used time.Time) error {
	_, err := s.write.NewUpdate().Model((*keyRow)(nil)).Set("used_at = ?", at(used)).Where("id = ?", id).Exec(ctx)
	return fault(err, "key")
}

// Keys lists the API keys of a user, the newest first, revoked ones included.
func (s *Store) Keys(ctx context.Context, userID string) ([]sat.APIKey, error) {
	var rows []keyRow
	err := s.read.NewSelect().Model(&rows).Where("user_id = ?", userID).Order("created_at DESC", "id").Scan(ctx)
	keys := make([]sat.APIKey, len(rows))
	for i, row := range rows {
		keys[i] = row.key()
	}
	return keys, fault(err, "key")
}

// RevokeKey ends a key of a user for good. Revoking it again changes nothing.
func (s *Store) RevokeKey(ctx context.Context, userID, id string) error {
	result, err := s.write.NewUpdate().Model((*keyRow)(nil)).Set("revoked_at = COALESCE(revoked_at, ?)", at(s.now())).
		Where("id = ? AND user_id = ?", id, userID).Exec(ctx)
	return found(result, err, "key")
}

type inviteRow struct {
	bun.BaseModel `bun:"table:invites"`

	Hash      string  `bun:"hash,pk"`
	Role      string  `bun:"role"`
	CreatedBy *string `bun:"created_by"`
	CreatedAt instant `bun:"created_at"`
	ExpiresAt instant `bun:"expires_at"`
	UsedAt    instant `bun:"used_at"`
}

// CreateInvite adds an invitation.
func (s *Store) CreateInvite(ctx context.Context, i sat.Invite) error {
	row := inviteRow{Hash: i.Hash, Role: string(i.Role), CreatedBy: nullable(i.CreatedBy), CreatedAt: at(i.CreatedAt), ExpiresAt: at(i.ExpiresAt)}
	_, err := s.write.NewInsert().Model(&row).Exec(ctx)
	return fault(err, "invitation")
}

// useInvite uses an invitation up and gives its role.
func (s *Store) useInvite(ctx context.Context, tx bun.Tx, hash string) (sat.Role, error) {
	var row inviteRow
	err := s.lock(tx.NewSelect().Model(&row).Where("hash = ? AND used_at IS NULL AND expires_at > ?", hash, at(s.now()))).Scan(ctx)
	if err == nil {
		_, err = tx.NewUpdate().Model(&row).Set("used_at = ?", at(s.now())).WherePK().Exec(ctx)
	}
	return sat.Role(row.Role), fault(err, "invitation")
}
