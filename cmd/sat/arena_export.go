package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/arena"
	"sattutor/internal/openwebui"
)

func arenaExportCommand() *cli.Command {
	return &cli.Command{
		Name: "export", Usage: "take the votes out of Open WebUI",
		Description: "Signs in as an administrator, takes all feedback and writes votes.jsonl and votes.csv: one row for each blind pair\n" +
			"of two different models, evaluators by pseudonym, with passage and key where the question is in the bank.\n\n" +
			"  make webui-password | sat arena export --password-file - --out arena",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "url", Value: "http://localhost:8080", Usage: "address of Open WebUI"},
			&cli.StringFlag{Name: "email", Value: "admin@localhost", Usage: "its administrator"},
			&cli.StringFlag{Name: "password-file", Usage: "file with the password, or - for standard input"},
			&cli.StringFlag{Name: "from", Usage: "a feedback export that was saved before, in place of signing in"},
			&cli.StringFlag{Name: "out", Value: "arena", Usage: "folder to write to"},
			&cli.StringFlag{Name: "arena", Value: arenaModel, Usage: "id of the blind arena"},
			&cli.StringFlag{Name: "bank", Usage: "JSONL file of items with keys; the shipped bank when left out"},
			&cli.BoolFlag{Name: "texts", Usage: "keep questions and answers word for word, in votes.jsonl and feedback.json"},
		},
		Action: arenaExport,
	}
}

func arenaExport(ctx context.Context, c *cli.Command) error {
	raw, err := exported(ctx, c)
	if err != nil {
		return err
	}
	feedback, err := arena.ReadFeedback(bytes.NewReader(raw))
	if err != nil {
		return failed(setup.ExitData, err)
	}
	n, err := normaliser(c)
	if err != nil {
		return failed(setup.ExitNoInput, err)
	}
	votes, left := n.Votes(feedback)
	files := map[string]func(io.Writer) error{
		"votes.jsonl": func(w io.Writer) error { return arena.WriteJSONL(w, votes) },
		"votes.csv":   func(w io.Writer) error { return arena.WriteCSV(w, votes) },
	}
	if c.Bool("texts") {
		files["feedback.json"] = func(w io.Writer) error { _, err := w.Write(raw); return err }
	}
	for name, write := range files {
		if err := writeWhole(filepath.Join(c.String("out"), name), write); err != nil {
			return failed(setup.ExitFailure, err)
		}
	}
	printLeft(c.Root().Writer, len(votes), left)
	fmt.Fprintf(c.Root().Writer, "written to %s; `sat arena report %s` tells what they show\n", c.String("out"), filepath.Join(c.String("out"), "votes.jsonl"))
	return nil
}

// exported gives Open WebUI's feedback, from a file or from itself.
func exported(ctx context.Context, c *cli.Command) ([]byte, error) {
	if from := c.String("from"); from != "" {
		raw, err := readInput(c.Root().Reader, from)
		if err != nil {
			return nil, failed(setup.ExitNoInput, err)
		}
		return raw, nil
	}
	if c.String("password-file") == "" {
		return nil, failed(setup.ExitUsage, errors.New("name the file with the administrator's password: --password-file FILE, or - for standard input"))
	}
	password, err := readInput(c.Root().Reader, c.String("password-file"))
	if err != nil {
		return nil, failed(setup.ExitNoInput, err)
	}
	client, err := openwebui.SignIn(ctx, c.String("url"), c.String("email"), strings.TrimSpace(string(password)))
	if err != nil {
		return nil, webUIError(err)
	}
	raw, err := client.Feedback(ctx)
	if err != nil {
		return nil, webUIError(err)
	}
	return raw, nil
}

func webUIError(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, openwebui.ErrRefused):
		return failed(setup.ExitFailure, err)
	case errors.Is(err, openwebui.ErrUnreachable):
		return failed(setup.ExitUnavailable, err)
	}
	return failed(setup.ExitUsage, err)
}

// writeWhole puts a file into place whole.
func writeWhole(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".whole-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
