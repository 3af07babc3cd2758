package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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

// standing is an item as it stands in the bank, and the version that it has there. An item that is gone has one too, which
// its deletion made, so that counting never goes back: each change of an item makes the version behind the one it found.
type standing struct {
	sat.StoredItem
	there bool
}

// current gives how the items with the ids stand.
func (s *Store) current(ctx context.Context, tx bun.Tx, ids []string) (map[string]standing, error) {
	items, err := s.itemsWhere(ctx, tx, "i.id IN (?)", ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]standing, len(ids))
	for _, it := range items {
		byID[it.ID] = standing{it, true}
	}
	gone := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return byID[id].there })
	for some := range slices.Chunk(gone, manyAtOnce) {
		var rows []versionRow
		if err := tx.NewSelect().Model(&rows).Column("item_id").ColumnExpr("max(version) AS version").
			Where("item_id IN (?)", bun.List(some)).Group("item_id").Scan(ctx); err != nil {
			return nil, err
		}
		for _, row := range rows {
			byID[row.ItemID] = standing{StoredItem: sat.StoredItem{Version: int(row.Version) + 1}}
		}
	}
	return byID, nil
}

// admits tells whether an item may take the place: it names the version that it replaces.
func (b standing) admits(it sat.StoredItem) error {
	switch {
	case b.there && it.Version == 0:
		return &sat.Error{Code: sat.Conflict, Message: fmt.Sprintf("There is an item %s already.", it.ID),
			Fields: []sat.FieldError{{Field: "item.id", Message: "is taken; choose another one, or send the version that is replaced"}}}
	case !b.there && it.Version != 0:
		return sat.Errorf(sat.Conflict, "The item %s was taken out of the bank by somebody else meanwhile.", it.ID)
	case b.there && b.Version != it.Version:
		return sat.Errorf(sat.Conflict, "The item %s was changed by somebody else meanwhile.", it.ID)
	}
	return nil
}

// keepVersion keeps what an item was before a change, or that it was not there.
func keepVersion(ctx context.Context, tx bun.Tx, changeID, id string, before standing) error {
	row := versionRow{ItemID: id, ChangeID: changeID, Version: int64(before.Version)}
	if before.there {
		doc, err := json.Marshal(before.Item)
		if err != nil {
			return err
		}
		row.ContentKey, row.Doc = before.ContentKey, string(doc)
	}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return err
}

// there tells that there was an item before the change.
func (r versionRow) there() bool { return r.Doc != "" }

// item gives the item before the change; its version is 0 where there was none.
func (r versionRow) item() (it sat.StoredItem, err error) {
	it.ID = r.ItemID
	if r.there() {
		it.Version, it.ContentKey = int(r.Version), r.ContentKey
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

// UndoChange gives every item of a change what it was before, in one step. Where one was changed again since, or a passage
// would change under items that the change has not touched, nothing is undone.
func (s *Store) UndoChange(ctx context.Context, by, changeID string) (sat.BankChange, error) {
	undo := sat.BankChange{By: by, What: "undo"}
	err := s.changeBank(ctx, func(tx bun.Tx) error {
		var c changeRow
		if err := tx.NewSelect().Model(&c).Where("id = ?", changeID).Scan(ctx); err != nil {
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
		former := make([]sat.StoredItem, len(rows))
		for i, row := range rows {
			var err error
			if former[i], err = row.item(); err != nil {
				return err
			}
		}
		passage, others, err := beside(ctx, tx, former)
		if err != nil {
			return err
		}
		if len(others) > 0 {
			return sat.Errorf(sat.Conflict, "The passage %s would change under questions that this change did not touch: %s. "+
				"Take them out first, or edit the passage.", passage, some(others))
		}
		for i, row := range rows {
			if err := s.undoItem(ctx, tx, undo.ID, row, former[i]); err != nil {
				return err
			}
		}
		undo.Items = len(rows)
		_, err = tx.NewUpdate().Model(&c).Set("undone_at = ?", at(s.now())).WherePK().Exec(ctx)
		return err
	})
	return undo, fault(err, "change")
}

// beside looks for items that stand on a passage which would change under them, as others are stored: they were written
// over the passage as it is. It gives the first such passage with their ids, none where all is well.
func beside(ctx context.Context, tx bun.Tx, stored []sat.StoredItem) (passageID string, others []string, err error) {
	touched, latter := map[string]bool{}, map[string]sat.Passage{}
	var ids []string
	for _, it := range stored {
		touched[it.ID] = true
		for _, p := range it.Passages {
			if _, known := latter[p.ID]; !known {
				ids = append(ids, p.ID)
			}
			latter[p.ID] = p // the last one holds, as it is stored
		}
	}
	passages, err := passagesByID(ctx, tx, ids)
	if err != nil {
		return "", nil, err
	}
	for _, p := range passages {
		if samePassage(p, latter[p.ID]) {
			continue
		}
		if err := itemsOn(tx, p.ID).Column("i.id").Order("i.id").Scan(ctx, &others); err != nil {
			return "", nil, err
		}
		others = slices.DeleteFunc(others, func(id string) bool { return touched[id] })
		if len(others) > 0 {
			return p.ID, others, nil
		}
	}
	return "", nil, nil
}

// mostNamed bounds the ids that a message lists.
const mostNamed = 20

// some lists ids for a message.
func some(ids []string) string {
	if more := len(ids) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:mostNamed], ", "), more)
	}
	return strings.Join(ids, ", ")
}

// undoItem gives an item what it was.
func (s *Store) undoItem(ctx context.Context, tx bun.Tx, undoID string, row versionRow, former sat.StoredItem) error {
	now, err := s.current(ctx, tx, []string{row.ItemID})
	if err != nil {
		return err
	}
	latest := now[row.ItemID]
	switch {
	case !latest.there && !row.there(): // made by the change, and gone since
		return nil
	case latest.Version != int(row.Version)+1:
		return sat.Errorf(sat.Conflict, "The item %s was changed again since; undo that change first.", row.ItemID)
	case !row.there():
		return s.dropItem(ctx, tx, undoID, latest)
	}
	former.Version = 0
	if latest.there {
		former.Version = latest.Version
	}
	_, err = s.saveItem(ctx, tx, undoID, latest, former)
	return err
}
