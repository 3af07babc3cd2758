package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

type setRow struct {
	bun.BaseModel `bun:"table:item_sets"`

	ID        string  `bun:"id,pk"`
	UserID    string  `bun:"user_id"`
	Name      string  `bun:"name"`
	ItemIDs   string  `bun:"item_ids"`
	CreatedAt instant `bun:"created_at"`
}

func (r setRow) set() (sat.ItemSet, error) {
	set := sat.ItemSet{ID: r.ID, UserID: r.UserID, Name: r.Name, CreatedAt: r.CreatedAt.Time}
	return set, json.Unmarshal([]byte(r.ItemIDs), &set.ItemIDs)
}

// SaveSet adds a set or replaces one of the same user.
func (s *Store) SaveSet(ctx context.Context, set sat.ItemSet) error {
	ids, err := json.Marshal(set.ItemIDs)
	if err != nil {
		return fault(err, "set")
	}
	row := setRow{ID: set.ID, UserID: set.UserID, Name: set.Name, ItemIDs: string(ids), CreatedAt: at(s.now())}
	result, err := s.write.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").
		Set("name = EXCLUDED.name").Set("item_ids = EXCLUDED.item_ids").Where("set_row.user_id = EXCLUDED.user_id").Exec(ctx)
	return found(result, err, "set")
}

// Set gives a set of a user.
func (s *Store) Set(ctx context.Context, userID, id string) (sat.ItemSet, error) {
	var row setRow
	if err := s.read.NewSelect().Model(&row).Where("id = ? AND user_id = ?", id, userID).Scan(ctx); err != nil {
		return sat.ItemSet{}, fault(err, "set")
	}
	set, err := row.set()
	return set, fault(err, "set")
}

// Sets lists the sets of a user, the newest first.
func (s *Store) Sets(ctx context.Context, userID string) ([]sat.ItemSet, error) {
	var rows []setRow
	if err := s.read.NewSelect().Model(&rows).Where("user_id = ?", userID).Order("created_at DESC", "id").Scan(ctx); err != nil {
		return nil, fault(err, "set")
	}
	sets := make([]sat.ItemSet, len(rows))
	var err error
	for i, row := range rows {
		if sets[i], err = row.set(); err != nil {
			return nil, fault(err, "set")
		}
	}
	return sets, nil
}

// DeleteSet deletes a set of a user; its items stay.
func (s *Store) DeleteSet(ctx context.Context, userID, id string) error {
	result, err := s.write.NewDelete().Model((*setRow)(nil)).Where("id = ? AND user_id = ?", id, userID).Exec(ctx)
	return found(result, err, "set")
}

type reportRow struct {
	bun.BaseModel `bun:"table:item_reports"`

	ID        string  `bun:"id,pk"`
	ItemID    string  `bun:"item_id"`
	UserID    *string `bun:"user_id"`
	Reason    string  `bun:"reason"`
	CreatedAt instant `bun:"created_at"`
	SettledAt instant `bun:"settled_at"`
	Note      string  `bun:"note"`
}

// ReportItem adds a reader's complaint about an item, where no other one of the same reader waits.
func (s *Store) ReportItem(ctx context.Context, r sat.ItemReport) (sat.ItemReport, error) {
	r.ID, r.CreatedAt = newID(), at(s.now()).UTC()
	row := reportRow{ID: r.ID, ItemID: r.ItemID, UserID: nullable(r.UserID), Reason: r.Reason, CreatedAt: at(r.CreatedAt)}
	return r, fault(s.change(ctx, func(tx bun.Tx) error {
		var id string // locked, so that of two reports at once the second sees the first
		if err := s.lock(tx.NewSelect().Model((*itemRow)(nil)).Column("i.id").Where("i.id = ?", r.ItemID)).Scan(ctx, &id); err != nil {
			return fault(err, "item")
		}
		waits, err := tx.NewSelect().Model((*reportRow)(nil)).
			Where("item_id = ? AND user_id = ? AND settled_at IS NULL", r.ItemID, r.UserID).Exists(ctx)
		if err != nil {
			return err
		}
		if waits {
			return sat.Errorf(sat.Conflict, "You have reported this question already. Your report waits for a teacher to read it.")
		}
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
		return err
	}), "report")
}

// ItemReports lists reports behind a place, the newest first: of one item or, with "", of all; open ones alone or settled
// ones too.
func (s *Store) ItemReports(ctx context.Context, itemID string, open bool, before sat.Cursor, limit int) ([]sat.ItemReport, error) {
	var rows []reportRow
	q := s.read.NewSelect().Model(&rows)
	if itemID != "" {
		q = q.Where("item_id = ?", itemID)
	}
	if open {
		q = q.Where("settled_at IS NULL")
	}
	err := behind(q, "created_at", before).Limit(int64(limit)).Scan(ctx)
	reports := make([]sat.ItemReport, len(rows))
	for i, r := range rows {
		reports[i] = sat.ItemReport{ID: r.ID, ItemID: r.ItemID, UserID: text(r.UserID), Reason: r.Reason, CreatedAt: r.CreatedAt.Time,
			SettledAt: r.SettledAt.Time, Note: r.Note}
	}
	return reports, fault(err, "report")
}

// SettleReport closes a report with what was found.
func (s *Store) SettleReport(ctx context.Context, id, note string) error {
	result, err := s.write.NewUpdate().Model((*reportRow)(nil)).Set("settled_at = ?", at(s.now())).Set("note = ?", note).
		Where("id = ?", id).Exec(ctx)
	return found(result, err, "report")
}

type vectorRow struct {
	bun.BaseModel `bun:"table:item_vectors,alias:v"`

	ItemID     string `bun:"item_id,pk"`
	Model      string `bun:"model,pk"`
	ContentKey string `bun:"content_key"`
	Vector     []byte `bun:"vector"`
}

// SaveVectors adds and replaces embeddings that a model made of items.
func (s *Store) SaveVectors(ctx context.Context, model string, vectors []sat.ItemVector) error {
	if len(vectors) == 0 {
		return nil
	}
	rows := make([]vectorRow, len(vectors))
	for i, v := range vectors {
		raw := make([]byte, 0, 4*len(v.Values))
		for _, x := range v.Values {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		rows[i] = vectorRow{ItemID: v.ItemID, Model: model, ContentKey: v.ContentKey, Vector: raw}
	}
	_, err := s.write.NewInsert().Model(&rows).On("CONFLICT (model, item_id) DO UPDATE").
		Set("content_key = EXCLUDED.content_key").Set("vector = EXCLUDED.vector").Exec(ctx)
	return fault(err, "embedding")
}

// Vectors gives every embedding that a model made of items.
func (s *Store) Vectors(ctx context.Context, model string) ([]sat.ItemVector, error) {
	var rows []vectorRow
	if err := s.read.NewSelect().Model(&rows).Where("model = ?", model).Order("item_id").Scan(ctx); err != nil {
		return nil, fault(err, "embedding")
	}
	vectors := make([]sat.ItemVector, len(rows))
	for i, row := range rows {
		if len(row.Vector)%4 != 0 {
			return nil, fault(errors.New("an embedding is cut off"), "embedding")
		}
		vectors[i] = sat.ItemVector{ItemID: row.ItemID, ContentKey: row.ContentKey, Values: make([]float32, len(row.Vector)/4)}
		for j := range vectors[i].Values {
			vectors[i].Values[j] = math.Float32frombits(binary.LittleEndian.Uint32(row.Vector[4*j:]))
		}
	}
	return vectors, nil
}

// DropVectors deletes the embeddings of every model but one.
func (s *Store) DropVectors(ctx context.Context, except string) error {
	_, err := s.write.NewDelete().Model((*vectorRow)(nil)).Where("model <> ?", except).Exec(ctx)
	return fault(err, "embedding")
}
