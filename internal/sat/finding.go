package sat

import "fmt"

// Severity says what a finding means for its item.
type Severity string

// The severities. An item with an error is not taken.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityLoss    Severity = "loss" // something of the item cannot be carried
	SeverityInfo    Severity = "info"
)

// Rule names what a finding is about; package questionbank lists the rules.
type Rule string

// Place is where something stands in a file; lines and columns count from 1, columns in characters. 0 is unknown.
type Place struct {
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// Finding is one thing to be said of an item or of a file.
type Finding struct {
	N  int    `json:"n,omitempty"` // the item's position in the file, from 1; 0: the file or the set as a whole
	ID string `json:"id,omitempty"`
	Place
	Cell     string   `json:"cell,omitempty"` // of a spreadsheet: "B7"
	Field    string   `json:"field,omitempty"`
	Code     Rule     `json:"code"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"` // a sentence without subject when Field is set: "is empty; give the question"
}

// String gives the finding on one line, as compilers do.
func (f Finding) String() string {
	where := f.Cell
	if where == "" && f.Line > 0 {
		where = fmt.Sprintf("%d:%d", f.Line, max(f.Column, 1))
	}
	for _, part := range []string{f.ID, f.Field} {
		if part != "" {
			where += " " + part
		}
	}
	rule := string(f.Severity)
	if string(f.Code) != rule {
		rule += " " + string(f.Code)
	}
	return fmt.Sprintf("%s: %s: %s", where, rule, f.Message)
}

// Action is what an import does with an item.
type Action string

// The actions.
const (
	ActionNew       Action = "new"
	ActionUpdated   Action = "updated"
	ActionUnchanged Action = "unchanged"
	ActionRejected  Action = "rejected"
	ActionSibling   Action = "sibling" // a stored item whose passage an item of the file changes
)

// ImportCounts sums an import up.
type ImportCounts struct {
	New       int `json:"new"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Rejected  int `json:"rejected"`
	Siblings  int `json:"siblings"` // stored items that change with their passage, besides those of the file
}

// ImportReport says what an import would do, or has done.
type ImportReport struct {
	Format     string        `json:"format"`
	FileSHA256 string        `json:"file_sha256"`
	Plan       string        `json:"plan"` // of file, options and touched items: to be named when the import is confirmed
	Counts     ImportCounts  `json:"counts"`
	Losses     int           `json:"losses"`
	Omitted    int           `json:"omitted,omitempty"` // findings beyond those listed
	Broken     bool          `json:"broken,omitempty"`  // the file could not be read to its end
	Change     string        `json:"change,omitempty"`  // id of the change that stored it; "" for a rehearsal
	Entries    []ImportEntry `json:"entries"`           // in the order of the file
}

// ImportEntry is one line of a report: what happens to an item, or a finding about it.
type ImportEntry struct {
	Finding
	Action Action `json:"action,omitempty"`
}

// ImportRequest is a file of items to be taken into the bank.
type ImportRequest struct {
	File       []byte
	Format     string    // "" or "auto": told by the content
	Framework  Framework // for items that name none
	Skill      Skill     // for items that name none
	Rehearse   bool      // say what would happen, store nothing
	Plan       string    // of the rehearsal that is confirmed; "" to store without one
	Strict     bool      // store all or nothing
	AllowSplit bool      // an update may move an item to another split
	By         string    // id of a user; "" for the command line
	Progress   func(items int)
}

// ExportRequest says which items go into a file, and how.
type ExportRequest struct {
	Filter        ItemFilter
	Format        string
	PassagesApart bool                // Moodle XML: passages as descriptions of their own
	Progress      func(items, of int) // told now and then; may be nil
}

// ExportFile is a file of items.
type ExportFile struct {
	Name      string
	MediaType string
	Items     int
	Content   []byte
	Losses    []Finding // what the format does not carry
}
