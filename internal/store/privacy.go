package store

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

// Export writes everything that a user owns as one JSON object: a list of rows for each table that has some. Secrets
// are left out, and times are written as in RFC 3339.
func (s *Store) Export(ctx context.Context, userID string, to io.Writer) error {
	return fault(s.look(ctx, func(tx bun.Tx) error {
		out := map[string][]json.RawMessage{}
		for _, t := range owned() {
			columns, err := s.columns(ctx, tx, t)
			if err != nil {
				return err
			}
			columns = slices.DeleteFunc(columns, func(c string) bool { return slices.Contains(t.secret, c) })
			var rows bytes.Buffer
			n, err := writeRows(ctx, tx, selection{table: t, columns: columns, owner: userID}, &rows)
			if err != nil {
				return err
			}
			if n > 0 {
				out[t.name] = opened(rows.Bytes())
			}
		}
		responses, err := s.responsesOf(ctx, tx, userID)
		if err != nil {
			return err
		}
		if len(responses) > 0 {
			out["responses"] = responses
		}
		if len(out) == 0 {
			return sat.Errorf(sat.NotFound, "Nothing is stored under this name.")
		}
		enc := json.NewEncoder(to)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		return enc.Encode(out)
	}), "user")
}

// responsesOf gives what a user entered in sessions, which belongs to its session rather than to the user.
func (s *Store) responsesOf(ctx context.Context, tx bun.Tx, userID string) (list []json.RawMessage, err error) {
	var rows []responseRow
	err = tx.NewSelect().Model(&rows).Join("JOIN sessions AS s ON s.id = r.session_id").Where("s.user_id = ?", userID).
		Order("r.session_id", "r.n").Scan(ctx)
	for _, r := range rows {
		line, err := json.Marshal(map[string]any{"session_id": r.SessionID, "n": r.N, "rev": r.Rev, "response": json.RawMessage(r.Doc)})
		if err != nil {
			return nil, err
		}
		list = append(list, line)
	}
	return list, err
}

// opened splits lines of JSON, and gives the JSON inside of text columns, and times, as what they are.
func opened(lines []byte) (rows []json.RawMessage) {
	for line := range bytes.Lines(lines) {
		row := map[string]any{}
		if json.Unmarshal(line, &row) != nil {
			continue
		}
		for _, column := range []string{"doc", "answer", "choices", "item_ids", "settings"} {
			if text, ok := row[column].(string); ok && len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Valid([]byte(text)) {
				row[column] = json.RawMessage(text)
			}
		}
		for column, value := range row {
			if ms, ok := value.(float64); ok && (column == "at" || strings.HasSuffix(column, "_at")) {
				row[column] = time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339Nano)
			}
		}
		if out, err := json.Marshal(row); err == nil {
			rows = append(rows, out)
		}
	}
	return rows
}

// EraseAnswers deletes the questions and answers of a user and keeps the account.
func (s *Store) EraseAnswers(ctx context.Context, userID string) error {
	_, err := s.write.NewDelete().Model((*answerRow)(nil)).Where("user_id = ?", userID).Exec(ctx)
	return fault(err, "answer")
}

// Expire deletes what has had its time: what students made before a day, and sign-ins, replies and counters that are
// over. Guests who have nothing and chose nothing go after a day. It tells how many rows went.
func (s *Store) Expire(ctx context.Context, before time.Time) (deleted int, err error) {
	now := s.now()
	err = s.change(ctx, func(tx bun.Tx) error {
		for _, q := range []*bun.DeleteQuery{
			tx.NewDelete().Table("answers").Where("asked_at < ?", at(before)),
			tx.NewDelete().Table("attempts").Where("answered_at < ?", at(before)),
			tx.NewDelete().Table("sessions").Where("updated_at < ?", at(before)),
			tx.NewDelete().Table("access_log").Where("at < ?", at(before)),
			tx.NewDelete().Table("item_reports").Where("settled_at < ?", at(before)),
			tx.NewDelete().Table("tokens").Where("expires_at < ?", at(now)),
			tx.NewDelete().Table("invites").Where("expires_at < ?", at(now)),
			tx.NewDelete().Table("replies").Where("expires_at < ?", at(now)),
			tx.NewDelete().Table("counters").Where("begin < ?", at(now.Add(-counterKept))),
			tx.NewDelete().Table("throttles").Where("last < ?", at(now.Add(-24*time.Hour))),
			idleGuests(tx, before),
			unusedGuests(tx, now.Add(-24*time.Hour)),
		} {
			result, err := q.Exec(ctx)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			deleted += int(n)
		}
		return nil
	})
	return deleted, fault(err, "row")
}

// idleGuests deletes guests from before a time who have nothing left.
func idleGuests(tx bun.Tx, before time.Time) *bun.DeleteQuery {
	q := tx.NewDelete().Table("users").Where("name_key IS NULL AND created_at < ?", at(before))
	for _, t := range owned() {
		if t.adopted {
			q = q.Where("NOT EXISTS (SELECT 1 FROM ? AS o WHERE o.? = users.id)", bun.Ident(t.name), bun.Ident(t.owner))
		}
	}
	return q
}

// unusedGuests deletes those of them who have set nothing either and have no request under way.
func unusedGuests(tx bun.Tx, before time.Time) *bun.DeleteQuery {
	return idleGuests(tx, before).Where("keep_answers AND settings = '{}'").
		Where("NOT EXISTS (SELECT 1 FROM replies AS o WHERE o.user_id = users.id)")
}
