package dispatch_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/engine/dispatch"
	"sattutor/internal/engine/enginetest"
)

// child is an engine that serves one model, as a llama-server does.
func child(name string) *enginetest.Scripted {
	return &enginetest.Scripted{Served: []engine.Model{{ID: name, OwnedBy: "llamacpp", ContextTokens: 4096}}}
}

func TestByModelConforms(t *testing.T) {
	router := dispatch.NewByModel(map[string]engine.Engine{"sat-base": child("sat-base"), "sat-lora": child("sat-lora")})
	enginetest.Conformance(t, enginetest.Target{Engine: router, Model: "sat-base", Adapter: "sat-lora", Schema: true, Overflow: true})
}

func TestByModelRoutes(t *testing.T) {
	base, lora := child("sat-base"), child("sat-lora")
	router := dispatch.NewByModel(map[string]engine.Engine{"sat-base": base, "sat-lora": lora})
	req := engine.Request{Model: "sat-lora", Messages: enginetest.SampleQuestion(), MaxTokens: 1}
	_, err := router.Complete(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, [2]int{0, 1}, [2]int{base.Calls(), lora.Calls()})
	req.Model = "sat-nope"
	_, err = router.Complete(t.Context(), req)
	assertKind(t, err, engine.UnknownModel)
	_, err = router.Tokenize(t.Context(), "sat-nope", "A")
	assertKind(t, err, engine.UnknownModel)
}

func TestByModelLists(t *testing.T) {
	base, lora := child("sat-base"), child("sat-lora")
	router := dispatch.NewByModel(map[string]engine.Engine{"sat-lora": lora, "sat-base": base})
	names := func() (list []string) {
		models, err := router.Models(t.Context())
		require.NoError(t, err)
		for _, m := range models {
			list = append(list, m.ID)
		}
		return list
	}
	assert.Equal(t, []string{"sat-base", "sat-lora"}, names())
	down := &engine.Error{Kind: engine.Unavailable, Err: errors.New("connection refused")}
	base.Fail(down, 1)
	assert.Equal(t, []string{"sat-lora"}, names(), "a child that is down is left out")
	base.Fail(down, 1)
	lora.Fail(down, 1)
	_, err := router.Models(t.Context())
	assertKind(t, err, engine.Unavailable)
	_, err = dispatch.NewByModel(nil).Models(t.Context())
	assertKind(t, err, engine.Unavailable)
	router.Set(map[string]engine.Engine{"sat-base": lora})
	_, err = router.Models(t.Context())
	assertKind(t, err, engine.Unavailable) // an engine that lists another name than its own serves nothing here
}

func TestByModelKeepsTheEngineOfARunningRequest(t *testing.T) {
	old, fresh := child("m"), child("m")
	engines := map[string]engine.Engine{"m": old}
	router := dispatch.NewByModel(engines)
	delete(engines, "m") // the caller's map is its own
	release := old.Hang()
	done := make(chan error, 1)
	req := engine.Request{Model: "m", Messages: enginetest.SampleQuestion(), MaxTokens: 1}
	go func() {
		_, err := router.Complete(context.Background(), req)
		done <- err
	}()
	require.Eventually(t, func() bool { return old.InFlight() == 1 }, 30*time.Second, time.Millisecond)
	router.Set(map[string]engine.Engine{"m": fresh})
	_, err := router.Complete(t.Context(), req)
	require.NoError(t, err)
	release()
	require.NoError(t, <-done)
	assert.Equal(t, [2]int{1, 1}, [2]int{old.Calls(), fresh.Calls()})
}

func assertKind(t *testing.T, err error, kind engine.Kind) {
	t.Helper()
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, kind, e.Kind, "%v", err)
}
