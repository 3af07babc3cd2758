package frontend

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sattutor/internal/testneeds"
)

// axe-core 4.12.1, the rule checker, as a member of a wheel. It is fetched by the test and kept outside of the tree: its
// licence (MPL 2.0) is another than the product's.
const (
	axePackage = "axe-playwright-python==0.1.8"
	axeMember  = "axe_playwright_python/axe.min.js"
	axeSHA256  = "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc"
	axeKept    = "../../.cache/axe-4.12.1.min.js"
)

// axeCore gives the checker's source.
func axeCore(t *testing.T) string {
	t.Helper()
	if raw, err := os.ReadFile(axeKept); err == nil && sum(raw) == axeSHA256 {
		return string(raw)
	}
	folder := t.TempDir()
	pip := exec.CommandContext(t.Context(), "python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
		"--only-binary=:all:", "--dest", folder, axePackage)
	if out, err := pip.CombinedOutput(); err != nil {
		testneeds.Missing(t, testneeds.GroupChromium, "axe-core cannot be fetched with pip: "+string(out))
	}
	wheels, err := filepath.Glob(filepath.Join(folder, "*.whl"))
	require.NoError(t, err)
	require.Len(t, wheels, 1)
	raw := member(t, wheels[0], axeMember)
	require.Equal(t, axeSHA256, sum(raw), "axe-core is not the pinned one")
	require.NoError(t, os.MkdirAll(filepath.Dir(axeKept), 0o755))
	require.NoError(t, os.WriteFile(axeKept, raw, 0o644))
	return string(raw)
}

func sum(raw []byte) string {
	digest := sha256.Sum256(raw)
	return hex.EncodeToString(digest[:])
}

func member(t *testing.T, archive, name string) []byte {
	t.Helper()
	z, err := zip.OpenReader(archive)
	require.NoError(t, err)
	defer z.Close()
	f, err := z.Open(name)
	require.NoError(t, err)
	defer f.Close()
	raw, err := io.ReadAll(f)
	require.NoError(t, err)
	return raw
}

// violation is one broken rule, as axe-core words it.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}
