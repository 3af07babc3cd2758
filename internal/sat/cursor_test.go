package sat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCursorsComeBack(t *testing.T) {
	for _, c := range []Cursor{
		{At: time.Date(2026, 3, 4, 12, 0, 0, 123e6, time.UTC), ID: "x-1"},
		{At: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), ID: "a~b"},
		{At: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)},
	} {
		again, err := ParseCursor(c.String())
		require.NoError(t, err)
		assert.Equal(t, c, again)
	}
	begin, err := ParseCursor("")
	require.NoError(t, err)
	assert.Zero(t, begin)
	for _, bad := range []string{"yesterday", "~x", "2026-03-04"} {
		_, err := ParseCursor(bad)
		assert.Equal(t, Invalid, CodeOf(err), bad)
	}
}
