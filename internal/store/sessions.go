package store

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

type sessionRow struct {
	bun.BaseModel `bun:"table:sessions,alias:s"`

	ID         string  `bun:"id,pk"`
	UserID     string  `bun:"user_id"`
	Profile    string  `bun:"profile"`
	State      string  `bun:"state"`
	Rev        int64   `bun:"rev"`
	CreatedAt  instant `bun:"created_at"`
	UpdatedAt  instant `bun:"updated_at"`
	DeadlineAt instant `bun:"deadline_at"`
	Doc        string  `bun:"doc"`
}

type responseRow struct {
	bun.BaseModel `bun:"table:responses,alias:r"`

	SessionID string `bun:"session_id,pk"`
	N         int64  `bun:"n,pk"`
	Rev       int64  `bun:"rev"`
	Answer    string `bun:"answer"`
	Doc       string `bun:"doc"`
}

type attemptRow struct {
	bun.BaseModel `bun:"table:attempts,alias:a"`

	ID         string  `bun:"id,pk"`
	UserID     string  `bun:"user_id"`
	SessionID  *string `bun:"session_id"`
	ItemID     string  `bun:"item_id"`
	ContentKey string  `bun:"content_key"`
	AnsweredAt instant `bun:"answered_at"`
	Answer     string  `bun:"answer"`
	Correct    bool    `bun:"correct"`
	Cause      string  `bun:"cause"`
	Doc        string  `bun:"doc"`
}

func sessionRowOf(v sat.Session) (sessionRow, error) {
	doc, err := json.Marshal(v)
	return sessionRow{ID: v.ID, UserID: v.UserID, Profile: v.Profile, State: string(v.State), Rev: int64(v.Rev), CreatedAt: at(v.CreatedAt),
		UpdatedAt: at(v.UpdatedAt), DeadlineAt: at(v.DeadlineAt), Doc: string(doc)}, err
}

func (r sessionRow) session() (v sat.Session, err error) {
	err = json.Unmarshal([]byte(r.Doc), &v)
	v.UserID = r.UserID // a guest's work may have been adopted since
	return v, err
}

// CreateSession adds a session.
func (s *Store) CreateSession(ctx context.Context, v sat.Session) error {
	v.Rev, v.UpdatedAt = 1, at(s.now()).UTC()
	row, err := sessionRowOf(v)
	if err == nil {
		_, err = s.write.NewInsert().Model(&row).Exec(ctx)
	}
	return fault(err, "session")
}

// SessionWork gives a session of a user with what was entered.
func (s *Store) SessionWork(ctx context.Context, userID, id string) (w sat.SessionWork, err error) {
	err = s.look(ctx, func(tx bun.Tx) error {
		w, err = s.sessionWork(ctx, tx, userID, id)
		return err
	})
	return w, fault(err, "session")
}

func (s *Store) sessionWork(ctx context.Context, tx bun.Tx, userID, id string) (w sat.SessionWork, err error) {
	var row sessionRow
	q := tx.NewSelect().Model(&row).Where("id = ?", id).Where("user_id = ?", userID)
	if err := q.Scan(ctx); err != nil {
		return w, err
	}
	if w.Session, err = row.session(); err != nil {
		return w, err
	}
	var rows []responseRow
	if err := tx.NewSelect().Model(&rows).Where("session_id = ?", id).Order("n").Scan(ctx); err != nil {
		return w, err
	}
	for _, r := range rows {
		var response sat.Response
		if err := json.Unmarshal([]byte(r.Doc), &response); err != nil {
			return w, err
		}
		w.Responses = append(w.Responses, response)
	}
	return w, nil
}

// EditSession reads a session of a user, has step change it, and stores the session, what was entered and the attempts
// that step made, all or nothing: of two steps at once, one sees the other. An error of step is given back and nothing
// is stored; a step that changes nothing stores nothing.
func (s *Store) EditSession(ctx context.Context, userID, id string, step func(*sat.SessionWork) error) (w sat.SessionWork, err error) {
	err = s.change(ctx, func(tx bun.Tx) error {
		lock := s.lock(tx.NewSelect().Model((*sessionRow)(nil)).Column("id").Where("id = ? AND user_id = ?", id, userID))
		if err := lock.Scan(ctx, new(string)); err != nil {
			return err
		}
		before, err := s.sessionWork(ctx, tx, userID, id)
		if err != nil {
			return err
		}
		if w, err = s.sessionWork(ctx, tx, userID, id); err != nil { // read again: step may change what a copy would share
			return err
		}
		if err := step(&w); err != nil {
			return err
		}
		return s.saveWork(ctx, tx, before, &w)
	})
	return w, fault(err, "session")
}

func (s *Store) saveWork(ctx context.Context, tx bun.Tx, before sat.SessionWork, w *sat.SessionWork) error {
	now := at(s.now()).UTC()
	changed := !reflect.DeepEqual(before.Session, w.Session) || len(w.Attempts) > 0
	for i, r := range w.Responses {
		if slices.ContainsFunc(before.Responses, func(b sat.Response) bool { return reflect.DeepEqual(b, r) }) {
			continue
		}
		changed = true
		r.Rev, r.UpdatedAt = r.Rev+1, now
		doc, err := json.Marshal(r)
		if err != nil {
			return err
		}
		row := responseRow{SessionID: w.Session.ID, N: int64(r.N), Rev: int64(r.Rev), Answer: r.Answer, Doc: string(doc)}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT (session_id, n) DO UPDATE").Set("rev = EXCLUDED.rev").
			Set("answer = EXCLUDED.answer").Set("doc = EXCLUDED.doc").Exec(ctx); err != nil {
			return err
		}
		w.Responses[i] = r
	}
	if !changed {
		return nil
	}
	for _, a := range w.Attempts {
		if err := addAttempt(ctx, tx, a); err != nil {
			return err
		}
	}
	w.Session.Rev, w.Session.UpdatedAt = before.Session.Rev+1, now
	row, err := sessionRowOf(w.Session)
	if err != nil {
		return err
	}
	_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
	return err
}

// Sessions lists the sessions of a user, the newest first.
func (s *Store) Sessions(ctx context.Context, userID string, limit int) ([]sat.Session, error) {
	return s.sessionsOf(ctx, s.read.NewSelect().Where("user_id = ?", userID).Order("created_at DESC", "id").Limit(int64(limit)))
}

// Overdue lists sessions whose deadline is behind a time, those longest overdue first.
func (s *Store) Overdue(ctx context.Context, now time.Time, limit int) ([]sat.Session, error) {
	return s.sessionsOf(ctx, s.read.NewSelect().Where("state IN (?)", bun.List([]sat.SessionState{sat.Running, sat.OnBreak})).
		Where("deadline_at < ?", at(now)).Order("deadline_at", "id").Limit(int64(limit)))
}

func (s *Store) sessionsOf(ctx context.Context, q *bun.SelectQuery) ([]sat.Session, error) {
	var rows []sessionRow
	if err := q.Model(&rows).Scan(ctx); err != nil {
		return nil, fault(err, "session")
	}
	list := make([]sat.Session, len(rows))
	var err error
	for i, row := range rows {
		if list[i], err = row.session(); err != nil {
			return nil, fault(err, "session")
		}
	}
	return list, nil
}

// DeleteSession deletes a session of a user with everything that belongs to it.
func (s *Store) DeleteSession(ctx context.Context, userID, id string) error {
	result, err := s.write.NewDelete().Model((*sessionRow)(nil)).Where("id = ? AND user_id = ?", id, userID).Exec(ctx)
	return found(result, err, "session")
}

func addAttempt(ctx context.Context, db bun.IDB, a sat.Attempt) error {
	doc, err := json.Marshal(a)
	if err != nil {
		return err
	}
	row := attemptRow{ID: a.ID, UserID: a.UserID, SessionID: nullable(a.SessionID), ItemID: a.ItemID, ContentKey: a.ContentKey,
		AnsweredAt: at(a.AnsweredAt), Answer: a.Answer, Correct: a.Correct, Cause: a.Cause, Doc: string(doc)}
	_, err = db.NewInsert().Model(&row).Exec(ctx)
	return err
}

// AddAttempt stores an attempt that belongs to no session.
func (s *Store) AddAttempt(ctx context.Context, a sat.Attempt) error {
	return fault(addAttempt(ctx, s.write, a), "attempt")
}

// Attempts lists the attempts of a user in the order of their time: of one session, or with "" all of them.
func (s *Store) Attempts(ctx context.Context, userID, sessionID string) ([]sat.Attempt, error) {
	var rows []attemptRow
	q := s.read.NewSelect().Model(&rows).Where("user_id = ?", userID)
	if sessionID != "" {
		q = q.Where("session_id = ?", sessionID)
	}
	if err := q.Order("answered_at", "id").Scan(ctx); err != nil {
		return nil, fault(err, "attempt")
	}
	list := make([]sat.Attempt, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal([]byte(row.Doc), &list[i]); err != nil {
			return nil, fault(err, "attempt")
		}
		list[i].UserID, list[i].Cause = row.UserID, row.Cause
	}
	return list, nil
}

// SetCause keeps why a student thinks that an attempt was missed.
func (s *Store) SetCause(ctx context.Context, userID, attemptID, cause string) error {
	result, err := s.write.NewUpdate().Model((*attemptRow)(nil)).Set("cause = ?", cause).
		Where("id = ? AND user_id = ?", attemptID, userID).Exec(ctx)
	return found(result, err, "attempt")
}
