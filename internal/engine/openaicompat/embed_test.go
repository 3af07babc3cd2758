package openaicompat_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
)

// The two texts of the recordings.
var seaAndBees = []string{"The sea was calm.", "Bees carry pollen."}

func TestEmbedReadsBothFormsOfARealReply(t *testing.T) {
	coded, err := replay(t, "llama-server", "smollm2-135m.embeddings").Embed(t.Context(), "smollm2-135m", seaAndBees)
	require.NoError(t, err)
	require.Len(t, coded, 2)
	require.Len(t, coded[0], 576)
	numbers, err := replay(t, "llama-server", "smollm2-135m.embeddings-float").Embed(t.Context(), "smollm2-135m", seaAndBees)
	require.NoError(t, err)
	for i := range coded {
		assert.InDeltaSlice(t, numbers[i], coded[i], 1e-6)
	}
	assert.NotEqual(t, coded[0], coded[1])
}

func TestEmbedTellsRefusalsApart(t *testing.T) {
	for name, want := range map[string]engine.Kind{
		"smollm2-135m.embeddings-too-large":  engine.TooLarge,
		"smollm2-135m.embeddings-off":        engine.Rejected,
		"smollm2-135m.embeddings-no-pooling": engine.Rejected,
	} {
		_, err := replay(t, "llama-server", name).Embed(t.Context(), "smollm2-135m", seaAndBees)
		kindOf(t, err, want)
	}
	_, err := replay(t, "llama-server", "smollm2-135m.embeddings").Embed(t.Context(), "", seaAndBees)
	kindOf(t, err, engine.Rejected)
}

// What vLLM sends has more members, and nothing says that the data come in order.
func TestEmbedRefusesWhatIsNoSetOfVectors(t *testing.T) {
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
	defer server.Close()
	client := dial(t, server.URL)
	answer = `{"id":"embd-1","object":"list","created":1,"model":"m","usage":{"prompt_tokens":9,"total_tokens":9,"completion_tokens":0,"prompt_tokens_details":null},
		"data":[{"index":1,"object":"embedding","embedding":[3,4]},{"index":0,"object":"embedding","embedding":"AACAPwAAAEA="}]}`
	vectors, err := client.Embed(t.Context(), "m", seaAndBees)
	require.NoError(t, err)
	assert.Equal(t, [][]float32{{1, 2}, {3, 4}}, vectors)
	for _, answer = range []string{
		`{"data":[{"index":0,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1,2]}]}`,
		`{"data":[{"index":0,"embedding":[]},{"index":1,"embedding":[]}]}`,
		`{"data":[{"index":0,"embedding":"AAA="},{"index":1,"embedding":"AAA="}]}`,
		`{"data":[{"index":0,"embedding":"!"},{"index":1,"embedding":"!"}]}`,
		`{"data":[{"index":0,"embedding":[[1]]},{"index":1,"embedding":[[1]]}]}`,
		`{}`, ``, `[]`,
	} {
		_, err := client.Embed(t.Context(), "m", seaAndBees)
		kindOf(t, err, engine.BadOutput)
	}
}
