package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/retrieval"
	"sattutor/internal/sat"
)

func bankSimilarCommand() *cli.Command {
	return &cli.Command{
		Name: "similar", Usage: "find the questions of a file that are like one of them, and the lines that speak to its choices", ArgsUsage: "FILE ID",
		Description: "  sat bank similar shipped bennett-visit-1",
		Flags:       append(readFlags(), &cli.IntFlag{Name: "n", Value: 5, Usage: "how many to find"}),
		Action:      bankSimilar,
	}
}

func bankSimilar(_ context.Context, c *cli.Command) error {
	reading, err := readBank(c)
	if err != nil {
		return err
	}
	items := reading.Items()
	at := slices.IndexFunc(items, func(it sat.Item) bool { return it.ID == c.Args().Get(1) })
	if at < 0 {
		return failed(setup.ExitNoInput, fmt.Errorf("%s has no question %q", c.Args().First(), c.Args().Get(1)))
	}
	it, n, out := items[at], c.Int("n"), c.Root().Writer
	fmt.Fprintln(out, it.Question)
	lines := retrieval.Lines(it)
	for i, choice := range it.Choices {
		fmt.Fprintf(out, "  %s) %s\n", choice.ID, choice.Text)
		for _, s := range retrieval.Evidence(lines, it, 2, i) {
			fmt.Fprintf(out, "     line %d (%.1f): %s\n", s.LineFrom, s.Score, s.Text)
		}
	}
	byID := map[string]sat.Item{}
	for _, other := range items {
		byID[other.ID] = other
	}
	fmt.Fprintln(out, "Like it:")
	for _, m := range retrieval.NewLibrary(items).Similar(it, n) {
		fmt.Fprintf(out, "  %5.1f  %s  %s\n", m.Score, m.ItemID, byID[m.ItemID].Question)
	}
	return nil
}
