package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

type changeRow struct {
	bun.BaseModel `bun:"table:bank_changes,alias:c"`

	ID       string  `bun:"id,pk"`
	At       instant `bun:"at"`
	By       *string `bun:"by_user"`
	What     string  `bun:"what"`
	Format   string  `bun:"format"`
	FileHash string  `bun:"file_sha256"`
	UndoneAt instant `bun:"undone_at"`
	Items    int     `bun:"items,scanonly"`
	ByName   string  `bun:"by_name,scanonly"`
}

func (r changeRow) change() sat.BankChange {
	return sat.BankChange{ID: r.ID, At: r.At.Time, By: text(r.By), ByName: r.ByName, What: r.What, Format: r.Format, FileHash: r.FileHash,
		Items: r.Items, UndoneAt: r.UndoneAt.Time}
}

type versionRow struct {
	bun.BaseModel `bun:"table:item_versions,alias:v"`

	ItemID     string `bun:"item_id"`
	Version    int64  `bun:"version"`
	ChangeID   string `bun:"change_id"`
	ContentKey string `bun:"content_key"`
	Doc        string `bun:"doc"`
}

func (s *Store) addChange(ctx context.Context, tx bun.Tx, c *sat.BankChange) error {
	if c.ID == "" {
		c.ID = fmt.Sprintf("%016x-%s", s.now().UnixNano(), newID()[:10]) // in the order of time, within a millisecond too
	}
	c.At = at(s.now()).UTC()
	row := changeRow{ID: c.ID, At: at(c.At), By: nullable(c.By), What: c.What, Format: c.Format, FileHash: c.FileHash}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return err
}

// keepVersion keeps what an item was before a change, or that it was not there.
func keepVersion(ctx context.Context, tx bun.Tx, changeID, id string, before sat.StoredItem) error {
	row := versionRow{ItemID: id, ChangeID: changeID}
	if before.Version > 0 {
		doc, err := json.Marshal(before.Item)
		if err != nil {
			return err
		}
		row.Version, row.ContentKey, row.Doc = int64(before.Version), before.ContentKey, string(doc)
	}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return err
}

func (r versionRow) item() (it sat.StoredItem, err error) {
	it.Version, it.ContentKey = int(r.Version), r.ContentKey
	it.ID = r.ItemID
	if r.Version > 0 {
		err = json.Unmarshal([]byte(r.Doc), &it.Item)
	}
	return it, err
}

// changes begins a query for changes, with how many items each touched and by whom.
func (s *Store) changes(rows *[]changeRow) *bun.SelectQuery {
	return s.read.NewSelect().Model(rows).ColumnExpr("c.*").
		ColumnExpr("(SELECT count(*) FROM item_versions AS v WHERE v.change_id = c.id) AS items").
		ColumnExpr("coalesce((SELECT u.name FROM users AS u WHERE u.id = c.by_user), '') AS by_name")
}

// BankChanges lists the newest changes of the bank.
func (s *Store) BankChanges(ctx context.Context, limit int) ([]sat.BankChange, error) {
	var rows []changeRow
	err := s.changes(&rows).Order("at DESC", "id DESC").Limit(int64(limit)).Scan(ctx)
	changes := make([]sat.BankChange, len(rows))
	for i, row := range rows {
		changes[i] = row.change()
	}
	return changes, fault(err, "change")
}

// ItemHistory lists what an item was before each of its newest changes, the newest first.
func (s *Store) ItemHistory(ctx context.Context, id string, limit int) ([]sat.ItemVersion, error) {
	var rows []versionRow
	err := s.read.NewSelect().Model(&rows).Where("item_id = ?", id).Order("change_id DESC").Limit(int64(limit)).Scan(ctx)
	if err != nil || len(rows) == 0 {
		return nil, fault(err, "item")
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ChangeID
	}
	var made []changeRow
	if err := s.changes(&made).Where("c.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, fault(err, "change")
	}
	changes := map[string]sat.BankChange{}
	for _, row := range made {
		changes[row.ID] = row.change()
	}
	history := make([]sat.ItemVersion, len(rows))
	for i, row := range rows {
		it, err := row.item()
		if err != nil {
			return nil, fault(err, "item")
		}
		history[i] = sat.ItemVersion{StoredItem: it, Change: changes[row.ChangeID]}
	}
	return history, nil
}

// UndoChange gives every item of a change what it was before, in one step. Where one was changed again since, nothing
// is undone.
func (s *Store) UndoChange(ctx context.Context, by, changeID string) (sat.BankChange, error) {
	undo := sat.BankChange{By: by, What: "undo"}
	err := s.change(ctx, func(tx bun.Tx) error {
		var c changeRow
		if err := s.lock(tx.NewSelect().Model(&c).Where("id = ?", changeID)).Scan(ctx); err != nil {
			return fault(err, "change")
		}
		if !c.UndoneAt.IsZero() {
			return sat.Errorf(sat.Conflict, "This change was undone already.")
		}
		if err := s.addChange(ctx, tx, &undo); err != nil {
			return err
		}
		var rows []versionRow
		if err := tx.NewSelect().Model(&rows).Where("change_id = ?", changeID).Order("item_id").Scan(ctx); err != nil {
			return err
		}
		for _, row := range rows {
			if err := s.undoItem(ctx, tx, undo.ID, row); err != nil {
				return err
			}
		}
		undo.Items = len(rows)
		_, err := tx.NewUpdate().Model(&c).Set("undone_at = ?", at(s.now())).WherePK().Exec(ctx)
		return err
	})
	return undo, fault(err, "change")
}

func (s *Store) undoItem(ctx context.Context, tx bun.Tx, undoID string, row versionRow) error {
	former, err := row.item()
	if err != nil {
		return err
	}
	now, err := s.current(ctx, tx, []string{row.ItemID})
	if err != nil {
		return err
	}
	latest := now[row.ItemID]
	switch {
	case latest.Version == 0 && former.Version == 0: // made by the change, and gone since
		return nil
	case latest.Version != 0 && latest.Version != former.Version+1:
		return &sat.Error{Code: sat.Conflict, Message: fmt.Sprintf("The item %s was changed again since; undo that change first.", row.ItemID)}
	case former.Version == 0:
		return s.dropItem(ctx, tx, undoID, latest)
	}
	former.Version = latest.Version // the next one: counting never goes back
	return s.saveItem(ctx, tx, undoID, latest, former)
}
