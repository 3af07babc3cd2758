package questionbank

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

func writeCSV(w *writer) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	for i, line := range rows(w.items) {
		if err := out.Write(line); err != nil {
			return err
		}
		w.step(i)
	}
	out.Flush()
	return out.Error()
}

// maxCommas bounds the commas of one line of a file, of which a reader would make as many cells.
const maxCommas = 2_000

func readCSV(r *reader) {
	line := 0
	for text := range bytes.SplitSeq(r.data, []byte("\n")) {
		if line++; len(text) > maxCommas && bytes.Count(text, []byte(",")) > maxCommas {
			r.broken(placed(line, 1), CodeLimit, "a line with more than %d commas; a table has at most %d columns", maxCommas, maxColumns)
			return
		}
	}
	in := csv.NewReader(bytes.NewReader(r.data))
	in.FieldsPerRecord = -1
	t := tableReader{reader: r}
	for {
		line, err := in.Read()
		var wrong *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &wrong):
			n := r.next()
			if n == 0 {
				return
			}
			at := placed(wrong.Line, wrong.Column)
			if t.header == nil {
				r.broken(at, CodeSyntax, "the header cannot be read: %v", wrong.Err)
				return
			}
			r.reject(n, at, "", CodeSyntax, "the row that begins on line %d cannot be read: %v", wrong.StartLine, wrong.Err)
			continue
		}
		where := csvPlaces(in, len(line))
		if t.header == nil {
			if !t.begin(line, spot{Place: placed(1, 1)}) {
				return
			}
			continue
		}
		n := r.next()
		if n == 0 {
			return
		}
		if i := slices.IndexFunc(line, func(cell string) bool { return len(cell) > maxCell }); i >= 0 {
			r.reject(n, where(i).Place, "", CodeLimit, "a cell of %d bytes; at most %d are taken", len(line[i]), maxCell)
			continue
		}
		t.item(n, line, where)
	}
}

// csvPlaces keeps where the cells of the row just read begin.
func csvPlaces(in *csv.Reader, cells int) func(int) spot {
	places := make([]Place, min(cells, maxColumns))
	for i := range places {
		places[i].Line, places[i].Column = in.FieldPos(i)
	}
	return func(column int) spot {
		if len(places) == 0 {
			return spot{}
		}
		return spot{Place: places[min(column, len(places)-1)]}
	}
}

// isTable says whether a text begins with the header of a table of questions.
func isTable(head string) bool {
	first, _, _ := strings.Cut(head, "\n")
	names := strings.Split(strings.TrimSpace(first), ",")
	return utf8.ValidString(first) && slices.Contains(names, "question") && slices.Contains(names, "answer")
}
