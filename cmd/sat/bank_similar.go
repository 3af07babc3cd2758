package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/questionbank"
	"sattutor/internal/retrieval"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

func bankSimilarCommand() *cli.Command {
	return &cli.Command{
		Name: "similar", Usage: "find the questions that are like one of them, and the lines that speak to its choices", ArgsUsage: "[FILE] ID",
		Description: "Without FILE the bank is searched.\n\n" +
			"  sat bank similar bennett-visit-1\n" +
			"  sat bank similar questions.csv my-question-7",
		Flags:  append(readFlags(), &cli.IntFlag{Name: "n", Value: 5, Usage: "how many to find"}),
		Action: bankSimilar,
	}
}

func bankSimilar(ctx context.Context, c *cli.Command) error {
	if c.Args().Len() == 0 || c.Args().Len() > 2 {
		return failed(setup.ExitUsage, errors.New("name a question by its id, and before it the file, if it is in one"))
	}
	if c.Args().Len() == 2 {
		reading, err := readBank(c)
		if err != nil {
			return err
		}
		return printSimilar(c, reading.Items(), c.Args().First(), c.Args().Get(1))
	}
	return withBank(ctx, c, questionbank.Rules{}, func(_ *questionbank.Desk, s *store.Store) error {
		stored, _, err := s.SearchItems(ctx, sat.ItemFilter{})
		if err != nil {
			return failed(setup.ExitFailure, errors.New(explained(err)))
		}
		items := make([]sat.Item, len(stored))
		for i, it := range stored {
			items[i] = it.Item
		}
		return printSimilar(c, items, "the bank", c.Args().First())
	})
}

// printSimilar prints an item, the lines that speak to its choices, and the items that are like it.
func printSimilar(c *cli.Command, items []sat.Item, where, id string) error {
	at := slices.IndexFunc(items, func(it sat.Item) bool { return it.ID == id })
	if at < 0 {
		return failed(setup.ExitNoInput, fmt.Errorf("%s has no question %q", where, id))
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
