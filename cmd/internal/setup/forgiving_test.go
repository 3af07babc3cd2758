package setup

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hung is a counter of a database that does not answer.
type hung struct{ asked int }

func (h *hung) Config(int, time.Duration)                    {}
func (h *hung) Increment(key string, window time.Time) error { return h.IncrementBy(key, window, 1) }

func (h *hung) IncrementBy(string, time.Time, int) error {
	h.asked++
	return errors.New("no answer within a second")
}

func (h *hung) Get(string, time.Time, time.Time) (int, int, error) {
	h.asked++
	return 0, 0, errors.New("no answer within a second")
}

// TestADatabaseThatHangsIsNotAskedForEveryRequest: a limit that cannot be held keeps nobody out, and nobody waiting.
func TestADatabaseThatHangsIsNotAskedForEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database := &hung{}
		f := forgiving{database, &rest{}, slog.New(slog.DiscardHandler)}
		for range 100 {
			_, _, err := f.Get("ada", time.Now(), time.Now())
			require.NoError(t, err)
			require.NoError(t, f.IncrementBy("ada", time.Now(), 1))
		}
		assert.Equal(t, 1, database.asked)
		time.Sleep(restAfterFailure)
		require.NoError(t, f.IncrementBy("ada", time.Now(), 1))
		assert.Equal(t, 2, database.asked, "asked again after a while")
	})
}
