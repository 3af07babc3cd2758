package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/eval"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

// calibrationFile is the name of what calibrate writes.
const calibrationFile = "calibration.json"

func evalCalibrateCommand() *cli.Command {
	flags := append(dataFlags("", "labelled questions for the temperature"), dataFlags("held-", "labelled questions to report on")...)
	flags = append(flags, dataFlags("prior-", "questions for the letter prior, whose keys are not used")...)
	return &cli.Command{
		Name: "calibrate", Usage: "fit letter prior and temperature, and report them on other items",
		Description: "Asks three sets without calibration: some for the letter prior (under four rotations; their keys are not\n" +
			"used), some for the temperature, and others to report ECE and Brier before and after. No passage may be in two sets.\n\n" +
			"  sat eval calibrate --data dev.jsonl --pool dev-tune --held-pool dev-116 --method letter --out runs/cal\n" +
			"  sat eval calibrate --data dev.jsonl --pool dev-tune --held-pool dev-116 --out runs/cal --store\n" +
			"  sat eval calibrate --data dev.jsonl --pool dev-tune --held-pool dev-116 --from runs/a/sat-base --out runs/cal\n" +
			"  sat eval run --data other.jsonl --calibration runs/cal/calibration.json --out runs/calibrated",
		Flags: append(append(flags, targetFlags()...),
			&cli.StringFlag{Name: "from", Usage: "`RUN` that holds both labelled sets, asked without calibration: nothing is asked again"},
			&cli.StringFlag{Name: "prior-from", Usage: "with --from, `RUN` under four rotations for the letter prior"},
			&cli.BoolFlag{Name: "store", Usage: "keep the result in the model's record: answers use it, of an adapter of the embedded engine at once, of others from the next start on"}),
		Action: evalCalibrate,
	}
}

func evalCalibrate(ctx context.Context, c *cli.Command) error {
	tune, held, prior, err := calibrationSets(c)
	if err != nil {
		return evalFailed(err)
	}
	if c.String("from") != "" {
		return calibrateFromRuns(c, tune, held)
	}
	target, err := openTarget(ctx, c, nil)
	if err != nil {
		return err
	}
	defer closeTarget(ctx, target)
	specs, err := specs(c, target, tune.data, tune.selection)
	if err != nil {
		return evalFailed(err)
	}
	if len(specs) != 1 {
		return failed(setup.ExitUsage, errors.New("one model is calibrated at a time"))
	}
	m, err := target.Model(specs[0].Model.Name)
	if err != nil {
		return failed(setup.ExitUnavailable, err)
	}
	spec := eval.CalibrationSpec{Spec: specs[0], HeldData: held.data, Held: held.selection}
	method := sat.Method(c.String("method"))
	if method == "" {
		method = m.Method
	}
	if method == sat.MethodLetter { // the order of the choices cannot matter to option
		spec.PriorData, spec.Prior = prior.data, prior.selection
	}
	progress := newRunProgress(c.Root().ErrWriter)
	runner := eval.Runner{Answerer: target.Answerer, Now: time.Now, Progress: progress.report, TemplateHash: prompt.TemplateHash}
	calibration, err := runner.Calibrate(ctx, spec)
	progress.finish()
	if err != nil {
		return evalFailed(err)
	}
	return keepCalibration(c, m.Record, calibration)
}

// calibrateFromRuns fits what was asked before.
func calibrateFromRuns(c *cli.Command, tune, held chosenSet) error {
	sets := eval.CalibrationSpec{Spec: eval.Spec{Selection: tune.selection}, HeldData: held.data, Held: held.selection}
	if err := sets.Check(); err != nil {
		return evalFailed(err)
	}
	labelled, err := eval.Load(c.String("from"))
	if err != nil {
		return evalFailed(err)
	}
	var prior *eval.Run
	if dir := c.String("prior-from"); dir != "" {
		if prior, err = eval.Load(dir); err != nil {
			return evalFailed(err)
		}
	}
	tuneRun, err := labelled.Part(tune.data, tune.selection)
	if err != nil {
		return evalFailed(err)
	}
	heldRun, err := labelled.Part(held.data, held.selection)
	if err != nil {
		return evalFailed(err)
	}
	calibration, err := eval.Fit(prior, tuneRun, heldRun)
	if err != nil {
		return evalFailed(err)
	}
	return keepCalibration(c, labelled.Header.Model.Record, calibration)
}

// keepCalibration prints a calibration, writes it to --out, and stores it where that is wanted.
func keepCalibration(c *cli.Command, record string, calibration eval.Calibration) error {
	fmt.Fprintln(c.Root().Writer, calibration)
	if err := writeCalibration(c.String("out"), calibration); err != nil {
		return failed(setup.ExitFailure, err)
	}
	if !c.Bool("store") {
		return nil
	}
	return keepInRecord(c, record, func(cfg config.Config) error { return setup.StoreCalibration(cfg, record, calibration) })
}

// chosenSet is a selection of a data file.
type chosenSet struct {
	data      *eval.Dataset
	selection eval.Selection
}

// calibrationSets reads the three sets: held-out items come from the same file where no other is named, and the prior's
// from the questions that come with the product.
func calibrationSets(c *cli.Command) (tune, held, prior chosenSet, err error) {
	read := func(prefix string, otherwise *eval.Dataset) (set chosenSet, err error) {
		if set.data = otherwise; c.String(prefix+"data") != "" || otherwise == nil {
			if set.data, err = readData(c, prefix); err != nil {
				return set, err
			}
		}
		set.selection, err = set.data.Select(eval.Selected{Pool: c.String(prefix + "pool")})
		return set, err
	}
	if tune, err = read("", nil); err != nil {
		return tune, held, prior, err
	}
	if held, err = read("held-", tune.data); err != nil {
		return tune, held, prior, err
	}
	bank, err := shippedBank()
	if err == nil {
		prior, err = read("prior-", bank)
	}
	return tune, held, prior, err
}

func writeCalibration(dir string, calibration eval.Calibration) error {
	text, err := json.MarshalIndent(calibration, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, calibrationFile), append(text, '\n'), 0o644)
}

// keepInRecord keeps something in a model's record.
func keepInRecord(c *cli.Command, record string, keep func(config.Config) error) error {
	if record == "" {
		return failed(setup.ExitConfig, errors.New("this model has no record to keep it in; make one with `sat model add FILE.json`"))
	}
	cfg, code := setup.LoadConfig(c.Root().ErrWriter)
	if code != setup.ExitOK {
		return failed(code, nil)
	}
	if err := keep(cfg); err != nil {
		return failed(setup.ExitConfig, errors.New(explained(err)))
	}
	fmt.Fprintf(c.Root().Writer, "Kept in the record of %s; for an adapter of the embedded engine it holds at once, for others from the next start on.\n", record)
	return nil
}
