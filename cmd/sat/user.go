package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/auth"
	"sattutor/internal/config"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

func userCommand() *cli.Command {
	name := "give the name of one account"
	return &cli.Command{
		Name: "user", Usage: "keep the accounts of this site",
		Description: "Passwords are asked for, or read from standard input:\n\n" +
			"  sat user add --role admin ada\n" +
			"  sat user add --role teacher bob < password.txt",
		Commands: []*cli.Command{
			{
				Name: "add", Usage: "make an account", ArgsUsage: "NAME",
				Description: "The password is asked for, or read from standard input.\n\n  sat user add --role admin ada\n" +
					"  sat user add --role teacher bob < password.txt",
				Flags: []cli.Flag{&cli.StringFlag{Name: "role", Value: string(sat.Student), Usage: "student, teacher, evaluator or admin"}},
				Action: withPeople(name, func(ctx context.Context, c *cli.Command, p people) error {
					password, err := askPassword(c)
					if err != nil {
						return err
					}
					u, err := p.AddUser(ctx, c.Args().First(), password, sat.Role(c.String("role")))
					if err == nil {
						fmt.Fprintf(c.Root().Writer, "%s may sign in as %s\n", u.Name, u.Role)
					}
					return err
				}),
			},
			{
				Name: "password", Usage: "set a new password; all sign-ins of the account end", ArgsUsage: "NAME",
				Action: withUser(func(ctx context.Context, c *cli.Command, p people, u sat.User) error {
					password, err := askPassword(c)
					if err != nil {
						return err
					}
					return p.SetPassword(ctx, u.ID, password)
				}),
			},
			{
				Name: "role", Usage: "give an account another role", ArgsUsage: "NAME ROLE",
				Action: withUser(func(ctx context.Context, c *cli.Command, p people, u sat.User) error {
					return p.SetRole(ctx, sat.Identity{}, u.ID, sat.Role(c.Args().Get(1)))
				}),
			},
			{
				Name: "disable", Usage: "close an account; what it stored stays", ArgsUsage: "NAME",
				Action: withUser(func(ctx context.Context, _ *cli.Command, p people, u sat.User) error {
					return p.SetDisabled(ctx, sat.Identity{}, u.ID, true)
				}),
			},
			{
				Name: "enable", Usage: "open an account again", ArgsUsage: "NAME",
				Action: withUser(func(ctx context.Context, _ *cli.Command, p people, u sat.User) error {
					return p.SetDisabled(ctx, sat.Identity{}, u.ID, false)
				}),
			},
			{
				Name: "delete", Usage: "delete an account and everything that belongs to it", ArgsUsage: "NAME",
				Action: withUser(func(ctx context.Context, _ *cli.Command, p people, u sat.User) error { return p.store.Erase(ctx, u.ID) }),
			},
			{
				Name: "list", Usage: "list the accounts",
				Action: withPeople("", func(ctx context.Context, c *cli.Command, p people) error {
					for after, more := "", true; more; {
						var users []sat.User
						var err error
						if users, more, err = p.Users(ctx, after); err != nil {
							return err
						}
						for _, u := range users {
							state := ""
							if u.Disabled() {
								state = "closed"
							}
							fmt.Fprintf(c.Root().Writer, "%-40s %-10s %s %s\n", u.Name, u.Role, u.CreatedAt.Format("2006-01-02"), state)
							after = u.Name
						}
					}
					return nil
				}),
			},
		},
	}
}

// people are the accounts of the configured database.
type people struct {
	*auth.Accounts
	store *store.Store
}

// withPeople opens the accounts, with a first argument where missing says what that is.
func withPeople(missing string, f func(ctx context.Context, c *cli.Command, p people) error) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		if missing != "" && c.Args().First() == "" {
			return failed(setup.ExitUsage, errors.New(missing))
		}
		return withConfig(c, func(cfg config.Config) error {
			s, err := setup.OpenStore(ctx, cfg)
			if err != nil {
				return failed(setup.ExitUnavailable, err)
			}
			accounts, err := setup.OpenAccounts(cfg, s)
			if err == nil {
				err = f(ctx, c, people{accounts, s})
			}
			if err := errors.Join(worded(err), s.Close()); err != nil {
				return failed(setup.ExitFailure, err)
			}
			return nil
		})
	}
}

// withUser opens the account that the first argument names.
func withUser(f func(ctx context.Context, c *cli.Command, p people, u sat.User) error) cli.ActionFunc {
	return withPeople("give the name of one account", func(ctx context.Context, c *cli.Command, p people) error {
		u, err := p.store.UserByName(ctx, c.Args().First())
		if err == nil {
			err = f(ctx, c, p, u)
		}
		if err == nil {
			fmt.Fprintln(c.Root().Writer, "done")
		}
		return err
	})
}

// worded gives an error as a person at a terminal reads it.
func worded(err error) error {
	var e *sat.Error
	if !errors.As(err, &e) {
		return err
	}
	if len(e.Fields) == 0 {
		return errors.New(e.Message)
	}
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = "the " + f.Field + " " + f.Message
	}
	return errors.New(strings.Join(parts, "; "))
}

// askPassword reads a password: unseen and twice from a terminal, else the first line of standard input.
func askPassword(c *cli.Command) (string, error) {
	in := c.Root().Reader
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	var given [2]string
	for i, prompt := range []string{"Password: ", "Once more: "} {
		fmt.Fprint(c.Root().ErrWriter, prompt)
		raw, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(c.Root().ErrWriter)
		if err != nil {
			return "", err
		}
		given[i] = string(raw)
	}
	if given[0] != given[1] {
		return "", errors.New("the two passwords differ")
	}
	return given[0], nil
}
