package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/eval"
)

func evalCompareCommand() *cli.Command {
	return &cli.Command{
		Name: "compare", Usage: "tell whether runs are better than a first one, by paired tests", ArgsUsage: "BASE OTHER [OTHER …]",
		Description: "Both runs must hold the same items. It prints accuracies, the exact test, the difference with its interval by\n" +
			"passage, what the pool could have shown, a verdict, and the items that only one has right.\n\n" +
			"  sat eval compare runs/a/sat-base runs/a/sat-lora\n" +
			"  sat eval compare runs/a/sat-base runs/a/sat-lora --html report.html --junit report.xml\n" +
			"  sat eval compare old new --fail-if 'delta < -0.02' --fail-if 'verdict == worse'\n" +
			"  sat eval compare --totals 18,28,38      what two totals over 38 items allow to be said",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "fail-if", Usage: "exit with 1 where true; NAME OP VALUE with acc, parse_fail_rate, delta, delta_ci_low, delta_ci_high, p_exact, verdict"},
			&cli.StringFlag{Name: "html", Usage: "write the report as one page to `FILE`"},
			&cli.StringFlag{Name: "markdown", Usage: "write it as Markdown to `FILE`"},
			&cli.StringFlag{Name: "junit", Usage: "write the conditions as test cases to `FILE`"},
			&cli.BoolFlag{Name: "flips", Usage: "list the items that only one has right"},
			&cli.StringFlag{Name: "data", Usage: "the data file, to print texts beside the flips; with --include-text"},
			&cli.BoolFlag{Name: "include-text", Usage: "print passages, questions and outputs: third-party text, not to be published"},
			&cli.StringFlag{Name: "totals", Usage: "`RIGHT_A,RIGHT_B,N` of a claim without results by item"},
		},
		DisableSliceFlagSeparator: true,
		Action:                    evalCompare,
	}
}

func evalCompare(_ context.Context, c *cli.Command) error {
	out := c.Root().Writer
	if totals := c.String("totals"); totals != "" {
		var a, b, n int
		if _, err := fmt.Sscanf(totals, "%d,%d,%d", &a, &b, &n); err != nil {
			return failed(setup.ExitUsage, errors.New("--totals takes three numbers: right in A, right in B, items"))
		}
		claim, err := eval.CompareTotals(a, b, n)
		if err == nil {
			fmt.Fprintln(out, claim)
		}
		return evalFailed(err)
	}
	if c.Args().Len() < 2 {
		return failed(setup.ExitUsage, errors.New("name two run directories or more: the base first"))
	}
	conditions, err := conditions(c)
	if err != nil {
		return evalFailed(err)
	}
	report, err := loadReport(c)
	if err != nil {
		return evalFailed(err)
	}
	report.Conditions = conditions
	if report.Comparisons, err = eval.Compare(report.Runs[0], report.Runs[1:]...); err != nil {
		return evalFailed(err)
	}
	for _, comparison := range report.Comparisons {
		fmt.Fprint(out, comparison.Screen(c.Bool("flips")))
	}
	for format, path := range map[string]string{eval.ExportHTML: c.String("html"), eval.ExportMarkdown: c.String("markdown"), eval.ExportJUnit: c.String("junit")} {
		if path == "" {
			continue
		}
		files, err := report.Export(format)
		if err != nil {
			return evalFailed(err)
		}
		if err := os.WriteFile(path, files[0].Data, 0o644); err != nil {
			return failed(setup.ExitFailure, err)
		}
		fmt.Fprintln(out, path)
	}
	return evalFailed(eval.FailIf(conditions, report.Comparisons))
}

// loadReport reads the runs that the arguments name, and the data file where texts are wanted.
func loadReport(c *cli.Command) (eval.Report, error) {
	var report eval.Report
	for _, dir := range c.Args().Slice() {
		run, err := eval.Load(dir)
		if err != nil {
			return report, err
		}
		report.Runs = append(report.Runs, run)
	}
	if len(report.Runs) == 0 {
		return report, &eval.Error{Exit: eval.ExitUsage, Message: "name at least one run directory"}
	}
	if !c.Bool("include-text") {
		return report, nil
	}
	if c.String("data") == "" {
		return report, &eval.Error{Exit: eval.ExitUsage, Message: "--include-text needs --data, the file that holds the texts"}
	}
	var err error
	report.Texts, err = openData(c, c.String("data"), eval.FormatAuto)
	return report, err
}
