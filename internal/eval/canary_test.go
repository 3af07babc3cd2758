package eval

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCanaryTellsAnAdapterThatDoesNothing(t *testing.T) {
	scored := func(ps ...[]float64) *Run {
		run := &Run{}
		for i, p := range ps {
			r := Record{ID: rowID("q", i)}
			r.setScores(p)
			run.Records = append(run.Records, r)
		}
		return run
	}
	base := scored([]float64{.4, .3, .2, .1}, []float64{.25, .25, .25, .25}, []float64{.7, .1, .1, .1}, []float64{.1, .2, .3, .4}, []float64{.1, .1, .1, .7})
	assert.False(t, Canary(base, base).Passed, "equal scores are no adapter")
	assert.Equal(t, "on 0 of 5", Canary(base, base).Measured)

	other := scored([]float64{.3, .3, .3, .1}, []float64{.4, .2, .2, .2}, []float64{.6, .2, .1, .1}, []float64{.2, .2, .3, .3}, []float64{.1, .1, .1, .7})
	check := Canary(base, other)
	assert.True(t, check.Passed, "four of five moved")
	assert.Equal(t, "on 4 of 5", check.Measured)

	sure := scored([]float64{1, 0, 0, 0}, []float64{0, 1, 0, 0})
	assert.True(t, Canary(sure, scored([]float64{.9, .1, 0, 0}, []float64{.2, .8, 0, 0})).Passed, "a choice that neither thinks possible hides nothing")

	assert.False(t, Canary(base, &Run{Records: []Record{{ID: "q000"}}}).Passed, "without scores nothing is known")
}
