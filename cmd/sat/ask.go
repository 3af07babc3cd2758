package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/api"
	"sattutor/internal/apiclient"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

func askCommand() *cli.Command {
	return &cli.Command{
		Name: "ask", Usage: "ask the running tutor one question", ArgsUsage: "[FILE]",
		Description: "The question comes from flags, from a file, or from standard input: a whole block of passage, question and\n" +
			"labelled choices, or JSON with text, question and choices.\n\n" +
			"  sat ask question.txt\n" +
			"  sat ask < question.txt\n" +
			"  sat ask --passage @passage.txt --question 'What burned?' --choice 'The lamp' --choice 'The pier'\n" +
			"  sat ask --json --mode careful question.txt",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "passage", Usage: "the passage, or @FILE"},
			&cli.StringFlag{Name: "question", Usage: "the question"},
			&cli.StringSliceFlag{Name: "choice", Usage: "a choice; once for each"},
			&cli.StringFlag{Name: "model", Usage: "a served model; the default one when left out"},
			&cli.StringFlag{Name: "mode", Usage: "fast or careful"},
			&cli.StringFlag{Name: "url", Usage: "the backend's address (BACKEND_URL)"},
			&cli.BoolFlag{Name: "json", Usage: "print the whole answer record"},
		},
		DisableSliceFlagSeparator: true,
		Action:                    ask,
	}
}

func ask(ctx context.Context, c *cli.Command) error {
	cfg, code := setup.LoadConfig(c.Root().ErrWriter)
	if code != setup.ExitOK {
		return failed(code, nil)
	}
	if url := c.String("url"); url != "" {
		cfg.BackendURL = url
	}
	q, err := question(c)
	if err != nil {
		return failed(setup.ExitNoInput, err)
	}
	client, err := apiclient.New(apiclient.Options{BaseURL: cfg.BackendURL, Secret: cfg.APIKey.Reveal(), Timeout: setup.NewDeadlines(cfg).Frontend})
	if err != nil {
		return failed(setup.ExitConfig, err)
	}
	a, err := client.Answer(ctx, api.AnswerRequest{MCQRequest: q, Model: c.String("model"), Mode: c.String("mode")})
	if err != nil {
		return answerError(ctx, cfg.BackendBase(), err)
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.Root().Writer)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(a)
	}
	printAnswer(c.Root().Writer, a)
	return nil
}

// question reads the question from where the command line says.
func question(c *cli.Command) (api.MCQRequest, error) {
	if c.IsSet("passage") || c.IsSet("question") || c.IsSet("choice") {
		passage := c.String("passage")
		if file, ok := strings.CutPrefix(passage, "@"); ok {
			raw, err := os.ReadFile(file)
			if err != nil {
				return api.MCQRequest{}, fmt.Errorf("the passage cannot be read: %w", err)
			}
			passage = string(raw)
		}
		return api.MCQRequest{Text: passage, Question: c.String("question"), Choices: c.StringSlice("choice")}, nil
	}
	in := c.Root().Reader
	if name := c.Args().First(); name != "" && name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return api.MCQRequest{}, fmt.Errorf("the question cannot be read: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, prompt.MaxBlock+1))
	if err != nil {
		return api.MCQRequest{}, fmt.Errorf("the question cannot be read: %w", err)
	}
	q, err := prompt.ParseBlock(string(raw))
	if err != nil {
		return api.MCQRequest{}, errors.New(explained(err))
	}
	return api.FromQuestion(q), nil
}

// explained gives a coded error with its fields, a line each.
func explained(err error) string {
	var e *sat.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := e.Message
	for _, f := range e.Fields {
		text += "\n  " + f.Field + ": " + f.Message
	}
	return text
}

// answerError gives the exit code of a question that was not answered, and what to do.
func answerError(ctx context.Context, base string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch sat.CodeOf(err) {
	case sat.Invalid, sat.TooLarge:
		return failed(setup.ExitData, errors.New(explained(err)))
	case sat.Timeout, sat.RateLimited, sat.BadOutput:
		return failed(setup.ExitTemporary, errors.New(explained(err)))
	}
	return failed(setup.ExitUnavailable, fmt.Errorf("%s\n  asked: %s. `sat up` starts everything; `sat doctor` tells what is missing", explained(err), base))
}

func printAnswer(w io.Writer, a api.Answer) {
	fmt.Fprintf(w, "Tutor's answer (not an official key): %s\n", a.Answer)
	letters := make([]string, 0, len(a.Scores))
	for letter := range a.Scores {
		letters = append(letters, letter)
	}
	slices.Sort(letters)
	for _, letter := range letters {
		fmt.Fprintf(w, "  %s %-20s %.2f\n", letter, strings.Repeat("█", int(a.Scores[letter]*20+.5)), a.Scores[letter])
	}
	fmt.Fprintf(w, "%s, %s quality, %.1f s, prompt %.12s\n", a.Model, a.Quality, a.TotalMS/1000, a.PromptHash)
	if a.QualityNote != "" {
		fmt.Fprintln(w, a.QualityNote)
	}
}
