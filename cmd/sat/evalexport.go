package main

import (
	"context"
	"strings"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/eval"
)

func evalExportCommand() *cli.Command {
	return &cli.Command{
		Name: "export", Aliases: []string{"report"}, Usage: "print runs in a format for people or programs", ArgsUsage: "RUN [RUN …]",
		Description: "A pure function of the run directories: no engine is asked, and the same bytes come each time. Of several runs\n" +
			"the first is compared with the others.\n\n" +
			"  sat eval export runs/a/sat-lora --out out                        one HTML page that asks no network\n" +
			"  sat eval export runs/a/sat-lora --format lm-eval --out out       results and samples as lm-eval names them\n" +
			"  sat eval export runs/a/sat-lora --format lm-eval-task --data q.jsonl --include-text --out task",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Value: eval.ExportHTML, Usage: strings.Join(eval.ExportFormats(), ", ")},
			&cli.StringFlag{Name: "out", Value: ".", Usage: "`DIR` to write to"},
			&cli.StringFlag{Name: "data", Usage: "the data file, where texts are printed; with --include-text"},
			&cli.BoolFlag{Name: "include-text", Usage: "print passages, questions and outputs: third-party text, not to be published"},
			&cli.BoolFlag{Name: "junit-items", Usage: "in JUnit, a case for each item too"},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			report, err := loadReport(c)
			if err != nil {
				return evalFailed(err)
			}
			report.JUnitItems = c.Bool("junit-items")
			if len(report.Runs) > 1 && comparing(c.String("format")) {
				if report.Comparisons, err = eval.Compare(report.Runs[0], report.Runs[1:]...); err != nil {
					return evalFailed(err)
				}
			}
			files, err := report.Export(c.String("format"))
			if err != nil {
				return evalFailed(err)
			}
			if err := writeFiles(c.String("out"), files, c.Root().Writer); err != nil {
				return failed(setup.ExitFailure, err)
			}
			return nil
		},
	}
}

// comparing tells whether a format shows how runs compare.
func comparing(format string) bool {
	return format == eval.ExportHTML || format == eval.ExportMarkdown || format == eval.ExportJUnit
}
