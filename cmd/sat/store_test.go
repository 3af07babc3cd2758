package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
)

// satIn runs the tool and gives its exit code and what it wrote.
func satIn(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"sat"}, args...), strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestAccountsAndBackupsByHand(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("DATABASE_URL", "sqlite:"+filepath.Join(dir, "old.db"))
	const password = "four quiet river stones\n"

	code, out, errs := satIn(t, password, "user", "add", "--role", "admin", "Ada")
	require.Equal(t, setup.ExitOK, code, errs)
	assert.Equal(t, "Ada may sign in as admin\n", out)
	code, _, errs = satIn(t, "short\n", "user", "add", "Bob")
	assert.Equal(t, setup.ExitFailure, code)
	assert.Equal(t, "sat: the password has 5 characters; give at least 8, for example four words\n", errs)
	code, _, errs = satIn(t, password, "user", "add", "ada")
	assert.Equal(t, setup.ExitFailure, code)
	assert.Equal(t, "sat: the name is taken; choose another one\n", errs)
	code, _, _ = satIn(t, password, "user", "add")
	assert.Equal(t, setup.ExitUsage, code)
	for _, args := range [][]string{{"role", "ada", "teacher"}, {"disable", "ada"}, {"enable", "ada"}, {"password", "ada"}} {
		code, out, errs = satIn(t, password, append([]string{"user"}, args...)...)
		assert.Equal(t, setup.ExitOK, code, errs)
		assert.Equal(t, "done\n", out)
	}
	code, _, errs = satIn(t, "", "user", "disable", "nobody")
	assert.Equal(t, setup.ExitFailure, code)
	assert.Equal(t, "sat: There is no such user.\n", errs)
	_, out, _ = satIn(t, "", "user", "list")
	assert.Regexp(t, `^Ada +teacher`, out)

	code, out, errs = satIn(t, "", "backup", "tutor.sat")
	require.Equal(t, setup.ExitOK, code, errs)
	assert.Contains(t, out, "rows in tutor.sat")
	_, sums, _ := satIn(t, "", "store", "checksum")
	assert.Contains(t, sums, "  users\n")
	code, _, errs = satIn(t, "", "restore", "tutor.sat")
	assert.Equal(t, setup.ExitFailure, code)
	assert.Contains(t, errs, "empty database")

	t.Setenv("DATABASE_URL", "sqlite:"+filepath.Join(dir, "new.db"))
	_, out, _ = satIn(t, "", "migrate", "status")
	assert.Regexp(t, `^schema 0 of \d+\n$`, out)
	code, _, errs = satIn(t, "", "restore", "tutor.sat")
	require.Equal(t, setup.ExitOK, code, errs)
	_, same, _ := satIn(t, "", "store", "checksum")
	assert.Equal(t, sums, same)
	_, out, _ = satIn(t, "", "migrate", "up")
	assert.Contains(t, out, ", 0 steps made")
	code, _, errs = satIn(t, "", "user", "delete", "ada")
	assert.Equal(t, setup.ExitOK, code, errs)
	code, _, _ = satIn(t, "", "restore", "nothing.sat")
	assert.Equal(t, setup.ExitNoInput, code)
}
