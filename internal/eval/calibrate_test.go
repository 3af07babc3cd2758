package eval

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// biased gives a rule that knows the key with some noise, is far too sure of itself, and leans to A.
func biased(d *Dataset) func(sat.Question, Options) (sat.Answer, error) {
	return func(q sat.Question, o Options) (sat.Answer, error) {
		s := make([]float64, len(q.Choices))
		for n, it := range d.Items {
			if it.Question != q.Stem {
				continue
			}
			key := it.Choices[it.key()].Text
			for i, c := range q.Choices {
				noise := stats.NewSplitMix64(uint64(31*n + len(c)))
				s[i] = 4 * float64(noise.Next()>>40) / float64(1<<24)
				if c == key {
					s[i] += 2
				}
			}
		}
		s[0] += 2.5
		for i := range s {
			s[i] *= 3
		}
		return scored(q, stats.Softmax(s, 1)), nil
	}
}

func TestCalibrate(t *testing.T) {
	d := manyItems(240, 4)
	part := func(from, to int) Selection { return Selection{Pool: "part", Items: d.Items[from:to]} }
	runner, _ := newRunner(biased(d))
	spec := CalibrationSpec{Spec: sampleSpec(t, d), PriorData: d, Prior: part(0, 60), HeldData: d, Held: part(140, 240)}
	spec.Spec.Selection = part(60, 140)
	c, err := runner.Calibrate(t.Context(), spec)
	require.NoError(t, err)
	assert.Equal(t, 60, c.PriorItems)
	assert.Equal(t, 80, c.TuneItems)
	assert.Equal(t, 0, stats.ArgMax(c.Prior), "the lean to A is found: %v", c.Prior)
	assert.Greater(t, c.Temperature, 1.5, "too sure of itself")
	h := c.HeldOut
	assert.Equal(t, 100, h.N)
	assert.Greater(t, h.RightAfter, h.RightBefore)
	assert.Less(t, h.ECEAfter, h.ECEBefore/2)
	assert.Less(t, h.BrierAfter, h.BrierBefore)
	assert.Less(t, h.NLLAfter, h.NLLBefore)
	assert.Regexp(t, `^prior-[0-9a-f]{12}$`, c.PriorID)
	assert.Contains(t, c.String(), "On 100 held-out items of part: ECE ")

	other := spec.Spec
	other.Dir = t.TempDir() + "/x"
	other.Engine.Version = "2"
	run, err := runner.Run(t.Context(), other)
	require.NoError(t, err)
	assert.NotEqual(t, c.PriorID, PriorID(run.Header), "another engine, another prior")
}

func TestFitMatchesTheReference(t *testing.T) {
	scores := [][]float64{{4, .5, .1, -1}, {3.5, 1.4, -.5, -.5}, {4, 0, 0, 0}, {.2, .1, 3.2, .4}, {1, .9, .8, 3.5}, {3.4, .3, .2, .1}}
	var records []Record
	for i, key := range []string{"A", "B", "C", "C", "D", "A"} {
		records = append(records, withScores(key, stats.Softmax(scores[i], 1)...))
	}
	run := fixture(records...)
	run.Header.Asked.Uncalibrated = true
	c, err := Fit(nil, run, run)
	require.NoError(t, err)
	assert.InDelta(t, 1.7846, c.Temperature, 5e-5)
	assert.InDelta(t, 0.962388, c.HeldOut.NLLAfter, 5e-7)
	assert.InDelta(t, 1.136481, c.HeldOut.NLLBefore, 5e-7)
	assert.Nil(t, c.Prior)
	assert.Equal(t, c.HeldOut.RightBefore, c.HeldOut.RightAfter, "a temperature changes no answer")
}

func TestFitPriorMatchesTheReference(t *testing.T) {
	q1 := [][]float64{{.60, .20, .15, .05}, {.40, .15, .15, .30}, {.45, .10, .25, .20}, {.35, .40, .15, .10}}
	q2 := [][]float64{{.30, .40, .20, .10}, {.55, .25, .10, .10}, {.35, .15, .20, .30}, {.30, .20, .35, .15}}
	var records []Record
	for i := range PriorItemsAtLeast {
		r := Record{Key: "A"}
		r.average([][][]float64{q1, q2}[i%2])
		records = append(records, r)
	}
	c := Calibration{}
	require.NoError(t, c.fitPrior(fixture(records...)))
	for k, want := range []float64{0.431113, 0.225192, 0.195059, 0.148636} {
		assert.InDelta(t, want, c.Prior[k], 1e-6)
	}
	assert.InDelta(t, (1./6+.5)/2, Summarise(fixture(records...)).Consistency, 1e-9)
	err := c.fitPrior(fixture(records[:39]...))
	assert.ErrorContains(t, err, "at least 40 items")
}

func TestCalibrationRefuses(t *testing.T) {
	d := manyItems(12, 4)
	runner, _ := newRunner(byContent)
	spec := CalibrationSpec{Spec: sampleSpec(t, d)}
	_, err := runner.Calibrate(t.Context(), spec)
	assert.Equal(t, ExitUsage, ExitCode(err), "nothing held out")
	spec.HeldData, spec.Held = d, Selection{Items: d.Items[3:6]}
	_, err = runner.Calibrate(t.Context(), spec)
	assert.ErrorContains(t, err, "both among the tuning and the held-out items")

	good := fixture(withScores("A", .7, .1, .1, .1))
	good.Header.Asked.Uncalibrated = true
	for name, change := range map[string]func(*Run){
		"incomplete":     func(r *Run) { r.Header.Complete = false },
		"calibrated":     func(r *Run) { r.Header.Asked.PriorID = "prior-1" },
		"tempered":       func(r *Run) { r.Header.Asked.Temperature = 2 },
		"other template": func(r *Run) { r.Header.Asked.Template = "x" },
	} {
		bad := fixture(withScores("A", .7, .1, .1, .1))
		bad.Header.Asked.Uncalibrated = true
		change(bad)
		_, err := Fit(nil, good, bad)
		assert.Error(t, err, name)
	}
	textual := fixture(Record{Key: "A", Letter: "A"})
	textual.Header.Asked.Uncalibrated = true
	_, err = Fit(nil, textual, good)
	assert.ErrorContains(t, err, "no scores")
	assert.False(t, math.IsInf(logs([][]float64{{0}})[0][0], 0))
}
