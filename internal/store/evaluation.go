package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

type pairRow struct {
	bun.BaseModel `bun:"table:arena_pairs"`

	ID        string  `bun:"id,pk"`
	UserID    string  `bun:"user_id"`
	CreatedAt instant `bun:"created_at"`
	VotedAt   instant `bun:"voted_at"`
	Winner    string  `bun:"winner"`
	Doc       string  `bun:"doc"`
}

func pairRowOf(p sat.Pair) pairRow {
	return pairRow{ID: p.ID, UserID: p.UserID, CreatedAt: at(p.CreatedAt), VotedAt: at(p.VotedAt), Winner: p.Winner, Doc: string(p.Doc)}
}

func (r pairRow) pair() sat.Pair {
	return sat.Pair{ID: r.ID, UserID: r.UserID, CreatedAt: r.CreatedAt.Time, VotedAt: r.VotedAt.Time, Winner: r.Winner, Doc: []byte(r.Doc)}
}

// CreatePair keeps a pair of answers before it is voted on.
func (s *Store) CreatePair(ctx context.Context, p sat.Pair) error {
	row := pairRowOf(p)
	_, err := s.write.NewInsert().Model(&row).Exec(ctx)
	return fault(err, "pair")
}

// Pair gives a pair of a user.
func (s *Store) Pair(ctx context.Context, userID, id string) (sat.Pair, error) {
	var row pairRow
	err := s.read.NewSelect().Model(&row).Where("id = ? AND user_id = ?", id, userID).Scan(ctx)
	return row.pair(), fault(err, "pair")
}

// Vote keeps the vote on a pair, once: a second one is a Conflict.
func (s *Store) Vote(ctx context.Context, p sat.Pair) error {
	row := pairRowOf(p)
	result, err := s.write.NewUpdate().Model(&row).Column("voted_at", "winner", "doc").
		Where("id = ? AND user_id = ? AND voted_at IS NULL", p.ID, p.UserID).Exec(ctx)
	if err := found(result, err, "pair"); sat.CodeOf(err) != sat.NotFound {
		return err
	}
	if _, err := s.Pair(ctx, p.UserID, p.ID); err != nil {
		return err
	}
	return sat.Errorf(sat.Conflict, "This pair has a vote already.")
}

// Votes lists the pairs that were voted on since a time, in the order of the votes: of one user, or with "" of all.
func (s *Store) Votes(ctx context.Context, userID string, since time.Time) ([]sat.Pair, error) {
	var rows []pairRow
	q := s.read.NewSelect().Model(&rows).Where("voted_at >= ?", since.UnixMilli())
	if userID != "" {
		q = q.Where("user_id = ?", userID)
	}
	err := q.Order("voted_at", "id").Scan(ctx)
	pairs := make([]sat.Pair, len(rows))
	for i, row := range rows {
		pairs[i] = row.pair()
	}
	return pairs, fault(err, "pair")
}

type runRow struct {
	bun.BaseModel `bun:"table:evaluation_runs"`

	ID        string  `bun:"id,pk"`
	StartedAt instant `bun:"started_at"`
	Model     string  `bun:"model"`
	Pool      string  `bun:"pool"`
	N         int64   `bun:"n"`
	Complete  bool    `bun:"complete"`
	Header    string  `bun:"header"`
	Samples   string  `bun:"samples"`
}

func (r runRow) run() sat.EvaluationRun {
	return sat.EvaluationRun{ID: r.ID, StartedAt: r.StartedAt.Time, Model: r.Model, Pool: r.Pool, N: int(r.N), Complete: r.Complete,
		Header: []byte(r.Header), Samples: []byte(r.Samples)}
}

// SaveRun keeps an evaluation run, in place of an earlier state of the same one.
func (s *Store) SaveRun(ctx context.Context, r sat.EvaluationRun) error {
	row := runRow{ID: r.ID, StartedAt: at(r.StartedAt), Model: r.Model, Pool: r.Pool, N: int64(r.N), Complete: r.Complete,
		Header: string(r.Header), Samples: string(r.Samples)}
	_, err := s.write.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").Set("n = EXCLUDED.n").
		Set("complete = EXCLUDED.complete").Set("header = EXCLUDED.header").Set("samples = EXCLUDED.samples").Exec(ctx)
	return fault(err, "run")
}

// Run gives an evaluation run with its samples.
func (s *Store) Run(ctx context.Context, id string) (sat.EvaluationRun, error) {
	var row runRow
	err := s.read.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx)
	return row.run(), fault(err, "run")
}

// Runs lists evaluation runs without their samples, the newest first: of one model, or with "" of all.
func (s *Store) Runs(ctx context.Context, model string, limit int) ([]sat.EvaluationRun, error) {
	var rows []runRow
	q := s.read.NewSelect().Model(&rows).ExcludeColumn("samples")
	if model != "" {
		q = q.Where("model = ?", model)
	}
	err := q.Order("started_at DESC", "id").Limit(int64(limit)).Scan(ctx)
	runs := make([]sat.EvaluationRun, len(rows))
	for i, row := range rows {
		runs[i] = row.run()
	}
	return runs, fault(err, "run")
}
