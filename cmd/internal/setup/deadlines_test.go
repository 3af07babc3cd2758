package setup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sattutor/internal/config"
)

func TestDeadlinesDeriveFromOne(t *testing.T) {
	d := NewDeadlines(config.Config{EngineTimeout: 60 * time.Second, EngineTimeoutSet: true})
	assert.Equal(t, 60*time.Second, d.Engine())
	assert.Equal(t, 65*time.Second, d.Backend())
	assert.Equal(t, 70*time.Second, d.Frontend())
	assert.Equal(t, 60*time.Second, d.FromSpeed(1), "a limit set by hand stays")
}

func TestDeadlinesFromSpeed(t *testing.T) {
	for _, c := range []struct {
		name  string
		speed float64
		want  time.Duration
	}{
		{"a fast engine keeps the least", 300, 20 * time.Second},
		{"a 3B model on a laptop", 30, 150 * time.Second},
		{"hardly an engine", 0.1, 15 * time.Minute},
		{"speed unknown", 0, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDeadlines(config.Config{EngineTimeout: 20 * time.Second})
			assert.Equal(t, c.want, d.FromSpeed(c.speed))
			assert.Equal(t, c.want+5*time.Second, d.Backend())
		})
	}
}
