package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestALongWaitIsSaid from time to time, and a short one not at all.
func TestALongWaitIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		stop := waiting(&out, "waiting for the engine")
		time.Sleep(5 * time.Second)
		stop()
		assert.Empty(t, out.String())

		stop = waiting(&out, "waiting for the engine")
		time.Sleep(25*time.Second + time.Millisecond)
		stop()
		assert.Equal(t, "waiting for the engine: 10 seconds\nwaiting for the engine: 20 seconds\n", out.String())
	})
}
