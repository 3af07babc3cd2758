package plaintext

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestGuardedCellsAreNoFormulas(t *testing.T) {
	assert.Equal(t, "'=SUM(A1)", Guarded("=SUM(A1)"))
	assert.Equal(t, "''-2", Guarded("'-2"), "a guard of the text's own stays apart from ours")
	assert.Equal(t, "'tis", Guarded("'tis"))
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringMatching(`'{0,3}[=+@\-\t\ra-c]{0,3}`).Draw(t, "cell")
		assert.Equal(t, cell, Unguarded(Guarded(cell)))
		assert.NotRegexp(t, `^[=+\-@\t\r]`, Guarded(cell))
	})
}
