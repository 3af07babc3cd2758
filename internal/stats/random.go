package stats

import "math/bits"

// SplitMix64 is a small random number generator whose stream is the same on every machine (Steele, Lea and Flood,
// 2014). The zero value is the generator of seed 0.
type SplitMix64 struct{ state uint64 }

// NewSplitMix64 gives the generator of a seed.
func NewSplitMix64(seed uint64) *SplitMix64 { return &SplitMix64{seed} }

// Next gives the next 64 random bits.
func (g *SplitMix64) Next() uint64 {
	g.state += 0x9E3779B97F4A7C15
	z := g.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Index gives a number in [0, n): the high 64 bits of the next value times n.
func (g *SplitMix64) Index(n int) int {
	high, _ := bits.Mul64(g.Next(), uint64(n))
	return int(high)
}
