package eval

import (
	"fmt"
	"math"
	"strings"

	"sattutor/internal/stats"
)

// Verdict is what a comparison of two runs comes to.
type Verdict string

// The verdicts.
const (
	Better       Verdict = "better"
	Worse        Verdict = "worse"
	NoDifference Verdict = "no detectable difference"
	NotKnowable  Verdict = "not knowable"
)

// Level is the significance level of every verdict.
const Level = 0.05

// nonRegression is the loss that the non-regression gate still lets pass.
const nonRegression = -0.02

// passageICC is how much items of one passage hang together when the size of a pool is judged.
const passageICC = 0.05

// Comparison pairs a run B with a run A over the same items.
type Comparison struct {
	A, B             *Run
	NameA, NameB     string // of the models, with what else tells the runs apart
	AccuracyA        Measured
	AccuracyB        Measured
	Test             stats.PairedTest // B: only B right; C: only A right
	Adjusted         float64          // exact p, adjusted for the number of comparisons (Holm)
	Comparisons      int              // made together
	Delta            float64          // share right in B less that in A
	ByPassage        stats.Interval   // 95 % bootstrap of Delta over passages
	ByItem           stats.Interval   // the same over items
	DeltaSE          float64          // by passage
	Detectable       float64          // MDE80 at the discordance found; NaN where no difference would be
	Passages         int
	Verdict          Verdict
	NonRegression    bool // Δ ≥ −0.02, and B not significantly worse
	Flips            []Flip
	UnparsedA        int
	UnparsedB        int
	ParseFailRate    float64 // of B
	DiscordanceShare float64 // (b + c)/n
}

// Flip is an item that only one of two runs has right.
type Flip struct {
	ID        string
	PassageID string
	Key       string
	A, B      Record
	Gained    bool // B is right
}

// Compare pairs each run with the first one. It refuses runs over different items or data, and runs that are incomplete
// or partial.
func Compare(base *Run, others ...*Run) ([]Comparison, error) {
	var list []Comparison
	var p []float64
	for _, other := range others {
		c, err := pair(base, other)
		if err != nil {
			return nil, err
		}
		list, p = append(list, c), append(p, c.Test.Exact)
	}
	for i, adjusted := range stats.Holm(p) {
		list[i].Adjusted, list[i].Comparisons = adjusted, len(list)
		list[i].judge()
	}
	return list, nil
}

func comparable(a, b *Run) error {
	x, y := a.Header, b.Header
	switch {
	case x.Data.SHA256 != y.Data.SHA256:
		return failf(ExitConfig, nil, "the runs were made on different data files")
	case x.Data.IDsHash != y.Data.IDsHash:
		return failf(ExitConfig, nil, "the runs hold different items: %d of %s, and %d of %s", x.Data.N, x.Data.Pool, y.Data.N, y.Data.Pool)
	}
	for _, run := range []*Run{a, b} {
		if m := measure(run, "accuracy", func(r Record) bool { return r.Correct }); !m.Known() {
			return failf(ExitIncomplete, nil, "%s cannot be compared: %s", run.Header.Model.Name, m.reason)
		}
	}
	return nil
}

func pair(a, b *Run) (Comparison, error) {
	if err := comparable(a, b); err != nil {
		return Comparison{}, err
	}
	nameA, nameB := names(a.Header, b.Header)
	c := Comparison{A: a, B: b, NameA: nameA, NameB: nameB, AccuracyA: Summarise(a).Accuracy, AccuracyB: Summarise(b).Accuracy, Passages: b.Header.Data.Clusters}
	c.UnparsedA, c.UnparsedB = c.AccuracyA.unparsed, c.AccuracyB.unparsed
	byID := map[string]Record{}
	for _, r := range b.first() {
		byID[r.ID] = r
	}
	var passages, items []string
	var differences []float64
	onlyB, onlyA := 0, 0
	for _, r := range a.first() {
		other, found := byID[r.ID]
		if !found || other.Key != r.Key {
			return c, failf(ExitConfig, nil, "the runs disagree about item %s", r.ID)
		}
		passages, items = append(passages, r.PassageID), append(items, r.ID)
		differences = append(differences, indicator(other.Correct)-indicator(r.Correct))
		if r.Correct == other.Correct {
			continue
		}
		c.Flips = append(c.Flips, Flip{r.ID, r.PassageID, r.Key, r, other, other.Correct})
		onlyB += int(indicator(other.Correct))
		onlyA += int(indicator(r.Correct))
	}
	c.Test = stats.McNemar(onlyB, onlyA)
	groups := stats.Clusters(passages, differences)
	c.Delta, c.DeltaSE = stats.Mean(groups), stats.ClusteredSE(groups)
	c.ByPassage = stats.Bootstrap(groups, stats.Draws, b.Header.Seed)
	c.ByItem = stats.Bootstrap(stats.Clusters(items, differences), stats.Draws, b.Header.Seed)
	c.DiscordanceShare = float64(len(c.Flips)) / float64(len(items))
	c.ParseFailRate = float64(c.UnparsedB) / float64(len(items))
	c.Detectable = detectable(groups, c.DiscordanceShare)
	return c, nil
}

// assumedDiscordance stands in where two runs agree so much that their own discordance says nothing.
const assumedDiscordance = 0.1

// detectable gives the least difference that the pool shows with 80 % power, its size corrected for passages.
func detectable(groups []stats.Cluster, discordance float64) float64 {
	sizes, n := make([]int, len(groups)), 0
	for i, g := range groups {
		sizes[i] = g.N
		n += g.N
	}
	effective := int(float64(n) / stats.Deff(sizes, passageICC))
	delta, ok := stats.MDE80(effective, math.Max(discordance, assumedDiscordance))
	if !ok {
		return math.NaN()
	}
	return delta
}

func (c *Comparison) judge() {
	significant := c.Adjusted <= Level && c.ByPassage.ExcludesZero()
	switch {
	case significant && c.Delta > 0:
		c.Verdict = Better
	case significant && c.Delta < 0:
		c.Verdict = Worse
	default:
		c.Verdict = NoDifference
	}
	c.NonRegression = c.Delta >= nonRegression && !(c.Test.Exact <= Level && c.Test.C > c.Test.B)
}

// names tells two runs apart: by their models, or by how one model was asked.
func names(a, b Header) (nameA, nameB string) {
	nameA, nameB = a.Model.Name, b.Model.Name
	if nameA != nameB {
		return nameA, nameB
	}
	return nameA + " (" + a.way() + ")", nameB + " (" + b.way() + ")"
}

// probability never prints what is merely small as nothing.
func probability(p float64) string {
	if p < 0.0001 {
		return "< 0.0001"
	}
	return fmt.Sprintf("= %.4f", p)
}

// FewPassages is the number of passages below which an interval by passage is not to be trusted.
const FewPassages = 10

// Sentence says the verdict with what it rests on.
func (c Comparison) Sentence() string {
	rest := fmt.Sprintf("Δ = %+.1f points, 95 %% interval by passage %+.1f to %+.1f", 100*c.Delta, 100*c.ByPassage.Low, 100*c.ByPassage.High)
	p := "exact p " + probability(c.Test.Exact)
	if c.Comparisons > 1 {
		p += fmt.Sprintf(", p %s after Holm over %d comparisons", probability(c.Adjusted), c.Comparisons)
	}
	var s string
	if c.Verdict == NoDifference {
		s = fmt.Sprintf("%s: no detectable difference from %s (%s; %s; %s).", c.NameB, c.NameA, rest, p, c.MDE())
	} else {
		s = fmt.Sprintf("%s is %s than %s (%s; %s).", c.NameB, c.Verdict, c.NameA, rest, p)
	}
	if c.Passages < FewPassages {
		s += fmt.Sprintf(" Only %d passages: the interval is too narrow to be trusted.", c.Passages)
	}
	return s
}

// MDE says what the pool could have shown.
func (c Comparison) MDE() string {
	if math.IsNaN(c.Detectable) {
		return "this pool is too small to detect any difference when so few answers change"
	}
	return fmt.Sprintf("this pool can detect ≥ %.1f points in four of five cases", 100*c.Detectable)
}

// AggregateClaim is a comparison of which only the totals are known.
type AggregateClaim struct {
	RightA, RightB, N int
	IntervalA         stats.Interval
	IntervalB         stats.Interval
	Smallest, Largest float64 // exact p over all per-item results that fit the totals
	MostBroken        int     // items that B may have broken for p to be at most .05; −1 when it never is
}

// CompareTotals says what two totals over the same n items allow to be said: never whether one is better.
func CompareTotals(rightA, rightB, n int) (AggregateClaim, error) {
	if n <= 0 || rightA < 0 || rightB < 0 || rightA > n || rightB > n {
		return AggregateClaim{}, failf(ExitUsage, nil, "the totals must lie between 0 and the number of items")
	}
	claim := AggregateClaim{RightA: rightA, RightB: rightB, N: n, IntervalA: stats.Wilson(rightA, n),
		IntervalB: stats.Wilson(rightB, n), Smallest: 1, MostBroken: -1}
	for c := 0; c <= min(rightA, n-rightB); c++ {
		b := c + rightB - rightA
		if b < 0 {
			continue
		}
		p := stats.McNemar(b, c).Exact
		claim.Smallest, claim.Largest = math.Min(claim.Smallest, p), math.Max(claim.Largest, p)
		if p <= Level {
			claim.MostBroken = c
		}
	}
	return claim, nil
}

// String says that the question cannot be answered, and what is known.
func (a AggregateClaim) String() string {
	s := fmt.Sprintf("not knowable: per-item results missing. %d of %d (95 %% interval %s–%s) against %d of %d (%s–%s); "+
		"the exact p lies anywhere from %.4f to %.4f", a.RightB, a.N, points(a.IntervalB.Low), points(a.IntervalB.High),
		a.RightA, a.N, points(a.IntervalA.Low), points(a.IntervalA.High), a.Smallest, a.Largest)
	if a.MostBroken >= 0 {
		s += fmt.Sprintf(", and is at most .05 only if at most %d items that the first had right are wrong in the second", a.MostBroken)
	}
	return s + "."
}

// Screen gives the comparison for a terminal, with the list of flips where it is wanted.
func (c Comparison) Screen(flips bool) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s against %s: %s\n", c.NameB, c.NameA, c.Sentence())
	for _, f := range c.facts() {
		fmt.Fprintf(&out, "  %-26s %s\n", f.Name, f.Value)
	}
	if flips {
		for _, f := range c.Flips {
			fmt.Fprintf(&out, "  %-6s %s on %s, key %s: %s → %s\n", f.direction(), f.ID, f.PassageID, f.Key, orDash(f.A.Letter), orDash(f.B.Letter))
		}
	}
	return out.String()
}
