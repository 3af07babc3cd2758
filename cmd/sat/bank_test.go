package main

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
)

func TestBankCommands(t *testing.T) {
	const bad = "passage,question,a,b,answer\nThe lamp burned.,What burned?,lamp,sea,C\n"
	for _, c := range []struct {
		name, stdin    string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"the shipped bank is good", "", []string{"lint", "--strict", "shipped"}, setup.ExitOK, "0 errors, 0 warnings", ""},
		{"a bad file", bad, []string{"lint", "--framework", "digital", "--skill", "inf", "-"}, setup.ExitData, "-:2:40 x-", ""},
		{"errors only", bad, []string{"lint", "--errors", "-"}, setup.ExitData, "names none of the choices; give A to B", ""},
		{"as JSON", bad, []string{"lint", "--json", "-"}, setup.ExitData, `"code": "L01"`, ""},
		{"no file", "", []string{"lint"}, setup.ExitUsage, "", "name a file of questions"},
		{"absent file", "", []string{"lint", "absent.csv"}, setup.ExitNoInput, "", "absent.csv"},
		{"to standard output", "", []string{"convert", "--to", "aiken", "shipped", "-"}, setup.ExitOK, "ANSWER: ", "not carried: "},
		{"rehearsal", "", []string{"convert", "--dry-run", "shipped", "x.csv"}, setup.ExitOK, "", "not carried: explanation.quotes (56)"},
		{"each loss", "", []string{"convert", "--dry-run", "--losses", "shipped", "x.csv"}, setup.ExitOK, "", "bennett-visit-1 explanation.quotes: loss: CSV table cannot carry it"},
		{"unknown ending", "", []string{"convert", "shipped", "x.txt"}, setup.ExitUsage, "", "say --to"},
		{"unknown format", "", []string{"convert", "--to", "word", "shipped", "-"}, setup.ExitUsage, "", "moodle-xml"},
		{"nothing to write", bad, []string{"convert", "--to", "csv", "-", "-"}, setup.ExitData, "", "no question to write"},
		{"similar", "", []string{"similar", "shipped", "bennett-visit-1"}, setup.ExitOK, "Like it:", ""},
		{"similar to nothing", "", []string{"similar", "shipped", "x"}, setup.ExitNoInput, "", `no question "x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := inEmptyFolder(t, c.stdin, append([]string{"bank"}, c.args...)...)
			assert.Equal(t, c.code, code, stderr)
			assert.Contains(t, stdout, c.stdout)
			assert.Contains(t, stderr, c.stderr)
		})
	}
}

func TestBankThroughAPackageAndBack(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"convert", "shipped", "bank.zip"}, {"convert", "bank.zip", "back.jsonl"}, {"convert", "shipped", "first.jsonl"}} {
		require.Equal(t, setup.ExitOK, run(t.Context(), append([]string{"sat", "bank"}, args...), nil, io.Discard, io.Discard))
	}
	first, err := os.ReadFile("first.jsonl")
	require.NoError(t, err)
	back, err := os.ReadFile("back.jsonl")
	require.NoError(t, err)
	assert.Equal(t, string(first), string(back), "QTI carries everything")
}
