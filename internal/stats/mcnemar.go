package stats

import "math"

// PairedTest is the outcome of McNemar's test on discordant pairs.
type PairedTest struct {
	B     int     `json:"b"` // only the second is right
	C     int     `json:"c"` // only the first is right
	Exact float64 `json:"p_exact"`
	MidP  float64 `json:"p_mid"`
}

// McNemar tests whether b and c discordant pairs are a fair coin's, two-sided: exactly, and with half of the observed
// point's weight (mid-p; Fagerland, Lydersen and Laake, 2013). Both are 1 when there is no discordant pair.
func McNemar(b, c int) PairedTest {
	m, n := min(b, c), b+c
	if n == 0 {
		return PairedTest{b, c, 1, 1}
	}
	tail := 0.0
	for i := 0; i <= m; i++ {
		tail += binomialPMF(n, 0.5, i)
	}
	s := 2 * tail
	return PairedTest{b, c, math.Min(1, s), math.Min(1, s-binomialPMF(n, 0.5, m))}
}

// Holm adjusts p-values for being several (Holm 1979). The result is in the order of the input.
func Holm(p []float64) []float64 {
	order := ascending(p)
	adjusted := make([]float64, len(p))
	highest := 0.0
	for rank, i := range order {
		highest = math.Max(highest, math.Min(1, float64(len(p)-rank)*p[i]))
		adjusted[i] = highest
	}
	return adjusted
}
