package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

type itemRow struct {
	bun.BaseModel `bun:"table:items,alias:i"`

	ID         string  `bun:"id,pk"`
	ContentKey string  `bun:"content_key"`
	Framework  string  `bun:"framework"`
	Domain     string  `bun:"domain"`
	Skill      string  `bun:"skill"`
	Genre      string  `bun:"genre"`
	Difficulty string  `bun:"difficulty"`
	Split      string  `bun:"split"`
	Licence    string  `bun:"licence"`
	Requires   string  `bun:"requires"`
	Tags       string  `bun:"tags"`
	Passages   string  `bun:"passages"`
	Doc        string  `bun:"doc"`
	Words      string  `bun:"words"`
	Version    int64   `bun:"version"`
	UpdatedAt  instant `bun:"updated_at"`
}

// spaced puts every word between spaces, so that a word is found whole: " a b ".
func spaced[T ~string](words []T) string {
	var b strings.Builder
	b.WriteByte(' ')
	for _, w := range words {
		b.WriteString(string(w))
		b.WriteByte(' ')
	}
	return b.String()
}

func (s *Store) itemRowOf(it sat.StoredItem) (itemRow, []passageRow, error) {
	passages := make([]passageRow, len(it.Passages))
	ids := make([]string, len(it.Passages))
	for i, p := range it.Passages {
		doc, err := json.Marshal(p)
		if err != nil {
			return itemRow{}, nil, err
		}
		passages[i], ids[i] = passageRow{ID: p.ID, Doc: string(doc)}, p.ID
	}
	bare := it.Item
	bare.Passages = nil
	doc, err := json.Marshal(bare)
	if err != nil {
		return itemRow{}, nil, err
	}
	split := it.Split
	if split == "" {
		split = sat.ForPractice
	}
	return itemRow{
		ID: it.ID, ContentKey: it.ContentKey, Framework: string(it.Framework), Domain: string(it.Domain), Skill: string(it.Skill),
		Genre: string(it.Genre), Difficulty: string(it.Difficulty), Split: string(split), Licence: it.Licence,
		Requires: spaced(it.Requires), Tags: spaced(it.Tags), Passages: spaced(ids), Doc: string(doc), Words: searchText(it.Item),
		Version: int64(it.Version), UpdatedAt: at(s.now()),
	}, passages, nil
}

// Item gives an item by id.
func (s *Store) Item(ctx context.Context, id string) (sat.StoredItem, error) {
	items, err := s.itemsWhere(ctx, s.read, "i.id IN (?)", []string{id})
	if err == nil && len(items) == 0 {
		err = sat.Errorf(sat.NotFound, "There is no such item.")
	}
	if err != nil {
		return sat.StoredItem{}, err
	}
	return items[0], nil
}

// ItemsByID gives those of the items that are there.
func (s *Store) ItemsByID(ctx context.Context, ids []string) ([]sat.StoredItem, error) {
	return s.itemsWhere(ctx, s.read, "i.id IN (?)", ids)
}

// ItemsByContent gives the items that have one of the content keys.
func (s *Store) ItemsByContent(ctx context.Context, keys []string) ([]sat.StoredItem, error) {
	return s.itemsWhere(ctx, s.read, "i.content_key IN (?)", keys)
}

// ItemsAfter gives the next n items behind an id, in the order of ids: the whole bank page by page, from "" on.
func (s *Store) ItemsAfter(ctx context.Context, id string, n int) ([]sat.StoredItem, error) {
	var rows []itemRow
	if err := s.read.NewSelect().Model(&rows).Where("i.id > ?", id).Order("i.id").Limit(int64(n)).Scan(ctx); err != nil {
		return nil, fault(err, "item")
	}
	items, err := assemble(ctx, s.read, rows)
	return items, fault(err, "item")
}

// manyAtOnce bounds the values of one query.
const manyAtOnce = 500

func (s *Store) itemsWhere(ctx context.Context, db bun.IDB, where string, values []string) ([]sat.StoredItem, error) {
	var items []sat.StoredItem
	for len(values) > 0 {
		n := min(len(values), manyAtOnce)
		var rows []itemRow
		if err := db.NewSelect().Model(&rows).Where(where, bun.List(values[:n])).Order("i.id").Scan(ctx); err != nil {
			return nil, fault(err, "item")
		}
		some, err := assemble(ctx, db, rows)
		if err != nil {
			return nil, fault(err, "item")
		}
		items, values = append(items, some...), values[n:]
	}
	return items, nil
}

// assemble puts items and their passages together.
func assemble(ctx context.Context, db bun.IDB, rows []itemRow) ([]sat.StoredItem, error) {
	passages := map[string]sat.Passage{}
	var missing []string
	for _, row := range rows {
		for _, id := range strings.Fields(row.Passages) {
			if _, seen := passages[id]; !seen {
				passages[id] = sat.Passage{}
				missing = append(missing, id)
			}
		}
	}
	for len(missing) > 0 {
		n := min(len(missing), manyAtOnce)
		var found []passageRow
		if err := db.NewSelect().Model(&found).Where("id IN (?)", bun.List(missing[:n])).Scan(ctx); err != nil {
			return nil, err
		}
		for _, row := range found {
			var p sat.Passage
			if err := json.Unmarshal([]byte(row.Doc), &p); err != nil {
				return nil, err
			}
			passages[row.ID] = p
		}
		missing = missing[n:]
	}
	items := make([]sat.StoredItem, len(rows))
	for i, row := range rows {
		it := sat.StoredItem{ContentKey: row.ContentKey, Version: int(row.Version), UpdatedAt: row.UpdatedAt.Time}
		if err := json.Unmarshal([]byte(row.Doc), &it.Item); err != nil {
			return nil, err
		}
		for _, id := range strings.Fields(row.Passages) {
			it.Passages = append(it.Passages, passages[id])
		}
		items[i] = it
	}
	return items, nil
}

// SaveItems adds and replaces items in one step and keeps what they were before. The Version of each item must be the
// one that is stored, 0 for an item that is new; where it is not, somebody else was faster, and nothing is stored. The
// Version of each is the new one afterwards.
// A passage is shared by the items that name it: the last one stored holds for all of them. Where it is said how passages
// were seen, they must still be so, without lines for one that was not there, and none may change under other items.
func (s *Store) SaveItems(ctx context.Context, c sat.BankChange, items []sat.StoredItem, seen ...sat.Passage) (sat.BankChange, error) {
	c.Items = len(items)
	versions := make([]int, len(items))
	err := s.changeBank(ctx, func(tx bun.Tx) error {
		if err := settled(ctx, tx, items, seen); err != nil {
			return err
		}
		if err := s.addChange(ctx, tx, &c); err != nil {
			return err
		}
		ids := make([]string, len(items))
		for i, it := range items {
			ids[i] = it.ID
		}
		before, err := s.current(ctx, tx, ids)
		if err != nil {
			return err
		}
		for i, it := range items {
			if versions[i], err = s.saveItem(ctx, tx, c.ID, before[it.ID], it); err != nil {
				return err
			}
			progress(ctx, i+1, len(items))
		}
		return nil
	})
	if err != nil {
		return c, fault(err, "item")
	}
	for i, version := range versions {
		items[i].Version = version
	}
	return c, nil
}

// saveItem stores an item over what stands there, and gives its new version.
func (s *Store) saveItem(ctx context.Context, tx bun.Tx, changeID string, before standing, it sat.StoredItem) (int, error) {
	if err := before.admits(it); err != nil {
		return 0, err
	}
	if err := keepVersion(ctx, tx, changeID, it.ID, before); err != nil {
		return 0, err
	}
	it.Version = before.Version + 1
	row, passages, err := s.itemRowOf(it)
	if err != nil {
		return 0, err
	}
	if len(passages) > 0 {
		if _, err := tx.NewInsert().Model(&passages).On("CONFLICT (id) DO UPDATE").Set("doc = EXCLUDED.doc").Exec(ctx); err != nil {
			return 0, err
		}
	}
	if before.there {
		_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
	} else {
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
	}
	return it.Version, err
}

// DeleteItem takes an item out of the bank; what it was is kept.
func (s *Store) DeleteItem(ctx context.Context, by, id string) error {
	return fault(s.changeBank(ctx, func(tx bun.Tx) error {
		before, err := s.current(ctx, tx, []string{id})
		if err != nil {
			return err
		}
		c := sat.BankChange{By: by, What: "delete"}
		if err := s.addChange(ctx, tx, &c); err != nil {
			return err
		}
		if !before[id].there {
			return sat.Errorf(sat.NotFound, "There is no such item.")
		}
		return s.dropItem(ctx, tx, c.ID, before[id])
	}), "item")
}

func (s *Store) dropItem(ctx context.Context, tx bun.Tx, changeID string, before standing) error {
	if err := keepVersion(ctx, tx, changeID, before.ID, before); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model((*itemRow)(nil)).Where("id = ?", before.ID).Exec(ctx); err != nil {
		return err
	}
	for _, p := range before.Passages {
		used := itemsOn(tx, p.ID).ColumnExpr("1")
		if _, err := tx.NewDelete().Model((*passageRow)(nil)).Where("id = ?", p.ID).Where("NOT EXISTS (?)", used).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ItemCount is how many items the bank has.
func (s *Store) ItemCount(ctx context.Context) (int, error) {
	n, err := s.read.NewSelect().Model((*itemRow)(nil)).Count(ctx)
	return int(n), fault(err, "item")
}

func newID() string { return strings.ToLower(rand.Text()) }
