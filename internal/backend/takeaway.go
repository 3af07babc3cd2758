package backend

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// takeawayInput says in which form somebody's data are given.
type takeawayInput struct {
	Format string `query:"format" enum:"json,zip" default:"json" doc:"zip holds the same JSON, and a CSV file for each table."`
}

// exported is what is stored of somebody, as a file.
type exported struct {
	Type        string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (s *Server) export(ctx context.Context, in *takeawayInput) (*exported, error) {
	records, u, err := s.records(ctx)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = records.Export(ctx, u.ID, &out)
	switch {
	case u.Guest() && sat.CodeOf(err) == sat.NotFound: // nothing was ever stored
		out.WriteString("{}\n")
	case err != nil:
		return nil, err
	}
	if in.Format != "zip" {
		return &exported{Type: "application/json", Disposition: `attachment; filename="sat-tutor-my-data.json"`, Body: out.Bytes()}, nil
	}
	var packed bytes.Buffer
	if err := packTables(&packed, out.Bytes()); err != nil {
		return nil, &sat.Error{Code: sat.Internal, Message: "The file could not be made.", Err: err}
	}
	return &exported{Type: "application/zip", Disposition: `attachment; filename="sat-tutor-my-data.zip"`, Body: packed.Bytes()}, nil
}

// packTables puts an export into a zip archive: as it is, and each of its tables for a spreadsheet.
func packTables(to io.Writer, export []byte) error {
	var tables map[string][]map[string]json.RawMessage
	if err := json.Unmarshal(export, &tables); err != nil {
		return err
	}
	archive := zip.NewWriter(to)
	whole, err := archive.Create("my-data.json")
	if err == nil {
		_, err = whole.Write(export)
	}
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		file, err := archive.Create(name + ".csv")
		if err == nil {
			err = api.WriteCSV(file, rowsOf(tables[name]))
		}
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

// rowsOf gives a table's rows below a head: the columns by name, with the id first.
func rowsOf(table []map[string]json.RawMessage) [][]string {
	names := map[string]bool{}
	for _, row := range table {
		for name := range row {
			names[name] = name != "id"
		}
	}
	head := slices.Sorted(maps.Keys(names))
	slices.SortStableFunc(head, func(a, b string) int {
		switch {
		case !names[a] && names[b]:
			return -1
		case names[a] && !names[b]:
			return 1
		}
		return 0
	})
	rows := [][]string{head}
	for _, row := range table {
		cells := make([]string, len(head))
		for i, name := range head {
			cells[i] = cellOf(row[name])
		}
		rows = append(rows, cells)
	}
	return rows
}

// cellOf gives a value as the text of a cell: text as it is, nothing for null, and everything else as JSON.
func cellOf(value json.RawMessage) string {
	var text string
	if len(value) == 0 || string(value) == "null" || json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}
