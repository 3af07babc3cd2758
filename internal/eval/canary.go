package eval

import (
	"fmt"
	"math"
)

// The bounds of the canary: an adapter whose modules do not match is ignored by the engine without a word, and then gives
// its base's scores.
const (
	canaryMove  = 0.05 // nats by which a choice's log-probability must differ
	canaryShare = 0.8  // of the items
)

// Canary asks whether a model gives other scores than its rival on the items that both answered: the sign that its adapter
// was loaded. Runs without scores cannot tell.
func Canary(rival, run *Run) Check {
	c := Check{Name: "canary: the adapter takes effect", Measured: "not measured: no scores to compare",
		Bound: fmt.Sprintf("scores differ by %.2f on %.0f %% of the items", canaryMove, 100*canaryShare), Required: true}
	before := map[string][]float64{}
	for _, r := range rival.first() {
		before[r.ID] = r.probabilities()
	}
	both, moved := 0, 0
	for _, r := range run.first() {
		p, q := before[r.ID], r.probabilities()
		if p == nil || len(p) != len(q) {
			continue
		}
		both++
		if apart(p, q) >= canaryMove {
			moved++
		}
	}
	if both == 0 {
		return c
	}
	c.Measured = fmt.Sprintf("on %d of %d", moved, both)
	c.Passed = float64(moved) >= canaryShare*float64(both)
	return c
}

// apart gives the largest difference of two log-probabilities of one choice.
func apart(p, q []float64) float64 {
	most := 0.0
	for k := range p {
		if p[k] == q[k] { // also where both are 0, whose logarithms have no difference
			continue
		}
		most = max(most, math.Abs(math.Log(p[k])-math.Log(q[k])))
	}
	return most
}
