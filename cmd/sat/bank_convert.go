package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/questionbank"
	"sattutor/internal/sat"
)

func bankConvertCommand() *cli.Command {
	return &cli.Command{
		Name: "convert", Usage: "put questions into another format", ArgsUsage: "FILE OUT",
		Description: "The new format is told by the ending of OUT, or by --to; OUT may be - for standard output. What the format cannot\n" +
			"carry is counted. Questions with errors are left out, and the exit code is 65 then.\n\n" +
			"  sat bank convert shipped bank.xlsx\n" +
			"  sat bank convert --to anki questions.gift cards.txt\n" +
			"  sat bank convert --dry-run quiz.xml quiz.jsonl",
		Flags: append(readFlags(),
			&cli.StringFlag{Name: "to", Usage: "format of OUT: " + formatNames()},
			&cli.BoolFlag{Name: "passages-apart", Usage: "Moodle XML: passages as descriptions of their own"},
			&cli.BoolFlag{Name: "losses", Usage: "list what is lost of each question"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would happen, write nothing"}),
		Action: bankConvert,
	}
}

func bankConvert(_ context.Context, c *cli.Command) error {
	if c.Args().Len() != 2 {
		return failed(setup.ExitUsage, errors.New("name the file to read and the file to write"))
	}
	name := c.Args().Get(1)
	to, err := formatOf(name, c.String("to"))
	if err != nil {
		return failed(setup.ExitUsage, err)
	}
	reading, err := readBank(c)
	if err != nil {
		return err
	}
	said := c.Root().ErrWriter
	printBankFindings(said, c.Args().First(), reading.Findings, reading.Omitted)
	if len(reading.Items()) == 0 {
		return failed(setup.ExitData, errors.New("there is no question to write"))
	}
	if err := writeBank(c, reading.Items(), to, name); err != nil {
		return err
	}
	if questionbank.Count(reading.Findings, questionbank.SeverityError) > 0 {
		return failed(setup.ExitData, nil)
	}
	return nil
}

// writeBank puts items into a file and says what its format does not carry.
func writeBank(c *cli.Command, items []sat.Item, to questionbank.Format, name string) error {
	said := c.Root().ErrWriter
	bar := counting(said, "writing", "questions")
	file, losses, err := questionbank.Write(items, to, questionbank.WriteOptions{PassagesApart: c.Bool("passages-apart"),
		Progress: bar.report})
	bar.finish()
	if err != nil {
		return failed(setup.ExitData, errors.New(explained(err)))
	}
	left := questionbank.Count(losses, questionbank.SeverityError)
	printLosses(c, name, losses)
	fmt.Fprintf(said, "%d questions as %s, %d left out\n", len(items)-left, to, left)
	if !c.Bool("dry-run") {
		if err := putFile(c, name, file); err != nil {
			return err
		}
	}
	if left > 0 {
		return failed(setup.ExitData, nil)
	}
	return nil
}

// formatOf gives the format that is asked for, or the first one whose files end as the name does.
func formatOf(name, asked string) (questionbank.Format, error) {
	if asked != "" {
		if _, ok := questionbank.Describe(questionbank.Format(asked)); !ok {
			return "", fmt.Errorf("there is no format %q; there are %s", asked, formatNames())
		}
		return questionbank.Format(asked), nil
	}
	ending := strings.ToLower(filepath.Ext(name))
	for _, f := range questionbank.Formats() {
		if f.Extension == ending && ending != ".txt" {
			return f.Format, nil
		}
	}
	return "", fmt.Errorf("the ending of %q does not tell the format; say --to and one of %s", name, formatNames())
}
