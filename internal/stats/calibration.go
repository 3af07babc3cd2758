package stats

import "math"

// Bin is one of the ten equal ranges of confidence in a reliability diagram.
type Bin struct {
	N          int     `json:"n"`
	Accuracy   float64 `json:"accuracy"`   // share right in the bin
	Confidence float64 `json:"confidence"` // mean confidence in the bin
}

// Reliability sorts answers into ten bins, min(9, ⌊10c⌋), by the confidence that was claimed.
func Reliability(confidence []float64, right []bool) [10]Bin {
	var bins [10]Bin
	for i, c := range confidence {
		b := &bins[min(9, max(0, int(10*c)))]
		b.N++
		b.Confidence += c
		b.Accuracy += indicator(right[i])
	}
	for i := range bins {
		if n := float64(bins[i].N); n > 0 {
			bins[i].Confidence /= n
			bins[i].Accuracy /= n
		}
	}
	return bins
}

// ECE gives the expected calibration error: Σ_b n_b/n · |accuracy_b − confidence_b| over the bins of [Reliability];
// 0 of nothing.
func ECE(confidence []float64, right []bool) float64 {
	if len(confidence) == 0 {
		return 0
	}
	sum := 0.0
	for _, b := range Reliability(confidence, right) {
		sum += float64(b.N) * math.Abs(b.Accuracy-b.Confidence)
	}
	return sum / float64(len(confidence))
}

// Brier gives the mean over items of Σ_k (p_k − y_k)², between 0 and 2 (Brier 1950); 0 of nothing.
func Brier(p [][]float64, key []int) float64 {
	return meanOf(len(p), func(i int) float64 {
		sum := 0.0
		for k, x := range p[i] {
			d := x - indicator(k == key[i])
			sum += d * d
		}
		return sum
	})
}

// NLL gives the mean over items of −ln p_key, in nats; 0 of nothing.
func NLL(p [][]float64, key []int) float64 {
	return meanOf(len(p), func(i int) float64 { return -math.Log(p[i][key[i]]) })
}

// FitTemperature gives the T that minimises the mean NLL of softmax(s/T), and that NLL: golden section on ln T in
// [ln 0.05, ln 20] (Guo and others 2017). T is 1 without items.
func FitTemperature(scores [][]float64, key []int) (t, nll float64) {
	if len(scores) == 0 {
		return 1, 0
	}
	loss := func(logT float64) float64 {
		return meanOf(len(scores), func(i int) float64 {
			return logSumExp(scores[i], math.Exp(logT)) - scores[i][key[i]]/math.Exp(logT)
		})
	}
	best := goldenSection(loss, math.Log(0.05), math.Log(20))
	return math.Exp(best), loss(best)
}

// goldenSection gives the place of the minimum of a function with one valley in [a, b], to 1e-10.
func goldenSection(f func(float64) float64, a, b float64) float64 {
	ratio := (math.Sqrt(5) - 1) / 2
	c, d := b-ratio*(b-a), a+ratio*(b-a)
	fc, fd := f(c), f(d)
	for b-a > 1e-10 {
		if fc < fd {
			b, d, fd = d, c, fc
			c = b - ratio*(b-a)
			fc = f(c)
		} else {
			a, c, fc = c, d, fd
			d = a + ratio*(b-a)
			fd = f(d)
		}
	}
	return (a + b) / 2
}

// Softmax gives exp(s_k/T) / Σ exp(s_j/T). A T of 0 counts as 1.
func Softmax(scores []float64, t float64) []float64 {
	if t == 0 {
		t = 1
	}
	total := logSumExp(scores, t)
	p := make([]float64, len(scores))
	for k, s := range scores {
		p[k] = math.Exp(s/t - total)
	}
	return p
}

func logSumExp(scores []float64, t float64) float64 {
	highest := math.Inf(-1)
	for _, s := range scores {
		highest = math.Max(highest, s/t)
	}
	sum := 0.0
	for _, s := range scores {
		sum += math.Exp(s/t - highest)
	}
	return highest + math.Log(sum)
}

func meanOf(n int, f func(i int) float64) float64 {
	if n == 0 {
		return 0
	}
	sum := 0.0
	for i := range n {
		sum += f(i)
	}
	return sum / float64(n)
}
