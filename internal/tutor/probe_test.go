package tutor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/sat"
)

// wordy is an engine whose tokenizer splits the given text.
type wordy struct {
	*enginetest.Scripted
	split string
	err   error
}

func (w wordy) Tokenize(ctx context.Context, model, text string) ([]int, error) {
	if w.err != nil {
		return nil, w.err
	}
	ids, err := w.Scripted.Tokenize(ctx, model, text)
	if text == w.split {
		ids = append(ids, 7)
	}
	return ids, err
}

func TestProbeListsWhatIsServed(t *testing.T) {
	clock := time.Unix(0, 0)
	e := &enginetest.Scripted{}
	tutor := New(Options{Engine: e, Models: records{letterModel("sat-lora")}, Now: func() time.Time {
		clock = clock.Add(time.Second)
		return clock
	}})
	served, err := tutor.Probe(t.Context())
	require.NoError(t, err)
	require.Len(t, served, 2)
	assert.Equal(t, "sat-lora", served[1].Name)
	assert.Equal(t, "sat-base", served[1].Parent)
	assert.Positive(t, served[0].ContextTokens)
	assert.False(t, served[0].TextOnly)
	assert.Greater(t, served[0].TokensPerSecond, 100.0)
	for _, req := range e.Requests() {
		assert.Equal(t, []int{49, 50, 51, 52, 53}, req.LogprobIDs, "the warm-up has the real shape")
	}
}

func TestProbeFindsModelsThatCanOnlyWrite(t *testing.T) {
	for name, e := range map[string]engine.Engine{
		"letters are not one token":  wordy{Scripted: &enginetest.Scripted{}, split: "C"},
		"no tokenizer":               wordy{Scripted: &enginetest.Scripted{}, err: &engine.Error{Kind: engine.Rejected}},
		"no log-probabilities given": &enginetest.Scripted{Reply: first(nil, "A")},
	} {
		t.Run(name, func(t *testing.T) {
			tutor := New(Options{Engine: e, Models: records{letterModel("sat-base")}})
			served, err := tutor.Probe(t.Context())
			require.NoError(t, err)
			assert.True(t, served[0].TextOnly)
			a, err := tutor.Answer(t.Context(), lamp(), sat.Options{})
			require.NoError(t, err)
			assert.Equal(t, sat.MethodGenerate, a.Method)
		})
	}
}

func TestProbeTellsWhatFailed(t *testing.T) {
	e := &enginetest.Scripted{}
	tutor := New(Options{Engine: e, Models: records{letterModel("sat-base")}})
	e.Fail(&engine.Error{Kind: engine.Unavailable}, 1)
	_, err := tutor.Probe(t.Context())
	require.Error(t, err, "no list")
	warmed := &enginetest.Scripted{Reply: func(context.Context, engine.Request) (engine.Response, error) {
		return engine.Response{}, &engine.Error{Kind: engine.Unavailable}
	}}
	_, err = New(Options{Engine: warmed, Models: records{}}).Probe(t.Context())
	require.Error(t, err, "no answer")
	wordless := New(Options{Engine: wordy{Scripted: e, err: &engine.Error{Kind: engine.Unavailable}}, Models: records{}})
	_, err = wordless.Probe(t.Context())
	assert.Error(t, err, "a tokenizer that is away is no reason to give up letters")
}

func TestAProbeNeedNotAskWhatStayedTheSame(t *testing.T) {
	e := &enginetest.Scripted{}
	tutor := newTutor(t, e, nil)
	before := e.Calls()
	found, err := tutor.Probe(t.Context(), "sat-base", "nobody")
	require.NoError(t, err)
	require.Len(t, found, 2)
	assert.Equal(t, before+1, e.Calls(), "sat-lora alone is asked")
	assert.False(t, found[0].TextOnly)
	_, err = tutor.Answer(t.Context(), lamp(), sat.Options{Model: "sat-base"})
	require.NoError(t, err)
	tutor.Forget()
	before = e.Calls()
	_, err = tutor.Probe(t.Context(), "sat-base")
	require.NoError(t, err)
	assert.Equal(t, before+2, e.Calls(), "what was forgotten is asked all the same")
}
