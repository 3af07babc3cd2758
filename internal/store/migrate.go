package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"sattutor/internal/sat"
)

//go:embed migrations
var migrations embed.FS

// Schema is the number of a database's schema beside the one that this program knows.
type Schema struct {
	Have int64 // of the database; 0 for an empty one
	Want int64 // of this program
}

// Schema tells how the database's schema stands to this program's.
func (s *Store) Schema(ctx context.Context) (Schema, error) {
	p, err := s.migrator()
	if err != nil {
		return Schema{}, err
	}
	var known Schema
	for _, source := range p.ListSources() {
		known.Want = max(known.Want, source.Version)
	}
	known.Have, err = p.GetDBVersion(ctx)
	return known, fault(err, "schema")
}

// CheckSchema refuses a database that this program cannot work on: one that lacks a migration, or that is more than
// one migration ahead, which a program one version older may still use.
func (s *Store) CheckSchema(ctx context.Context) error {
	v, err := s.Schema(ctx)
	switch {
	case err != nil:
		return err
	case v.Have < v.Want:
		return sat.Errorf(sat.Conflict, "The database has schema %d and this program needs %d. Run: sat migrate up", v.Have, v.Want)
	case v.Have > v.Want+1:
		return sat.Errorf(sat.Conflict, "The database has schema %d and this program knows %d. Start a newer version of it.", v.Have, v.Want)
	}
	return nil
}

// Migrate brings the schema up to this program's and tells how many steps that took. Two processes may do it at once:
// the second waits, and finds nothing to do.
func (s *Store) Migrate(ctx context.Context) (steps int, err error) {
	return s.migrateTo(ctx, 0)
}

// migrateTo brings the schema up to a number, 0 for the newest.
func (s *Store) migrateTo(ctx context.Context, version int64) (steps int, err error) {
	unlock, err := s.lockSchema(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	p, err := s.migrator()
	if err != nil {
		return 0, err
	}
	var results []*goose.MigrationResult
	if version == 0 {
		results, err = p.Up(ctx)
	} else {
		results, err = p.UpTo(ctx, version)
	}
	if err != nil {
		return 0, fmt.Errorf("the database's schema cannot be brought up to date: %w", err)
	}
	return len(results), nil
}

// lockSchema keeps other processes from migrating a SQLite file; for PostgreSQL goose holds an advisory lock.
func (s *Store) lockSchema(ctx context.Context) (unlock func() error, err error) {
	if !s.Local() {
		return func() error { return nil }, nil
	}
	f, err := os.OpenFile(s.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the lock beside the database cannot be opened: %w", err)
	}
	if err := lockFile(ctx, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

func (s *Store) migrator() (*goose.Provider, error) {
	folder := "sqlite"
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if s.dialect == goose.DialectPostgres {
		folder = "postgres"
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, fmt.Errorf("the migration lock: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(s.dialect, s.write.DB, files, opts...)
	if err != nil {
		return nil, fmt.Errorf("the migrations of %s: %w", folder, err)
	}
	return p, nil
}
