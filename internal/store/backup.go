package store

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"time"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

// A backup is a compressed text of one JSON object a line: a head, for each table a line that names it and then its
// rows, and a foot with the tables' sums. It is the same for both databases, so that a backup of one restores into the
// other, and holds the number of the schema, so that it restores into a newer program.

// backupForm is the number of the form just described.
const backupForm = 1

type backupHead struct {
	Backup  int       `json:"sat_backup"`
	Schema  int64     `json:"schema"`
	Made    time.Time `json:"made"`
	Program string    `json:"program,omitempty"`
}

type backupTable struct {
	Table string `json:"sat_table"`
}

type backupFoot struct {
	Sums []Sum `json:"sat_sums"`
}

// Sum tells what a table holds: rows and the SHA-256 over them in the order of their keys.
type Sum struct {
	Table  string `json:"table"`
	Rows   int    `json:"rows"`
	SHA256 string `json:"sha256"`
}

// Checksum sums up every table. Two databases with the same content have the same sums, whatever they are.
func (s *Store) Checksum(ctx context.Context) (sums []Sum, err error) {
	err = s.look(ctx, func(tx bun.Tx) error {
		if err := s.patiently(ctx, tx); err != nil {
			return err
		}
		sums, err = s.writeTables(ctx, tx, io.Discard, false)
		return err
	})
	return sums, fault(err, "table")
}

// Backup writes everything as it is at this moment, while others go on reading and writing.
func (s *Store) Backup(ctx context.Context, to io.Writer) (sums []Sum, err error) {
	schema, err := s.Schema(ctx)
	if err != nil {
		return nil, err
	}
	packed, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	err = s.look(ctx, func(tx bun.Tx) error {
		if err := s.patiently(ctx, tx); err != nil {
			return err
		}
		lines := json.NewEncoder(packed)
		if err := lines.Encode(backupHead{Backup: backupForm, Schema: schema.Have, Made: s.now().UTC()}); err != nil {
			return err
		}
		if sums, err = s.writeTables(ctx, tx, packed, true); err != nil {
			return err
		}
		return lines.Encode(backupFoot{Sums: sums})
	})
	return sums, errors.Join(fault(err, "table"), packed.Close())
}

// patiently lifts the limits of one statement and of a pause from a transaction that reads or writes everything, as fast
// as the other end of the backup goes; ctx still bounds it.
func (s *Store) patiently(ctx context.Context, tx bun.Tx) error {
	if s.Local() {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
	return err
}

// writeTables writes the rows of every table, under a line that names it where they are titled.
func (s *Store) writeTables(ctx context.Context, tx bun.Tx, to io.Writer, titled bool) ([]Sum, error) {
	var sums []Sum
	before := 0 // rows of the tables before
	summed := WithProgress(ctx, func(done, _ int) { progress(ctx, before+done, 0) })
	for _, t := range tables() {
		columns, err := s.columns(ctx, tx, t)
		if err != nil {
			return nil, err
		}
		if len(columns) == 0 {
			continue
		}
		if titled {
			if err := json.NewEncoder(to).Encode(backupTable{Table: t.name}); err != nil {
				return nil, err
			}
		}
		hash := sha256.New()
		n, err := writeRows(summed, tx, selection{table: t, columns: columns}, io.MultiWriter(to, hash))
		if err != nil {
			return nil, err
		}
		before += n
		sums = append(sums, Sum{Table: t.name, Rows: n, SHA256: hex.EncodeToString(hash.Sum(nil))})
	}
	return sums, nil
}

// maxBackupLine bounds one row of a backup.
const maxBackupLine = 64 << 20

// Restore fills an empty database from a backup, all or nothing, and brings its schema up to date. A backup that was
// damaged on the way is refused.
func (s *Store) Restore(ctx context.Context, from io.Reader) (sums []Sum, err error) {
	packed, err := gzip.NewReader(from)
	if err != nil {
		return nil, unread(err)
	}
	lines := bufio.NewScanner(packed)
	lines.Buffer(nil, maxBackupLine)
	var head backupHead
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Backup == 0 {
		return nil, unread(lines.Err())
	}
	if head.Backup != backupForm {
		return nil, sat.Errorf(sat.Conflict, "This backup has form %d and this program reads form %d. Use a newer version of it.", head.Backup, backupForm)
	}
	if err := s.prepare(ctx, head.Schema); err != nil {
		return nil, err
	}
	err = s.change(ctx, func(tx bun.Tx) error {
		if err := s.patiently(ctx, tx); err != nil {
			return err
		}
		if sums, err = s.readTables(ctx, tx, lines); err != nil {
			return err
		}
		return s.compare(ctx, tx, sums)
	})
	if err != nil {
		return nil, fault(err, "row")
	}
	_, err = s.Migrate(ctx)
	return sums, err
}

// prepare brings an empty database to the schema of a backup.
func (s *Store) prepare(ctx context.Context, schema int64) error {
	v, err := s.Schema(ctx)
	switch {
	case err != nil:
		return err
	case schema < 1 || schema > v.Want:
		return sat.Errorf(sat.Conflict, "This backup has schema %d and this program knows %d. Use a newer version of it.", schema, v.Want)
	case v.Have > schema:
		return sat.Errorf(sat.Conflict, "The database has schema %d already and the backup has %d. Restore into an empty database.", v.Have, schema)
	}
	if _, err := s.migrateTo(ctx, schema); err != nil {
		return err
	}
	for _, t := range tables() {
		if there, err := s.hasTable(ctx, s.read, t); err != nil || !there {
			if err != nil {
				return fault(err, "table")
			}
			continue
		}
		if full, err := s.read.NewSelect().Table(t.name).Exists(ctx); full || err != nil {
			if err != nil {
				return fault(err, "table")
			}
			return sat.Errorf(sat.Conflict, "The database has rows in the table %s. Restore into an empty database.", t.name)
		}
	}
	return nil
}

// readTables inserts the rows of a backup and gives the sums that its foot tells.
func (s *Store) readTables(ctx context.Context, tx bun.Tx, lines *bufio.Scanner) ([]Sum, error) {
	byName := map[string]table{}
	for _, t := range tables() {
		byName[t.name] = t
	}
	var into table
	read := 0
	for lines.Scan() {
		line := lines.Bytes()
		switch {
		case bytes.HasPrefix(line, []byte(`{"sat_sums":`)):
			var foot backupFoot
			if err := json.Unmarshal(line, &foot); err != nil {
				return nil, damaged(err)
			}
			if lines.Scan() || lines.Err() != nil { // the end is where the compression's own sum is checked
				return nil, unread(lines.Err())
			}
			return foot.Sums, nil
		case bytes.HasPrefix(line, []byte(`{"sat_table":`)):
			var title backupTable
			if err := json.Unmarshal(line, &title); err != nil {
				return nil, damaged(err)
			}
			var known bool
			if into, known = byName[title.Table]; !known {
				return nil, damaged(fmt.Errorf("the table %q is not known", title.Table))
			}
		default:
			if err := insertRow(ctx, tx, into, line); err != nil {
				if cut := lines.Err(); cut != nil { // this is the half of a line
					return nil, unread(cut)
				}
				return nil, refusedRow(err)
			}
			read++
			progress(ctx, read, 0)
		}
	}
	return nil, unread(lines.Err())
}

// compare holds what the database has now to what the backup says it should have.
func (s *Store) compare(ctx context.Context, tx bun.Tx, want []Sum) error {
	have, err := s.writeTables(WithProgress(ctx, func(int, int) {}), tx, io.Discard, false) // the rows were counted as they came
	if err != nil {
		return err
	}
	if len(have) != len(want) {
		return damaged(fmt.Errorf("%d tables in place of %d", len(want), len(have)))
	}
	for i := range have {
		if have[i] != want[i] {
			return damaged(fmt.Errorf("the table %s has %d rows in place of %d, or others", want[i].Table, have[i].Rows, want[i].Rows))
		}
	}
	return nil
}

// refusedRow sorts why a row was not inserted: what the database cannot do now is no fault of the file.
func refusedRow(err error) error {
	kind := kindOf(err)
	if kind == faultStorage || kind == faultFull || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return damaged(err)
}

// unread sorts why the file ends too soon: a disk or a network that fails is told in its own words.
func unread(err error) error {
	var file *fs.PathError
	var network net.Error
	if errors.As(err, &file) || errors.As(err, &network) {
		return &sat.Error{Code: sat.Unavailable, Reason: "storage", Message: "The backup cannot be read: " + err.Error() + ". Nothing was restored.", Err: err}
	}
	return damaged(err)
}

func damaged(cause error) error {
	return &sat.Error{Code: sat.Invalid, Message: "The file is no backup of this program, or it is damaged. Nothing was restored.", Err: cause}
}
