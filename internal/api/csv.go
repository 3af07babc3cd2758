package api

import (
	"encoding/csv"
	"io"

	"sattutor/internal/plaintext"
)

// WriteCSV writes the rows of a table for a spreadsheet. A cell that it would take for a formula is guarded by a
// quotation mark.
func WriteCSV(to io.Writer, rows [][]string) error {
	w := csv.NewWriter(to)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = plaintext.Guarded(cell)
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
