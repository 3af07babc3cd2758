package stats

import "math"

// Interval is a closed range of plausible values.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Contains says whether x lies in the interval.
func (i Interval) Contains(x float64) bool { return i.Low <= x && x <= i.High }

// ExcludesZero says whether the whole interval lies on one side of 0.
func (i Interval) ExcludesZero() bool { return i.Low > 0 || i.High < 0 }

// Wilson gives the 95 % score interval of a proportion, k right of n (Wilson, JASA 22, 1927). It is [0, 1] for n = 0.
func Wilson(k, n int) Interval {
	if n <= 0 {
		return Interval{0, 1}
	}
	p, size := float64(k)/float64(n), float64(n)
	centre := (p + Z95*Z95/(2*size)) / (1 + Z95*Z95/size)
	half := WilsonHalfWidth(p, n)
	low, high := centre-half, centre+half
	if k <= 0 {
		low = 0
	}
	if k >= n {
		high = 1
	}
	return Interval{low, high}
}

// WilsonHalfWidth gives half the length of the Wilson interval around a share p of n: what a pool of that size can say.
func WilsonHalfWidth(p float64, n int) float64 {
	size := float64(n)
	return Z95 * math.Sqrt(p*(1-p)/size+Z95*Z95/(4*size*size)) / (1 + Z95*Z95/size)
}

// StdErr gives the standard error of a proportion as lm-eval prints it: √(p(1−p)/(n−1)); 0 for n < 2.
func StdErr(k, n int) float64 {
	if n < 2 {
		return 0
	}
	p := float64(k) / float64(n)
	return math.Sqrt(p * (1 - p) / float64(n-1))
}
