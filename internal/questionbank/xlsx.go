package questionbank

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"
)

// maxWorkbook bounds an unpacked workbook: its cells weigh several times as much in memory.
const maxWorkbook = 16 << 20

// sheetName is the name of the sheet that is written.
const sheetName = "questions"

func writeXLSX(w *writer) error {
	f := excelize.NewFile()
	defer func() { _ = f.Close() }()
	if err := f.SetSheetName(f.GetSheetName(0), sheetName); err != nil {
		return err
	}
	out, err := f.NewStreamWriter(sheetName)
	if err != nil {
		return err
	}
	for i, line := range rows(w.items) {
		cells := make([]any, len(line))
		for j, cell := range line {
			if len([]rune(cell)) > excelize.TotalCellChars {
				return fmt.Errorf("question %s has a text of more characters than a cell of a workbook holds", line[0])
			}
			cells[j] = cell
		}
		if err := out.SetRow(fmt.Sprintf("A%d", i+1), cells); err != nil {
			return err
		}
		w.step(i)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Write(w)
}

func readXLSX(r *reader) {
	if err := sound(r.data, maxWorkbook); err != nil {
		r.broken(Place{}, CodeLimit, "%v", err)
		return
	}
	f, err := excelize.OpenReader(bytes.NewReader(r.data), excelize.Options{UnzipSizeLimit: maxWorkbook, UnzipXMLSizeLimit: maxWorkbook})
	if err != nil {
		r.broken(Place{}, CodeSyntax, "the workbook cannot be read: %v", err)
		return
	}
	defer func() { _ = f.Close() }()
	sheets := f.GetSheetList()
	if len(sheets) == 0 {
		r.broken(Place{}, CodeSyntax, "the workbook has no sheet")
		return
	}
	for _, other := range sheets[1:] {
		r.note(0, Place{}, "", CodeLoss, SeverityLoss, "the sheet “%s” is left out; only the first is read", shortened(other))
	}
	s := sheetReader{tableReader: tableReader{reader: r}, file: f, sheet: sheets[0]}
	s.read()
}

// sheetReader reads the rows of a sheet.
type sheetReader struct {
	tableReader
	file  *excelize.File
	sheet string
}

func (s *sheetReader) read() {
	all, err := s.file.Rows(s.sheet)
	if err != nil {
		s.broken(Place{}, CodeSyntax, "the sheet cannot be read: %v", err)
		return
	}
	defer func() { _ = all.Close() }()
	merged := s.merged()
	for number := 1; all.Next(); number++ {
		line, err := all.Columns()
		if err != nil {
			s.broken(Place{}, CodeSyntax, "row %d cannot be read: %v", number, err)
			return
		}
		where := func(column int) spot {
			name, err := excelize.CoordinatesToCellName(column+1, number)
			if err != nil {
				return spot{}
			}
			return spot{Cell: name}
		}
		switch {
		case strings.TrimSpace(strings.Join(line, "")) == "":
			continue
		case s.header == nil:
			if !s.begin(line, where(0)) {
				return
			}
			continue
		}
		n := s.next()
		if n == 0 {
			return
		}
		if s.textOnly(n, line, where, merged) {
			s.item(n, line, where)
		}
	}
	if err := all.Error(); err != nil {
		s.broken(Place{}, CodeSyntax, "the sheet cannot be read to its end: %v", err)
	}
}

// merged gives the first cells of merged ranges.
func (s *sheetReader) merged() map[string]bool {
	cells := map[string]bool{}
	ranges, err := s.file.GetMergeCells(s.sheet)
	if err != nil {
		return cells
	}
	for _, m := range ranges {
		cells[m.GetStartAxis()] = true
	}
	return cells
}

// textOnly refuses a row with formulas, dates and merged cells, whose text nobody has written.
func (s *sheetReader) textOnly(n int, line []string, where func(int) spot, merged map[string]bool) bool {
	good := true
	refuse := func(cell, format string, args ...any) {
		s.add(Finding{N: n, Cell: cell, Code: CodeUnsupported, Severity: SeverityError, Message: fmt.Sprintf(format, args...)})
		good = false
	}
	for i := range line[:min(len(line), len(s.header))] {
		cell := where(i).Cell
		if merged[cell] {
			refuse(cell, "the cell is merged with others; split it")
			continue
		}
		if formula, err := s.file.GetCellFormula(s.sheet, cell); err == nil && formula != "" {
			refuse(cell, "the cell holds a formula; write its text instead")
			continue
		}
		raw, err := s.file.GetCellValue(s.sheet, cell, excelize.Options{RawCellValue: true})
		if err == nil && line[i] != "" && raw != line[i] {
			refuse(cell, "the cell holds a date or number shown as “%s”; format it as text", shortened(line[i]))
		}
	}
	return good
}
