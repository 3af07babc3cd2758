package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

// A reply is kept for a day. A request that began and never ended, because its process died, gives way sooner.
const (
	replyLife   = 24 * time.Hour
	replyUnsure = 2 * time.Minute
)

type replyRow struct {
	bun.BaseModel `bun:"table:replies"`

	UserID      string  `bun:"user_id,pk"`
	Route       string  `bun:"route,pk"`
	Idempotency string  `bun:"idempotency,pk"`
	RequestHash string  `bun:"request_hash"`
	Status      int64   `bun:"status"`
	Header      string  `bun:"header"`
	Body        string  `bun:"body"`
	ExpiresAt   instant `bun:"expires_at"`
}

// BeginOnce takes the name for the caller, first is true, or tells what the first request with that name was answered.
// A reply with status 0 is not there yet. Another body under the same name is Invalid.
func (s *Store) BeginOnce(ctx context.Context, o sat.Once) (reply sat.Reply, first bool, err error) {
	err = s.change(ctx, func(tx bun.Tx) error {
		row := replyRow{UserID: o.UserID, Route: o.Route, Idempotency: o.Key, RequestHash: o.RequestHash, Header: "{}",
			ExpiresAt: at(s.now().Add(replyUnsure))}
		if _, err := tx.NewDelete().Model(&row).WherePK().Where("expires_at <= ?", at(s.now())).Exec(ctx); err != nil {
			return err
		}
		result, err := tx.NewInsert().Model(&row).On("CONFLICT (user_id, route, idempotency) DO NOTHING").Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 1 {
			first = true
			return err
		}
		if err := tx.NewSelect().Model(&row).WherePK().Scan(ctx); err != nil {
			return err
		}
		if row.RequestHash != o.RequestHash {
			return &sat.Error{Code: sat.Invalid, Message: "This Idempotency-Key was used for another request.",
				Fields: []sat.FieldError{{Field: "Idempotency-Key", Message: "names an earlier request with another body; use a new key"}}}
		}
		reply.Status, reply.Body = int(row.Status), []byte(row.Body)
		return json.Unmarshal([]byte(row.Header), &reply.Header)
	})
	return reply, first, fault(err, "reply")
}

// EndOnce keeps the reply to the first request of a name.
func (s *Store) EndOnce(ctx context.Context, o sat.Once, reply sat.Reply) error {
	header, err := json.Marshal(reply.Header)
	if err != nil {
		return fault(err, "reply")
	}
	result, err := s.write.NewUpdate().Model((*replyRow)(nil)).
		Set("status = ?", reply.Status).Set("header = ?", string(header)).Set("body = ?", string(reply.Body)).
		Set("expires_at = ?", at(s.now().Add(replyLife))).
		Where("user_id = ? AND route = ? AND idempotency = ?", o.UserID, o.Route, o.Key).Exec(ctx)
	return found(result, err, "reply")
}

// DropOnce gives the name of a request that took no effect free again.
func (s *Store) DropOnce(ctx context.Context, o sat.Once) error {
	_, err := s.write.NewDelete().Model((*replyRow)(nil)).
		Where("user_id = ? AND route = ? AND idempotency = ? AND status = 0", o.UserID, o.Route, o.Key).Exec(ctx)
	return fault(err, "reply")
}
