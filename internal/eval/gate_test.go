package eval

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	run.Header.Model = ModelInfo{Name: "m", Base: "B", BaseRevision: "r1", Precision: "q4_1"}
	run.Header.Engine.Name = "llama-server"
	run.Header.Baselines = Baselines{Chance: 0.25, Constant: n * 42 / 133, ConstantLetter: "A", Shortest: n * 44 / 133, Longest: n * 22 / 133}
	return run
}

func without(run *Run, right int) *Run {
	other := graded(run.Header.Data.N, right)
	other.Header.Ablation.NoPassage = true
	return other
}

func gated(t *testing.T, in GateInput) GateResult {
	t.Helper()
	result, err := Gate(in)
	require.NoError(t, err)
	return result
}

// adapted makes a run one of an adapter.
func adapted(run *Run, learnt *Learnt) *Run {
	other := *run
	other.Header.Model.Adapter, other.Header.Model.AdapterSHA256, other.Header.Model.Learnt = "sat-lora@0123abcd", "0123abcd", learnt
	return &other
}

func TestGateHoldsAModelToWhatItLearnt(t *testing.T) {
	fromRACE, fromBooks := &Learnt{Sources: []string{"race"}}, &Learnt{Sources: []string{"prose"}}
	good := adapted(graded(132, 100), fromRACE)
	race := func(pool string, n, right int) *Run {
		run := adapted(graded(n, right), nil)
		run.Header.Data.Format, run.Header.Data.Pool = FormatRACE, pool
		return run
	}
	dev := race("all", 400, 300)
	for i := range dev.Records {
		dev.Records[i].ID = "race-dev-high-" + dev.Records[i].ID
	}
	half := raceTestItems/2 + 1
	for name, c := range map[string]struct {
		run    *Run
		passes bool
	}{
		"not measured":        {nil, false},
		"whole, half right":   {race("all", raceTestItems, half), true},
		"whole, less":         {race("all", raceTestItems, half-1), false},
		"a file of less":      {race("all", 400, 210), false},
		"the same, surely":    {race("all", 400, 230), true},
		"a draw, half right":  {race("all, 400 drawn by passage with seed 1", 400, 210), false},
		"a draw, surely half": {race("all, 400 drawn by passage with seed 1", 400, 230), true},
		"a draw of as many":   {race("all, 4931 drawn by passage with seed 1", raceTestItems, half), false},
		"another part of it":  {dev, false},
		"other questions":     {adapted(graded(400, 300), nil), false},
	} {
		result := gated(t, GateInput{Run: good, NoPassage: adapted(without(good, 50), nil), Race: c.run})
		assert.Equal(t, c.passes, result.check("RACE's test part").Passed, name)
		assert.Equal(t, c.passes, result.Quality == sat.Production, name)
	}
	blind := adapted(without(good, 50), nil)
	weak := race("all", raceTestItems, half-1)
	for name, c := range map[string]struct {
		run      *Run
		told     *Learnt
		race     *Run
		shown    bool
		required bool
	}{
		"a base model learnt nothing here":      {graded(132, 100), nil, nil, false, false},
		"told by the header":                    {adapted(graded(132, 100), fromRACE), nil, nil, true, true},
		"told beside an older header":           {adapted(graded(132, 100), nil), fromRACE, nil, true, true},
		"of an unknown adapter nothing is sure": {adapted(graded(132, 100), nil), nil, nil, true, true},
		"nor of one that names no source":       {adapted(graded(132, 100), &Learnt{Licence: "permissive"}), nil, nil, true, true},
		"other data are not held to it":         {adapted(graded(132, 100), fromBooks), nil, nil, false, false},
		"but what was measured is shown":        {adapted(graded(132, 100), fromBooks), nil, weak, true, false},
		"and never dropped of an unknown one":   {adapted(graded(132, 100), nil), nil, weak, true, true},
	} {
		in := GateInput{Run: c.run, Learnt: c.told, Race: c.race, NoPassage: without(good, 50)}
		if c.run.Header.Model.hasAdapter() {
			in.NoPassage = blind
		}
		result := gated(t, in)
		check := result.check("RACE's test part")
		assert.Equal(t, c.shown, check.Name != "", name)
		assert.Equal(t, c.required, check.Required, name)
		assert.Equal(t, c.required, result.Quality == sat.Demo, name)
	}
}

func TestGateTakesNoOtherModelsRuns(t *testing.T) {
	good := graded(132, 100)
	for flag, put := range map[string]func(*GateInput, *Run){
		"--no-passage": func(in *GateInput, run *Run) { run.Header.Ablation.NoPassage = true; in.NoPassage = run },
		"--rotated":    func(in *GateInput, run *Run) { run.Header.Ablation.Rotate = 4; in.Rotated = run },
		"--race":       func(in *GateInput, run *Run) { in.Race = run },
	} {
		for what, change := range map[string]func(*Header){
			"adapter's digest":    func(h *Header) { h.Model.AdapterSHA256 = "beef" },
			"adapter":             func(h *Header) { h.Model.Adapter = "sat-lora@beef" },
			"model":               func(h *Header) { h.Model.Name = "another" },
			"base":                func(h *Header) { h.Model.Base = "Llama-3.2-3B" },
			"edition of the base": func(h *Header) { h.Model.BaseRevision = "beef" },
			"precision":           func(h *Header) { h.Model.Precision = "bf16" },
			"method":              func(h *Header) { h.Asked.Method = sat.MethodGenerate },
			"template":            func(h *Header) { h.Asked.Template = "answer_lines_v1" },
			"template's hash":     func(h *Header) { h.Asked.TemplateHash = "beef" },
			"mode":                func(h *Header) { h.Asked.Mode = sat.Careful },
		} {
			in, other := GateInput{Run: good}, graded(132, 50)
			change(&other.Header)
			put(&in, other)
			_, err := Gate(in)
			assert.ErrorContains(t, err, "the run of "+flag+" is not of the same model: its "+what+" is", "%s: %s", flag, what)
			assert.Equal(t, ExitConfig, ExitCode(err))
		}
		in, other := GateInput{Run: good}, graded(132, 50)
		put(&in, other)
		_, err := Gate(in)
		require.NoError(t, err, flag)
		other.Header.Ablation.Cold = true
		_, err = Gate(in)
		assert.ErrorContains(t, err, "the run of "+flag+" was asked in another way", flag)
	}
	_, err := Gate(GateInput{Run: good, NoPassage: graded(132, 50)})
	assert.ErrorContains(t, err, "it is asked as usual", "a run with the passage shows nothing of what the passage is worth")

	blind := without(good, 20)
	assert.ErrorContains(t, CheckRival(good, blind), "it is asked without the passage", "it would be easy to beat")
	assert.NoError(t, CheckRival(good, graded(132, 20)))
}

func TestGate(t *testing.T) {
	good := graded(132, 100)
	result := gated(t, GateInput{Run: good, NoPassage: without(good, 50), Rotated: nil})
	assert.Equal(t, sat.Production, result.Quality, result.Sentence)
	assert.True(t, result.Shown)
	assert.Equal(t, sat.Evaluation{Pool: "fixture", DataHash: "d", Method: sat.MethodLetter, Correct: 100, N: 132, Low: stats.Wilson(100, 132).Low,
		High: stats.Wilson(100, 132).High, ECE: result.Evaluation.ECE, Date: "0001-01-01", Passed: true, Verdict: result.Sentence,
		Mode: sat.Fast, Base: "B", BaseRevision: "r1", Precision: "q4_1", Engine: "llama-server"}, result.Evaluation)
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
		result := gated(t, c.in)
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
		result := gated(t, GateInput{Run: bad, NoPassage: without(good, 50)})
		assert.Equal(t, sat.Demo, result.Quality, name)
		assert.False(t, result.check("sound run").Passed, name)
		assert.False(t, result.Shown, name)
	}
}

func TestGateBoundsAreTheReferences(t *testing.T) {
	run := graded(133, 66)
	assert.Equal(t, "≥ 54 of 133 right", gated(t, GateInput{Run: run}).check("above text-free baselines").Bound)
	assert.True(t, gated(t, GateInput{Run: run}).check("useful").Passed)
	assert.False(t, gated(t, GateInput{Run: graded(133, 65)}).check("useful").Passed)
	small := graded(116, 60)
	small.Header.Baselines.Shortest = 40
	assert.True(t, gated(t, GateInput{Run: small}).check("useful").Passed)
	assert.Equal(t, "≥ 49 of 116 right", gated(t, GateInput{Run: small}).check("above text-free baselines").Bound)
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
