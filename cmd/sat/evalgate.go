package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/eval"
	"sattutor/internal/sat"
)

// evalGateCommand is the gate, which stands among the commands of evaluation and among those of models.
func evalGateCommand(among string) *cli.Command {
	return &cli.Command{
		Name: "gate", Usage: "tell by its runs what a model may be called: production or demo", ArgsUsage: "RUN",
		Description: "RUN is the model's run in its served way of asking. Without --no-passage that bound counts as not measured.\n\n" +
			"  sat " + among + " gate runs/a/sat-lora --no-passage runs/blind/sat-lora --against runs/a/sat-base\n" +
			"  sat " + among + " gate runs/a/sat-lora --no-passage runs/blind/sat-lora --store",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "no-passage", Usage: "`RUN` over the same items without their passage"},
			&cli.StringFlag{Name: "race", Usage: "`RUN` over RACE's test part, whole or drawn by --sample; asked of what was trained on RACE"},
			&cli.StringFlag{Name: "rotated", Usage: "`RUN` over the same items under rotations of the choices"},
			&cli.StringFlag{Name: "against", Usage: "`RUN` of what the model would replace: it must not be worse"},
			&cli.BoolFlag{Name: "big", Usage: "hold it to the bounds of a 3 B model with an adapter"},
			&cli.BoolFlag{Name: "store", Usage: "keep the result in the model's record"},
			&cli.BoolFlag{Name: "require", Usage: "exit with 1 unless it may be called production"},
		},
		Action: evalGate,
	}
}

// gateRuns loads the runs that the arguments name; against is what the model would replace, nil for nothing.
func gateRuns(c *cli.Command) (in eval.GateInput, against *eval.Run, err error) {
	in.Big = c.Bool("big")
	for _, part := range []struct {
		dir  string
		into **eval.Run
	}{{c.Args().First(), &in.Run}, {c.String("no-passage"), &in.NoPassage}, {c.String("rotated"), &in.Rotated},
		{c.String("race"), &in.Race}, {c.String("against"), &against}} {
		if part.dir == "" {
			continue
		}
		if *part.into, err = eval.Load(part.dir); err != nil {
			return in, against, err
		}
	}
	if against != nil {
		err = eval.CheckRival(in.Run, against)
	}
	return in, against, err
}

func evalGate(_ context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return failed(setup.ExitUsage, errors.New("name one run directory"))
	}
	in, against, err := gateRuns(c)
	if err != nil {
		return evalFailed(err)
	}
	cfg, code := setup.LoadConfig(c.Root().ErrWriter)
	if code != setup.ExitOK {
		return failed(code, nil)
	}
	record, learnt := setup.Origin(cfg, in.Run.Header.Model)
	in.Learnt = learnt
	result, err := eval.Gate(in)
	if err != nil {
		return evalFailed(err)
	}
	out := c.Root().Writer
	fmt.Fprintf(out, "%s: %s. %s\n", in.Run.Header.Model.Name, result.Quality, result.Sentence)
	for _, check := range result.Checks {
		fmt.Fprintf(out, "  %-7s %-34s %s (bound %s)\n", passedWord(check.Passed), check.Name, check.Measured, check.Bound)
	}
	rival, err := againstRival(cfg, out, against, in.Run)
	if err != nil {
		return evalFailed(err)
	}
	if c.Bool("store") {
		if err := keepInRecord(c, record, func(cfg config.Config) error {
			return setup.StoreGate(cfg, record, result, rival)
		}); err != nil {
			return err
		}
	}
	if c.Bool("require") && result.Quality != sat.Production {
		return failed(int(eval.ExitFailIf), nil)
	}
	return nil
}

// againstRival compares a run with that of what its model would replace, and prints how that ended.
func againstRival(cfg config.Config, out io.Writer, against, run *eval.Run) (setup.Rival, error) {
	if against == nil {
		return setup.Rival{}, nil
	}
	comparisons, err := eval.Compare(against, run)
	if err != nil {
		return setup.Rival{}, err
	}
	c, canary := comparisons[0], eval.Canary(against, run)
	fmt.Fprintf(out, "  %-7s %-34s %s\n", passedWord(c.NonRegression), "no worse than what it replaces", c.Sentence())
	fmt.Fprintf(out, "  %-7s %-34s %s (bound %s)\n", passedWord(canary.Passed), canary.Name, canary.Measured, canary.Bound)
	record, _ := setup.Origin(cfg, against.Header.Model)
	return setup.Rival{Record: record, Sentence: c.Sentence(), Worse: !c.NonRegression, Same: !canary.Passed}, nil
}

func passedWord(yes bool) string {
	if yes {
		return "passed"
	}
	return "failed"
}
