package stats

import (
	"math"
	"slices"
	"sort"
)

// Quantile gives the q-quantile by linear interpolation at h = (n−1)q; NaN of nothing. The values may be in any order.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	x := slices.Sorted(slices.Values(values))
	h := float64(len(x)-1) * q
	low := int(math.Floor(h))
	if low+1 >= len(x) {
		return x[len(x)-1]
	}
	return x[low] + (h-float64(low))*(x[low+1]-x[low])
}

// NearestRank gives the p-quantile that was really observed: the ⌈pn⌉-th smallest value; NaN of nothing.
func NearestRank(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	x := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p * float64(len(x))))
	return x[min(max(rank, 1), len(x))-1]
}

// ascending gives the positions of the values in ascending order, equal ones as they stand.
func ascending(values []float64) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return values[order[a]] < values[order[b]] })
	return order
}
