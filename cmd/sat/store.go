package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/store"
)

func migrateCommand() *cli.Command {
	return &cli.Command{
		Name: "migrate", Usage: "bring the database's schema up to date",
		Commands: []*cli.Command{
			{
				Name: "up", Usage: "apply the steps that are missing; a second run finds none",
				Description: "A local SQLite file is brought up to date at each start; a PostgreSQL database is not.\n\n" +
					"  DATABASE_URL=postgres://sat@db/sat sat migrate up",
				Action: func(ctx context.Context, c *cli.Command) error {
					return withStore(ctx, c, func(s *store.Store) error {
						steps, err := s.Migrate(ctx)
						if err != nil {
							return err
						}
						v, err := s.Schema(ctx)
						if err != nil {
							return err
						}
						_, err = fmt.Fprintf(c.Root().Writer, "schema %d, %d steps made\n", v.Have, steps)
						return err
					})
				},
			},
			{
				Name: "status", Usage: "tell the database's schema and this program's",
				Action: func(ctx context.Context, c *cli.Command) error {
					return withStore(ctx, c, func(s *store.Store) error {
						v, err := s.Schema(ctx)
						if err != nil {
							return err
						}
						_, err = fmt.Fprintf(c.Root().Writer, "schema %d of %d\n", v.Have, v.Want)
						return err
					})
				},
			},
		},
	}
}

func backupCommand() *cli.Command {
	return &cli.Command{
		Name: "backup", Usage: "write everything that is stored to a file, while the tutor runs", ArgsUsage: "FILE",
		Description: "The file is one moment of the database, compressed, and carries its own sums. It restores into SQLite and into\n" +
			"PostgreSQL, whichever it came from. It holds hashes of passwords and what students wrote: keep it safe.\n\n" +
			"  sat backup tutor-$(date +%F).sat",
		Action: func(ctx context.Context, c *cli.Command) error {
			file := c.Args().First()
			if file == "" || c.Args().Len() > 1 {
				return failed(setup.ExitUsage, errors.New("give one file to write, such as tutor.sat"))
			}
			return withStore(ctx, c, func(s *store.Store) error {
				var sums []store.Sum
				bar := counting(c.Root().ErrWriter, "writing", "rows")
				err := writeWhole(file, func(to io.Writer) (err error) {
					sums, err = s.Backup(store.WithProgress(ctx, bar.report), to)
					return err
				})
				bar.finish()
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.Root().Writer, "%d rows in %s\n", rows(sums), file)
				return err
			})
		},
	}
}

func restoreCommand() *cli.Command {
	return &cli.Command{
		Name: "restore", Usage: "fill an empty database from a backup", ArgsUsage: "FILE",
		Description: "All or nothing, and only into an empty database: name a new one with DATABASE_URL, restore, and start the tutor\n" +
			"with it. An older backup is brought up to date on the way.\n\n" +
			"  DATABASE_URL=sqlite:new.db sat restore tutor.sat",
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() != 1 {
				return failed(setup.ExitUsage, errors.New("give one file that `sat backup` wrote"))
			}
			f, err := os.Open(c.Args().First())
			if err != nil {
				return failed(setup.ExitNoInput, fmt.Errorf("the backup cannot be read: %w", err))
			}
			defer func() { _ = f.Close() }()
			return withStore(ctx, c, func(s *store.Store) error {
				bar := counting(c.Root().ErrWriter, "restoring", "rows")
				sums, err := s.Restore(store.WithProgress(ctx, bar.report), f)
				bar.finish()
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.Root().Writer, "%d rows restored; their sums are those of the backup\n", rows(sums))
				return err
			})
		},
	}
}

func storeCommand() *cli.Command {
	return &cli.Command{
		Name: "store", Usage: "look at the database",
		Commands: []*cli.Command{{
			Name: "checksum", Usage: "print rows and SHA-256 of each table; equal content gives equal sums on every database",
			Action: func(ctx context.Context, c *cli.Command) error {
				return withStore(ctx, c, func(s *store.Store) error {
					sums, err := s.Checksum(ctx)
					for _, sum := range sums {
						fmt.Fprintf(c.Root().Writer, "%s  %7d  %s\n", sum.SHA256, sum.Rows, sum.Table)
					}
					return err
				})
			},
		}},
	}
}

func rows(sums []store.Sum) (n int) {
	for _, sum := range sums {
		n += sum.Rows
	}
	return n
}

// withStore runs f on the configured database as it is, whatever its schema.
func withStore(ctx context.Context, c *cli.Command, f func(*store.Store) error) error {
	return withConfig(c, func(cfg config.Config) error {
		s, err := store.Open(ctx, cfg.Database())
		if err != nil {
			return failed(setup.ExitUnavailable, err)
		}
		if err := errors.Join(worded(f(s)), s.Close()); err != nil {
			return failed(setup.ExitFailure, err)
		}
		return nil
	})
}

func withConfig(c *cli.Command, f func(config.Config) error) error {
	cfg, code := setup.LoadConfig(c.Root().ErrWriter)
	if code != setup.ExitOK {
		return failed(code, nil)
	}
	return f(cfg)
}
