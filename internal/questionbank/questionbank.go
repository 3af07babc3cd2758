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

// Format is a file format that questions travel in.
type Format string

// The formats. JSONL and QTI carry everything; the others lose what [Losses] says.
const (
	Auto        Format = "auto" // for reading: decided by the content
	JSONL       Format = "jsonl"
	QTI         Format = "qti3"
	Moodle      Format = "moodle-xml"
	GIFT        Format = "gift"
	CSV         Format = "csv"
	XLSX        Format = "xlsx"
	Blocks      Format = "blocks"
	BlocksJSONL Format = "blocks-jsonl"
	Aiken       Format = "aiken"
	Anki        Format = "anki"
)

// Info is what people and programs need to know of a format.
type Info struct {
	Format    Format
	Title     string // as people call it
	Extension string // of its files, with the dot
	MediaType string
	Readable  bool
	Lossless  bool
}

// codec is how a format is read and written.
type codec struct {
	Info
	read  func(*reader)
	write func(*writer) error
	keep  func(sat.Item) sat.Item // gives what the format carries of a canonical item; nil: all of it
}

// codecs holds every format, the lossless ones first.
func codecs() []codec {
	return []codec{
		{Info{JSONL, "JSON Lines", ".jsonl", "application/x-ndjson", true, true}, readJSONL, writeJSONL, nil},
		{Info{QTI, "QTI 3.0 package", ".zip", "application/zip", true, true}, readQTI, writeQTI, nil},
		{Info{Moodle, "Moodle XML", ".xml", "application/xml", true, false}, readMoodle, writeMoodle, keepMoodle},
		{Info{GIFT, "GIFT (Moodle text)", ".gift", "text/plain", true, false}, readGIFT, writeGIFT, keepGIFT},
		{Info{CSV, "CSV table", ".csv", "text/csv", true, false}, readCSV, writeCSV, keepTable},
		{Info{XLSX, "Excel workbook", ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", true, false},
			readXLSX, writeXLSX, keepTable},
		{Info{Blocks, "Text blocks", ".txt", "text/plain", true, false}, readBlocks, writeBlocks, keepBlocks},
		{Info{BlocksJSONL, "Text blocks in JSON Lines", ".jsonl", "application/x-ndjson", true, false},
			readBlocksJSONL, writeBlocksJSONL, keepBlocksJSONL},
		{Info{Aiken, "Aiken", ".txt", "text/plain", true, false}, readAiken, writeAiken, keepAiken},
		{Info{Anki, "Anki notes", ".txt", "text/plain", false, false}, nil, writeAnki, keepAnki},
	}
}

// Formats describes every format, the lossless ones first.
func Formats() []Info {
	var infos []Info
	for _, c := range codecs() {
		infos = append(infos, c.Info)
	}
	return infos
}

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
