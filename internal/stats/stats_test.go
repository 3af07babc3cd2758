package stats_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"sattutor/internal/stats"
)

// printed asserts that got, rounded to the digits that the reference prints, is the reference.
func printed(t *testing.T, want string, got float64, what string) {
	t.Helper()
	digits := 0
	for i, c := range want {
		if c == '.' {
			digits = len(want) - i - 1
		}
	}
	assert.Equal(t, want, strconv.FormatFloat(got, 'f', digits, 64), what)
}

func TestNormal(t *testing.T) {
	assert.InDelta(t, stats.Z95, stats.NormalQuantile(0.975), 1e-12)
	assert.InDelta(t, 0.975, stats.NormalCDF(stats.Z95), 1e-12)
	assert.InDelta(t, 0.8416212335729143, stats.NormalQuantile(0.8), 1e-12)
	assert.True(t, math.IsInf(stats.NormalQuantile(0), -1))
}

func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high string
	}{
		{28, 38, "0.579912", "0.850284"}, {18, 38, "0.324790", "0.627410"}, {29, 38, "0.607932", "0.870063"},
		{5, 10, "0.236593", "0.763407"}, {0, 10, "0", "0.277533"}, {10, 10, "0.722467", "1"},
		{80, 133, "0.516575", "0.680733"}, {224, 375, "0.546951", "0.645742"},
	} {
		got := stats.Wilson(c.k, c.n)
		if c.low == "0" {
			assert.Zero(t, got.Low)
		}
		printed(t, c.low, got.Low, "low")
		printed(t, c.high, got.High, "high")
	}
	assert.Equal(t, stats.Interval{Low: 0, High: 1}, stats.Wilson(0, 0))
}

func TestWilsonHalfWidth(t *testing.T) {
	for n, want := range map[int]string{20: "0.1973", 38: "0.1487", 116: "0.0878", 133: "0.0821", 375: "0.0493"} {
		printed(t, want, stats.WilsonHalfWidth(0.6, n), strconv.Itoa(n))
	}
	i := stats.Wilson(12, 20)
	assert.InDelta(t, (i.High-i.Low)/2, stats.WilsonHalfWidth(0.6, 20), 1e-12)
}

func TestWilsonContainsTheShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		i := stats.Wilson(k, n)
		if !i.Contains(float64(k)/float64(n)) || i.Low < 0 || i.High > 1 {
			t.Fatalf("%d/%d: %v", k, n, i)
		}
	})
}

func TestStdErr(t *testing.T) {
	printed(t, "0.072393", stats.StdErr(28, 38), "28/38")
	printed(t, "0.042734", stats.StdErr(76, 136), "76/136")
	assert.Zero(t, stats.StdErr(1, 1))
}

func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		b, c       int
		exact, mid string
	}{
		{10, 0, "0.001953", "0.000977"}, {15, 5, "0.041389", "0.026604"}, {16, 6, "0.052479", "0.034690"},
		{20, 10, "0.098737", "0.070756"}, {7, 1, "0.070313", "0.039063"}, {7, 2, "0.179688", "0.109375"},
		{5, 5, "1", "1"}, {40, 25, "0.081682", "0.064018"}, {0, 0, "1", "1"},
	} {
		got := stats.McNemar(c.b, c.c)
		printed(t, c.exact, got.Exact, "exact")
		printed(t, c.mid, got.MidP, "mid-p")
	}
}

// The original claimed 28 of 38 against 18 of 38 without per-item results, so b − c = 10 and c is unknown.
func TestTheOriginalsClaimIsSignificantOnlyWithFewBrokenItems(t *testing.T) {
	for c := 0; c <= 10; c++ {
		assert.Equal(t, c <= 5, stats.McNemar(c+10, c).Exact <= 0.05, "c = %d", c)
	}
	printed(t, "0.0020", stats.McNemar(10, 0).Exact, "smallest")
	printed(t, "0.0987", stats.McNemar(20, 10).Exact, "largest")
}

func TestMcNemarIsSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, c := rapid.IntRange(0, 300).Draw(t, "b"), rapid.IntRange(0, 300).Draw(t, "c")
		x, y := stats.McNemar(b, c), stats.McNemar(c, b)
		if x.Exact != y.Exact || x.MidP != y.MidP || x.MidP > x.Exact || x.Exact > 1 {
			t.Fatalf("%v against %v", x, y)
		}
	})
}

func TestHolm(t *testing.T) {
	assert.InDeltaSlice(t, []float64{.03, .06, .06}, stats.Holm([]float64{.01, .04, .03}), 1e-12)
	assert.Empty(t, stats.Holm(nil))
}

func TestHolmIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 12).Draw(t, "p")
		adjusted := stats.Holm(p)
		for i := range p {
			if adjusted[i] < p[i] || adjusted[i] > 1 {
				t.Fatalf("%v became %v", p, adjusted)
			}
			for j := range p {
				if p[i] < p[j] && adjusted[i] > adjusted[j] {
					t.Fatalf("order lost: %v became %v", p, adjusted)
				}
			}
		}
	})
}

func TestBinomial(t *testing.T) {
	assert.Equal(t, 54, stats.LeastAboveChance(133, 44./133, 0.05))
	assert.Equal(t, 49, stats.LeastAboveChance(116, 40./116, 0.05))
	assert.LessOrEqual(t, stats.BinomialTail(133, 44./133, 54), 0.05)
	assert.Greater(t, stats.BinomialTail(133, 44./133, 53), 0.05)
	assert.Equal(t, 4, stats.LeastAboveChance(3, 0.9, 0.05), "not even all right is enough")
	assert.Equal(t, 1, stats.LeastAboveChance(3, 0, 0.05))
	assert.Equal(t, 4, stats.LeastAboveChance(3, 1, 0.05))
	assert.InDelta(t, 1, stats.BinomialTail(9, 0.3, 0), 1e-12)
	assert.InDelta(t, 0.5, stats.BinomialTail(9, 0.5, 5), 1e-12)
}

func TestWhatAPoolCanDetect(t *testing.T) {
	const none = ""
	for _, c := range []struct {
		n            int
		gains        [4]string // d = .1, .2, .3, .4, in per cent
		mde20, mde40 string
	}{
		{20, [4]string{none, none, "30.00", "40.00"}, none, "37.33"},
		{38, [4]string{none, "21.05", "23.68", "23.68"}, "19.70", "27.86"},
		{116, [4]string{"6.90", "9.48", "11.21", "13.79"}, "11.52", "16.28"},
		{133, [4]string{"6.77", "9.77", "10.53", "12.78"}, "10.77", "15.23"},
		{375, [4]string{"3.73", "5.07", "5.87", "6.93"}, "6.45", "9.12"},
	} {
		check := func(want string, got float64, ok bool, what string) {
			assert.Equal(t, want != none, ok, "n = %d, %s", c.n, what)
			if want != none {
				printed(t, want, 100*got, what)
			}
		}
		for i, want := range c.gains {
			d := float64(i+1) / 10
			gain, ok := stats.LeastNetGain(c.n, d)
			check(want, gain, ok, "least net gain")
		}
		delta, ok := stats.MDE80(c.n, 0.2)
		check(c.mde20, delta, ok, "MDE at d = .2")
		delta, ok = stats.MDE80(c.n, 0.4)
		check(c.mde40, delta, ok, "MDE at d = .4")
	}
	printed(t, "311.59", stats.NeededItems(.4, .1), "needed")
	printed(t, "42.95", stats.NeededItems(.4, .263), "needed")
	printed(t, "625.55", stats.NeededItems(.2, .05), "needed")
	printed(t, "0.5405", stats.ExactPower(375, .2, .05), "power")
	printed(t, "0.9287", stats.ExactPower(375, .2, .08), "power")
}

func TestSplitMix64(t *testing.T) {
	g := stats.NewSplitMix64(0)
	for _, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		assert.Equal(t, want, g.Next())
	}
	g = stats.NewSplitMix64(1)
	for i, want := range []int{3, 4, 5, 2, 2, 4, 5, 3, 1, 4, 2, 3} {
		assert.Equal(t, want, g.Index(6), "draw %d", i)
	}
}

var (
	sizes  = []int{5, 4, 6, 5, 4, 6}
	aRight = []int{3, 2, 3, 2, 1, 4}
	bRight = []int{4, 3, 3, 4, 2, 4}
)

func clusters(sum func(g int) int) []stats.Cluster {
	groups := make([]stats.Cluster, len(sizes))
	for g, n := range sizes {
		groups[g] = stats.Cluster{Sum: float64(sum(g)), N: n}
	}
	return groups
}

func TestClusters(t *testing.T) {
	a := clusters(func(g int) int { return aRight[g] })
	b := clusters(func(g int) int { return bRight[g] })
	delta := clusters(func(g int) int { return bRight[g] - aRight[g] })
	printed(t, "0.052705", stats.ClusteredSE(a), "SE of A")
	printed(t, "0.052116", stats.ClusteredSE(b), "SE of B")
	printed(t, "0.063343", stats.ClusteredSE(delta), "SE of the difference")
	for _, c := range []struct {
		name      string
		groups    []stats.Cluster
		low, high string
	}{
		{"difference", delta, "0.060606", "0.296296"}, {"B", b, "0.562500", "0.766667"}, {"A", a, "0.392857", "0.593750"},
	} {
		i := stats.Bootstrap(c.groups, stats.Draws, 1)
		printed(t, c.low, i.Low, c.name)
		printed(t, c.high, i.High, c.name)
	}
	i := enumerated(delta)
	printed(t, "0.060606", i.Low, "difference, all draws")
	printed(t, "0.296296", i.High, "difference, all draws")
	printed(t, "0.566667", enumerated(b).Low, "B, all draws")
	assert.Equal(t, stats.Interval{}, stats.Bootstrap(nil, 10, 1))
	assert.Zero(t, stats.ClusteredSE(nil))
}

// enumerated is the bootstrap over all G^G draws instead of a sample of them.
func enumerated(groups []stats.Cluster) stats.Interval {
	g := len(groups)
	total := int(math.Pow(float64(g), float64(g)))
	means := make([]float64, total)
	for draw := range means {
		sum, n := 0.0, 0
		for rest, i := draw, 0; i < g; i++ {
			sum += groups[rest%g].Sum
			n += groups[rest%g].N
			rest /= g
		}
		means[draw] = sum / float64(n)
	}
	return stats.Interval{Low: stats.Quantile(means, .025), High: stats.Quantile(means, .975)}
}

func TestClustersKeepFirstAppearance(t *testing.T) {
	got := stats.Clusters([]string{"b", "a", "b"}, []float64{1, 0, 1})
	assert.Equal(t, []stats.Cluster{{Sum: 2, N: 2}, {Sum: 0, N: 1}}, got)
	assert.InDelta(t, 2./3, stats.Mean(got), 1e-15)
}

func TestDeff(t *testing.T) {
	printed(t, "1.1902", stats.Deff(dev133, 0.05), "dev-133")
	printed(t, "111.7", 133/stats.Deff(dev133, 0.05), "effective n")
	assert.EqualValues(t, 1, stats.Deff(nil, 0.05))
}

// dev133 holds the passage sizes of the pool of that name: 29 passages, 133 items.
var dev133 = []int{5, 4, 4, 4, 6, 5, 5, 4, 5, 4, 6, 5, 4, 6, 4, 5, 3, 4, 4, 5, 6, 4, 6, 7, 4, 3, 4, 4, 3}

func TestQuantiles(t *testing.T) {
	x := []float64{4, 1, 3, 2}
	assert.InDelta(t, 2.5, stats.Quantile(x, .5), 1e-15)
	assert.EqualValues(t, 4, stats.Quantile(x, 1))
	assert.Equal(t, []float64{4, 1, 3, 2}, x, "the input is left alone")
	assert.EqualValues(t, 2, stats.NearestRank(x, .5))
	assert.EqualValues(t, 4, stats.NearestRank(x, .95))
	assert.EqualValues(t, 1, stats.NearestRank(x, 0))
	assert.True(t, math.IsNaN(stats.Quantile(nil, .5)) && math.IsNaN(stats.NearestRank(nil, .5)))
}
