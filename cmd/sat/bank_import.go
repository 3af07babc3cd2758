package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/questionbank"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

func bankImportCommand() *cli.Command {
	return &cli.Command{
		Name: "import", Usage: "take questions into the bank", ArgsUsage: "FILE",
		Description: "Questions that are there already, by id or by what they ask, are updated; what the format of the file cannot carry\n" +
			"stays as it is. Questions with errors are left out, and the exit code is 65 then; with --all-or-nothing nothing is stored.\n" +
			"An import can be undone: `sat bank undo CHANGE`.\n\n" +
			"  sat bank import shipped\n" +
			"  sat bank import --dry-run --framework digital --skill INF questions.csv",
		Flags: append(readFlags(),
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would happen, store nothing"},
			&cli.BoolFlag{Name: "all-or-nothing", Usage: "store nothing if one question cannot be taken"},
			&cli.BoolFlag{Name: "allow-split", Usage: "let an update move a question to another split"},
			&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"}),
		Action: bankImport,
	}
}

func bankImport(ctx context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return failed(setup.ExitUsage, errors.New("name one file of questions"))
	}
	file, err := bankFile(c.Root().Reader, c.Args().First())
	if err != nil {
		return failed(setup.ExitNoInput, err)
	}
	opts, err := readOptions(c)
	if err != nil {
		return err
	}
	bar := counting(c.Root().ErrWriter, "reading", "questions")
	req := sat.ImportRequest{File: file, Format: string(opts.Format), Framework: opts.Framework, Skill: opts.Skill,
		Rehearse: c.Bool("dry-run"), Strict: c.Bool("all-or-nothing"), AllowSplit: c.Bool("allow-split"),
		Progress: func(items int) { bar.report(items, 0) }}
	var report sat.ImportReport
	var refused error
	err = withBank(ctx, c, opts.Rules, func(desk *questionbank.Desk, _ *store.Store) error {
		storing := counting(c.Root().ErrWriter, "storing", "questions")
		report, refused = desk.ImportItems(store.WithProgress(ctx, func(done, of int) {
			bar.finish()
			storing.report(done, of)
		}), req)
		bar.finish()
		storing.finish()
		return nil
	})
	if err != nil {
		return err
	}
	out := c.Root().Writer
	if c.Bool("json") {
		err = printJSON(out, report)
	} else {
		printReport(out, c.Args().First(), report, req.Rehearse || refused != nil)
	}
	switch {
	case err != nil:
		return failed(setup.ExitFailure, err)
	case refused != nil:
		return failed(setup.ExitData, errors.New(explained(refused)))
	case report.Counts.Rejected > 0 || report.Broken:
		return failed(setup.ExitData, nil)
	}
	return nil
}

// printReport writes a report for people: what is wrong, what is lost in sum, and what happens.
func printReport(w io.Writer, file string, r sat.ImportReport, rehearsed bool) {
	var findings, losses []sat.Finding
	for _, e := range r.Entries {
		switch {
		case e.Action == sat.ActionUpdated, e.Action == sat.ActionSibling:
			fmt.Fprintf(w, "%s: %s %s\n", file, e.ID, e.Message)
		case e.Action != "":
		case e.Severity == sat.SeverityLoss:
			losses = append(losses, e.Finding)
		default:
			findings = append(findings, e.Finding)
		}
	}
	printBankFindings(w, file, findings, r.Omitted)
	printBankFindings(w, file, losses, 0)
	did := "were"
	if rehearsed {
		did = "would be"
	}
	fmt.Fprintf(w, "%d questions %s added, %d updated; %d are there as they are, %d cannot be taken (read as %s)\n", r.Counts.New, did,
		r.Counts.Updated, r.Counts.Unchanged, r.Counts.Rejected, r.Format)
	if n := r.Counts.Siblings; n > 0 {
		fmt.Fprintf(w, "%d more in the bank %s changed with their passage\n", n, did)
	}
	if r.Change != "" {
		fmt.Fprintf(w, "change %s; `sat bank undo %[1]s` takes it back\n", r.Change)
	}
}

func bankUndoCommand() *cli.Command {
	return &cli.Command{
		Name: "undo", Usage: "take an import or another change of the bank back", ArgsUsage: "CHANGE",
		Description: "CHANGE is the ID that an import printed or `sat bank changes` lists.\n\n  sat bank undo 187b5a0f3c2d9e10-k3x9ab2c7d",
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() != 1 {
				return failed(setup.ExitUsage, errors.New("name the change; the import printed it, and `sat bank changes` lists it"))
			}
			return withBank(ctx, c, questionbank.Rules{}, func(_ *questionbank.Desk, s *store.Store) error {
				undone, err := s.UndoChange(ctx, "", c.Args().First())
				if err != nil {
					return failed(setup.ExitData, errors.New(explained(err)))
				}
				fmt.Fprintf(c.Root().Writer, "%d questions are as they were before\n", undone.Items)
				return nil
			})
		},
	}
}

func bankChangesCommand() *cli.Command {
	return &cli.Command{
		Name: "changes", Usage: "list the newest changes of the bank, with the IDs by which they are undone",
		Description: "  sat bank changes\n  sat bank changes --limit 100",
		Flags:       []cli.Flag{&cli.IntFlag{Name: "limit", Value: 20, Usage: "how many"}},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Int("limit") < 1 {
				return failed(setup.ExitUsage, errors.New("--limit must be at least 1"))
			}
			return withBank(ctx, c, questionbank.Rules{}, func(_ *questionbank.Desk, s *store.Store) error {
				changes, err := s.BankChanges(ctx, c.Int("limit"))
				if err != nil {
					return failed(setup.ExitFailure, errors.New(explained(err)))
				}
				if len(changes) == 0 {
					fmt.Fprintln(c.Root().Writer, "nobody has changed the bank yet")
					return nil
				}
				return listChanges(c.Root().Writer, changes)
			})
		},
	}
}

func listChanges(out io.Writer, changes []sat.BankChange) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "CHANGE\tAT\tWHAT\tQUESTIONS\tUNDONE")
	for _, change := range changes {
		undone := ""
		if !change.UndoneAt.IsZero() && change.UndoneAt.Unix() > 0 {
			undone = change.UndoneAt.UTC().Format("2006-01-02 15:04")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", change.ID, change.At.UTC().Format("2006-01-02 15:04"),
			strings.TrimSpace(change.What+" "+change.Format), change.Items, undone)
	}
	return table.Flush()
}

// withBank opens the configured database for work on the bank. Where the rules do not say what was seen in training, the
// promoted adapters do.
func withBank(ctx context.Context, c *cli.Command, rules questionbank.Rules, f func(*questionbank.Desk, *store.Store) error) error {
	return withConfig(c, func(cfg config.Config) error {
		if rules.Overlap == nil {
			var err error
			if rules.Overlap, err = setup.SeenInTraining(cfg, slog.New(slog.NewTextHandler(c.Root().ErrWriter, nil))); err != nil {
				return failed(setup.ExitData, err)
			}
		}
		s, err := setup.OpenStore(ctx, cfg)
		if err != nil {
			return failed(setup.ExitUnavailable, err)
		}
		return errors.Join(f(questionbank.NewDesk(s).With(rules), s), s.Close())
	})
}
