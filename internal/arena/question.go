package arena

import (
	"context"
	"math/rand/v2"
	"slices"

	"sattutor/internal/sat"
)

// Bank is the question bank as it is now.
type Bank interface {
	ItemIDs(ctx context.Context, f sat.ItemFilter) ([]string, error)
	Item(ctx context.Context, id string) (sat.StoredItem, error)
}

// showable chooses what evaluators may be shown with its key after the vote: what is there to practise, for the rest is
// kept for training and for measuring. Each question is shown alone, and models read text only.
func showable() sat.ItemFilter {
	return sat.ItemFilter{Split: sat.ForPractice,
		Without: []sat.Requirement{sat.NeedsPrevious, sat.NeedsGraph, sat.NeedsTable, sat.NeedsFigure}}
}

// question draws a question of the bank among those that were not seen, and among all once every one was.
func (d *Desk) question(ctx context.Context, seen map[string]bool) (sat.Item, error) {
	ids, err := d.opts.Bank.ItemIDs(ctx, showable())
	if err != nil {
		return sat.Item{}, err
	}
	fresh := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return seen[id] })
	for _, among := range [][]string{fresh, ids} {
		for len(among) > 0 {
			at := rand.IntN(len(among))
			it, err := d.opts.Bank.Item(ctx, among[at])
			if sat.CodeOf(err) != sat.NotFound { // it is there, or the bank is not
				return it.Item, err
			}
			among = slices.Delete(among, at, at+1) // taken out meanwhile
		}
	}
	return sat.Item{}, sat.Errorf(sat.Conflict, "The question bank has no question for this. Compare the models on a question of your own.")
}
