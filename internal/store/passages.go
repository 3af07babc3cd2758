package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

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
	list, err := passagesByID(ctx, s.read, ids)
	return list, fault(err, "passage")
}

func passagesByID(ctx context.Context, db bun.IDB, ids []string) (list []sat.Passage, err error) {
	for some := range slices.Chunk(ids, manyAtOnce) {
		var rows []passageRow
		if err := db.NewSelect().Model(&rows).Where("id IN (?)", bun.List(some)).Order("id").Scan(ctx); err != nil {
			return nil, err
		}
		for _, row := range rows {
			var p sat.Passage
			if err := json.Unmarshal([]byte(row.Doc), &p); err != nil {
				return nil, err
			}
			list = append(list, p)
		}
	}
	return list, nil
}

// itemsOn begins a query for the items on a passage.
func itemsOn(db bun.IDB, passageID string) *bun.SelectQuery {
	return db.NewSelect().Model((*itemRow)(nil)).Where("i.passages LIKE ? ESCAPE '!'", "% "+escapeLike(passageID)+" %")
}

// samePassage tells whether two passages are stored as the same.
func samePassage(p, q sat.Passage) bool {
	one, err1 := json.Marshal(p)
	other, err2 := json.Marshal(q)
	return err1 == nil && err2 == nil && bytes.Equal(one, other)
}

// asSeen refuses to go on from passages that are no longer what somebody saw; one without lines was not there.
func asSeen(ctx context.Context, tx bun.Tx, seen []sat.Passage) error {
	ids, now := make([]string, len(seen)), map[string]sat.Passage{}
	for i, p := range seen {
		ids[i] = p.ID
	}
	passages, err := passagesByID(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, p := range passages {
		now[p.ID] = p
	}
	for _, p := range seen {
		latest, there := now[p.ID]
		switch {
		case len(p.Lines) == 0 && there:
			return &sat.Error{Code: sat.Conflict, Message: fmt.Sprintf("There is a passage %s already.", p.ID),
				Fields: []sat.FieldError{{Field: "passage.id", Message: "is taken; choose another one, or send the version that is replaced"}}}
		case len(p.Lines) > 0 && !samePassage(p, latest):
			return sat.Errorf(sat.Conflict, "The passage %s was changed by somebody else meanwhile.", p.ID)
		}
	}
	return nil
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

// settled refuses items whose passages are no longer what somebody saw, or would change under items that came meanwhile.
func settled(ctx context.Context, tx bun.Tx, items []sat.StoredItem, seen []sat.Passage) error {
	if len(seen) == 0 {
		return nil
	}
	if err := asSeen(ctx, tx, seen); err != nil {
		return err
	}
	passage, others, err := beside(ctx, tx, items)
	if err == nil && len(others) > 0 {
		err = sat.Errorf(sat.Conflict, "Questions were added to the passage %s meanwhile: %s. Load it again.", passage, some(others))
	}
	return err
}

// PutPassage adds a passage, or replaces one on which there is no item and that is as it was seen; a new one was seen
// without lines.
func (s *Store) PutPassage(ctx context.Context, p, seen sat.Passage) error {
	seen.ID = p.ID
	doc, err := json.Marshal(p)
	if err != nil {
		return fault(err, "passage")
	}
	row := passageRow{ID: p.ID, Doc: string(doc)}
	return fault(s.changeBank(ctx, func(tx bun.Tx) error {
		if err := unused(ctx, tx, p.ID); err != nil {
			return err
		}
		if err := asSeen(ctx, tx, []sat.Passage{seen}); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").Set("doc = EXCLUDED.doc").Exec(ctx)
		return err
	}), "passage")
}

// DropPassage deletes a passage on which there is no item.
func (s *Store) DropPassage(ctx context.Context, id string) error {
	return fault(s.changeBank(ctx, func(tx bun.Tx) error {
		if err := unused(ctx, tx, id); err != nil {
			return err
		}
		result, err := tx.NewDelete().Model((*passageRow)(nil)).Where("id = ?", id).Exec(ctx)
		return found(result, err, "passage")
	}), "passage")
}

// unused refuses a passage on which there is an item.
func unused(ctx context.Context, tx bun.Tx, passageID string) error {
	used, err := itemsOn(tx, passageID).Exists(ctx)
	if err == nil && used {
		err = sat.Errorf(sat.Conflict, "There are questions on this passage.")
	}
	return err
}
