package stats

import "math"

// The normal quantiles of MDE80: a two-sided 5 % test with 80 % power.
const (
	zAlpha = 1.959964
	zPower = 0.841621
)

// LeastNetGain gives the smallest (b − c)/n whose exact McNemar p is at most .05 when a share d of n items is
// discordant, N = RoundToEven(d·n). Not ok when even N : 0 is not enough.
func LeastNetGain(n int, d float64) (gain float64, ok bool) {
	discordant := int(math.RoundToEven(d * float64(n)))
	for c := discordant / 2; c >= 0; c-- {
		if b := discordant - c; McNemar(b, c).Exact <= 0.05 {
			return float64(b-c) / float64(n), true
		}
	}
	return 0, false
}

// NeededItems gives the number of items at which a true difference delta is found with 80 % power when a share d of
// the items is discordant: (z₁√d + z₂√(d − Δ²))² / Δ² (Connor 1987). Independent items; multiply by [Deff].
func NeededItems(d, delta float64) float64 {
	root := zAlpha*math.Sqrt(d) + zPower*math.Sqrt(math.Max(0, d-delta*delta))
	return root * root / (delta * delta)
}

// MDE80 gives the smallest true difference that n items show with 80 % power when a share d of them is discordant.
// Not ok when even Δ = d would need more items.
func MDE80(n int, d float64) (delta float64, ok bool) {
	if n <= 0 || d <= 0 || NeededItems(d, d) > float64(n) {
		return 0, false
	}
	low, high := 0.0, d
	for range 200 {
		mid := (low + high) / 2
		if NeededItems(d, mid) > float64(n) {
			low = mid
		} else {
			high = mid
		}
	}
	return high, true
}

// ExactPower gives the probability that the exact McNemar test on n items finds a true difference delta at the 5 %
// level when a share d of the items is discordant; the number of discordant items is itself random.
func ExactPower(n int, d, delta float64) float64 {
	q := (d + delta) / (2 * d)
	power := 0.0
	for discordant := 1; discordant <= n; discordant++ {
		weight := binomialPMF(n, d, discordant)
		if weight < 1e-15 {
			continue
		}
		power += weight * rejection(discordant, q)
	}
	return power
}

// rejection gives P(exact p ≤ .05) for b ~ Bin(n, q).
func rejection(n int, q float64) float64 {
	critical := -1
	for c := 0; c <= n/2 && McNemar(n-c, c).Exact <= 0.05; c++ {
		critical = c
	}
	sum := 0.0
	for c := 0; c <= critical; c++ {
		sum += binomialPMF(n, q, n-c) + binomialPMF(n, q, c)
	}
	return sum
}
