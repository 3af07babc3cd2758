package questionbank

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sattutor/internal/questionbank/shipped"
	"sattutor/internal/testneeds"
)

// TestQTIIsValidByTheOfficialSchema holds what is exported to 1EdTech's own schemas. They are in no package registry and
// not ours to ship; CONTRIBUTING.md says how to get them.
func TestQTIIsValidByTheOfficialSchema(t *testing.T) {
	folder := testneeds.QTISchemas(t)
	file, err := io.ReadAll(shipped.Open())
	require.NoError(t, err)
	items := append(Read(file, ReadOptions{}).Items(), ferry())
	pack, _, err := Write(items, QTI, WriteOptions{})
	require.NoError(t, err)
	z, err := zip.NewReader(bytes.NewReader(pack), int64(len(pack)))
	require.NoError(t, err)
	dir := t.TempDir()
	files := map[string][]string{} // by schema
	for i, f := range z.File {
		in, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(in)
		require.NoError(t, err)
		schema := "imsqti_asiv3p0*_v1p0.xsd" // 3.0, or 3.0.1
		if f.Name == manifestName {
			schema = "imsqtiv3p0_imscpv1p2_v1p0.xsd"
		}
		name := filepath.Join(dir, strings.ReplaceAll(f.Name, "/", "_"))
		require.NoError(t, os.WriteFile(name, content, 0o600), i)
		files[schema] = append(files[schema], name)
	}
	require.Len(t, files, 2)
	for schema, names := range files {
		paths, err := filepath.Glob(filepath.Join(folder, schema))
		require.NoError(t, err)
		require.NotEmpty(t, paths, "%s is not in %s", schema, folder)
		args := append([]string{"--noout", "--nonet", "--schema", paths[0]}, names...)
		out, err := exec.CommandContext(t.Context(), "xmllint", args...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%.4000s", schema, err, out)
		}
	}
}
