package stats

import "math"

// logChoose gives ln C(n, k).
func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// binomialPMF gives P(Bin(n, p) = k).
func binomialPMF(n int, p float64, k int) float64 {
	switch {
	case k < 0 || k > n:
		return 0
	case p <= 0:
		return indicator(k == 0)
	case p >= 1:
		return indicator(k == n)
	}
	return math.Exp(logChoose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// BinomialTail gives P(Bin(n, p) ≥ k).
func BinomialTail(n int, p float64, k int) float64 {
	if k <= 0 {
		return 1
	}
	sum := 0.0
	for i := n; i >= k; i-- {
		sum += binomialPMF(n, p, i)
	}
	return math.Min(1, sum)
}

// LeastAboveChance gives k₀, the smallest number right of n that a guesser with success rate p0 reaches with
// probability at most alpha; n + 1 when not even n of n would do.
func LeastAboveChance(n int, p0, alpha float64) int {
	tail := 0.0
	for k := n; k >= 0; k-- {
		tail += binomialPMF(n, p0, k)
		if tail > alpha {
			return k + 1
		}
	}
	return 0
}

func indicator(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
