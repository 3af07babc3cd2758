package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/eval"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

// keepRunsLimit is the longest time for storing what was measured: it lies in its directories already.
const keepRunsLimit = 15 * time.Second

// keepRuns stores runs in the configured database. One that is away costs a sentence and nothing more.
func keepRuns(ctx context.Context, cfg config.Config, runs []*eval.Run, said io.Writer) {
	if len(runs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepRunsLimit) // an interrupted run is kept too
	defer cancel()
	if err := saveRuns(ctx, cfg, runs, said); err != nil {
		fmt.Fprintf(said, "what was measured is whole in its folder, and not stored in the database: %s\n", explained(err))
	}
}

func saveRuns(ctx context.Context, cfg config.Config, runs []*eval.Run, said io.Writer) error {
	s, err := setup.OpenStore(ctx, cfg)
	if err != nil {
		return err
	}
	for _, run := range runs {
		kept, keepErr := run.Keep()
		if keepErr == nil {
			keepErr = s.SaveRun(ctx, kept)
		}
		if keepErr != nil {
			return errors.Join(keepErr, s.Close())
		}
		fmt.Fprintf(said, "stored as %s; `sat eval show %[1]s` prints it\n", kept.ID)
	}
	return s.Close()
}

func evalListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the runs that are stored in the database, the newest first",
		Description: "  sat eval list\n  sat eval list --model sat-lora --limit 5",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "only runs of this served name"},
			&cli.IntFlag{Name: "limit", Value: 20, Usage: "how many"},
			&cli.BoolFlag{Name: "json", Usage: "print headers and figures as JSON, one run a line"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Int("limit") < 1 {
				return failed(setup.ExitUsage, errors.New("--limit must be at least 1"))
			}
			return withRuns(ctx, c, func(s *store.Store) error {
				runs, err := s.Runs(ctx, c.String("model"), c.Int("limit"))
				if err != nil {
					return err
				}
				return listRuns(c.Root().Writer, runs, c.Bool("json"))
			})
		},
	}
}

func listRuns(out io.Writer, runs []sat.EvaluationRun, asJSON bool) error {
	if asJSON {
		for _, r := range runs {
			fmt.Fprintf(out, "%s\n", r.Header)
		}
		return nil
	}
	if len(runs) == 0 {
		fmt.Fprintln(out, "no run is stored; `sat eval run` stores each")
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tBEGUN\tMODEL\tITEMS\tRESULT")
	for _, r := range runs {
		var kept eval.Kept
		if err := json.Unmarshal(r.Header, &kept); err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d of %s\t%s\n", r.ID, r.StartedAt.UTC().Format("2006-01-02 15:04"), r.Model, r.N, r.Pool, kept.Figures.Sentence)
	}
	return table.Flush()
}

func evalShowCommand() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "print a stored run: its header and figures, or its answers", ArgsUsage: "RUN",
		Description: "RUN is an ID that `sat eval list` prints.\n\n  sat eval show 3f9a0c51d2e7\n  sat eval show --answers 3f9a0c51d2e7",
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "answers", Usage: "print what was answered to each item as JSON, one a line"}},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() != 1 {
				return failed(setup.ExitUsage, errors.New("name one run; `sat eval list` shows them"))
			}
			return withRuns(ctx, c, func(s *store.Store) error {
				run, err := s.Run(ctx, c.Args().First())
				if err != nil {
					return err
				}
				text := run.Samples
				if !c.Bool("answers") {
					var whole bytes.Buffer
					if err := json.Indent(&whole, run.Header, "", "  "); err != nil {
						return err
					}
					text = append(whole.Bytes(), '\n')
				}
				_, err = c.Root().Writer.Write(text)
				return err
			})
		},
	}
}

// withRuns opens the configured database to look runs up.
func withRuns(ctx context.Context, c *cli.Command, f func(*store.Store) error) error {
	return withConfig(c, func(cfg config.Config) error {
		s, err := setup.OpenStore(ctx, cfg)
		if err != nil {
			return failed(setup.ExitUnavailable, err)
		}
		err = errors.Join(f(s), s.Close())
		if sat.CodeOf(err) == sat.NotFound {
			return failed(setup.ExitNoInput, errors.New("there is no such run; `sat eval list` shows them"))
		}
		if err != nil {
			return failed(setup.ExitFailure, errors.New(explained(err)))
		}
		return nil
	})
}
