// Package shipped holds the questions that come with the product: our own questions, free of rights (CC0-1.0), on
// passages in the public domain.
//
// items.jsonl is a JSONL v1 file, as any other bank is, and is read and imported like one. Beside it, editions.json
// names for each passage the stored file of a public edition against which its words were compared.
package shipped

import (
	_ "embed"
	"io"
	"strings"
)

// Name is the name of the bank as a file.
const Name = "items.jsonl"

//go:embed items.jsonl
var items string

// Open gives the bank as a JSONL v1 file.
func Open() io.Reader { return strings.NewReader(items) }
