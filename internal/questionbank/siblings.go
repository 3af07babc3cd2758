package questionbank

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"sattutor/internal/sat"
)

// Sibling is a stored item that an import changes though its file may not have it: the file changes its passage.
type Sibling struct {
	N         int // the item of the file that changes the passage
	PassageID string
	Item      sat.StoredItem // as it would be stored, with the version that it replaces
}

// shared is a passage of the bank with the items that stand on it.
type shared struct {
	sat.Passage
	items []sat.StoredItem
}

// share finds what changes with the passages that the file brings, for a passage is one for all items on it. Items that
// would take words from a passage which a stored item quotes or marks are rejected.
func (p *Plan) share(ctx context.Context, bank Bank) error {
	passages, err := p.changedPassages(ctx, bank)
	if err != nil {
		return err
	}
	for {
		latter, by := p.passages()
		siblings, faults := p.siblings(passages, latter, by)
		if len(faults) == 0 {
			p.Siblings = siblings
			return nil
		}
		for _, i := range slices.Sorted(maps.Keys(faults)) { // what is rejected brings no passage; look once more
			p.refuse(i, faults[i])
		}
	}
}

// passages gives the passages that the items to be stored bring, the last one of an id as in the store, and by id the
// changes that bring it.
func (p *Plan) passages() (latter map[string]sat.Passage, by map[string][]int) {
	latter, by = map[string]sat.Passage{}, map[string][]int{}
	for i, c := range p.Changes {
		if c.taken() {
			for _, passage := range c.Item.Passages {
				latter[passage.ID] = passage
				by[passage.ID] = append(by[passage.ID], i)
			}
		}
	}
	return latter, by
}

// changedPassages gives the passages of the bank that the file changes, in the order of their ids, and notes all as they are.
func (p *Plan) changedPassages(ctx context.Context, bank Bank) ([]shared, error) {
	latter, _ := p.passages()
	if len(latter) == 0 {
		return nil, nil
	}
	stored, err := bank.Passages(ctx, slices.Sorted(maps.Keys(latter)))
	if err != nil {
		return nil, fmt.Errorf("find passages: %w", err)
	}
	p.Seen = slices.Clone(stored)
	fresh := maps.Clone(latter)
	for _, former := range stored {
		delete(fresh, former.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(fresh)) {
		p.Seen = append(p.Seen, sat.Passage{ID: id})
	}
	var changed []shared
	for _, former := range stored {
		if bytes.Equal(marshal(former), marshal(latter[former.ID])) {
			continue
		}
		items, _, err := bank.SearchItems(ctx, sat.ItemFilter{PassageID: former.ID})
		if err != nil {
			return nil, fmt.Errorf("find the questions on passage %s: %w", former.ID, err)
		}
		changed = append(changed, shared{former, items})
	}
	slices.SortFunc(changed, func(a, b shared) int { return cmp.Compare(a.ID, b.ID) })
	return changed, nil
}

// siblings gives the stored items that change with their passages, and for each change that takes words from one what
// is to be said of it.
func (p *Plan) siblings(passages []shared, latter map[string]sat.Passage, by map[string][]int) ([]Sibling, map[int]string) {
	given, changed, faults := map[string]bool{}, map[string]Sibling{}, map[int]string{}
	for _, it := range p.Items() {
		given[it.ID] = true
	}
	for _, s := range passages {
		now, brought := latter[s.ID]
		if !brought || bytes.Equal(marshal(now), marshal(s.Passage)) {
			continue
		}
		for _, it := range s.items {
			if given[it.ID] {
				continue
			}
			sibling, again := changed[it.ID]
			if !again {
				sibling = Sibling{N: p.Changes[by[s.ID][0]].N, PassageID: s.ID, Item: it}
			}
			moved, lost := withPassage(sibling.Item.Item, s.Passage, now)
			if len(lost) > 0 {
				for _, i := range by[s.ID] {
					if faults[i] == "" {
						faults[i] = fmt.Sprintf("would %s; that question of the bank stands on passage %s too: keep these words, "+
							"or give the passage an id of its own", lost[0], s.ID)
					}
				}
			}
			sibling.Item = Stored(Canonical(moved), it.Version)
			changed[it.ID] = sibling
		}
	}
	return slices.SortedFunc(maps.Values(changed), func(a, b Sibling) int {
		return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.Item.ID, b.Item.ID))
	}), faults
}
