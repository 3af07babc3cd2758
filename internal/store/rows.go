package store

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/uptrace/bun"
)

// rows are written as JSON objects, one a line, columns in the order of their names and null ones left out, so that the
// same content gives the same bytes from either database and from any schema that only gained columns.

// columns gives the names of a table's own columns; a table that this schema does not have gives none.
func (s *Store) columns(ctx context.Context, db bun.IDB, t table) ([]string, error) {
	var names []string
	var err error
	if s.Local() {
		err = db.NewRaw("SELECT name FROM pragma_table_info(?)", t.name).Scan(ctx, &names)
	} else {
		err = db.NewRaw("SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?",
			t.name).Scan(ctx, &names)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(t.derived, name) })
	sort.Strings(names)
	return names, err
}

// selection is some of a table's rows and columns.
type selection struct {
	table   table
	columns []string
	owner   string // "" for all rows
}

// writeRows writes the selected rows in the order of the table's key and tells how many there were.
func writeRows(ctx context.Context, db bun.IDB, sel selection, to io.Writer) (n int, err error) {
	q := db.NewSelect().Table(sel.table.name).Column(sel.columns...)
	if sel.owner != "" {
		q = q.Where("? = ?", bun.Ident(sel.table.owner), sel.owner)
	}
	for _, key := range sel.table.key {
		q = q.OrderExpr(binaryOrder(db, key))
	}
	rows, err := q.Rows(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	values := make([]any, len(sel.columns))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	enc := json.NewEncoder(to)
	enc.SetEscapeHTML(false)
	for ; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		row := make(map[string]any, len(values))
		for i, name := range sel.columns {
			if values[i] != nil {
				row[name] = plain(values[i], slices.Contains(sel.table.flags, name))
			}
		}
		if err := enc.Encode(row); err != nil {
			return n, err
		}
		progress(ctx, n+1, 0)
	}
	return n, rows.Err()
}

// plain gives a value as both databases mean it.
func plain(value any, flag bool) any {
	switch v := value.(type) {
	case []byte:
		return string(v)
	case int64:
		if flag {
			return v != 0
		}
	}
	return value
}

// binaryOrder orders text by its bytes: PostgreSQL's own order depends on where the database was made.
func binaryOrder(db bun.IDB, column string) string {
	if db.Dialect().Name().String() == "pg" && column != "n" && column != "begin" {
		return fmt.Sprintf("%q COLLATE \"C\"", column)
	}
	return fmt.Sprintf("%q", column)
}

// insertRow adds one row that writeRows wrote.
func insertRow(ctx context.Context, tx bun.Tx, t table, line []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(line)))
	dec.UseNumber()
	row := map[string]any{}
	if err := dec.Decode(&row); err != nil {
		return damaged(err)
	}
	columns := make([]bun.Ident, 0, len(row))
	for name := range row {
		columns = append(columns, bun.Ident(name))
	}
	slices.Sort(columns)
	values := make([]any, len(columns))
	for i, name := range columns {
		v := row[string(name)]
		if number, ok := v.(json.Number); ok {
			whole, err := number.Int64()
			if err != nil {
				return fmt.Errorf("%s.%s is no whole number", t.name, name)
			}
			v = whole
		}
		values[i] = v
	}
	_, err := tx.NewRaw("INSERT INTO ? (?) VALUES (?)", bun.Ident(t.name), bun.List(columns), bun.List(values)).Exec(ctx)
	return err
}

// hasTable tells whether the database has a table.
func (s *Store) hasTable(ctx context.Context, db bun.IDB, t table) (bool, error) {
	columns, err := s.columns(ctx, db, t)
	return len(columns) > 0, err
}
