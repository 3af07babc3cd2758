package setup

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInitSecretsMakesWhatIsMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	made, err := InitSecrets(dir, []string{"one", "two"})
	require.NoError(t, err)
	assert.Equal(t, []string{"one", "two"}, made)
	one, two := secret(t, dir, "one"), secret(t, dir, "two")
	assert.GreaterOrEqual(t, len(one), 26)
	assert.NotEqual(t, one, two)

	require.NoError(t, os.Chmod(filepath.Join(dir, "two"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "two"), []byte(" \n"), 0o600))
	made, err = InitSecrets(dir, []string{"one", "two", "three"})
	require.NoError(t, err)
	assert.Equal(t, []string{"two", "three"}, made, "a blank key would let everybody in")
	assert.Equal(t, one, secret(t, dir, "one"))
	assert.NotEqual(t, two, secret(t, dir, "two"))
	assert.Len(t, list(t, dir), 3, "nothing is left beside the secrets")
}

func TestInitSecretsTellsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := InitSecrets(file, []string{"one"})
	assert.ErrorContains(t, err, "folder of secrets")

	require.NoError(t, os.Mkdir(filepath.Join(dir, "two"), 0o700))
	made, err := InitSecrets(dir, []string{"one", "two"})
	assert.ErrorContains(t, err, "two")
	assert.Equal(t, []string{"one"}, made)
	for _, name := range []string{"", "../out", "a/b", ".hidden", ".."} {
		_, err := InitSecrets(dir, []string{name})
		assert.Error(t, err, "%q", name)
	}
	assert.NoFileExists(t, filepath.Join(filepath.Dir(dir), "out"))
}

func TestSetSecret(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, SetSecret(dir, "hf_token", strings.NewReader("  canary-1\n")))
	assert.Equal(t, "canary-1", secret(t, dir, "hf_token"))
	require.NoError(t, SetSecret(dir, "hf_token", strings.NewReader("canary-2")))
	assert.Equal(t, "canary-2", secret(t, dir, "hf_token"))
	for _, text := range []string{"", "\n", "two words", "two\nlines", "nul\x00", strings.Repeat("x", maxSecret+1)} {
		err := SetSecret(dir, "hf_token", strings.NewReader(text))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "words")
	}
	assert.Equal(t, "canary-2", secret(t, dir, "hf_token"), "a refused one changes nothing")
	assert.Error(t, SetSecret(dir, "../hf_token", strings.NewReader("canary-3")))
	assert.Len(t, list(t, dir), 1)
}

// secret reads one, and asserts that its group and nobody else may.
func secret(t *testing.T, dir, name string) string {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, name))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(secretMode), info.Mode().Perm())
	text, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

func list(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	return entries
}
