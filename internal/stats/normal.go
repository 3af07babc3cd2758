package stats

import "math"

// Z95 is the 97.5 % quantile of the standard normal distribution: the z of a two-sided 95 % interval.
const Z95 = 1.959963984540054

// NormalCDF gives P(Z ≤ z) of the standard normal distribution.
func NormalCDF(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// NormalQuantile gives the z with P(Z ≤ z) = p; -Inf at 0, +Inf at 1, NaN outside [0, 1].
func NormalQuantile(p float64) float64 { return -math.Sqrt2 * math.Erfcinv(2*p) }
