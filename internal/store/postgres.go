package store

import (
	"database/sql/driver"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// Limits of one replica towards PostgreSQL.
const (
	pgConnections = 10
	pgConnect     = 5 * time.Second
	pgIdle        = 5 * time.Minute
)

func openPostgres(dsn string) (*Store, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the database's address is none of PostgreSQL's; give one such as postgres://sat@localhost:5432/sat")
	}
	cfg.ConnectTimeout = pgConnect
	for name, value := range map[string]string{
		"application_name": "sattutor", "statement_timeout": "30s", "idle_in_transaction_session_timeout": "60s", "timezone": "UTC",
	} {
		if _, given := cfg.RuntimeParams[name]; !given {
			cfg.RuntimeParams[name] = value
		}
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(pgConnections)
	db.SetMaxIdleConns(pgConnections)
	db.SetConnMaxIdleTime(pgIdle)
	both := bun.NewDB(db, pgdialect.New())
	return &Store{read: both, write: both, dialect: goose.DialectPostgres}, nil
}

// postgresFault sorts an error of PostgreSQL or of the way to it; ok is false for an error of another kind.
func postgresFault(err error) (kind faultKind, ok bool) {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch {
		case e.Code == "23505":
			return faultTwice, true
		case e.Code == "23503":
			return faultDangling, true
		case e.Code == "53100":
			return faultFull, true
		case strings.HasPrefix(e.Code, "40"): // a serialisation failure or a deadlock
			return faultStorage, true
		case strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57"), strings.HasPrefix(e.Code, "58"),
			strings.HasPrefix(e.Code, "08"), e.Code == "25006":
			return faultStorage, true
		}
		return faultOther, true
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) {
		return faultStorage, true
	}
	return 0, false
}
