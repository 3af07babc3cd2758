package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/arena"
)

// arenaModel is the id of the blind arena as the stack seeds it.
const arenaModel = "sat-arena"

func arenaCommand() *cli.Command {
	return &cli.Command{
		Name: "arena", Usage: "collect blind votes and tell what they show",
		Commands: []*cli.Command{arenaExportCommand(), arenaReportCommand()},
	}
}

func arenaReportCommand() *cli.Command {
	return &cli.Command{
		Name: "report", Usage: "print win rates, intervals and ratings of collected votes", ArgsUsage: "[FILE …]",
		Description: "Reads votes.jsonl as `sat arena export` writes it, or Open WebUI's own export of feedback; standard input where\n" +
			"no file is named. Of Open WebUI's export the ratings are those of its leaderboard; of votes, those of the blind pairs.\n\n" +
			"  sat arena report arena/votes.jsonl",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the figures as JSON"},
			&cli.StringFlag{Name: "arena", Value: arenaModel, Usage: "id of the blind arena, for Open WebUI's own export"},
			&cli.StringFlag{Name: "bank", Usage: "JSONL file of items with keys, for Open WebUI's own export; the shipped bank when left out"},
		},
		Action: arenaReport,
	}
}

func arenaReport(_ context.Context, c *cli.Command) error {
	names := c.Args().Slice()
	if len(names) == 0 {
		names = []string{"-"}
	}
	var votes []arena.Vote
	var ratings []arena.Rating
	for _, name := range names {
		raw, err := readInput(c.Root().Reader, name)
		if err != nil {
			return failed(setup.ExitNoInput, err)
		}
		v, r, err := readVotes(c, raw)
		if err != nil {
			return failed(setup.ExitData, fmt.Errorf("%s: %w", name, err))
		}
		votes, ratings = append(votes, v...), append(ratings, r...)
	}
	reports, standings := arena.Summarise(votes), arena.Elo(ratings)
	if !c.Bool("json") {
		return arena.WriteReport(c.Root().Writer, reports, standings)
	}
	enc := json.NewEncoder(c.Root().Writer)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{"pairs": reports, "elo": standings})
}

// readInput reads a file, or standard input for "-".
func readInput(stdin io.Reader, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// readVotes reads votes in our form, or Open WebUI's feedback, which is one array.
func readVotes(c *cli.Command, raw []byte) ([]arena.Vote, []arena.Rating, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		votes, err := arena.ReadJSONL(bytes.NewReader(raw))
		return votes, arena.VoteRatings(votes), err
	}
	feedback, err := arena.ReadFeedback(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, err
	}
	n, err := normaliser(c)
	if err != nil {
		return nil, nil, err
	}
	votes, left := n.Votes(feedback)
	printLeft(c.Root().ErrWriter, len(votes), left)
	return votes, arena.FeedbackRatings(feedback), nil
}

// normaliser is set up by the flags.
func normaliser(c *cli.Command) (arena.Normaliser, error) {
	cfg, code := setup.LoadConfig(c.Root().ErrWriter)
	if code != setup.ExitOK {
		return arena.Normaliser{}, errors.New("the configuration has mistakes")
	}
	key, err := setup.HMACKey(cfg)
	if err != nil {
		return arena.Normaliser{}, err
	}
	items, err := setup.Bank(c.String("bank"))
	if err != nil {
		return arena.Normaliser{}, err
	}
	return arena.Normaliser{Arena: c.String("arena"), Pseudonym: func(id string) string { return arena.Pseudonym(key, id) },
		Parse: setup.ParseQuestion, Find: arena.Index(items), Texts: c.Bool("texts")}, nil
}

// printLeft tells what became of the ratings.
func printLeft(w io.Writer, votes int, left map[arena.Reason]int) {
	fmt.Fprintln(w, "blind votes:", votes)
	for _, why := range arena.Reasons() {
		if left[why] > 0 {
			fmt.Fprintf(w, "  left out: %d, %s\n", left[why], why)
		}
	}
}
