package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
)

func modelCommand() *cli.Command {
	return &cli.Command{
		Name: "model", Usage: "keep models and adapters: add, verify, gate, promote, roll back",
		Description: "Adapters stand on a shelf below SAT_HOME, each version in a folder that never changes. A running `sat up`\n" +
			"or `sat engine` on the same shelf serves what is promoted as soon as it has loaded it, and vLLM from its next start\n" +
			"on. Records of other models, JSON files, lie beside the catalogue.\n\n" +
			"  sat model add runs/2026-11-25-ab12cd34\n" +
			"  sat model promote sat-lora@ab12cd34\n" +
			"  sat model rollback",
		Commands: []*cli.Command{
			shelfCommand("list", "", "list the catalogue and the adapters", listModels),
			shelfCommand("show", "ID", "print everything known of a model or an adapter, as JSON", showModel),
			shelfCommand("path", "[MODEL]", "print where the file of a model lies on this machine; the embedded engine's when left out", modelPath),
			shelfCommand("add", "FOLDER", "check the adapter of a run or a folder, or a record (FILE.json), and keep it", addModel,
				&cli.BoolFlag{Name: "quiet", Usage: "print the adapter's id alone"}),
			shelfCommand("verify", "[ID]", "check every file of a model or an adapter, or of all, against its manifest", verifyModels),
			evalGateCommand("model"),
			shelfCommand("promote", "ID", "serve an adapter", promoteModel,
				&cli.BoolFlag{Name: "force", Usage: "without a passed gate; it stays a demonstration, and the audit trail says so"},
				&cli.StringFlag{Name: "as", Usage: "the name to serve it under (SAT_LORA_MODEL_NAME)"}),
			shelfCommand("rollback", "", "serve again what was served before", rollbackModel,
				&cli.StringFlag{Name: "as", Usage: "the served name (SAT_LORA_MODEL_NAME)"}),
			shelfCommand("retire", "ID", "end an adapter; its files stay", retireModel),
			shelfCommand("history", "", "print the audit trail", modelHistory),
		},
	}
}

// onShelf is what a subcommand works with.
type onShelf struct {
	*modelregistry.Shelf
	cfg    config.Config
	c      *cli.Command
	out    io.Writer
	arg    string // the argument, "" for none
	served string // the name that --as or the configuration gives
}

// shelfExamples are what a subcommand's help ends with.
var shelfExamples = map[string]string{
	"show":     "  sat model show sat-lora@ab12cd34",
	"path":     "  sat model path smollm2-135m",
	"add":      "  sat model add runs/2026-11-25-ab12cd34\n  sat model add my-model.json",
	"verify":   "  sat model verify sat-lora@ab12cd34\n  sat model verify                     all of them",
	"promote":  "  sat model promote sat-lora@ab12cd34\n  sat model promote --as sat-lora-2 sat-lora@ab12cd34",
	"rollback": "  sat model rollback",
	"retire":   "  sat model list                       names the ids\n  sat model retire sat-lora@ab12cd34",
}

// shelfCommand is a subcommand that takes the argument that usage names, where it names one.
func shelfCommand(name, argument, usage string, do func(onShelf) error, flags ...cli.Flag) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: argument, Flags: flags, Description: shelfExamples[name],
		Action: func(_ context.Context, c *cli.Command) error {
			cfg, code := setup.LoadConfig(c.Root().ErrWriter)
			if code != setup.ExitOK {
				return failed(code, nil)
			}
			needed := argument != "" && !strings.HasPrefix(argument, "[")
			if needed && c.Args().Len() != 1 || c.Args().Len() > 1 {
				return failed(setup.ExitUsage, fmt.Errorf("give one %s; `sat model list` shows the ids", argument))
			}
			s := onShelf{Shelf: setup.OpenShelf(cfg), cfg: cfg, c: c, out: c.Root().Writer, arg: c.Args().First(), served: cfg.DefaultModel}
			if as := c.String("as"); as != "" {
				s.served = as
			}
			err := do(s)
			if code := sat.CodeOf(err); code == sat.Invalid || code == sat.NotFound || code == sat.Conflict {
				return failed(setup.ExitData, errors.New(explained(err)))
			} else if err != nil {
				return failed(setup.ExitFailure, err)
			}
			return nil
		},
	}
}

func listModels(s onShelf) error {
	catalogue, err := setup.OpenRecords(s.cfg).All()
	if err != nil {
		return err
	}
	entries, damaged, err := s.Entries()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "MODEL\tSERVED AS\tQUALITY\tMETHOD\tLICENCE\tMEASURED")
	for _, m := range catalogue {
		fmt.Fprintf(table, "%s\t\t%s\t%s\t%s\t%s\n", m.Name, m.Quality, m.Method, m.Licence, measured(m.Evaluations))
	}
	for _, e := range entries {
		m := e.Model("", sat.Model{})
		served := strings.Join(e.Served, ", ")
		if e.Retired {
			served = "retired"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", e.ID(), served, m.Quality, m.Method, e.Licence.Label, measured(m.Evaluations))
	}
	for _, d := range damaged {
		fmt.Fprintf(table, "%s\tdamaged\t\t\t\t%s\n", d.ID, sentence(d.Err))
	}
	return table.Flush()
}

// measured words the newest evaluation.
func measured(evaluations []sat.Evaluation) string {
	if len(evaluations) == 0 {
		return "not measured"
	}
	e := evaluations[0]
	return fmt.Sprintf("%d of %d on %s (%.0f–%.0f %%)", e.Correct, e.N, e.Pool, 100*e.Low, 100*e.High)
}

func showModel(s onShelf) error {
	if shown, err := showRecord(s.cfg, s.out, s.arg); shown {
		return err
	}
	e, err := s.Entry(s.arg)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		modelregistry.Adapter
		Train   json.RawMessage          `json:"train,omitempty"`
		Dir     string                   `json:"folder"`
		Served  []string                 `json:"served_as"`
		Retired bool                     `json:"retired"`
		Gate    *modelregistry.GateNote  `json:"gate"`
		Fit     *modelregistry.Calibrate `json:"calibration"`
	}{e.Adapter, e.Train(), e.Dir, e.Served, e.Retired, e.Gate, e.Fit})
}

// modelPath prints a path alone, for use in a shell.
func modelPath(s onShelf) error {
	m, err := setup.OpenRecords(s.cfg).Lookup(cmp.Or(s.arg, s.cfg.Model))
	if err != nil {
		return err
	}
	for _, f := range setup.FilesOf(s.cfg, m) {
		if _, err := os.Stat(f.Path); err != nil {
			continue
		}
		whole, err := filepath.Abs(f.Path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.out, whole)
		return err
	}
	return sat.Errorf(sat.NotFound, "The file of %s is not on this machine. `sat engine install --model %s` fetches it.", m.Name, m.Name)
}

func addModel(s onShelf) error {
	if recordFile(s.arg) {
		return addRecord(s.cfg, s.out, s.arg)
	}
	e, err := s.Add(os.DirFS(adapterFolder(s.arg)))
	if err != nil {
		return err
	}
	if s.c.Bool("quiet") {
		_, err := fmt.Fprintln(s.out, e.ID())
		return err
	}
	fmt.Fprintf(s.out, "%s is on the shelf. Licence: %s. %s\nNext: `sat eval run --model %s …` measures it, then `sat model gate RUN --against RUN --store`, `sat model promote %s`.\n", e.ID(), e.Licence.Label, e.Licence.Text, e.ID(), e.ID())
	return nil
}

// adapterFolder gives the folder of a run's adapter, so that `sat model add` takes what `sat-train convert` takes.
func adapterFolder(path string) string {
	if _, err := os.Stat(filepath.Join(path, "manifest.json")); err == nil {
		return path
	}
	inside := filepath.Join(path, "adapter")
	if info, err := os.Stat(inside); err == nil && info.IsDir() {
		return inside
	}
	return path
}

func verifyModels(s onShelf) error {
	records, err := setup.OpenRecords(s.cfg).All()
	if err != nil {
		return err
	}
	for _, m := range records {
		if s.arg != "" && s.arg != m.Name {
			continue
		}
		if err := verifyRecord(s.cfg, s.out, m); err != nil || s.arg == m.Name {
			return err
		}
	}
	return verifyAdapters(s)
}

// verifyAdapters checks the named adapter, or every one: a damaged one does not hide the others.
func verifyAdapters(s onShelf) error {
	ids := []string{s.arg}
	if s.arg == "" {
		entries, damaged, err := s.Entries()
		if err != nil {
			return err
		}
		ids = ids[:0]
		for _, e := range entries {
			ids = append(ids, e.ID())
		}
		for _, d := range damaged {
			ids = append(ids, d.ID)
		}
	}
	var wrong []string
	for _, id := range ids {
		if err := s.Verify(id); err != nil {
			wrong = append(wrong, id+": "+sentence(err))
			continue
		}
		fmt.Fprintf(s.out, "%s: every file is as its manifest says\n", id)
	}
	if len(wrong) > 0 {
		return sat.Errorf(sat.Invalid, "%s\nRestore these folders from a backup, or remove them and add the adapters again.", strings.Join(wrong, "\n"))
	}
	return nil
}

// sentence gives what an error says, on one line.
func sentence(err error) string {
	var coded *sat.Error
	if errors.As(err, &coded) {
		return coded.Message
	}
	return err.Error()
}

// takesEffect says when those who ask get what the shelf names.
const takesEffect = "A running `sat up` or `sat engine` of this shelf serves it as soon as it has loaded it, and its log says so; " +
	"vLLM serves it from its next start on."

func promoteModel(s onShelf) error {
	if err := setup.Promote(s.cfg, s.served, s.arg, s.c.Bool("force")); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s is promoted as %s. %s `sat model rollback` undoes it.\n", s.arg, s.served, takesEffect)
	return nil
}

func rollbackModel(s onShelf) error {
	id, err := s.Rollback(s.served)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s is promoted as %s again. %s\n", id, s.served, takesEffect)
	return nil
}

func retireModel(s onShelf) error {
	if err := s.Retire(s.arg); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s is retired. A running `sat up` or `sat engine` of this shelf ends it; vLLM at its next start.\n", s.arg)
	return nil
}

func modelHistory(s onShelf) error {
	history, err := s.History()
	if err != nil {
		return err
	}
	for _, c := range history {
		line := fmt.Sprintf("%s  %-9s %s", c.Time.Format("2006-01-02 15:04:05"), c.Action, c.ID)
		if c.Name != "" {
			line += " as " + c.Name
		}
		if c.Former != "" {
			line += ", before: " + c.Former
		}
		if c.Forced {
			line += ", forced"
		}
		if c.By != "" {
			line += ", by " + c.By
		}
		if c.Remark != "" {
			line += " · " + c.Remark
		}
		fmt.Fprintln(s.out, line)
	}
	return nil
}
