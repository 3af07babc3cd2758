package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v3"

	"sattutor/internal/config"
)

var update = flag.Bool("update", false, "rewrite the README's tables")

const readmePath = "../../README.md"

func readme(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(readmePath)
	require.NoError(t, err)
	return string(raw)
}

// between gives what stands between two marks of the README.
func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, begin)
	require.True(t, ok, begin)
	part, _, ok := strings.Cut(rest, end)
	require.True(t, ok, end)
	return part
}

func TestReadmeListsEverySetting(t *testing.T) {
	const begin, end = "<!-- settings -->\n", "<!-- /settings -->"
	var table strings.Builder
	table.WriteString("| name | default | meaning |\n|---|---|---|\n")
	for _, name := range config.Names() {
		value := config.Default(name)
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", name, value, config.Doc(name))
	}
	text := readme(t)
	if *update {
		text = strings.Replace(text, begin+between(t, text, begin, end)+end, begin+table.String()+end, 1)
		require.NoError(t, os.WriteFile(readmePath, []byte(text), 0o644))
	}
	assert.Equal(t, table.String(), between(t, text, begin, end), "go test ./cmd/sat -run Readme -update")
}

func TestReadmesMakeTargetsExist(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	for _, file := range documents(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile("(?m)(?:`|^)make ([a-z0-9-]+)").FindAllStringSubmatch(string(text), -1) {
			assert.Regexp(t, `(?m)^`+regexp.QuoteMeta(m[1])+`:`, string(makefile), "%s names make %s", file, m[1])
		}
	}
}

func TestReadmesCommandsParse(t *testing.T) {
	for _, file := range documents(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile("(?:`|\\n *|bin/)sat ([a-z]+(?: [a-z]+)?)((?: --[a-z-]+)*)").FindAllStringSubmatch(string(text), -1) {
			words := strings.Fields(m[1])
			c := find(command(nil, nil, nil), words)
			require.NotNil(t, c, "%s names %q", file, m[0])
			for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(m[2], -1) {
				assert.Contains(t, flagsOf(c), strings.TrimPrefix(flag, "--"), "%s names %q", file, m[0])
			}
		}
	}
}

// find gives the command that words name; a word behind it may be an argument.
func find(c *cli.Command, words []string) *cli.Command {
	if len(words) == 0 {
		return c
	}
	for _, sub := range append(c.Commands, &cli.Command{Name: "completion"}, &cli.Command{Name: "help"}) {
		if sub.Name == words[0] {
			if len(words) > 1 && len(sub.Commands) > 0 {
				return find(sub, words[1:])
			}
			return sub
		}
	}
	return nil
}

func flagsOf(c *cli.Command) (names []string) {
	names = append(names, "help")
	for _, f := range c.Flags {
		names = append(names, f.Names()...)
	}
	return names
}

// documents are the texts for people at the top of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	return []string{readmePath, "../../CONTRIBUTING.md"}
}

func TestReadmesLinksLeadSomewhere(t *testing.T) {
	for _, file := range documents(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`\]\(([^)#]+?)(?:#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "://") {
				assert.FileExists(t, filepath.Join(filepath.Dir(file), m[1]), file)
			}
		}
		for _, m := range regexp.MustCompile("`((?:cmd|internal|web|deploy|docs|training|evaluation)/[A-Za-z0-9_./-]*[A-Za-z0-9_])`").FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(file), m[1]))
			assert.NoError(t, err, "%s names %s", file, m[1])
		}
	}
}

// readmeQuestion is the body of the README's curl, with which the whole program is tried.
func readmeQuestion(t *testing.T) string {
	t.Helper()
	return between(t, readme(t), "-d '", "\n}'") + "\n}"
}
