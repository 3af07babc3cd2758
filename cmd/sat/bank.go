package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/eval"
	"sattutor/internal/questionbank"
	"sattutor/internal/questionbank/shipped"
	"sattutor/internal/sat"
)

func bankCommand() *cli.Command {
	return &cli.Command{
		Name: "bank", Usage: "take questions in and out, judge, convert and search them",
		Description: "Reads and writes " + formatNames() + ".\nThe format of a file is told by its content; " +
			"--format names it where that fails. FILE may be - for standard input, or `shipped` for the questions that come with the product.",
		Commands: []*cli.Command{bankImportCommand(), bankExportCommand(), bankChangesCommand(), bankUndoCommand(), bankLintCommand(), bankConvertCommand(), bankSimilarCommand(), bankEmbedCommand()},
	}
}

func formatNames() string {
	var names []string
	for _, f := range questionbank.Formats() {
		names = append(names, string(f.Format))
	}
	return strings.Join(names, ", ")
}

// readFlags are those of every command that reads a file of questions.
func readFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "format", Value: string(questionbank.Auto), Usage: "format of FILE: auto, " + formatNames()},
		&cli.StringFlag{Name: "framework", Usage: "digital or paper, for questions that do not say"},
		&cli.StringFlag{Name: "skill", Usage: "code of the skill, such as INF, for questions that do not say"},
		&cli.StringFlag{Name: "fingerprints", Usage: "file of what a model has seen in training; such passages are named"},
		&cli.BoolFlag{Name: "strict", Usage: "judge as the product's own bank is judged: free of rights, explained, with evidence"},
	}
}

// readBank reads the file of questions that the command line names.
func readBank(c *cli.Command) (*questionbank.Reading, error) {
	if c.Args().Len() == 0 {
		return nil, failed(setup.ExitUsage, fmt.Errorf("name a file of questions; `%s --help` tells more", c.FullName()))
	}
	opts, err := readOptions(c)
	if err != nil {
		return nil, err
	}
	data, err := bankFile(c.Root().Reader, c.Args().First())
	if err != nil {
		return nil, failed(setup.ExitNoInput, err)
	}
	bar := counting(c.Root().ErrWriter, "reading", "questions")
	opts.Progress = func(items int) { bar.report(items, 0) }
	reading := questionbank.Read(data, opts)
	bar.finish()
	return reading, nil
}

// readOptions gives what the flags say of a file.
func readOptions(c *cli.Command) (questionbank.ReadOptions, error) {
	opts := questionbank.ReadOptions{Format: questionbank.Format(c.String("format")), Framework: sat.Framework(c.String("framework")),
		Skill: sat.Skill(strings.ToUpper(c.String("skill"))), Rules: questionbank.Rules{Shipped: c.Bool("strict")}}
	if path := c.String("fingerprints"); path != "" {
		seen, err := eval.ReadFingerprints(path)
		if err != nil {
			return opts, failed(setup.ExitNoInput, err)
		}
		opts.Rules.Overlap = func(passage string) string { return string(seen.Check(passage)) }
	}
	return opts, nil
}

// bankFile gives a file's bytes, at most one more than a reader takes.
func bankFile(stdin io.Reader, name string) ([]byte, error) {
	in := stdin
	switch name {
	case "-":
	case "shipped":
		in = shipped.Open()
	default:
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, questionbank.MaxFile+1))
}

// printBankFindings writes findings as compilers do, one a line, and sums them up.
func printBankFindings(w io.Writer, file string, findings []questionbank.Finding, omitted int) {
	for _, f := range findings {
		fmt.Fprintf(w, "%s:%s\n", file, f)
	}
	if omitted > 0 {
		fmt.Fprintf(w, "%s: %d more are not listed\n", file, omitted)
	}
}

// printJSON writes a value for programs.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
