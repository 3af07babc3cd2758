package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"syscall"
	"time"

	"sattutor/internal/sat"
)

// faultKind is what a database's error means to us.
type faultKind int

const (
	faultOther    faultKind = iota // our own mistake
	faultTwice                     // a row with that key is there already
	faultDangling                  // a row that another one needs is not there
	faultStorage                   // the database cannot do it now
	faultFull                      // the database has no room left
)

// storageRetry is when asking again may help while the database is not there.
const storageRetry = 5 * time.Second

// fault gives an error of the database as one that means something outside: what is the thing asked for, as people
// call it.
func fault(err error, what string) error {
	var known *sat.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return &sat.Error{Code: sat.NotFound, Message: "There is no such " + what + "."}
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &sat.Error{Code: sat.Timeout, Message: "The database took too long.", Err: err}
	}
	switch kindOf(err) {
	case faultTwice:
		return &sat.Error{Code: sat.Conflict, Message: "This " + what + " is there already.", Err: err}
	case faultDangling:
		return &sat.Error{Code: sat.NotFound, Message: "Something that this " + what + " belongs to is not there.", Err: err}
	case faultFull:
		return &sat.Error{Code: sat.Unavailable, Reason: "storage", RetryAfter: storageRetry, Err: err,
			Message: "The database's disk is full. Nothing was stored; it works again once whoever runs this site has made room."}
	case faultStorage:
		return &sat.Error{Code: sat.Unavailable, Reason: "storage", RetryAfter: storageRetry, Err: err,
			Message: "The database cannot be used at the moment. Nothing was stored; try again shortly."}
	}
	return &sat.Error{Code: sat.Internal, Message: "Something went wrong on our side. The error is logged under the request id.", Err: err}
}

func kindOf(err error) faultKind {
	if kind, ok := sqliteFault(err); ok {
		return kind
	}
	if kind, ok := postgresFault(err); ok {
		return kind
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, sql.ErrConnDone) {
		return faultStorage
	}
	if errors.Is(err, syscall.ENOSPC) {
		return faultFull
	}
	return faultOther
}

// found tells whether a change met a row; nothing met is the error that there is none.
func found(result sql.Result, err error, what string) error {
	if err != nil {
		return fault(err, what)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return fault(errors.Join(err, sql.ErrNoRows), what)
	}
	return nil
}
