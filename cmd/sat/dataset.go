package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/dataset"
	"sattutor/internal/eval"
)

func datasetCommand() *cli.Command {
	return &cli.Command{
		Name: "dataset", Usage: "turn questions into training data",
		Commands: []*cli.Command{{
			Name: "build", Usage: "write train.jsonl, val.jsonl and what must be known of them",
			Description: "A source is KIND:PATH or KIND:PATH#LICENCE. Kinds: items (JSONL, the bank's export), tests (text blocks of your own\n" +
				"practice tests), race (JSONL or RACE's folders), csv, prose (books in the public domain: items are made by rule).\n\n" +
				"  sat dataset build --source items:bank.jsonl --method letter_text --test-share 0.2 --out data/sat-v1\n" +
				"  sat dataset build --source race:RACE/train --val race:RACE/dev --exclude race:RACE/test --method option --out data/race\n" +
				"  sat dataset build --source 'prose:books#public domain' --method option --val-share 0.03 --out data/open",
			Flags: []cli.Flag{
				&cli.StringSliceFlag{Name: "source", Usage: "where questions come from; once for each"},
				&cli.StringSliceFlag{Name: "val", Usage: "a source of the validation split, instead of a share of the passages"},
				&cli.StringSliceFlag{Name: "exclude", Usage: "evaluation data: passages that share 13 words in a row with it are left out"},
				&cli.StringFlag{Name: "method", Value: "letter_text", Usage: "letter_text, letter or option"},
				&cli.StringFlag{Name: "template", Usage: "the prompt's layout; the method's own when left out"},
				&cli.Uint64Flag{Name: "seed", Value: 7, Usage: "decides split, order of choices and made items"},
				&cli.Float64Flag{Name: "val-share", Value: 0.1, Usage: "share of the passages that becomes the validation split"},
				&cli.Float64Flag{Name: "test-share", Usage: "share of the passages that is kept apart as test.jsonl, for sat eval run"},
				&cli.IntFlag{Name: "permute-labels", Usage: "so many re-drawn orders of each question's choices; 0 keeps the order"},
				&cli.IntFlag{Name: "max-chars", Usage: "leave out longer passages with their question; 0 for no limit"},
				&cli.BoolFlag{Name: "strict", Usage: "refuse, instead of leaving out, what overlaps with evaluation data or has no licence"},
				&cli.StringFlag{Name: "date", Value: "11 Jun 2025", Usage: "the date that the chat template prints"},
				&cli.StringFlag{Name: "out", Usage: "the folder to write"},
			},
			DisableSliceFlagSeparator: true,
			Action:                    buildDataset,
		}},
	}
}

// stepUnits are what the steps of a build count that do not count questions.
var stepUnits = map[string]string{"reading": "files", "comparing with evaluation passages": "passages"}

func buildDataset(ctx context.Context, c *cli.Command) error {
	o := dataset.Options{Method: dataset.Method(c.String("method")), Template: c.String("template"), Seed: c.Uint64("seed"),
		ValShare: c.Float64("val-share"), TestShare: c.Float64("test-share"), Permute: c.Int("permute-labels"), MaxChars: c.Int("max-chars"), Strict: c.Bool("strict"),
		Date: c.String("date"), Out: c.String("out"), Version: setup.Version(), Now: time.Now()}
	for flag, sources := range map[string]*[]dataset.Source{"source": &o.Sources, "val": &o.Val, "exclude": &o.Exclude} {
		for _, text := range c.StringSlice(flag) {
			s, err := dataset.ParseSource(text)
			if err != nil {
				return datasetError(err)
			}
			*sources = append(*sources, s)
		}
	}
	var step *counter
	name := ""
	o.Progress = func(what string, done, of int) {
		if what != name {
			if step != nil {
				step.finish()
			}
			name, step = what, counting(c.Root().ErrWriter, what, cmp.Or(stepUnits[what], "questions"))
		}
		step.report(done, of)
	}
	m, err := dataset.Build(ctx, o)
	if step != nil {
		step.finish()
	}
	if err != nil {
		return datasetError(err)
	}
	fmt.Fprint(c.Root().Writer, m.Page())
	fmt.Fprintf(c.Root().Writer, "\nWritten to %s. Next: sat-train check --config CONFIG --data %s\n", o.Out, o.Out)
	return nil
}

// datasetError gives an error its exit code.
func datasetError(err error) error {
	var coded *eval.Error
	if errors.As(err, &coded) {
		return failed(int(coded.Exit), coded)
	}
	return err
}
