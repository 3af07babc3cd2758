// Package questionbank holds the rules of the question bank, and reads and writes the formats that questions travel in.
//
// [Read] takes a file in any of them and gives its items in canonical form, with a finding for everything that is
// wrong, doubtful or lost, at its place in the file. [Lint] judges items; [MakePlan] matches them with the bank and
// says what an import would do; [Write] puts items out and says what the format cannot carry. All of it works in memory
// on plain values: who stores the items, and who asks, is the caller's business.
package questionbank

import (
	"slices"

	"sattutor/internal/sat"
)

// Format is a file format that questions travel in, in the words of package sat, which describes them.
type (
	Format = sat.FileFormat
	Info   = sat.FormatInfo
)

// The formats. JSONL and QTI carry everything; the others lose what [Losses] says.
const (
	Auto        Format = "auto" // for reading: decided by the content
	JSONL              = sat.FormatJSONL
	QTI                = sat.FormatQTI
	Moodle             = sat.FormatMoodle
	GIFT               = sat.FormatGIFT
	CSV                = sat.FormatCSV
	XLSX               = sat.FormatXLSX
	Blocks             = sat.FormatBlocks
	BlocksJSONL        = sat.FormatBlocksJSONL
	Aiken              = sat.FormatAiken
	Anki               = sat.FormatAnki
)

// codec is how a format is read and written.
type codec struct {
	Info
	read  func(*reader) // nil: it is not read
	write func(*writer) error
	keep  func(sat.Item) sat.Item // gives what the format carries of a canonical item; nil: all of it
}

// codecs holds every format, the lossless ones first.
func codecs() []codec {
	all := make([]codec, 0, len(sat.FileFormats()))
	for _, info := range sat.FileFormats() {
		c := codecFor(info.Format)
		c.Info = info
		all = append(all, c)
	}
	return all
}

// codecFor gives how a format is read and written.
func codecFor(f Format) codec {
	switch f {
	case JSONL:
		return codec{read: readJSONL, write: writeJSONL}
	case QTI:
		return codec{read: readQTI, write: writeQTI}
	case Moodle:
		return codec{read: readMoodle, write: writeMoodle, keep: keepMoodle}
	case GIFT:
		return codec{read: readGIFT, write: writeGIFT, keep: keepGIFT}
	case CSV:
		return codec{read: readCSV, write: writeCSV, keep: keepTable}
	case XLSX:
		return codec{read: readXLSX, write: writeXLSX, keep: keepTable}
	case Blocks:
		return codec{read: readBlocks, write: writeBlocks, keep: keepBlocks}
	case BlocksJSONL:
		return codec{read: readBlocksJSONL, write: writeBlocksJSONL, keep: keepBlocksJSONL}
	case Aiken:
		return codec{read: readAiken, write: writeAiken, keep: keepAiken}
	case Anki:
		return codec{write: writeAnki, keep: keepAnki}
	}
	return codec{}
}

// Formats describes every format, the lossless ones first.
func Formats() []Info { return sat.FileFormats() }

// Describe gives what is known of a format, ok only for one that exists.
func Describe(f Format) (info Info, ok bool) {
	c, ok := codecOf(f)
	return c.Info, ok
}

func codecOf(f Format) (codec, bool) {
	all := codecs()
	i := slices.IndexFunc(all, func(c codec) bool { return c.Format == f })
	if i < 0 {
		return codec{}, false
	}
	return all[i], true
}
