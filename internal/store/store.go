// Package store keeps what students, teachers, evaluators and administrators make, in SQLite or in PostgreSQL.
//
// Open picks the database by the scheme of its address. One set of queries serves both; what differs stands in
// sqlite.go and postgres.go, and the schema in migrations/. Every method that returns without an error has committed.
// What is not there is an [sat.Error] with code NotFound, what contradicts another row is a Conflict, and a database
// that cannot be reached or is full is Unavailable with the reason "storage" (fault.go).
//
// Objects that belong to a person carry that person's id in their row and are asked for with it, so that a foreign
// object and a missing one look alike.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
)

// Store is an open database. It is safe for concurrent use and made by Open.
type Store struct {
	read    *bun.DB // many connections
	write   *bun.DB // one connection for SQLite, which has one writer; the same as read for PostgreSQL
	dialect goose.Dialect
	path    string // of the SQLite file; "" for PostgreSQL
	now     func() time.Time
}

// Option changes how a Store works.
type Option func(*Store)

// WithClock sets the clock by which rows are dated; the default is time.Now.
func WithClock(now func() time.Time) Option { return func(s *Store) { s.now = now } }

// Open opens the database at a DSN: sqlite:PATH (made when absent) or postgres://USER:PASSWORD@HOST:PORT/NAME. It does
// not change the schema; see Migrate and CheckSchema.
func Open(ctx context.Context, dsn string, opts ...Option) (*Store, error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	var s *Store
	var err error
	switch scheme {
	case "sqlite":
		s, err = openSQLite(strings.TrimPrefix(rest, "//"))
	case "postgres", "postgresql":
		s, err = openPostgres(dsn)
	default:
		return nil, errors.New("the database's address must begin with sqlite: or postgres://")
	}
	if err != nil {
		return nil, err
	}
	s.now = time.Now
	for _, opt := range opts {
		opt(s)
	}
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error {
	if s.read == s.write {
		return s.write.Close()
	}
	return errors.Join(s.read.Close(), s.write.Close())
}

// Ping asks the database whether it is there.
func (s *Store) Ping(ctx context.Context) error {
	return fault(s.read.PingContext(ctx), "database")
}

// Local tells that the database is a file of this machine, which one process uses.
func (s *Store) Local() bool { return s.path != "" }

// change runs f in a transaction that writes, and commits it.
func (s *Store) change(ctx context.Context, f func(tx bun.Tx) error) error {
	return s.write.RunInTx(ctx, nil, func(_ context.Context, tx bun.Tx) error { return f(tx) })
}

// changeBank is change for what touches items and passages. One goes on at a time, so that what f finds in the bank holds
// until it commits: versions, and which items are on a passage. SQLite's writer is alone anyway.
func (s *Store) changeBank(ctx context.Context, f func(tx bun.Tx) error) error {
	return s.change(ctx, func(tx bun.Tx) error {
		if !s.Local() {
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext('sattutor.bank'))"); err != nil {
				return err
			}
		}
		return f(tx)
	})
}

// look runs f in a transaction that sees one state of the database throughout.
func (s *Store) look(ctx context.Context, f func(tx bun.Tx) error) error {
	opts := &sql.TxOptions{}
	if !s.Local() {
		opts = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return s.read.RunInTx(ctx, opts, func(_ context.Context, tx bun.Tx) error { return f(tx) })
}

// lock adds what keeps the selected row from others until the transaction ends. SQLite's writer is alone anyway.
func (s *Store) lock(q *bun.SelectQuery) *bun.SelectQuery {
	if s.Local() {
		return q
	}
	return q.For("UPDATE")
}

// instant is a time as it is stored: milliseconds since 1970, null for the zero time.
type instant struct{ time.Time }

func at(t time.Time) instant { return instant{t} }

// Scan implements [sql.Scanner].
func (i *instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		i.Time = time.Time{}
	case int64:
		i.Time = time.UnixMilli(v).UTC()
	default:
		return fmt.Errorf("store: %T is no time", src)
	}
	return nil
}

// Value implements [driver.Valuer].
func (i instant) Value() (driver.Value, error) {
	if i.IsZero() {
		return nil, nil
	}
	return i.UnixMilli(), nil
}
