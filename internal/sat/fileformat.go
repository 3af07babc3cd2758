package sat

// FileFormat is a file format that questions travel in.
type FileFormat string

// The file formats.
const (
	FormatJSONL       FileFormat = "jsonl"
	FormatQTI         FileFormat = "qti3"
	FormatMoodle      FileFormat = "moodle-xml"
	FormatGIFT        FileFormat = "gift"
	FormatCSV         FileFormat = "csv"
	FormatXLSX        FileFormat = "xlsx"
	FormatBlocks      FileFormat = "blocks"
	FormatBlocksJSONL FileFormat = "blocks-jsonl"
	FormatAiken       FileFormat = "aiken"
	FormatAnki        FileFormat = "anki"
)

// FormatInfo is what people and programs need to know of a file format.
type FormatInfo struct {
	Format    FileFormat
	Title     string // as people call it
	Extension string // of its files, with the dot
	MediaType string
	Readable  bool
	Lossless  bool // it carries everything
}

// FileFormats describes every file format, the lossless ones first.
func FileFormats() []FormatInfo {
	const sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	return []FormatInfo{
		{FormatJSONL, "JSON Lines", ".jsonl", "application/x-ndjson", true, true},
		{FormatQTI, "QTI 3.0 package", ".zip", "application/zip", true, true},
		{FormatMoodle, "Moodle XML", ".xml", "application/xml", true, false},
		{FormatGIFT, "GIFT (Moodle text)", ".gift", "text/plain", true, false},
		{FormatCSV, "CSV table", ".csv", "text/csv", true, false},
		{FormatXLSX, "Excel workbook", ".xlsx", sheet, true, false},
		{FormatBlocks, "Text blocks", ".txt", "text/plain", true, false},
		{FormatBlocksJSONL, "Text blocks in JSON Lines", ".jsonl", "application/x-ndjson", true, false},
		{FormatAiken, "Aiken", ".txt", "text/plain", true, false},
		{FormatAnki, "Anki notes", ".txt", "text/plain", false, false},
	}
}
