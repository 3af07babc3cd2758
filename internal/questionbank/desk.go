package questionbank

import (
	"context"

	"sattutor/internal/sat"
)

// Shelf is where a bank's items stand.
type Shelf interface {
	Bank
	ItemsAfter(ctx context.Context, id string, n int) ([]sat.StoredItem, error)
	BankChanges(ctx context.Context, limit int) ([]sat.BankChange, error)
	SearchItems(ctx context.Context, f sat.ItemFilter) (items []sat.StoredItem, total int, err error)
	SaveItems(ctx context.Context, c sat.BankChange, items []sat.StoredItem, seen ...sat.Passage) (sat.BankChange, error)
	Passages(ctx context.Context, ids []string) ([]sat.Passage, error)
	PutPassage(ctx context.Context, p, seen sat.Passage) error
	DropPassage(ctx context.Context, id string) error
}

// Desk is where people work on a bank: they look items up, change them, and take files in and out. It holds every item
// to the rules before it is stored.
type Desk struct {
	shelf Shelf
	rules Rules
	bank  *neighbours
}

// NewDesk gives a desk before a shelf.
func NewDesk(shelf Shelf) *Desk { return &Desk{shelf: shelf, bank: &neighbours{shelf: shelf}} }

// With gives the same desk where items are judged by other rules.
func (d *Desk) With(rules Rules) *Desk { return &Desk{shelf: d.shelf, rules: rules, bank: d.bank} }

// maxExport bounds the items of one file.
const maxExport = MaxItems

// ImportItems rehearses an import, or does what a rehearsal with this plan has said. A bank that has changed since is a
// Conflict.
func (d *Desk) ImportItems(ctx context.Context, req sat.ImportRequest) (sat.ImportReport, error) {
	if err := req.Validate(); err != nil {
		return sat.ImportReport{}, err
	}
	if _, known := Describe(Format(req.Format)); !known && req.Format != "" && req.Format != string(Auto) {
		return sat.ImportReport{}, noFormat()
	}
	reading := Read(req.File, ReadOptions{Format: Format(req.Format), Framework: req.Framework, Skill: req.Skill, Rules: d.rules, Progress: req.Progress})
	plan, err := MakePlan(ctx, reading, d.shelf, PlanOptions{AllowSplit: req.AllowSplit})
	if err == nil {
		err = plan.compare(ctx, d.bank)
	}
	if err != nil {
		return sat.ImportReport{}, err
	}
	report := plan.Report()
	items := plan.Items()
	switch {
	case req.Rehearse:
		return report, nil
	case req.Plan != "" && req.Plan != plan.ID:
		return report, sat.Errorf(sat.Conflict, "The bank, the file or the options have changed since the rehearsal. Look at the new report.")
	case req.Strict && plan.Counts.Rejected > 0:
		return report, sat.Errorf(sat.Invalid, "Nothing was stored: %s cannot be taken.", plural(plan.Counts.Rejected, "question"))
	}
	if len(items) == 0 {
		return report, nil
	}
	change, err := d.shelf.SaveItems(ctx, sat.BankChange{By: req.By, What: "import", Format: string(reading.Format),
		FileHash: reading.SHA256}, items, plan.Seen...)
	if err != nil {
		return report, err
	}
	report.Change = change.ID
	return report, nil
}

// ExportItems puts the chosen items into a file and says what the format does not carry.
func (d *Desk) ExportItems(ctx context.Context, req sat.ExportRequest) (sat.ExportFile, error) {
	info, ok := Describe(Format(req.Format))
	if !ok {
		return sat.ExportFile{}, noFormat()
	}
	f := req.Filter
	f.Offset, f.Limit = 0, maxExport
	stored, total, err := d.shelf.SearchItems(ctx, f)
	switch {
	case err != nil:
		return sat.ExportFile{}, err
	case total == 0:
		return sat.ExportFile{}, sat.Errorf(sat.NotFound, "No question fits this choice.")
	case total > maxExport:
		return sat.ExportFile{}, sat.Errorf(sat.TooLarge, "These are %d questions; at most %d go into one file. Choose fewer.", total, maxExport)
	}
	file, losses, err := Write(bare(stored), info.Format, WriteOptions{PassagesApart: req.PassagesApart, Progress: req.Progress})
	if err != nil {
		return sat.ExportFile{}, err
	}
	return sat.ExportFile{Name: "sat-bank" + info.Extension, MediaType: info.MediaType, Items: len(stored), Content: file, Losses: losses}, nil
}

func noFormat() error {
	return &sat.Error{Code: sat.Invalid, Message: "There is no such format.",
		Fields: []sat.FieldError{{Field: "format", Message: "must be one of " + formatNames()}}}
}

func bare(stored []sat.StoredItem) []sat.Item {
	items := make([]sat.Item, len(stored))
	for i, it := range stored {
		items[i] = it.Item
	}
	return items
}

func formatNames() string {
	names := ""
	for i, f := range Formats() {
		if i > 0 {
			names += ", "
		}
		names += string(f.Format)
	}
	return names
}

// Check judges an item as it would be stored, by itself and beside the bank. It is given back in canonical form, with
// the findings.
func (d *Desk) Check(ctx context.Context, it sat.Item) (sat.Item, []sat.Finding, error) {
	it = ReadOptions{}.complete(it)
	beside, err := d.bank.judge(ctx, []sat.Item{it})
	if err != nil {
		return it, nil, err
	}
	return it, append(Lint(it, d.rules), beside[0]...), nil
}

// Save stores one item; version is the one that it replaces, 0 for a new one. What is wrong with it is an Invalid whose
// fields name each fault; what is doubtful is given back.
func (d *Desk) Save(ctx context.Context, by string, it sat.Item, version int) (sat.StoredItem, []sat.Finding, error) {
	it, findings, err := d.Check(ctx, it)
	if err != nil {
		return sat.StoredItem{}, nil, err
	}
	if err := refused("The question cannot be stored as it is.", findings); err != nil {
		return sat.StoredItem{}, findings, err
	}
	stored := Stored(it, version)
	all, seen, err := d.withSiblings(ctx, []sat.StoredItem{stored})
	if err != nil {
		return sat.StoredItem{}, findings, err
	}
	if _, err := d.shelf.SaveItems(ctx, sat.BankChange{By: by, What: "edit"}, all, seen...); err != nil {
		return sat.StoredItem{}, findings, err
	}
	return all[len(all)-1], findings, nil // with its new version
}
