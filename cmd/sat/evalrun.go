package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/eval"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

func evalRunCommand() *cli.Command {
	flags := append(dataFlags("", "the questions"), targetFlags()...)
	return &cli.Command{
		Name: "run", Usage: "ask every question of a data file, and keep the answers",
		Description: "An interrupted run goes on with --resume and gives the same answers. Nothing is ever downloaded.\n" +
			"Header, figures and letters, not the items' texts, are stored in the database too (DATABASE_URL), unless it is away.\n\n" +
			"  sat eval run --data bank --out runs/bank                             the configured engine, our own questions\n" +
			"  sat eval run --data q.jsonl --method option --out runs/option       another method\n" +
			"  sat eval run --data q.csv --url http://localhost:8090 --out runs/x   what students get\n" +
			"  sat eval run --data q.jsonl --engine http://gpu:8000/v1 --model sat-base --model sat-lora --out runs/lora\n" +
			"  sat eval run --data q.jsonl --model sat-base --model sat-lora@ab12cd34 --out runs/new    before it is promoted\n" +
			"  sat eval run --data q.jsonl --no-passage --out runs/blind            does it read the passage?",
		Flags: append(flags,
			&cli.StringSliceFlag{Name: "ids", Usage: "only these items"},
			&cli.IntFlag{Name: "limit", Usage: "only the first so many; the result is called partial"},
			&cli.IntFlag{Name: "sample", Usage: "so many questions, or a few more: whole passages drawn by --seed"},
			&cli.BoolFlag{Name: "uncalibrated", Usage: "leave letter prior and temperature of the model's record out"},
			&cli.StringFlag{Name: "calibration", Usage: "`FILE` written by sat eval calibrate, in place of what the model's record says"},
			&cli.BoolFlag{Name: "no-passage", Usage: "leave the passage out"},
			&cli.BoolFlag{Name: "numbered-lines", Usage: "number every fifth line in the margin, where lines are known"},
			&cli.IntFlag{Name: "rotate", Usage: "ask under so many rotations of the choices, average, and report consistency"},
			&cli.IntFlag{Name: "repeat", Usage: "ask each item so often"},
			&cli.BoolFlag{Name: "cold", Usage: "do not warm the passage before its first item"},
			&cli.BoolFlag{Name: "no-store", Usage: "keep the run in its folder alone, not in the database"},
			&cli.StringSliceFlag{Name: "fail-if", Usage: "exit with 1 where true: 'acc < 0.4', 'parse_fail_rate > 0.01'"},
		),
		DisableSliceFlagSeparator: true,
		Action:                    evalRun,
	}
}

func evalRun(ctx context.Context, c *cli.Command) error {
	conditions, err := conditions(c)
	if err != nil {
		return evalFailed(err)
	}
	for _, condition := range conditions {
		if !condition.Alone() {
			return failed(setup.ExitUsage, fmt.Errorf("--fail-if %s belongs to a comparison: sat eval compare", condition.Name))
		}
	}
	data, err := readData(c, "")
	if err != nil {
		return evalFailed(err)
	}
	selection, err := data.Select(eval.Selected{Pool: c.String("pool"), IDs: c.StringSlice("ids"), Limit: c.Int("limit"),
		Sample: c.Int("sample"), Seed: c.Uint64("seed")})
	if err != nil {
		return evalFailed(err)
	}
	calibration, err := readCalibration(c.String("calibration"))
	if err != nil {
		return evalFailed(err)
	}
	target, err := openTarget(ctx, c, calibration)
	if err != nil {
		return err
	}
	defer closeTarget(ctx, target)
	specs, err := specs(c, target, data, selection)
	if err != nil {
		return evalFailed(err)
	}
	out := c.Root().Writer
	progress := newRunProgress(c.Root().ErrWriter)
	runner := eval.Runner{Answerer: target.Answerer, Scorer: target.Scorer, Now: time.Now, Progress: progress.report,
		TemplateHash: prompt.TemplateHash}
	runs, err := runner.RunEach(ctx, specs)
	progress.finish()
	for _, run := range runs {
		fmt.Fprintf(out, "\n%s\n%s", run.Dir, eval.Summarise(run))
	}
	if !c.Bool("no-store") {
		if err := withConfig(c, func(cfg config.Config) error {
			keepRuns(ctx, cfg, runs, c.Root().ErrWriter)
			return nil
		}); err != nil {
			return err
		}
	}
	if err != nil {
		return evalFailed(err)
	}
	if len(runs) > 1 {
		comparisons, err := eval.Compare(runs[0], runs[1:]...)
		if err != nil {
			return evalFailed(err)
		}
		for _, comparison := range comparisons {
			fmt.Fprintf(out, "\n%s against %s: %s\n", comparison.B.Header.Model.Name, comparison.A.Header.Model.Name, comparison.Sentence())
		}
	}
	return evalFailed(eval.FailIfRun(conditions, runs))
}

// specs makes a spec for each model that is named.
func specs(c *cli.Command, target *setup.Target, data *eval.Dataset, selection eval.Selection) ([]eval.Spec, error) {
	spec := eval.Spec{
		Dir: c.String("out"), Resume: c.Bool("resume"), AllowContaminated: c.Bool("allow-contaminated"),
		Data: data, Selection: selection, Engine: target.Engine,
		Asked: eval.Asked{Mode: sat.Mode(c.String("mode")), Method: sat.Method(c.String("method")), Template: c.String("template"),
			Uncalibrated: c.Bool("uncalibrated")},
		Ablation: eval.Ablation{NoPassage: c.Bool("no-passage"), NumberedLines: c.Bool("numbered-lines"), Rotate: c.Int("rotate"),
			Repeat: c.Int("repeat"), Cold: c.Bool("cold")},
		Concurrency: c.Int("concurrency"), Seed: c.Uint64("seed"), Sampling: map[string]any{"temperature": 0, "seed": 0},
		Code: strings.TrimSpace(setup.Version() + " " + setup.Revision()), Hardware: setup.Hardware(),
	}
	names := c.StringSlice("model")
	if len(names) == 0 {
		names = []string{""}
	}
	specs := make([]eval.Spec, len(names))
	for i, name := range names {
		m, err := target.Model(name)
		if err != nil {
			return nil, &eval.Error{Exit: eval.ExitUnreachable, Message: err.Error()}
		}
		one := spec
		one.Model = target.Info(m)
		one.Asked.Date = m.TemplateArgs["date_string"]
		if path := cmp.Or(c.String("fingerprints"), target.Fingerprints(m)); path != "" {
			if one.Fingerprints, err = eval.ReadFingerprints(path); err != nil {
				return nil, err
			}
		}
		specs[i] = one
	}
	return specs, nil
}

// conditions reads the --fail-if flags.
func conditions(c *cli.Command) ([]eval.Condition, error) {
	var list []eval.Condition
	for _, text := range c.StringSlice("fail-if") {
		condition, err := eval.ParseCondition(text)
		if err != nil {
			return nil, err
		}
		list = append(list, condition)
	}
	return list, nil
}

// readCalibration reads what sat eval calibrate wrote; nil for no file.
func readCalibration(path string) (*eval.Calibration, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &eval.Error{Exit: eval.ExitNoFile, Message: "the calibration cannot be read", Err: err}
	}
	var calibration eval.Calibration
	if err := json.Unmarshal(data, &calibration); err != nil || calibration.Temperature <= 0 {
		return nil, &eval.Error{Exit: eval.ExitData, Message: path + " is no calibration", Err: err}
	}
	return &calibration, nil
}

// calibrated gives the change that a calibration makes to a model's record; nil for none.
func calibrated(calibration *eval.Calibration) func(sat.Model) sat.Model {
	if calibration == nil {
		return nil
	}
	return func(m sat.Model) sat.Model {
		m.Method, m.Template = calibration.Method, calibration.Template
		m.Prior, m.PriorID, m.Temperature = calibration.Prior, calibration.PriorID, calibration.Temperature
		return m
	}
}

// closeLimit is the longest time for an engine of our own to end.
const closeLimit = 10 * time.Second

func closeTarget(ctx context.Context, target *setup.Target) {
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	_ = target.Close(ending)
}
