package questionbank

import (
	"archive/zip"
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The files that other programs read do not change by chance.
func TestGoldenFiles(t *testing.T) {
	for _, c := range codecs() {
		t.Run(string(c.Format), func(t *testing.T) {
			file, _, err := Write([]sat.Item{ferry()}, c.Format, WriteOptions{})
			require.NoError(t, err)
			switch c.Format {
			case XLSX: // its bytes are the library's
				return
			case QTI:
				file = unzipped(t, file)
			}
			path := filepath.Join("testdata", "ferry-"+string(c.Format)+c.Extension+".golden")
			if *update {
				require.NoError(t, os.WriteFile(path, file, 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(file))
		})
	}
}

// unzipped gives the files of an archive one after another under their names.
func unzipped(t *testing.T, file []byte) []byte {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	var out bytes.Buffer
	for _, f := range z.File {
		out.WriteString("== " + f.Name + "\n")
		in, err := f.Open()
		require.NoError(t, err)
		_, err = io.Copy(&out, in)
		require.NoError(t, err)
	}
	return out.Bytes()
}
