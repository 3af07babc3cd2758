package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/questionbank"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

func bankExportCommand() *cli.Command {
	return &cli.Command{
		Name: "export", Usage: "write questions of the bank to a file", ArgsUsage: "OUT",
		Description: "The format is told by the ending of OUT, or by --to; OUT may be - for standard output.\n\n" +
			"  sat bank export bank.jsonl          the whole bank; `sat bank import shipped` fills an empty one\n" +
			"  sat bank export --skill INF --to anki cards.txt",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "format of OUT: " + formatNames()},
			&cli.StringFlag{Name: "words", Usage: "only questions that hold these words"},
			&cli.StringFlag{Name: "framework", Usage: "only digital or paper"},
			&cli.StringFlag{Name: "domain", Usage: "only this domain, by its code"},
			&cli.StringFlag{Name: "skill", Usage: "only this skill, by its code"},
			&cli.StringFlag{Name: "genre", Usage: "only this genre"},
			&cli.StringFlag{Name: "difficulty", Usage: "only E, M or H"},
			&cli.StringFlag{Name: "split", Usage: "only this split"},
			&cli.StringFlag{Name: "licence", Usage: "only under this licence"},
			&cli.StringFlag{Name: "tag", Usage: "only with this tag"},
			&cli.StringFlag{Name: "passage", Usage: "only on the passage with this id"},
			&cli.BoolFlag{Name: "reported", Usage: "only with an open report"},
			&cli.BoolFlag{Name: "passages-apart", Usage: "Moodle XML: passages as descriptions of their own"},
			&cli.BoolFlag{Name: "losses", Usage: "list what is lost of each question"},
		},
		Action: bankExport,
	}
}

func bankExport(ctx context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return failed(setup.ExitUsage, errors.New("name the file to write, or - for standard output"))
	}
	name := c.Args().First()
	to, err := formatOf(name, c.String("to"))
	if err != nil {
		return failed(setup.ExitUsage, err)
	}
	filter, err := sat.ParseItemFilter(func(name string) string {
		if name == "q" {
			name = "words"
		}
		return c.String(name)
	})
	if err != nil {
		return failed(setup.ExitUsage, errors.New(explained(err)))
	}
	filter.Reported = c.Bool("reported")
	return withBank(ctx, c, questionbank.Rules{}, func(desk *questionbank.Desk, _ *store.Store) error {
		bar := counting(c.Root().ErrWriter, "writing", "questions")
		file, err := desk.ExportItems(ctx, sat.ExportRequest{Filter: filter, Format: string(to), PassagesApart: c.Bool("passages-apart"), Progress: bar.report})
		bar.finish()
		if sat.CodeOf(err) == sat.NotFound && reflect.ValueOf(filter).IsZero() {
			return failed(setup.ExitData, errors.New("the bank is empty; `sat bank import shipped` takes in the questions that come with the product, "+
				"and `sat up` does so at its first start"))
		}
		if err != nil {
			return failed(setup.ExitData, errors.New(explained(err)))
		}
		printLosses(c, name, file.Losses)
		fmt.Fprintf(c.Root().ErrWriter, "%d questions as %s\n", file.Items, to)
		return putFile(c, name, file.Content)
	})
}

// printLosses says what a file does not carry: what was left out, and the rest in sum or, where asked, one by one.
func printLosses(c *cli.Command, name string, losses []sat.Finding) {
	said := c.Root().ErrWriter
	for _, f := range losses {
		if c.Bool("losses") || f.Severity == sat.SeverityError {
			fmt.Fprintf(said, "%s:%s\n", name, f)
		}
	}
	if lost := questionbank.Summary(losses); lost != nil {
		fmt.Fprintf(said, "not carried: %s; --losses lists each\n", strings.Join(lost, ", "))
	}
}

// putFile writes a file, or standard output for "-".
func putFile(c *cli.Command, name string, content []byte) error {
	var err error
	if name == "-" {
		_, err = c.Root().Writer.Write(content)
	} else {
		err = writeWhole(name, func(w io.Writer) error { _, err := w.Write(content); return err })
	}
	if err != nil {
		return failed(setup.ExitFailure, err)
	}
	return nil
}
