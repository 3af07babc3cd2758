package eval

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// reference makes the paired runs of the bootstrap fixture: passages of 5 4 6 5 4 6 items, A right 3 2 3 2 1 4,
// B right 4 3 3 4 2 4, discordant 7 to 2.
func reference() (a, b *Run) {
	rightA := [][]int{{1, 1, 1, 0, 0}, {1, 1, 0, 0}, {1, 1, 1, 0, 0, 0}, {1, 1, 0, 0, 0}, {1, 0, 0, 0}, {1, 1, 1, 1, 0, 0}}
	rightB := [][]int{{1, 1, 1, 1, 0}, {1, 1, 1, 0}, {1, 1, 0, 1, 0, 0}, {1, 1, 1, 1, 0}, {1, 1, 0, 0}, {1, 1, 1, 0, 1, 0}}
	build := func(right [][]int) *Run {
		var records []Record
		for g, items := range right {
			for _, yes := range items {
				r := Record{PassageID: rowID("p-", g), Key: "A", Letter: "B"}
				if yes == 1 {
					r.Letter = "A"
				}
				records = append(records, r)
			}
		}
		run := fixture(records...)
		run.Header.Data.Clusters = len(right)
		return run
	}
	a, b = build(rightA), build(rightB)
	a.Header.Model.Name, b.Header.Model.Name = "base", "lora"
	return a, b
}

func TestCompareReproducesTheReference(t *testing.T) {
	a, b := reference()
	list, err := Compare(a, b)
	require.NoError(t, err)
	c := list[0]
	assert.Equal(t, []int{7, 2}, []int{c.Test.B, c.Test.C})
	assert.InDelta(t, 0.179688, c.Test.Exact, 5e-7)
	assert.InDelta(t, 0.109375, c.Test.MidP, 5e-7)
	assert.InDelta(t, 5./30, c.Delta, 1e-9)
	assert.InDelta(t, 0.063343, c.DeltaSE, 5e-7)
	assert.InDelta(t, 0.060606, c.ByPassage.Low, 5e-7)
	assert.InDelta(t, 0.296296, c.ByPassage.High, 5e-7)
	assert.InDelta(t, 0.562500, c.AccuracyB.bootstrap.Low, 5e-7)
	assert.InDelta(t, 0.593750, c.AccuracyA.bootstrap.High, 5e-7)
	assert.Equal(t, NoDifference, c.Verdict, "an interval without 0 is not enough")
	assert.True(t, c.NonRegression)
	assert.Len(t, c.Flips, 9)
	assert.Regexp(t, `^lora: no detectable difference from base \(Δ = \+16\.7 points, 95 % interval by passage \+6\.1 to \+29\.6; exact p = 0\.1797; this pool can detect ≥ \d+\.\d points in four of five cases\)\. Only 6 passages`, c.Sentence())
}

// shifted makes a run of n items in which the first gained are right only in B, the next lost only in A.
func shifted(n, gained, lost int) (a, b *Run) {
	build := func(right func(i int) bool) *Run {
		var records []Record
		for i := range n {
			r := Record{Key: "A", Letter: "B", PassageID: rowID("p-", i%25)}
			if right(i) {
				r.Letter = "A"
			}
			records = append(records, r)
		}
		run := fixture(records...)
		run.Header.Data.Clusters = 25
		return run
	}
	return build(func(i int) bool { return i >= gained && i%3 > 0 || i >= gained && i < gained+lost }),
		build(func(i int) bool { return i < gained || i >= gained+lost && i%3 > 0 })
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		gained, lost int
		want         Verdict
		fine         bool
	}{{30, 2, Better, true}, {2, 30, Worse, false}, {5, 5, NoDifference, true}, {0, 0, NoDifference, true}, {1, 5, NoDifference, false}} {
		a, b := shifted(100, c.gained, c.lost)
		list, err := Compare(a, b)
		require.NoError(t, err)
		assert.Equal(t, c.want, list[0].Verdict)
		assert.Equal(t, c.fine, list[0].NonRegression)
		assert.Equal(t, []int{c.gained, c.lost}, []int{list[0].Test.B, list[0].Test.C})
	}
}

// With enough comparisons a small p is no proof any more.
func TestHolmDecidesAmongSeveral(t *testing.T) {
	a, b := shifted(100, 12, 3)
	alone, err := Compare(a, b)
	require.NoError(t, err)
	assert.Equal(t, Better, alone[0].Verdict)
	_, same := shifted(100, 12, 3)
	same.Records = a.Records
	several, err := Compare(a, b, same, same, same)
	require.NoError(t, err)
	assert.InDelta(t, 4*several[0].Test.Exact, several[0].Adjusted, 1e-12)
	assert.Equal(t, NoDifference, several[0].Verdict)
	assert.Contains(t, several[0].Sentence(), "after Holm over 4 comparisons")
}

func TestCompareRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Run)
		exit   Exit
	}{
		"other data":  {func(r *Run) { r.Header.Data.SHA256 = "x" }, ExitConfig},
		"other items": {func(r *Run) { r.Header.Data.IDsHash = "x" }, ExitConfig},
		"incomplete":  {func(r *Run) { r.Header.Complete = false }, ExitIncomplete},
		"partial":     {func(r *Run) { r.Header.Data.Partial = true }, ExitIncomplete},
		"other key":   {func(r *Run) { r.Records[3].Key = "D" }, ExitConfig},
		"item absent": {func(r *Run) { r.Records[3].ID = "x" }, ExitConfig},
	} {
		a, b := reference()
		c.change(b)
		_, err := Compare(a, b)
		assert.Equal(t, c.exit, ExitCode(err), name)
	}
}

func TestTotalsAloneDecideNothing(t *testing.T) {
	claim, err := CompareTotals(18, 28, 38)
	require.NoError(t, err)
	assert.Equal(t, 5, claim.MostBroken)
	assert.InDelta(t, 0.001953, claim.Smallest, 5e-7)
	assert.InDelta(t, 0.098737, claim.Largest, 5e-7)
	assert.Equal(t, "not knowable: per-item results missing. 28 of 38 (95 % interval 58.0 %–85.0 %) against 18 of 38 (32.5 %–62.7 %); "+
		"the exact p lies anywhere from 0.0020 to 0.0987, and is at most .05 only if at most 5 items that the first had right are wrong in the second.", claim.String())
	_, err = CompareTotals(5, 3, 0)
	assert.Equal(t, ExitUsage, ExitCode(err))
}

func TestConditions(t *testing.T) {
	a, b := reference()
	list, err := Compare(a, b)
	require.NoError(t, err)
	for text, want := range map[string]bool{
		"delta < -0.02": false, "delta>=0.1": true, "verdict == worse": false, "verdict != better": true, "verdict == no_difference": true,
		"acc < 0.7": true, "acc <= 0.6": false, "parse_fail_rate > 0": false, "parse_fail_rate == 0": true, "delta_ci_low > 0.06": true,
		"delta_ci_high != 0.3": true, "p_exact < 0.05": false,
	} {
		c, err := ParseCondition(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, c.Holds(list[0]), text)
		assert.Equal(t, want, FailIf([]Condition{c}, list) != nil, text)
	}
	for _, wrong := range []string{"", "delta", "delta = 3", "speed < 3", "delta < fast", "verdict < worse", "verdict == bad"} {
		_, err := ParseCondition(wrong)
		assert.Equal(t, ExitUsage, ExitCode(err), wrong)
	}
	c, err := ParseCondition("delta > 0")
	require.NoError(t, err)
	failure := FailIf([]Condition{c}, list)
	assert.Equal(t, ExitFailIf, ExitCode(failure))
	assert.EqualError(t, failure, "lora: delta > 0: measured 0.1667 (Δ 95 % interval by passage +0.0606 to +0.2963)")
}

func FuzzParseCondition(f *testing.F) {
	f.Add("delta < -0.02")
	f.Add("verdict == worse")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCondition(text)
		if err == nil && c.Name != "verdict" && math.IsNaN(c.bound) && c.Value == "" {
			t.Fatal("a bound without a value")
		}
	})
}

func TestExitCodes(t *testing.T) {
	assert.Equal(t, ExitDone, ExitCode(nil))
	assert.Equal(t, ExitInterrupted, ExitCode(fmt.Errorf("asking: %w", context.Canceled)))
	assert.Equal(t, ExitInternal, ExitCode(errBroken))
	assert.Equal(t, ExitInternal, ExitCode(sat.Errorf(sat.Internal, "x")))
}
