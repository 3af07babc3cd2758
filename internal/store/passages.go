package store

import (
	"context"
	"encoding/json"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

type passageRow struct {
	bun.BaseModel `bun:"table:passages"`

	ID  string `bun:"id,pk"`
	Doc string `bun:"doc"`
}

// Passages gives those of the passages that are there, by id.
func (s *Store) Passages(ctx context.Context, ids []string) ([]sat.Passage, error) {
	var list []sat.Passage
	for len(ids) > 0 {
		n := min(len(ids), manyAtOnce)
		var rows []passageRow
		if err := s.read.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids[:n])).Order("id").Scan(ctx); err != nil {
			return nil, fault(err, "passage")
		}
		for _, row := range rows {
			var p sat.Passage
			if err := json.Unmarshal([]byte(row.Doc), &p); err != nil {
				return nil, fault(err, "passage")
			}
			list = append(list, p)
		}
		ids = ids[n:]
	}
	return list, nil
}

// UnusedPassages gives the first passages, by id, on which there is no item.
func (s *Store) UnusedPassages(ctx context.Context, limit int) ([]sat.Passage, error) {
	var ids []string
	if err := s.read.NewSelect().Model((*passageRow)(nil)).ModelTableExpr("passages AS p").Column("p.id").
		Where("NOT EXISTS (SELECT 1 FROM items AS i WHERE i.passages LIKE '% ' || replace(p.id, '_', '!_') || ' %' ESCAPE '!')").
		Order("p.id").Limit(int64(limit)).Scan(ctx, &ids); err != nil {
		return nil, fault(err, "passage")
	}
	return s.Passages(ctx, ids)
}

// PutPassage adds or replaces a passage on which there is no item.
func (s *Store) PutPassage(ctx context.Context, p sat.Passage) error {
	doc, err := json.Marshal(p)
	if err != nil {
		return fault(err, "passage")
	}
	row := passageRow{ID: p.ID, Doc: string(doc)}
	return fault(s.change(ctx, func(tx bun.Tx) error {
		if err := s.unused(ctx, tx, p.ID); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").Set("doc = EXCLUDED.doc").Exec(ctx)
		return err
	}), "passage")
}

// DropPassage deletes a passage on which there is no item.
func (s *Store) DropPassage(ctx context.Context, id string) error {
	return fault(s.change(ctx, func(tx bun.Tx) error {
		if err := s.unused(ctx, tx, id); err != nil {
			return err
		}
		result, err := tx.NewDelete().Model((*passageRow)(nil)).Where("id = ?", id).Exec(ctx)
		return found(result, err, "passage")
	}), "passage")
}

// unused refuses a passage on which there is an item.
func (s *Store) unused(ctx context.Context, tx bun.Tx, passageID string) error {
	used, err := tx.NewSelect().Model((*itemRow)(nil)).Where("i.passages LIKE ? ESCAPE '!'", "% "+escapeLike(passageID)+" %").Exists(ctx)
	if err == nil && used {
		err = sat.Errorf(sat.Conflict, "There are questions on this passage.")
	}
	return err
}
