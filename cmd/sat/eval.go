package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/eval"
	"sattutor/internal/questionbank/shipped"
)

func evalCommand() *cli.Command {
	return &cli.Command{
		Name: "eval", Usage: "measure how often a model is right, and whether another one is better",
		Description: "run asks every question of a data file and keeps each answer in a run directory; compare, export and gate\n" +
			"compute everything else from such directories, without an engine. calibrate fits prior and temperature. Headers and\n" +
			"figures of all runs are stored in the database too, where it is there: list and show look them up.\n\n" +
			"  sat eval run --data questions.jsonl --out runs/today\n" +
			"  sat eval compare runs/today/sat-base runs/today/sat-lora --html report.html\n" +
			"  sat eval export runs/today/sat-lora --format lm-eval --out out\n\n" +
			"Exit codes: 0 done, 1 a --fail-if is true, 64 usage, 65 malformed data, 66 no such file, 69 engine unreachable,\n" +
			"75 incomplete (go on with --resume), 76 the items may have been seen in training, 78 configuration, 130 interrupted.",
		Commands: []*cli.Command{evalRunCommand(), evalCompareCommand(), evalExportCommand(), evalCalibrateCommand(), evalGateCommand("eval"),
			evalListCommand(), evalShowCommand()},
	}
}

// evalFailed gives an evaluation's error its exit code.
func evalFailed(err error) error {
	if err == nil {
		return nil
	}
	return failed(int(eval.ExitCode(err)), err)
}

// bankName stands for the questions that come with the product, in place of a file.
const bankName = "bank"

// dataFlags say which questions are asked; prefix tells them from those of another set.
func dataFlags(prefix, what string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: prefix + "data", Usage: what + ": a file, RACE's folder, or " + bankName + " for the questions that come with the product"},
		&cli.StringFlag{Name: prefix + "format", Usage: "format of that file: " + formats() + "; told from the file when left out"},
		&cli.StringFlag{Name: prefix + "pool", Usage: "a frozen part of that file: " + strings.Join(eval.Pools(), ", ")},
	}
}

func formats() string {
	var names []string
	for _, f := range eval.Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// readData reads the data that dataFlags name.
func readData(c *cli.Command, prefix string) (*eval.Dataset, error) {
	path := c.String(prefix + "data")
	if path == "" {
		return nil, &eval.Error{Exit: eval.ExitUsage, Message: "--" + prefix + "data is missing: name a file of questions, or " + bankName}
	}
	return openData(c, path, eval.Format(c.String(prefix+"format")))
}

// openData reads a data file, or the questions that come with the product, and says how far a long reading is.
func openData(c *cli.Command, path string, format eval.Format) (*eval.Dataset, error) {
	if path == bankName {
		return shippedBank()
	}
	reading := counting(c.Root().ErrWriter, "reading "+path, "files")
	defer reading.finish()
	return eval.Read(path, format, reading.report)
}

// shippedBank reads the questions that come with the product.
func shippedBank() (*eval.Dataset, error) {
	data, err := io.ReadAll(shipped.Open())
	if err != nil {
		return nil, err
	}
	return eval.Parse(shipped.Name, eval.FormatItems, data)
}

// targetFlags say what is asked, and how.
func targetFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "engine", Usage: "`URL` of an OpenAI-compatible engine, asked by the tutor of this process; the configured engine when left out"},
		&cli.StringFlag{Name: "url", Usage: "`URL` of a running backend, asked over its API: what students get"},
		&cli.StringSliceFlag{Name: "model", Usage: "a served model, or the id of an adapter on the shelf; once for each, the default one when left out"},
		&cli.StringFlag{Name: "mode", Usage: "fast, or careful: every rotation of the choices, averaged"},
		&cli.StringFlag{Name: "method", Usage: "letter, option, generate or likelihood; the model's own when left out"},
		&cli.StringFlag{Name: "template", Usage: "a prompt template, such as answer_lines_v1; the method's own when left out"},
		&cli.IntFlag{Name: "concurrency", Value: 1, Usage: "passages asked at the same time; above 1 batching may change a few answers"},
		&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "of the bootstraps, and of --sample"},
		&cli.StringFlag{Name: "out", Usage: "`DIR` of the runs, one folder in it for each model", Required: true},
		&cli.BoolFlag{Name: "resume", Usage: "go on with the runs that lie in --out"},
		&cli.StringFlag{Name: "fingerprints", Usage: "`FILE` of the training data's fingerprints, in place of the one in the model's record"},
		&cli.BoolFlag{Name: "allow-contaminated", Usage: "score items that may have been seen in training; every output says so"},
	}
}

// openTarget opens what targetFlags name.
func openTarget(ctx context.Context, c *cli.Command, change *eval.Calibration) (*setup.Target, error) {
	cfg, code := setup.LoadConfig(c.Root().ErrWriter)
	if code != setup.ExitOK {
		return nil, failed(code, nil)
	}
	stop := func() {}
	defer func() { stop() }()
	log := setup.NewConsoleLogger(cfg, c.Root().ErrWriter)
	var target *setup.Target
	var err error
	switch url, engine := c.String("url"), c.String("engine"); {
	case url != "" && engine != "":
		return nil, failed(setup.ExitUsage, errors.New("give either --engine or --url"))
	case url != "" && change != nil:
		return nil, failed(setup.ExitUsage, errors.New("a backend answers by its own record; --calibration needs --engine or the configured engine"))
	case url != "":
		cfg.BackendURL = url
		stop = waiting(c.Root().ErrWriter, "waiting for the backend")
		target, err = setup.OpenBackendTarget(ctx, cfg)
	default:
		if engine != "" {
			cfg.OpenAIBaseURL = engine
		}
		if cfg.EngineURL() == "" {
			if err := ensure(ctx, cfg, c.Root().ErrWriter); err != nil {
				return nil, unavailable(ctx, err)
			}
		}
		stop = waiting(c.Root().ErrWriter, "waiting for the engine")
		target, err = setup.OpenTarget(ctx, cfg, log, calibrated(change), adapterIDs(c.StringSlice("model"))...)
	}
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	return target, nil
}

// adapterIDs gives those of the names that are ids on the shelf.
func adapterIDs(names []string) (ids []string) {
	for _, name := range names {
		if strings.Contains(name, "@") {
			ids = append(ids, name)
		}
	}
	return ids
}

// writeFiles writes exported files into a directory.
func writeFiles(dir string, files []eval.File, out io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		path := strings.TrimSuffix(dir, "/") + "/" + f.Name
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(out, path)
	}
	return nil
}
