package questionbank

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says what a finding means for its item.
type Severity string

// The severities. An item with an error is not taken.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityLoss    Severity = "loss" // something of the item cannot be carried
	SeverityInfo    Severity = "info"
)

// Code names a rule: L01 to L18 are those of lint, the others those of reading and writing.
type Code string

// The rules of lint.
const (
	L01 Code = "L01" // something is missing, too long or not known
	L02 Code = "L02" // two choices are equal
	L03 Code = "L03" // not four choices
	L04 Code = "L04" // line reference to no line
	L05 Code = "L05" // needs something that it does not say
	L06 Code = "L06" // quote that is not in the passage
	L07 Code = "L07" // explanation, quote or reason missing
	L08 Code = "L08" // the key can be told by its length
	L09 Code = "L09" // absolute words in wrong choices only
	L10 Code = "L10" // choices that name other choices
	L11 Code = "L11" // letters out of balance
	L12 Code = "L12" // nearly the same as another item
	L13 Code = "L13" // passage also in another split, or seen in training
	L14 Code = "L14" // traces of scanning
	L15 Code = "L15" // passage too short or too long for the exam
	L16 Code = "L16" // source or licence missing
	L17 Code = "L17" // hidden characters or control tokens
	L18 Code = "L18" // outside of what the tutor is made for
)

// The rules of files.
const (
	CodeEncoding     Code = "encoding"      // not UTF-8
	CodeSyntax       Code = "syntax"        // not well formed
	CodeHeader       Code = "header"        // a table without the columns that are needed
	CodeUnsupported  Code = "unsupported"   // well formed, but not a question of ours
	CodeLimit        Code = "limit"         // larger than is taken
	CodeDuplicateID  Code = "duplicate_id"  // the id stands for something else already
	CodeUnknownField Code = "unknown_field" // a name that the format does not know
	CodeLoss         Code = "loss"          // cannot be carried
)

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
	Code     Code     `json:"code"`
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

// maxFindings bounds a report. What is beyond is counted.
const maxFindings = 2_000

// Count gives the number of findings of a severity.
func Count(findings []Finding, s Severity) int {
	n := 0
	for _, f := range findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// sortFindings puts findings in the order of the file.
func sortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
