package prompt_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/engine"
	"sattutor/internal/prompt"
)

func tokens(p map[int]float64) (list []engine.Token) {
	for _, id := range []int{7, 32, 33, 34, 35, 90, 91} {
		if v, ok := p[id]; ok {
			list = append(list, engine.Token{ID: id, Logprob: math.Log(v)})
		}
	}
	return list
}

func TestReadLetters(t *testing.T) {
	ids := []int{32, 33, 34, 35}
	s, ok := prompt.ReadLetters(tokens(map[int]float64{7: .1, 32: .5, 33: .2, 34: .1, 35: .05}), ids)
	require.True(t, ok)
	assert.InDelta(t, .85, s.Mass, 1e-9)
	assert.False(t, s.Clipped)
	d := prompt.Decide(s.Log, nil, 1)
	assert.Equal(t, 0, d.Best)
	assert.InDeltaSlice(t, []float64{.5 / .85, .2 / .85, .1 / .85, .05 / .85}, d.Probabilities, 1e-9)
	assert.InDelta(t, .3/.85, d.Margin, 1e-9)

	s, ok = prompt.ReadLetters(tokens(map[int]float64{7: .01, 32: .5, 33: .2}), ids)
	require.True(t, ok)
	assert.True(t, s.Clipped)
	assert.InDelta(t, math.Log(.01), s.Log[2], 1e-9, "the smallest listed value is an upper bound")
	assert.InDelta(t, .7, s.Mass, 1e-9, "a bound is no mass")

	_, ok = prompt.ReadLetters(tokens(map[int]float64{7: .9}), ids)
	assert.False(t, ok)
	_, ok = prompt.ReadLetters(nil, ids)
	assert.False(t, ok)
}

func TestReadOption(t *testing.T) {
	score, mass, clipped, ok := prompt.ReadOption(tokens(map[int]float64{90: .6, 91: .2, 7: .1}), 90, 91)
	require.True(t, ok)
	assert.InDelta(t, math.Log(3), score, 1e-9)
	assert.InDelta(t, .8, mass, 1e-9)
	assert.False(t, clipped)
	score, _, clipped, ok = prompt.ReadOption(tokens(map[int]float64{90: .6, 7: .1}), 90, 91)
	assert.True(t, ok)
	assert.True(t, clipped)
	assert.InDelta(t, math.Log(6), score, 1e-9)
	_, _, _, ok = prompt.ReadOption(tokens(map[int]float64{7: .1}), 90, 91)
	assert.False(t, ok)
}

func TestDecideOptionFixture(t *testing.T) {
	d := prompt.Decide([]float64{.4, -1.1, 1.7, -.2}, nil, 0)
	assert.Equal(t, 2, d.Best)
	assert.InDeltaSlice(t, []float64{.183782, .041007, .674350, .100862}, d.Probabilities, 1e-6)
}

// The figures are PriDe's worked example: two questions, four rotations averaged, the prior divided out.
func TestDecideWithPrior(t *testing.T) {
	prior := []float64{.431113, .225192, .195059, .148636}
	p := []float64{.4, .25, .2, .15}
	raw := make([]float64, 4)
	want, sum := make([]float64, 4), 0.0
	for k := range p {
		raw[k] = math.Log(p[k])
		want[k] = (p[k] + 1e-10) / (prior[k] + 1e-10)
		sum += want[k]
	}
	d := prompt.Decide(raw, prior, 1)
	for k := range want {
		assert.InDelta(t, want[k]/sum, d.Probabilities[k], 1e-9)
	}
	assert.Equal(t, 1, d.Best, "A only seemed best because the model likes A")
	assert.Equal(t, 0, prompt.Decide(raw, prior[:3], 1).Best, "a prior over three letters says nothing about four")
	hot := prompt.Decide(raw, nil, 2)
	assert.InDelta(t, math.Sqrt(.4)/(math.Sqrt(.4)+math.Sqrt(.25)+math.Sqrt(.2)+math.Sqrt(.15)), hot.Probabilities[0], 1e-9)
}

func TestDecideTies(t *testing.T) {
	d := prompt.Decide([]float64{1, 3, 3, 0}, nil, 1)
	assert.Equal(t, 1, d.Best)
	assert.True(t, d.Tied)
	assert.Zero(t, d.Margin)
	assert.False(t, prompt.Decide([]float64{3, 3, 4}, nil, 1).Tied)
}

func TestAverageFollowsTheContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(2, 5).Draw(t, "k")
		liking := rapid.SliceOfN(rapid.Float64Range(-5, 5), k, k).Draw(t, "liking")
		rows := make([]prompt.Scores, k)
		for r := range rows {
			rows[r].Log, rows[r].Mass = make([]float64, k), 1
			for j := range k {
				rows[r].Log[j] = liking[(j+r)%k] // a model without a taste for letters
			}
		}
		got := prompt.Decide(prompt.Average(rows).Log, nil, 1)
		want := prompt.Decide(liking, nil, 1)
		for i := range k {
			if math.Abs(got.Probabilities[i]-want.Probabilities[i]) > 1e-9 {
				t.Fatalf("%v, want %v", got.Probabilities, want.Probabilities)
			}
		}
	})
	flat := prompt.Average([]prompt.Scores{{Log: []float64{0, math.Log(3)}, Mass: 1}, {Log: []float64{0, math.Log(3)}, Mass: .5, Clipped: true}})
	assert.InDelta(t, math.Log(.5), flat.Log[0], 1e-12, "a model that always says B says nothing")
	assert.InDelta(t, .75, flat.Mass, 1e-12)
	assert.True(t, flat.Clipped)
}
