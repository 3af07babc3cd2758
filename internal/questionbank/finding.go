package questionbank

import (
	"cmp"
	"slices"

	"sattutor/internal/sat"
)

// What readers, lint and writers say, in the words of package sat.
type (
	// Finding is one thing to be said of an item or of a file.
	Finding = sat.Finding
	// Place is where something stands in a file.
	Place = sat.Place
	// Severity says what a finding means for its item.
	Severity = sat.Severity
	// Code names the rule of a finding.
	Code = sat.Rule
	// Action is what an import does with an item.
	Action = sat.Action
)

// The severities.
const (
	SeverityError   = sat.SeverityError
	SeverityWarning = sat.SeverityWarning
	SeverityLoss    = sat.SeverityLoss
	SeverityInfo    = sat.SeverityInfo
)

// The actions.
const (
	ActionNew       = sat.ActionNew
	ActionUpdated   = sat.ActionUpdated
	ActionUnchanged = sat.ActionUnchanged
	ActionRejected  = sat.ActionRejected
	ActionSibling   = sat.ActionSibling
)

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

func placed(line, column int) Place { return Place{Line: line, Column: column} }
