package eval

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAPackedRunIsRead as it was, and is not written to.
func TestAPackedRunIsRead(t *testing.T) {
	d := sampleItems(t)
	runner, _ := newRunner(knows(d, "ferry-1"))
	spec := sampleSpec(t, d)
	run, err := runner.Run(t.Context(), spec)
	require.NoError(t, err)

	plain := filepath.Join(spec.Dir, samplesFile)
	raw, err := os.ReadFile(plain)
	require.NoError(t, err)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(raw)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(filepath.Join(spec.Dir, packedFile), packed.Bytes(), 0o600))
	require.NoError(t, os.Remove(plain))

	loaded, err := Load(spec.Dir)
	require.NoError(t, err)
	assert.Equal(t, run.Records, loaded.Records)
	spec.Resume = true
	_, err = runner.Run(t.Context(), spec)
	assert.ErrorContains(t, err, "gunzip "+filepath.Join(spec.Dir, packedFile))
	assert.NoFileExists(t, plain)

	require.NoError(t, os.WriteFile(filepath.Join(spec.Dir, packedFile), packed.Bytes()[:packed.Len()/2], 0o600))
	_, err = Load(spec.Dir)
	assert.ErrorContains(t, err, "no valid gzip file")
	assert.Equal(t, ExitData, ExitCode(err))
}
