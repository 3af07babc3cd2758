package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "tell what is installed, reachable or missing, and what to do",
		Description: "Looks, and changes nothing. The exit code is 1 where something that is needed is missing.",
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print the findings as JSON"}},
		Action: func(ctx context.Context, c *cli.Command) error {
			cfg, code := setup.LoadConfig(c.Root().ErrWriter)
			if code != setup.ExitOK {
				return failed(code, nil)
			}
			findings := setup.Examine(ctx, cfg)
			if c.Bool("json") {
				enc := json.NewEncoder(c.Root().Writer)
				enc.SetIndent("", "  ")
				if err := enc.Encode(findings); err != nil {
					return err
				}
			} else {
				printFindings(c.Root().Writer, findings)
			}
			for _, f := range findings {
				if f.Verdict == setup.Missing {
					return failed(setup.ExitFailure, nil)
				}
			}
			return nil
		},
	}
}

// printFindings writes a line a finding: what · how it is · what to do.
func printFindings(w io.Writer, findings []setup.Finding) {
	colours := map[setup.Verdict]string{setup.Fine: "\x1b[32m", setup.Absent: "\x1b[33m", setup.Missing: "\x1b[31m"}
	for _, f := range findings {
		mark := fmt.Sprintf("%-8s", f.Verdict)
		if terminal(w) {
			mark = colours[f.Verdict] + mark + "\x1b[0m"
		}
		fmt.Fprintf(w, "%s %s · %s", mark, f.What, f.State)
		if f.Next != "" {
			fmt.Fprintf(w, " · %s", f.Next)
		}
		fmt.Fprintln(w)
	}
}
