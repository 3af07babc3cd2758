package stats

import "math"

// Cluster is what one passage adds to a mean: the sum of its items' values and their number. For an accuracy the
// values are 0 and 1; for a paired difference they are −1, 0 and 1.
type Cluster struct {
	Sum float64
	N   int
}

// Clusters groups values by key, in the order in which the keys appear first.
func Clusters(keys []string, values []float64) []Cluster {
	at := map[string]int{}
	var groups []Cluster
	for i, key := range keys {
		g, seen := at[key]
		if !seen {
			g = len(groups)
			at[key] = g
			groups = append(groups, Cluster{})
		}
		groups[g].Sum += values[i]
		groups[g].N++
	}
	return groups
}

// Mean gives Σx / Σn over all clusters; 0 when they are empty.
func Mean(groups []Cluster) float64 {
	sum, n := 0.0, 0
	for _, g := range groups {
		sum += g.Sum
		n += g.N
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// ClusteredSE gives the standard error of the mean when items of one cluster hang together, without a small-sample
// factor: (1/n) √(Σ_g (Σ_{i∈g} (x_i − x̄))²).
func ClusteredSE(groups []Cluster) float64 {
	mean, n, squares := Mean(groups), 0, 0.0
	for _, g := range groups {
		deviation := g.Sum - mean*float64(g.N)
		squares += deviation * deviation
		n += g.N
	}
	if n == 0 {
		return 0
	}
	return math.Sqrt(squares) / float64(n)
}

// Deff gives the design effect of clusters of the given sizes: 1 + (Σn_g²/n − 1)·icc (Kish 1965).
func Deff(sizes []int, icc float64) float64 {
	n, squares := 0, 0
	for _, size := range sizes {
		n += size
		squares += size * size
	}
	if n == 0 {
		return 1
	}
	return 1 + (float64(squares)/float64(n)-1)*icc
}

// Draws is the number of bootstrap draws that every report uses.
const Draws = 10_000

// Bootstrap gives the 95 % percentile interval of [Mean] when whole clusters are drawn with replacement (Efron 1979).
// Items are drawn singly when each is its own cluster. The interval is [0, 0] without clusters.
func Bootstrap(groups []Cluster, draws int, seed uint64) Interval {
	if len(groups) == 0 || draws < 1 {
		return Interval{}
	}
	random := NewSplitMix64(seed)
	means := make([]float64, draws)
	for d := range means {
		sum, n := 0.0, 0
		for range groups {
			g := groups[random.Index(len(groups))]
			sum += g.Sum
			n += g.N
		}
		means[d] = sum / float64(n)
	}
	return Interval{Quantile(means, 0.025), Quantile(means, 0.975)}
}
