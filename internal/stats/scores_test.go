package stats_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"sattutor/internal/stats"
)

func printedAll(t *testing.T, want []string, got []float64, what string) {
	t.Helper()
	for i := range want {
		printed(t, want[i], got[i], what)
	}
}

func TestSoftmax(t *testing.T) {
	letters := []float64{-0.2, -2.5, -3.1, -4}
	printedAll(t, []string{"0.849147", "0.085134", "0.046723", "0.018996"}, stats.Softmax(letters, 1), "letters")
	missing := []float64{-1.2, -0.9, -2.8, -6.3}
	printedAll(t, []string{"0.390953", "0.527731", "0.078932", "0.002384"}, stats.Softmax(missing, 0), "one letter bounded")
	options := []float64{0.4, -1.1, 1.7, -0.2}
	printedAll(t, []string{"0.183782", "0.041007", "0.674350", "0.100862"}, stats.Softmax(options, 1), "options")
	printedAll(t, []string{"1.000000", "0.000000"}, stats.Softmax([]float64{2000, 0}, 1), "no overflow")
}

var question1 = [][]float64{{.60, .20, .15, .05}, {.40, .15, .15, .30}, {.45, .10, .25, .20}, {.35, .40, .15, .10}}
var question2 = [][]float64{{.30, .40, .20, .10}, {.55, .25, .10, .10}, {.35, .15, .20, .30}, {.30, .20, .35, .15}}

func TestRotationsAndPrior(t *testing.T) {
	printedAll(t, []string{"0.3875", "0.2375", "0.2125", "0.1625"}, stats.RotationAverage(question1), "average 1")
	printedAll(t, []string{"0.2000", "0.4000", "0.2375", "0.1625"}, stats.RotationAverage(question2), "average 2")
	printedAll(t, []string{"0.474584", "0.200325", "0.183440", "0.141651"}, stats.QuestionPrior(question1), "prior 1")
	printedAll(t, []string{"0.387642", "0.250059", "0.206678", "0.155620"}, stats.QuestionPrior(question2), "prior 2")
	prior := stats.LetterPrior([][][]float64{question1, question2})
	printedAll(t, []string{"0.431113", "0.225192", "0.195059", "0.148636"}, prior, "prior")
	debiased := stats.Debias([]float64{.38, .27, .20, .15}, prior)
	printedAll(t, []string{"0.214205", "0.291372", "0.249174", "0.245248"}, debiased, "debiased")
	assert.Equal(t, 1, stats.ArgMax(debiased), "A becomes B")
}

func TestConsistency(t *testing.T) {
	for i, c := range []struct {
		rows [][]float64
		want string
	}{{question1, "0.166667"}, {question2, "0.500000"}} {
		chosen := make([]int, len(c.rows))
		for r, row := range c.rows {
			chosen[r] = (stats.ArgMax(row) + r) % len(row)
		}
		assert.Equal(t, [][]int{{0, 1, 2, 0}, {1, 1, 2, 1}}[i], chosen)
		printed(t, c.want, stats.Consistency(chosen), "consistency")
	}
	assert.EqualValues(t, 1, stats.Consistency([]int{2}))
}

// Turning the choices of a question by one turns its average by one: only the content counts.
func TestRotationAverageIsOrderEquivariant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(2, 5).Draw(t, "k")
		byContent := make([][]float64, k) // row r: what the model says when rotation r is shown
		for r := range byContent {
			byContent[r] = rapid.SliceOfN(rapid.Float64Range(0.01, 1), k, k).Draw(t, "row")
		}
		turned := make([][]float64, k)
		for r := range turned {
			turned[r] = byContent[(r+1)%k]
		}
		a, b := stats.RotationAverage(byContent), stats.RotationAverage(turned)
		for i := range a {
			if math.Abs(a[(i+1)%k]-b[i]) > 1e-12 {
				t.Fatalf("%v became %v", a, b)
			}
		}
	})
}

func TestRotated(t *testing.T) {
	assert.Equal(t, 3, stats.Rotated(0, 1, 4))
	assert.Equal(t, 1, stats.Rotated(2, 1, 4))
	assert.Nil(t, stats.RotationAverage(nil))
	assert.Nil(t, stats.QuestionPrior(nil))
}

func TestRStd(t *testing.T) {
	printed(t, "12.9301", stats.RStd([]float64{33. / 44, 18. / 36, 13. / 26, 12. / 30}), "fixture")
	printed(t, "11.1803", stats.RStd([]float64{.8, .7, .6, .5}), "second")
	assert.InDelta(t, 43.30127018922193, stats.MaxRStd(4), 1e-12)
}

func TestECE(t *testing.T) {
	confidence := []float64{.95, .92, .85, .81, .62, .58, .45, .31, 1, .60}
	right := []bool{true, true, true, false, true, false, false, true, true, false}
	printed(t, "0.2730", stats.ECE(confidence, right), "fixture")
	assert.Zero(t, stats.ECE(nil, nil))
	bins := stats.Reliability(confidence, right)
	assert.Equal(t, 3, bins[9].N, "confidence 1 belongs to the last bin")
}

func TestBrierAndNLL(t *testing.T) {
	p := [][]float64{{.7, .1, .1, .1}, {.7, .1, .1, .1}, {.25, .25, .25, .25}}
	key := []int{0, 1, 0}
	for i, want := range []float64{0.12, 1.32, 0.75} {
		assert.InDelta(t, want, stats.Brier(p[i:i+1], key[i:i+1]), 1e-12)
	}
	printed(t, "0.7300", stats.Brier(p, key), "mean")
	printed(t, "1.348518", stats.NLL(p, key), "NLL")
}

func TestFitTemperature(t *testing.T) {
	scores := [][]float64{{4, .5, .1, -1}, {3.5, 1.4, -.5, -.5}, {4, 0, 0, 0}, {.2, .1, 3.2, .4}, {1, .9, .8, 3.5}, {3.4, .3, .2, .1}}
	key := []int{0, 1, 2, 2, 3, 0}
	temperature, nll := stats.FitTemperature(scores, key)
	printed(t, "1.7846", temperature, "T")
	printed(t, "0.962388", nll, "NLL")
	at1 := make([][]float64, len(scores))
	for i := range scores {
		at1[i] = stats.Softmax(scores[i], 1)
	}
	printed(t, "1.136481", stats.NLL(at1, key), "NLL at T = 1")
	temperature, _ = stats.FitTemperature(nil, nil)
	assert.EqualValues(t, 1, temperature)
}

func TestArgMax(t *testing.T) {
	assert.Equal(t, 1, stats.ArgMax([]float64{1, 2, 2}))
	assert.Equal(t, -1, stats.ArgMax(nil))
}
