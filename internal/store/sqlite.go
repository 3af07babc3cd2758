package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// openSQLite opens the file, in a folder that is made when absent. A commit is on the disk before it is acknowledged.
func openSQLite(path string) (*Store, error) {
	if path == "" {
		return nil, errors.New("the database's address names no file; give one such as sqlite:.sat/sat.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("the database's file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("the database's folder cannot be made: %w", err)
	}
	// Made here, for its owner alone: it holds what students wrote.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the database's file cannot be opened: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("the database's file cannot be opened: %w", err)
	}
	write, err := sqlitePool(path, "immediate", 1)
	if err != nil {
		return nil, err
	}
	read, err := sqlitePool(path, "deferred", 4*runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &Store{read: read, write: write, dialect: goose.DialectSQLite3, path: path}, nil
}

func sqlitePool(path, lock string, connections int) (*bun.DB, error) {
	options := url.Values{
		"_txlock": {lock},
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(MEMORY)"},
	}
	address := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, fmt.Errorf("the database's file cannot be opened: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return bun.NewDB(db, sqlitedialect.New()), nil
}

// sqliteFault sorts an error of SQLite; ok is false for an error of another kind.
func sqliteFault(err error) (kind faultKind, ok bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return faultTwice, true
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return faultDangling, true
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return faultFull, true
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return faultStorage, true
	}
	return faultOther, true
}
