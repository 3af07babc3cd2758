package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
)

func bankEmbedCommand() *cli.Command {
	return &cli.Command{
		Name: "embed", Usage: "make the vectors of the bank's questions by the model of SAT_EMBEDDING_MODEL, where they are missing",
		Description: "A running backend does this by itself whenever the bank has changed. By hand it shows how far it is, and a big bank is\n" +
			"ready before the first start. What was made stays where it breaks off; call it again to go on.",
		Action: bankEmbed,
	}
}

func bankEmbed(ctx context.Context, c *cli.Command) error {
	return withConfig(c, func(cfg config.Config) error {
		s, err := setup.OpenStore(ctx, cfg)
		if err != nil {
			return failed(setup.ExitUnavailable, err)
		}
		bar := counting(c.Root().ErrWriter, "embedding", "questions")
		counts, err := setup.EmbedBank(ctx, cfg, s, bar.report)
		bar.finish()
		err = errors.Join(err, s.Close())
		switch {
		case errors.Is(err, setup.ErrNoEmbeddings):
			return failed(setup.ExitConfig, err)
		case err != nil:
			fmt.Fprintf(c.Root().ErrWriter, "%d questions wait for a vector\n", counts.Waiting)
			return failed(setup.ExitUnavailable, err)
		}
		fmt.Fprintf(c.Root().Writer, "%d questions have vectors of %s\n", counts.Stored, cfg.EmbeddingModel)
		if counts.Refused > 0 {
			fmt.Fprintf(c.Root().Writer, "%d are found by words alone, for the model makes nothing of them\n", counts.Refused)
		}
		return nil
	})
}
