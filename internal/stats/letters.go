package stats

import "math"

// floor keeps the logarithm of a probability finite, as in the reference implementation of PriDe.
const floor = 1e-10

// RStd gives the population standard deviation of the recalls times 100: 0 when every letter is found equally often,
// 100·√(K−1)/K for a model that always says the same letter (Zheng and others, ICLR 2024).
func RStd(recalls []float64) float64 {
	mean := meanOf(len(recalls), func(i int) float64 { return recalls[i] })
	return 100 * math.Sqrt(meanOf(len(recalls), func(i int) float64 { return (recalls[i] - mean) * (recalls[i] - mean) }))
}

// MaxRStd gives the RStd of a model that always says the same of k letters.
func MaxRStd(k int) float64 {
	recalls := make([]float64, k)
	if k > 0 {
		recalls[0] = 1
	}
	return RStd(recalls)
}

// Rotated gives the position at which content i stands in rotation r of k choices: (i − r) mod k. Rotation r shows
// content (j + r) mod k at position j.
func Rotated(i, r, k int) int { return ((i-r)%k + k) % k }

// RotationAverage gives the probability of each content, averaged over rotations: P(i) = mean_r p^(r)[pos_r(i)].
// Row r of rotations holds the probabilities by position.
func RotationAverage(rotations [][]float64) []float64 {
	if len(rotations) == 0 {
		return nil
	}
	k := len(rotations[0])
	average := make([]float64, k)
	for i := range average {
		average[i] = meanOf(len(rotations), func(r int) float64 { return rotations[r][Rotated(i, r, k)] })
	}
	return average
}

// Consistency gives the share of pairs of rotations that choose the same content; 1 with fewer than two rotations.
func Consistency(chosen []int) float64 {
	pairs, same := 0, 0
	for i := range chosen {
		for _, other := range chosen[i+1:] {
			pairs++
			if chosen[i] == other {
				same++
			}
		}
	}
	if pairs == 0 {
		return 1
	}
	return float64(same) / float64(pairs)
}

// QuestionPrior gives the letter prior that one question shows: softmax_k(mean_r ln(p^(r)_k + 1e-10)) (PriDe, Zheng
// and others, ICLR 2024). Row r holds the probabilities by position.
func QuestionPrior(rotations [][]float64) []float64 {
	if len(rotations) == 0 {
		return nil
	}
	logs := make([]float64, len(rotations[0]))
	for k := range logs {
		logs[k] = meanOf(len(rotations), func(r int) float64 { return math.Log(rotations[r][k] + floor) })
	}
	return Softmax(logs, 1)
}

// LetterPrior gives the mean of the questions' priors. No key is needed. Each question is given as its rotations.
func LetterPrior(questions [][][]float64) []float64 {
	var prior []float64
	for _, rotations := range questions {
		p := QuestionPrior(rotations)
		if prior == nil {
			prior = make([]float64, len(p))
		}
		for k := range p {
			prior[k] += p[k] / float64(len(questions))
		}
	}
	return prior
}

// Debias divides a letter prior out: softmax_k(ln(p_k + 1e-10) − ln(prior_k + 1e-10)).
func Debias(p, prior []float64) []float64 {
	logs := make([]float64, len(p))
	for k := range p {
		logs[k] = math.Log(p[k]+floor) - math.Log(prior[k]+floor)
	}
	return Softmax(logs, 1)
}

// ArgMax gives the position of the largest value, the lowest of equals; −1 of nothing.
func ArgMax(values []float64) int {
	best := -1
	for i, v := range values {
		if best < 0 || v > values[best] {
			best = i
		}
	}
	return best
}
