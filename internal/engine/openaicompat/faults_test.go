package openaicompat_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
)

// TestFaults has each fault of an engine met by many requests: each ends in one kind of error or in an answer, those
// that would take longer than their deadline too, and leaves no goroutine behind.
func TestFaults(t *testing.T) {
	const requests, within = 100, 300 * time.Millisecond
	for _, c := range []struct {
		fault enginetest.FaultKind
		want  engine.Kind // "" for an answer
		calls int         // at the fake for each request
	}{
		{enginetest.FaultLatency, engine.Timeout, 1},
		{enginetest.FaultHang, engine.Timeout, 1},
		{enginetest.FaultDrip, engine.Timeout, 1},
		{enginetest.FaultReset, engine.Unavailable, 2},
		{enginetest.FaultResetBody, engine.Unavailable, 1},
		{enginetest.FaultCut, engine.Unavailable, 1},
		{enginetest.FaultShutdown, engine.Unavailable, 1},
		{enginetest.FaultGateway, engine.Unavailable, 1},
		{enginetest.FaultBusy, engine.Overloaded, 1},
		{enginetest.FaultRateLimit, engine.Overloaded, 1},
		{enginetest.FaultTruncate, engine.BadOutput, 1},
		{enginetest.FaultError, engine.BadOutput, 1},
		{enginetest.FaultEmpty, engine.BadOutput, 1},
		{enginetest.FaultNoBody, engine.BadOutput, 1},
		{enginetest.FaultHuge, engine.BadOutput, 1},
		{enginetest.FaultOtherModel, engine.UnknownModel, 1},
		{enginetest.FaultForeign, "", 1}, // the text is the caller's to judge
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, before) }) // after the server's own clean-up
			client, v := fake(t, enginetest.Options{})
			if _, err := client.Complete(t.Context(), letters("sat-base")); err != nil {
				t.Fatal(err)
			}
			v.Inject(enginetest.Fault{Kind: c.fault, Times: -1, For: lasting(c.fault)})
			limit := patience
			if c.want == engine.Timeout {
				limit = within
			}
			n := requests
			if c.fault == enginetest.FaultHuge {
				n = 10 // of 10 MB each
			}
			var calls sync.WaitGroup
			for range n {
				calls.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					defer cancel()
					_, err := client.Complete(ctx, letters("sat-base"))
					if c.want == "" {
						assert.NoError(t, err)
					} else if e := kindOf(t, err, c.want); c.fault == enginetest.FaultRateLimit {
						assert.Equal(t, 7*time.Second, e.RetryAfter)
					}
				})
			}
			calls.Wait()
			if c.want == engine.Timeout { // on a busy machine some had no time to be sent
				assert.LessOrEqual(t, v.Counts().Calls, 1+n*c.calls)
			} else {
				assert.Equal(t, 1+n*c.calls, v.Counts().Calls)
			}
			v.Inject()
			if _, err := client.Complete(t.Context(), letters("sat-base")); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

func lasting(fault enginetest.FaultKind) time.Duration {
	if fault == enginetest.FaultDrip {
		return 10 * time.Millisecond
	}
	return 5 * time.Second
}

func TestLoadingEndsByItself(t *testing.T) {
	client, v := fake(t, enginetest.Options{})
	v.Inject(enginetest.Fault{Kind: enginetest.FaultLoading, For: time.Minute})
	_, err := client.Models(t.Context())
	kindOf(t, err, engine.Unavailable)
	_, err = client.Complete(t.Context(), letters("sat-base"))
	kindOf(t, err, engine.Unavailable)
	v.Inject()
	_, err = client.Complete(t.Context(), letters("sat-base"))
	assert.NoError(t, err)
}
