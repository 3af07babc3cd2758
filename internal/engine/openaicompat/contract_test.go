package openaicompat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/engine/openaicompat"
	"sattutor/internal/testneeds"
)

// TestContractOfVLLM holds a real vLLM server, with a base model and an adapter, to the suite and to what the recordings
// of it say; make vllm-contract starts one. Requests go one after another: adapters on a CPU get slower side by side.
func TestContractOfVLLM(t *testing.T) {
	address, key := testneeds.VLLM(t)
	client := openaicompat.New(openaicompat.Options{BaseURL: address, Key: key, Timeout: func() time.Duration { return 10 * time.Minute }})
	t.Cleanup(client.Close)
	enginetest.Conformance(t, enginetest.Target{Engine: client, Model: "sat-base", Adapter: "sat-lora", Schema: true, Overflow: true,
		Parallel: 2, Tolerance: 0.2})

	t.Run("models", func(t *testing.T) {
		models, err := client.Models(t.Context())
		require.NoError(t, err)
		require.Len(t, models, 3)
		base, lora, id := models[0], models[1], models[2]
		assert.Equal(t, []string{"sat-base", "vllm", ""}, []string{base.ID, base.OwnedBy, base.Parent})
		assert.Equal(t, []string{"sat-lora", "sat-base"}, []string{lora.ID, lora.Parent})
		assert.Equal(t, 4096, base.ContextTokens)
		_, digest, _ := strings.Cut(lora.Root, "@")
		assert.Len(t, digest, 64, "the path ends in the digest of the weights: %s", lora.Root)
		assert.Equal(t, []string{lora.Root, "sat-base"}, []string{id.Root, id.Parent}, "and the adapter is served under its id too")
		assert.Equal(t, "adapter@"+digest[:8], id.ID)
	})
	t.Run("a wrong key", func(t *testing.T) {
		stranger := openaicompat.New(openaicompat.Options{BaseURL: address, Key: "wrong"})
		defer stranger.Close()
		_, err := stranger.Models(t.Context())
		var failed *engine.Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, engine.Unauthorized, failed.Kind)
	})
	t.Run("equal requests have equal scores", func(t *testing.T) {
		req := letters("sat-lora")
		req.Messages = enginetest.SampleQuestion()
		first, err := client.Complete(t.Context(), req)
		require.NoError(t, err)
		again, err := client.Complete(t.Context(), req)
		require.NoError(t, err)
		assert.Equal(t, first.First, again.First)
		t.Logf("usage %+v, then %+v; fingerprint %s", first.Usage, again.Usage, first.Fingerprint)
	})
}
