package retrieval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sattutor/internal/sat"
)

// Times of the work on the vectors.
const (
	lookEvery    = 5 * time.Second // between two looks for a change of the bank
	slowestRetry = 2 * time.Minute // between two tries while the model cannot be asked
	renewLimit   = 2 * time.Hour   // for one whole renewal
)

// Counts tells how far the bank is embedded.
type Counts struct {
	Stored  int // items with a vector of their text as it is
	Waiting int // items without
	Refused int // items of which the model makes nothing; they are found by words alone
}

// Counts tells how far the bank was embedded when it was last looked at.
func (f *Finder) Counts() Counts { return *f.counts.Load() }

// Run keeps the stored vectors true to the bank until the context ends: whoever changes it, by the pages, the API, the
// command line or another replica, and whatever happened meanwhile, it is the bank's newest change that says whether
// there is work. Without a model it returns at once.
func (f *Finder) Run(ctx context.Context) {
	wait, failing := lookEvery, false
	for f.model != nil {
		made, err := f.renewIfChanged(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				f.log.Warn("the question bank is not embedded; what is alike is found by words meanwhile", "model", f.model.Model, "error", err.Error())
			}
			wait, failing = min(2*wait, slowestRetry), true
		default:
			if made {
				f.log.Info("the question bank is embedded", "model", f.model.Model, "items", f.Counts().Stored)
			}
			wait, failing = lookEvery, false
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (f *Finder) renewIfChanged(ctx context.Context) (renewed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	change, err := f.newest(ctx)
	if err != nil {
		return false, err
	}
	if e := f.embedded.Load(); e != nil && e.change == change {
		return false, nil
	}
	return true, f.Renew(ctx, func(int, int) {})
}

// Renew makes and stores the vectors that are missing, those of items that were changed, and all of them where the model
// has begun to make others; then it deletes those of former models. What was made stays where it breaks off, so that it
// can be called again at any time. It tells how many it has made of how many.
func (f *Finder) Renew(ctx context.Context, each func(made, of int)) error {
	if f.model == nil {
		return errors.New("no embedding model is configured")
	}
	change, err := f.newest(ctx)
	if err != nil {
		return err
	}
	items, _, err := f.shelf.SearchItems(ctx, sat.ItemFilter{})
	if err != nil {
		return err
	}
	stored, err := f.shelf.Vectors(ctx, f.model.Model)
	if err != nil {
		return err
	}
	have := newShelved(items, stored)
	for range 2 { // the second time, where the new vectors have another length than the stored ones
		stale := have.stale()
		f.count(have, len(stale))
		if err := f.embed(ctx, stale, have, each); err != nil {
			return err
		}
	}
	if err := f.shelf.DropVectors(ctx, f.model.Model); err != nil {
		return err
	}
	f.count(have, 0)
	e, err := have.embedded(change)
	if err != nil {
		return err
	}
	f.embedded.Store(e)
	return nil
}

func (f *Finder) count(have *shelved, waiting int) {
	c := Counts{Waiting: waiting, Refused: have.refused()}
	c.Stored = len(have.items) - c.Waiting - c.Refused
	f.counts.Store(&c)
}

// embed makes and stores the vectors of items.
func (f *Finder) embed(ctx context.Context, items []sat.StoredItem, have *shelved, each func(made, of int)) error {
	texts := make([]string, len(items))
	for i, it := range items {
		texts[i] = Text(it.Item)
	}
	at := 0
	err := f.model.vectors(ctx, texts, func(made [][]float32) error {
		rows := make([]sat.ItemVector, len(made))
		for i, values := range made {
			rows[i] = sat.ItemVector{ItemID: items[at+i].ID, ContentKey: keyOf(texts[at+i]), Values: values}
			have.put(rows[i])
		}
		at += len(made)
		if err := f.save(ctx, rows); err != nil {
			return err
		}
		f.count(have, len(items)-at)
		each(at, len(items))
		return nil
	})
	if err != nil {
		return fmt.Errorf("embed items: %w", err)
	}
	return nil
}

// save stores vectors, but for those of items that were deleted meanwhile.
func (f *Finder) save(ctx context.Context, rows []sat.ItemVector) error {
	err := f.shelf.SaveVectors(ctx, f.model.Model, rows)
	if sat.CodeOf(err) != sat.NotFound {
		return err
	}
	for i := range rows {
		if err := f.shelf.SaveVectors(ctx, f.model.Model, rows[i:i+1]); err != nil && sat.CodeOf(err) != sat.NotFound {
			return err
		}
	}
	return nil
}
