package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/questionbank"
)

func bankLintCommand() *cli.Command {
	return &cli.Command{
		Name: "lint", Usage: "say what is wrong with questions, and where", ArgsUsage: "FILE",
		Description: "Each line names the place, the question, the field, how bad it is, the rule and the remedy. The exit code is 65\n" +
			"when there are errors; warnings and losses leave it 0.\n\n" +
			"  sat bank lint questions.csv --framework digital --skill INF\n" +
			"  sat bank lint --strict shipped",
		Flags: append(readFlags(),
			&cli.BoolFlag{Name: "json", Usage: "print the findings as JSON"},
			&cli.BoolFlag{Name: "errors", Usage: "print errors only"}),
		Action: bankLint,
	}
}

func bankLint(_ context.Context, c *cli.Command) error {
	reading, err := readBank(c)
	if err != nil {
		return err
	}
	findings := reading.Findings
	if c.Bool("errors") {
		findings = nil
		for _, f := range reading.Findings {
			if f.Severity == questionbank.SeverityError {
				findings = append(findings, f)
			}
		}
	}
	out, taken := c.Root().Writer, len(reading.Items())
	if c.Bool("json") {
		err = printJSON(out, struct {
			Format    questionbank.Format    `json:"format"`
			Questions int                    `json:"questions"`
			Good      int                    `json:"good"`
			Findings  []questionbank.Finding `json:"findings"`
			Omitted   int                    `json:"omitted,omitempty"`
		}{reading.Format, len(reading.Entries), taken, findings, reading.Omitted})
		if err != nil {
			return failed(setup.ExitFailure, err)
		}
	} else {
		printBankFindings(out, c.Args().First(), findings, reading.Omitted)
		fmt.Fprintf(out, "%d of %d questions can be taken; %d errors, %d warnings, %d losses (read as %s)\n", taken,
			len(reading.Entries), questionbank.Count(reading.Findings, questionbank.SeverityError),
			questionbank.Count(reading.Findings, questionbank.SeverityWarning),
			questionbank.Count(reading.Findings, questionbank.SeverityLoss), reading.Format)
	}
	if questionbank.Count(reading.Findings, questionbank.SeverityError) > 0 {
		return failed(setup.ExitData, nil)
	}
	return nil
}
