package setup

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/eval"
	"sattutor/internal/sat"
	"sattutor/internal/tutor"
)

func TestSeenInTraining(t *testing.T) {
	passage := tutor.Sample().Passage
	path := filepath.Join(t.TempDir(), "fingerprints.bin")
	require.NoError(t, os.WriteFile(path, eval.Fingerprint([]string{passage}).Bytes(), 0o600))
	known := &trainedOn{log: slog.New(slog.DiscardHandler)}
	const other = "By 1912 the harbour had silted up, so the town turned to glass-making, and the furnaces stood where the nets had dried."
	assert.True(t, known.seen(sat.Model{Fingerprints: path}, passage))
	assert.False(t, known.seen(sat.Model{Fingerprints: path}, other))
	assert.False(t, known.seen(sat.Model{}, passage), "nothing is known of this model")
	assert.False(t, known.seen(sat.Model{Fingerprints: path + ".absent"}, passage), "told in the log, and no reason to refuse an answer")
}
