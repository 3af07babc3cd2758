package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"sattutor/cmd/internal/setup"
)

// secretsFolder is where the containers find their secrets.
const secretsFolder = "/run/secrets"

func secretsCommand() *cli.Command {
	dir := &cli.StringFlag{Name: "dir", Value: secretsFolder, Usage: "folder of the secrets"}
	return &cli.Command{
		Name: "secrets", Usage: "make and keep the keys of the container stack",
		Commands: []*cli.Command{
			{
				Name: "init", Usage: "make the keys that are missing; what is there stays",
				Flags: []cli.Flag{dir, &cli.StringFlag{Name: "shared", Usage: "folder of the keys that the pages need too"}},
				Action: func(_ context.Context, c *cli.Command) error {
					made, err := setup.InitSecrets(c.String("dir"), setup.StackSecrets())
					if shared := c.String("shared"); shared != "" && err == nil {
						var more []string
						more, err = setup.InitSecrets(shared, setup.SharedSecrets())
						made = append(made, more...)
					}
					for _, name := range made {
						fmt.Fprintf(c.Root().Writer, "made %s\n", name)
					}
					if err != nil {
						return failed(setup.ExitFailure, err)
					}
					return nil
				},
			},
			{
				Name: "set", Usage: "keep one word from standard input as a secret", ArgsUsage: "NAME",
				Description: "  echo hf_… | sat secrets set hf_token",
				Flags:       []cli.Flag{dir},
				Action: func(_ context.Context, c *cli.Command) error {
					if c.Args().Len() != 1 {
						return failed(setup.ExitUsage, errors.New("give the name of one secret, such as hf_token"))
					}
					if err := setup.SetSecret(c.String("dir"), c.Args().First(), c.Root().Reader); err != nil {
						return failed(setup.ExitFailure, err)
					}
					return nil
				},
			},
		},
	}
}
