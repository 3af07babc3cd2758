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
)

func TestModelsThatWereTrainedOnAPassageAreNamed(t *testing.T) {
	const passage = "The lamp burned all night and the keeper slept in his chair until the sea grew calm."
	path := filepath.Join(t.TempDir(), "fingerprints.bin")
	require.NoError(t, os.WriteFile(path, eval.Fingerprint([]string{passage}).Bytes(), 0o600))
	listed := []sat.Listed{{Model: sat.Model{Name: "sat-base"}, Available: true},
		{Model: sat.Model{Name: "sat-lora", Fingerprints: path}, Available: true},
		{Model: sat.Model{Name: "gone", Fingerprints: path}},
		{Model: sat.Model{Name: "unknown", Fingerprints: path + ".absent"}, Available: true}}
	among := (&trainedOn{log: slog.New(slog.DiscardHandler)}).among(func() []sat.Model { return available(listed) })
	assert.Equal(t, "sat-lora", among("It says: "+passage))
	assert.Empty(t, among("Something else altogether that has more than thirteen words so that it could be known to someone."))
}
