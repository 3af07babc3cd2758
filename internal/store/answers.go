package store

import (
	"context"
	"encoding/json"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

type answerRow struct {
	bun.BaseModel `bun:"table:answers"`

	ID      string  `bun:"id,pk"`
	UserID  *string `bun:"user_id"`
	AskedAt instant `bun:"asked_at"`
	Source  string  `bun:"source"`
	Model   string  `bun:"model"`
	Letter  string  `bun:"letter"`
	Passage string  `bun:"passage"`
	Stem    string  `bun:"stem"`
	Choices string  `bun:"choices"`
	Answer  string  `bun:"answer"`
}

// AddExchange stores a question that was asked with its answer.
func (s *Store) AddExchange(ctx context.Context, x sat.Exchange) error {
	choices, err := json.Marshal(x.Question.Choices)
	if err != nil {
		return fault(err, "answer")
	}
	answer, err := json.Marshal(x.Answer)
	if err != nil {
		return fault(err, "answer")
	}
	row := answerRow{ID: x.ID, UserID: nullable(x.UserID), AskedAt: at(x.AskedAt), Source: x.Source, Model: x.Answer.Model,
		Letter: x.Answer.Letter, Passage: x.Question.Passage, Stem: x.Question.Stem, Choices: string(choices), Answer: string(answer)}
	_, err = s.write.NewInsert().Model(&row).Exec(ctx)
	return fault(err, "answer")
}

func (r answerRow) exchange() (sat.Exchange, error) {
	x := sat.Exchange{ID: r.ID, UserID: text(r.UserID), AskedAt: r.AskedAt.Time, Source: r.Source,
		Question: sat.Question{Passage: r.Passage, Stem: r.Stem}}
	if err := json.Unmarshal([]byte(r.Choices), &x.Question.Choices); err != nil {
		return x, err
	}
	return x, json.Unmarshal([]byte(r.Answer), &x.Answer)
}

// Exchanges lists a user's questions and answers behind a place, the newest first.
func (s *Store) Exchanges(ctx context.Context, userID string, before sat.Cursor, limit int) ([]sat.Exchange, error) {
	var rows []answerRow
	q := behind(s.read.NewSelect().Model(&rows).Where("user_id = ?", userID), "asked_at", before)
	if err := q.Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, fault(err, "answer")
	}
	list := make([]sat.Exchange, len(rows))
	for i, row := range rows {
		x, err := row.exchange()
		if err != nil {
			return nil, fault(err, "answer")
		}
		list[i] = x
	}
	return list, nil
}

// behind orders a list by a time, the newest first, and goes on behind a place in it.
func behind(q *bun.SelectQuery, column string, p sat.Cursor) *bun.SelectQuery {
	switch {
	case p.At.IsZero():
	case p.ID == "":
		q = q.Where("? < ?", bun.Ident(column), at(p.At))
	default:
		q = q.Where("(?0 < ?1 OR ?0 = ?1 AND id > ?2)", bun.Ident(column), at(p.At), p.ID)
	}
	return q.OrderExpr("? DESC, id", bun.Ident(column))
}

// DeleteExchange forgets one question of a user.
func (s *Store) DeleteExchange(ctx context.Context, userID, id string) error {
	result, err := s.write.NewDelete().Model((*answerRow)(nil)).Where("id = ? AND user_id = ?", id, userID).Exec(ctx)
	return found(result, err, "answer")
}
