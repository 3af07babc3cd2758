package questionbank

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// PassageVersion names a passage as it is, so that who replaces it can say what was seen: "v-" and 16 hex digits.
func (*Desk) PassageVersion(p sat.Passage) string { return "v-" + digest(marshal(p))[:16] }

// Passage gives a passage.
func (d *Desk) Passage(ctx context.Context, id string) (sat.Passage, error) {
	found, err := d.shelf.Passages(ctx, []string{id})
	if err == nil && len(found) == 0 {
		err = sat.Errorf(sat.NotFound, "There is no such passage.")
	}
	if err != nil {
		return sat.Passage{}, err
	}
	return found[0], nil
}

// SavePassage stores a passage: a new one for the version "", else in place of the one that has this version, in all the
// questions on it. Their quotations and marks move with their words; where words are quoted that it no longer has, nothing
// is stored. It gives the passage as it is stored, the ids of the questions that changed, and what is doubtful.
func (d *Desk) SavePassage(ctx context.Context, by string, p sat.Passage, version string) (sat.Passage, []string, []sat.Finding, error) {
	p = Canonical(sat.Item{Passages: []sat.Passage{p}}).Passages[0]
	findings := lintPassage(p)
	if err := refused("The passage cannot be stored as it is.", findings); err != nil {
		return p, nil, findings, err
	}
	former, err := d.shelf.Passages(ctx, []string{p.ID})
	switch {
	case err != nil:
		return p, nil, findings, err
	case len(former) > 0 && version == "":
		return p, nil, findings, &sat.Error{Code: sat.Conflict, Message: "There is such a passage already.", Fields: []sat.FieldError{
			{Field: "passage.id", Message: "is taken; choose another one, or send the version that is replaced"}}}
	case len(former) == 0 && version != "":
		return p, nil, findings, sat.Errorf(sat.NotFound, "There is no such passage.")
	case len(former) > 0 && d.PassageVersion(former[0]) != version:
		return p, nil, findings, sat.Errorf(sat.Conflict, "The passage was changed by somebody else meanwhile.")
	}
	seen := sat.Passage{ID: p.ID} // a new one
	if len(former) > 0 {
		seen = former[0]
	}
	items, err := d.carried(ctx, former, []sat.Passage{p}, nil)
	if err != nil {
		return p, nil, findings, err
	}
	var ids []string
	for _, it := range items {
		ids = append(ids, it.ID)
	}
	if len(items) == 0 {
		return p, ids, findings, d.shelf.PutPassage(ctx, p, seen)
	}
	_, err = d.shelf.SaveItems(ctx, sat.BankChange{By: by, What: "edit"}, items, seen)
	return p, ids, findings, err
}

// DeletePassage deletes a passage on which there is no question; a Conflict names those that there are.
func (d *Desk) DeletePassage(ctx context.Context, id string) error {
	items, total, err := d.shelf.SearchItems(ctx, sat.ItemFilter{PassageID: id, Limit: mostNamed})
	if err != nil {
		return err
	}
	if total > 0 {
		names := make([]string, len(items))
		for i, it := range items {
			names[i] = it.ID
		}
		list := strings.Join(names, ", ")
		if more := total - len(items); more > 0 {
			list += fmt.Sprintf(" and %d more", more)
		}
		return sat.Errorf(sat.Conflict, "There are questions on this passage: %s. Take them out of the bank first.", list)
	}
	return d.shelf.DropPassage(ctx, id)
}

// mostNamed bounds the ids that a message lists.
const mostNamed = 20

// lintPassage judges a passage by itself.
func lintPassage(p sat.Passage) (findings []sat.Finding) {
	for _, f := range Lint(sat.Item{Passages: []sat.Passage{p}, Framework: sat.Digital}, Rules{}) {
		if rest, ok := strings.CutPrefix(f.Field, "passages[0]"); ok && f.Code != L15 { // how long it may be is up to the exam
			f.Field = "passage" + rest
			findings = append(findings, f)
		}
	}
	return findings
}

// refused gives findings that keep something from being stored as an error, nil where there are none.
func refused(message string, findings []sat.Finding) error {
	wrong := &sat.Error{Code: sat.Invalid, Message: message}
	for _, f := range findings {
		if f.Severity == SeverityError {
			wrong.Fields = append(wrong.Fields, sat.FieldError{Field: f.Field, Message: f.Message})
		}
	}
	if wrong.Fields == nil {
		return nil
	}
	return wrong
}

// withSiblings adds, to items that are to be stored, those that share a passage with them which the items change: a
// passage is one for all the questions on it. It gives the passages as it saw them too, new ones without lines.
func (d *Desk) withSiblings(ctx context.Context, items []sat.StoredItem) (all []sat.StoredItem, seen []sat.Passage, err error) {
	passages, given := map[string]sat.Passage{}, map[string]bool{}
	var ids []string
	for _, it := range items {
		given[it.ID] = true
		for _, p := range it.Passages {
			if _, known := passages[p.ID]; !known {
				ids = append(ids, p.ID)
			}
			passages[p.ID] = p // the last one holds, as in the store
		}
	}
	former, err := d.shelf.Passages(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	seen = slices.Clone(former)
	known := map[string]bool{}
	for _, p := range former {
		known[p.ID] = true
	}
	for _, id := range ids {
		if !known[id] {
			seen = append(seen, sat.Passage{ID: id})
		}
	}
	former = slices.DeleteFunc(former, func(p sat.Passage) bool { return bytes.Equal(marshal(p), marshal(passages[p.ID])) })
	latter := make([]sat.Passage, len(former))
	for i, p := range former {
		latter[i] = passages[p.ID]
	}
	siblings, err := d.carried(ctx, former, latter, given)
	return append(siblings, items...), seen, err
}

// carried gives the items, but for the given ones, that have passages which change from former to latter, with the change.
func (d *Desk) carried(ctx context.Context, former, latter []sat.Passage, given map[string]bool) ([]sat.StoredItem, error) {
	changed := map[string]sat.StoredItem{}
	wrong := &sat.Error{Code: sat.Invalid, Message: "Other questions on the passage quote words that it would no longer have."}
	for i, p := range latter {
		if i >= len(former) {
			break // a new passage
		}
		items, _, err := d.shelf.SearchItems(ctx, sat.ItemFilter{PassageID: p.ID})
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			if given[it.ID] {
				continue
			}
			if before, again := changed[it.ID]; again {
				it = before
			}
			moved, faults := withPassage(it.Item, former[i], p)
			for _, f := range faults {
				wrong.Fields = append(wrong.Fields, sat.FieldError{Field: "passage.lines", Message: "would " + f})
			}
			changed[it.ID] = Stored(Canonical(moved), it.Version)
		}
	}
	if wrong.Fields != nil {
		return nil, wrong
	}
	list := make([]sat.StoredItem, 0, len(changed))
	for _, it := range changed {
		list = append(list, it)
	}
	slices.SortFunc(list, func(a, b sat.StoredItem) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

// withPassage gives an item with another text of one of its passages. What is quoted or marked of it is looked for there;
// faults say what the passage would no longer do.
func withPassage(it sat.Item, former, latter sat.Passage) (_ sat.Item, faults []string) {
	before, after := former.Text(), latter.Text()
	gone := func(start, end int, format string) {
		faults = append(faults, fmt.Sprintf(format, shortened(sat.Cut(before, start, end)), it.ID))
	}
	it.Passages = slices.Clone(it.Passages)
	for i := range it.Passages {
		if it.Passages[i].ID == latter.ID {
			it.Passages[i] = latter
		}
	}
	it.Marks = slices.Clone(it.Marks)
	for i, m := range it.Marks {
		if m.In == sat.InPassage && m.PassageID == latter.ID {
			start, end, ok := sat.Followed(before, after, m.Start, m.End)
			if !ok {
				gone(m.Start, m.End, "no longer say “%s” where question %s has it marked")
				continue
			}
			it.Marks[i].Start, it.Marks[i].End = start, end
		}
	}
	it.Explanation.Quotes = slices.Clone(it.Explanation.Quotes)
	for i, q := range it.Explanation.Quotes {
		if q.PassageID == latter.ID {
			start, end, ok := sat.Followed(before, after, q.Start, q.End)
			if !ok { // they may stand elsewhere too
				start, end, ok = sat.WordsIn(after, sat.Cut(before, q.Start, q.End), q.Start)
			}
			if !ok {
				gone(q.Start, q.End, "no longer say “%s”, which question %s quotes")
				continue
			}
			q.Start, q.End = start, end
		}
		if from, to, ok := it.LinesOf(q.PassageID, q.Start, q.End); ok { // the second passage goes on counting
			q.LineFrom, q.LineTo = from, to
		}
		it.Explanation.Quotes[i] = q
	}
	return it, faults
}
