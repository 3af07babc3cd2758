package questionbank

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// Bank is what an import needs to know of the items that are stored.
type Bank interface {
	ItemsByID(ctx context.Context, ids []string) ([]sat.StoredItem, error)
	ItemsByContent(ctx context.Context, keys []string) ([]sat.StoredItem, error)
	Passages(ctx context.Context, ids []string) ([]sat.Passage, error)
	SearchItems(ctx context.Context, f sat.ItemFilter) (items []sat.StoredItem, total int, err error)
}

// PlanOptions are the wishes for an import.
type PlanOptions struct {
	AllowSplit bool // an update may move an item to another split
}

// Plan is what an import would do.
type Plan struct {
	ID       string // of the file, the options and the touched items: equal plans do the same
	Reading  *Reading
	Changes  []Change      // an entry for each question of the file that could be made out
	Siblings []Sibling     // what changes with them
	Seen     []sat.Passage // the passages of the items as they were in the bank; new ones without lines
	Findings []Finding
	Omitted  int // findings beyond those that are listed
	Counts   sat.ImportCounts
}

// Change is what happens to one item.
type Change struct {
	N      int
	Action Action
	Item   sat.StoredItem // as it would be stored, with the version that it replaces
	Fields []string       // what an update changes
}

// taken says whether the item is to be stored.
func (c Change) taken() bool { return c.Action == ActionNew || c.Action == ActionUpdated }

// Items gives the items that are to be stored.
func (p *Plan) Items() []sat.StoredItem {
	var items []sat.StoredItem
	for _, s := range p.Siblings {
		items = append(items, s.Item)
	}
	for _, c := range p.Changes {
		if c.taken() {
			items = append(items, c.Item)
		}
	}
	return items
}

// Stored gives an item as the bank keeps it; version is the one that it replaces, 0 for a new one.
func Stored(it sat.Item, version int) sat.StoredItem {
	return sat.StoredItem{Item: it, ContentKey: ContentKey(it), Version: version}
}

// MakePlan matches what was read with the bank: by id, else by what is asked, else it is new. A file in a format that
// carries less than the bank holds changes only what it carries.
func MakePlan(ctx context.Context, reading *Reading, bank Bank, opts PlanOptions) (*Plan, error) {
	p := &Plan{Reading: reading, Findings: slices.Clone(reading.Findings), Omitted: reading.Omitted}
	byID, byKey, err := stored(ctx, reading, bank)
	if err != nil {
		return nil, err
	}
	claimed := claims(reading, byID)
	identity := []any{reading.SHA256, reading.Format, opts}
	for _, e := range reading.Entries {
		c := Change{N: e.N, Action: ActionRejected, Item: Stored(e.Item, 0)}
		former, known := byID[e.Item.ID]
		if !known {
			former, known = byKey[c.Item.ContentKey]
		}
		switch first := claimed[former.ID]; {
		case e.Rejected:
		case known && first != 0 && first != e.N:
			p.Findings = append(p.Findings, Finding{N: e.N, ID: e.Item.ID, Place: e.Place, Cell: e.Cell, Field: "id", Code: CodeDuplicateID,
				Severity: SeverityError, Message: fmt.Sprintf("is in the bank as %s, and so is question %d of this file; "+
					"take one of the two out, or import it by itself when the other one is stored", former.ID, first)})
		default:
			if known {
				claimed[former.ID] = e.N
				identity = append(identity, former.ID, former.Version)
			}
			p.decide(&c, e, former, known, opts)
		}
		p.Changes = append(p.Changes, c)
	}
	if err := p.share(ctx, bank); err != nil {
		return nil, err
	}
	for _, s := range p.Siblings {
		identity = append(identity, s.Item.ID, s.Item.Version)
	}
	for _, c := range p.Changes {
		identity = append(identity, c.Action)
	}
	p.count()
	p.ID = digest(marshal(identity))[:32]
	sortFindings(p.Findings)
	return p, nil
}

// claims gives, by id, the stored items that the file names, with the number of the item that does: they are no other's.
func claims(reading *Reading, byID map[string]sat.StoredItem) map[string]int {
	claimed := map[string]int{}
	for _, e := range reading.Entries {
		if _, known := byID[e.Item.ID]; known && !e.Rejected {
			claimed[e.Item.ID] = e.N
		}
	}
	return claimed
}

// refuse rejects an item of the file that seemed to be one to take.
func (p *Plan) refuse(i int, why string) {
	c, e := &p.Changes[i], p.Reading.Entries[i]
	c.Action, c.Fields = ActionRejected, nil
	p.Findings = append(p.Findings, Finding{N: e.N, ID: c.Item.ID, Place: e.Place, Cell: e.Cell, Field: "passages", Code: L06,
		Severity: SeverityError, Message: why})
}

// note adds a finding about an item that can be taken, or counts it where there are many already.
func (p *Plan) note(f Finding) {
	if len(p.Findings) >= maxFindings {
		p.Omitted++
		return
	}
	p.Findings = append(p.Findings, f)
}

// stored fetches the items that the file may mean.
func stored(ctx context.Context, reading *Reading, bank Bank) (byID, byKey map[string]sat.StoredItem, err error) {
	var ids, keys []string
	for _, e := range reading.Entries {
		if !e.Rejected {
			ids, keys = append(ids, e.Item.ID), append(keys, ContentKey(e.Item))
		}
	}
	byID, byKey = map[string]sat.StoredItem{}, map[string]sat.StoredItem{}
	if ids == nil {
		return byID, byKey, nil
	}
	found, err := bank.ItemsByID(ctx, ids)
	if err != nil {
		return nil, nil, fmt.Errorf("find items by id: %w", err)
	}
	for _, it := range found {
		byID[it.ID] = it
	}
	if found, err = bank.ItemsByContent(ctx, keys); err != nil {
		return nil, nil, fmt.Errorf("find items by content: %w", err)
	}
	for _, it := range found {
		byKey[it.ContentKey] = it
	}
	return byID, byKey, nil
}

// decide says what happens to an item that can be taken.
func (p *Plan) decide(c *Change, e Entry, former sat.StoredItem, known bool, opts PlanOptions) {
	if !known {
		c.Action = ActionNew
		return
	}
	it := restored(e.Item, former.Item, p.Reading.Format)
	if it.Split != former.Split && !opts.AllowSplit {
		p.note(Finding{N: e.N, ID: former.ID, Place: e.Place, Cell: e.Cell, Field: "split", Code: L13,
			Severity: SeverityWarning, Message: fmt.Sprintf("stays %s; moving it to %s would spoil what was measured, unless you allow it",
				former.Split, it.Split)})
		it.Split = former.Split
	}
	c.Item = Stored(it, former.Version)
	if bytes.Equal(marshal(it), marshal(Canonical(former.Item))) {
		c.Action = ActionUnchanged
		return
	}
	c.Action, c.Fields = ActionUpdated, changed(former.Item, it)
}

// compare adds what the bank says of the items that would be stored.
func (p *Plan) compare(ctx context.Context, bank *neighbours) error {
	var items []sat.Item
	var at []int
	for i, c := range p.Changes {
		if c.taken() {
			items, at = append(items, c.Item.Item), append(at, i)
		}
	}
	verdicts, err := bank.judge(ctx, items)
	if err != nil {
		return fmt.Errorf("compare with the bank: %w", err)
	}
	for i, findings := range verdicts {
		for _, f := range findings {
			e := p.Reading.Entries[at[i]]
			f.N, f.ID, f.Place, f.Cell = e.N, items[i].ID, e.Place, e.Cell
			p.note(f)
		}
	}
	sortFindings(p.Findings)
	return nil
}

// count sums the plan up. A question that could not even be made out is rejected too.
func (p *Plan) count() {
	p.Counts.Siblings = len(p.Siblings)
	taken := map[int]bool{}
	for _, c := range p.Changes {
		taken[c.N] = true
		switch c.Action {
		case ActionNew:
			p.Counts.New++
		case ActionUpdated:
			p.Counts.Updated++
		case ActionUnchanged:
			p.Counts.Unchanged++
		case ActionRejected:
			p.Counts.Rejected++
		}
	}
	for _, f := range p.Findings {
		if f.N > 0 && f.Severity == SeverityError && !taken[f.N] {
			taken[f.N] = true
			p.Counts.Rejected++
		}
	}
}

// changed gives the fields in which two items differ.
func changed(a, b sat.Item) []string {
	before := map[string]string{}
	for _, f := range fields(a) {
		before[f.field] = f.text
	}
	var names []string
	for _, f := range fields(b) {
		if before[f.field] != f.text {
			names = append(names, f.field)
		}
		delete(before, f.field)
	}
	for _, f := range fields(a) {
		if _, gone := before[f.field]; gone {
			names = append(names, f.field)
		}
	}
	return names
}

// restored gives an item with what its file's format cannot carry as it is stored, where that still fits.
func restored(it, former sat.Item, format Format) sat.Item {
	it.ID = former.ID // matched by content
	c, _ := codecOf(format)
	if c.keep == nil {
		return it
	}
	kept := ReadOptions{Framework: it.Framework, Skill: it.Skill}.complete(c.keep(former))
	lost := map[string]bool{}
	for _, f := range lostFields(former, c) {
		lost[f] = true
	}
	restoreTexts(&it, former, kept, lost)
	restoreCodes(&it, former, lost)
	return Canonical(it)
}

// lostFields gives the names of the fields that a format does not carry of an item.
func lostFields(it sat.Item, c codec) []string {
	var names []string
	for _, f := range lost(0, it, c) {
		names = append(names, f.Field)
	}
	return names
}

// restoreTexts gives back passages, marks, quotes and reasons whose text is still the same.
func restoreTexts(it *sat.Item, former, kept sat.Item, lost map[string]bool) {
	same := len(it.Passages) == len(kept.Passages)
	for i := range kept.Passages {
		same = same && it.Passages[i].Text() == kept.Passages[i].Text()
	}
	if same {
		passages := slices.Clone(former.Passages)
		for i := range min(len(passages), len(it.Passages)) {
			at := fmt.Sprintf("passages[%d].", i)
			if !lost[at+"title"] {
				passages[i].Title = it.Passages[i].Title
			}
			if !lost[at+"attribution"] {
				passages[i].Attribution = it.Passages[i].Attribution
			}
		}
		it.Passages = passages
		if lost["explanation.quotes"] {
			it.Explanation.Quotes = former.Explanation.Quotes
		}
		if lost["marks"] && it.Question == former.Question {
			it.Marks = former.Marks
		}
	}
	if lost["explanation.text"] {
		it.Explanation.Text = former.Explanation.Text
	}
	for i := range min(len(it.Choices), len(former.Choices)) {
		if lost[fmt.Sprintf("choices[%d].why", i)] && it.Choices[i].Text == former.Choices[i].Text {
			it.Choices[i].Why = former.Choices[i].Why
		}
	}
}

// restoreCodes gives back what stands beside the texts.
func restoreCodes(it *sat.Item, former sat.Item, lost map[string]bool) {
	for name, restore := range map[string]func(){
		"framework":   func() { it.Framework = former.Framework },
		"domain":      func() { it.Domain = former.Domain },
		"skill":       func() { it.Skill = former.Skill },
		"genre":       func() { it.Genre = former.Genre },
		"difficulty":  func() { it.Difficulty = former.Difficulty },
		"requires":    func() { it.Requires = former.Requires },
		"previous_id": func() { it.PreviousID = former.PreviousID },
		"tags":        func() { it.Tags = former.Tags },
		"source":      func() { it.Source = former.Source },
		"licence":     func() { it.Licence = former.Licence },
		"split":       func() { it.Split = former.Split },
	} {
		if lost[name] {
			restore()
		}
	}
}

// Report gives the plan as entries in the order of the file: for each item what happens to it, then what was found, then
// what changes with its passages.
func (p *Plan) Report() sat.ImportReport {
	r := sat.ImportReport{Format: string(p.Reading.Format), FileSHA256: p.Reading.SHA256, Plan: p.ID, Counts: p.Counts,
		Losses: Count(p.Findings, SeverityLoss), Omitted: p.Omitted, Broken: p.Reading.Broken, Entries: []sat.ImportEntry{}}
	at := 0
	upTo := func(n int) {
		for ; at < len(p.Findings) && p.Findings[at].N <= n; at++ {
			r.Entries = append(r.Entries, sat.ImportEntry{Finding: p.Findings[at]})
		}
	}
	siblings := p.Siblings[:min(len(p.Siblings), maxFindings)]
	r.Omitted += len(p.Siblings) - len(siblings)
	for i, c := range p.Changes {
		upTo(c.N - 1)
		e := p.Reading.Entries[i]
		r.Entries = append(r.Entries, sat.ImportEntry{Action: c.Action, Finding: Finding{N: c.N, ID: c.Item.ID, Place: e.Place, Cell: e.Cell,
			Severity: SeverityInfo, Message: c.sentence()}})
		upTo(c.N)
		for ; len(siblings) > 0 && siblings[0].N == c.N; siblings = siblings[1:] {
			s := siblings[0]
			r.Entries = append(r.Entries, sat.ImportEntry{Action: ActionSibling, Finding: Finding{N: c.N, ID: s.Item.ID, Place: e.Place,
				Cell: e.Cell, Severity: SeverityInfo, Message: "stands on passage " + s.PassageID + ", which differs"}})
		}
	}
	upTo(MaxItems + 1)
	return r
}

// sentence says how the item stands to the bank, in words that hold before an import and after it.
func (c Change) sentence() string {
	switch c.Action {
	case ActionNew:
		return "new"
	case ActionUpdated:
		return "differs in " + strings.Join(c.Fields, ", ")
	case ActionUnchanged:
		return "is in the bank as it is"
	}
	return "cannot be taken"
}
