package eval

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// graded makes a run of n items, keys in turn, of which every letter's first right share is found, with honest scores.
func graded(n, right int) *Run {
	var records []Record
	share := float64(right) / float64(n)
	for i := range n {
		key := i % 4
		p := []float64{(1 - share) / 3, (1 - share) / 3, (1 - share) / 3, (1 - share) / 3}
		chosen := key
		if i >= right {
			chosen = (key + 1 + i/4%3) % 4
		}
		p[chosen] = share
		r := withScores(sat.Letter(key), p...)
		r.PassageID = rowID("p-", i/5)
		records = append(records, r)
	}
	run := fixture(records...)
	run.Header.Data.Clusters = (n + 4) / 5
	run.Header.Baselines = Baselines{Chance: 0.25, Constant: n * 42 / 133, ConstantLetter: "A", Shortest: n * 44 / 133, Longest: n * 22 / 133}
	return run
}

func without(run *Run, right int) *Run {
	other := graded(run.Header.Data.N, right)
	other.Header.Ablation.NoPassage = true
	return other
}

func TestGateHoldsAModelToWhatItLearnt(t *testing.T) {
	good := graded(132, 100)
	race := func(pool string, n, right int) *Run {
		run := graded(n, right)
		run.Header.Data.Format, run.Header.Data.Pool = FormatRACE, pool
		return run
	}
	for name, c := range map[string]struct {
		run    *Run
		passes bool
	}{
		"not measured":        {nil, false},
		"whole, half right":   {race("all", 400, 200), true},
		"whole, less":         {race("all", 400, 199), false},
		"a draw, half right":  {race("all, 400 drawn by passage with seed 1", 400, 210), false},
		"a draw, surely half": {race("all, 400 drawn by passage with seed 1", 400, 230), true},
		"other questions":     {graded(400, 300), false},
	} {
		result := Gate(GateInput{Run: good, NoPassage: without(good, 50), LearntRACE: true, Race: c.run})
		assert.Equal(t, c.passes, result.check("RACE's test part").Passed, name)
		assert.Equal(t, c.passes, result.Quality == sat.Production, name)
	}
	assert.Equal(t, sat.Production, Gate(GateInput{Run: good, NoPassage: without(good, 50)}).Quality, "asked only of what learnt from it")
}

func TestGate(t *testing.T) {
	good := graded(132, 100)
	result := Gate(GateInput{Run: good, NoPassage: without(good, 50), Rotated: nil})
	assert.Equal(t, sat.Production, result.Quality, result.Sentence)
	assert.True(t, result.Shown)
	assert.Equal(t, sat.Evaluation{Pool: "fixture", DataHash: "d", Method: sat.MethodLetter, Correct: 100, N: 132, Low: stats.Wilson(100, 132).Low,
		High: stats.Wilson(100, 132).High, ECE: result.Evaluation.ECE, Date: "0001-01-01", Passed: true, Verdict: result.Sentence}, result.Evaluation)
	assert.Contains(t, result.check("gain by the passage").Measured, "reads the passage")

	for name, c := range map[string]struct {
		in     GateInput
		failed string
	}{
		"passage not measured": {GateInput{Run: good}, "gain by the passage"},
		"passage worth little": {GateInput{Run: good, NoPassage: without(good, 95)}, "gain by the passage"},
		"near chance":          {GateInput{Run: graded(132, 44), NoPassage: without(good, 20)}, "above text-free baselines"},
		"above, not useful":    {GateInput{Run: graded(132, 60), NoPassage: without(good, 20)}, "useful"},
		"no scores":            {GateInput{Run: changed(good, func(r *Record) { r.Scores = nil }), NoPassage: without(good, 50)}, "calibration"},
		"too sure":             {GateInput{Run: changed(good, func(r *Record) { r.Confidence = 0.99 }), NoPassage: without(good, 50)}, "calibration"},
		"3 B needs rotations":  {GateInput{Run: good, NoPassage: without(good, 50), Big: true}, "consistency over rotations"},
		"3 B target":           {GateInput{Run: graded(132, 80), NoPassage: without(good, 50), Big: true}, "target of a 3 B model with adapter"},
	} {
		result := Gate(c.in)
		assert.Equal(t, sat.Demo, result.Quality, name)
		assert.False(t, result.check(c.failed).Passed, name)
		assert.Contains(t, result.Sentence, c.failed, name)
	}
	for name, change := range map[string]func(*Header){
		"incomplete":   func(h *Header) { h.Complete = false },
		"partial":      func(h *Header) { h.Data.Partial = true },
		"contaminated": func(h *Header) { h.Contamination.Verdict = "unknown" },
		"ablation":     func(h *Header) { h.Ablation.Cold = true },
		"tuning pool":  func(h *Header) { h.Data.Pool = "dev-tune" },
	} {
		bad := graded(132, 100)
		change(&bad.Header)
		result := Gate(GateInput{Run: bad, NoPassage: without(good, 50)})
		assert.Equal(t, sat.Demo, result.Quality, name)
		assert.False(t, result.check("sound run").Passed, name)
		assert.False(t, result.Shown, name)
	}
}

func TestGateBoundsAreTheReferences(t *testing.T) {
	run := graded(133, 66)
	assert.Equal(t, "≥ 54 of 133 right", Gate(GateInput{Run: run}).check("above text-free baselines").Bound)
	assert.True(t, Gate(GateInput{Run: run}).check("useful").Passed)
	assert.False(t, Gate(GateInput{Run: graded(133, 65)}).check("useful").Passed)
	small := graded(116, 60)
	small.Header.Baselines.Shortest = 40
	assert.True(t, Gate(GateInput{Run: small}).check("useful").Passed)
	assert.Equal(t, "≥ 49 of 116 right", Gate(GateInput{Run: small}).check("above text-free baselines").Bound)
}

func (g GateResult) check(name string) Check {
	for _, c := range g.Checks {
		if c.Name == name {
			return c
		}
	}
	return Check{}
}

func changed(run *Run, change func(*Record)) *Run {
	other := *run
	other.Records = nil
	for _, r := range run.Records {
		change(&r)
		other.Records = append(other.Records, r)
	}
	return &other
}
