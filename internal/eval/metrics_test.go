package eval

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// fixture makes a complete run out of records, one passage each unless they say otherwise.
func fixture(records ...Record) *Run {
	run := &Run{Header: Header{Schema: RunSchema, Data: DataInfo{N: len(records), Clusters: len(records), Pool: "fixture", SHA256: "d", IDsHash: "i"},
		Model: ModelInfo{Name: "m"}, Asked: Asked{Temperature: 1, Mode: sat.Fast, Method: sat.MethodLetter}, Seed: 1, Complete: true,
		Contamination: Contamination{Verdict: "clean"}}}
	for i, r := range records {
		if r.ID == "" {
			r.ID = rowID("f-", i)
		}
		if r.PassageID == "" {
			r.PassageID = r.ID
		}
		r.SourceRow = i
		r.judge()
		run.Records = append(run.Records, r)
	}
	return run
}

func withScores(key string, p ...float64) Record {
	best := stats.ArgMax(p)
	r := Record{Key: key, Letter: sat.Letter(best), Confidence: p[best], Margin: margin(p), Method: sat.MethodLetter, LetterMass: 0.95}
	r.setScores(p)
	return r
}

func TestAnAlwaysAModelIsFoundOut(t *testing.T) {
	d := manyItems(44, 4)
	for i := range d.Items { // 14 keys A, the rest in turn
		d.Items[i].Answer = []string{"A", "B", "C", "D"}[i%4]
		if i < 4 {
			d.Items[i].Answer = "A"
		}
	}
	run := mustRun(t, d, always(0), nil)
	s := Summarise(run)
	k, n := s.Accuracy.Counts()
	assert.Equal(t, s.Keys["A"], k, "accuracy is the share of A")
	assert.Equal(t, 44, n)
	assert.InDelta(t, stats.MaxRStd(4), s.RStd, 1e-9)
	assert.Equal(t, "It always says A; A is the key of 14. RStd is 43.3 of at most 43.3: what is measured is the share of this key, not reading.", s.Bias)
	files, err := Report{Runs: []*Run{run}}.Export(ExportHTML)
	require.NoError(t, err)
	assert.Contains(t, string(files[0].Data), "It always says A")
	assert.Contains(t, s.String(), s.Bias)
	assert.Equal(t, sat.Demo, gated(t, GateInput{Run: run}).Quality)
}

func TestRStdOfTheReference(t *testing.T) {
	var records []Record
	for i, c := range []struct{ right, n int }{{33, 44}, {18, 36}, {13, 26}, {12, 30}} {
		for j := range c.n {
			r := Record{Key: sat.Letter(i), Letter: sat.Letter(i)}
			if j >= c.right {
				r.Letter = sat.Letter((i + 1) % 4)
			}
			records = append(records, r)
		}
	}
	s := Summarise(fixture(records...))
	assert.InDelta(t, 12.9301, s.RStd, 5e-5)
	k, n := s.Accuracy.Counts()
	assert.InDelta(t, 0.558824, float64(k)/float64(n), 5e-7)
	assert.Equal(t, 11, s.Confusion["A"]["B"])
	assert.Empty(t, s.Bias)
	assert.Equal(t, 13, s.breakdown("key letter").Cells[2].K)
}

func (s Summary) breakdown(by string) Breakdown {
	for _, b := range s.Breakdowns {
		if b.By == by {
			return b
		}
	}
	return Breakdown{}
}

func TestProbabilityScores(t *testing.T) {
	s := Summarise(fixture(withScores("A", .7, .1, .1, .1), withScores("B", .7, .1, .1, .1), withScores("A", .25, .25, .25, .25)))
	assert.InDelta(t, 0.73, s.Brier, 1e-9)
	assert.InDelta(t, (-2*math.Log(.25)-2*math.Log(.1)-2*math.Log(.7))/6, s.NLL, 1e-9)
	assert.Equal(t, 3, s.Scored)
	assert.InDelta(t, (2*math.Abs(.5-.7)+math.Abs(1-.25))/3, s.ECE, 1e-9)
	low := withScores("A", .7, .1, .1, .1)
	low.LetterMass, low.Clipped, low.Tied = 0.7, true, true
	s = Summarise(fixture(low))
	assert.Equal(t, []int{1, 1, 1}, []int{s.LowMass, s.Clipped, s.Tied})
}

func TestCostAndBreakdowns(t *testing.T) {
	var records []Record
	for i := range 20 {
		r := Record{Key: "A", Letter: "A", LatencyMS: float64(10 * (i + 1)), Tokens: Tokens{Prompt: 100, Cached: 90}, Skill: "INF", Requires: []string{"line", "table"}}
		if i == 19 {
			r.Tokens.Cached, r.Skill, r.Letter = 0, "CID", "B"
		}
		records = append(records, r)
	}
	run := fixture(records...)
	run.Header.WallSeconds, run.Header.Concurrency = 4, 1
	s := Summarise(run)
	assert.Equal(t, []float64{100, 190, 200, 200, 100}, []float64{s.Cost.P50, s.Cost.P95, s.Cost.P99, s.Cost.ColdP50, s.Cost.WarmP50})
	assert.EqualValues(t, 5, s.Cost.ItemsPerSecond)
	assert.Equal(t, []Cell{{"CID", 0, 1}, {"INF", 19, 19}}, s.breakdown("skill").Cells)
	assert.Equal(t, "too few items", s.breakdown("skill").Cells[0].claim())
	assert.Len(t, s.breakdown("requires").Cells, 2)
	assert.Empty(t, s.breakdown("genre").Cells)
}

func TestMeasuredNeverHidesAnything(t *testing.T) {
	right := fixture(Record{Key: "A", Letter: "A"}, Record{Key: "B", Letter: "B"})
	m := Summarise(right).Accuracy
	assert.Equal(t, "letter accuracy 100.0 %: 2 of 2 right, 95 % interval 34.2 %–100.0 %, SE by passage 0.0 points", m.String())
	right.Header.Data.Partial = true
	assert.Contains(t, Summarise(right).Accuracy.String(), "no letter accuracy: the run is partial")
	assert.Equal(t, "< 100 %", percent(9999, 10000))
	assert.Equal(t, "–", percent(0, 0))
	names := map[string]bool{}
	for _, f := range m.Provenance() {
		names[f.Name] = true
		assert.NotEmpty(t, f.Value, f.Name)
	}
	for _, needed := range []string{"Items", "Data", "Contamination", "Model", "Engine", "Asked", "Date"} {
		assert.True(t, names[needed], needed)
	}
}

func TestOriginalsRule(t *testing.T) {
	for raw, want := range map[string]string{
		"B) She has begun.<|eot_id|>":       "B) She has begun.",
		"**Answer**\nB) She has (begun) it": "B) She has",
		"**Answer**\nit is C":               "it is C",
		"":                                  "",
	} {
		assert.Equal(t, want, originalSays(raw))
	}
	d := sampleItems(t)
	text := d.Items[0].Choices[1].Text
	run := mustRun(t, d, generated("B) "+text), nil)
	s := Summarise(run)
	require.NotNil(t, s.Exact)
	k, n := s.Exact.Counts()
	assert.Equal(t, []int{1, 6}, []int{k, n}, "only the first item's line is the key's")
	assert.Zero(t, s.Scored)
}

// continuer scores texts by their length, so that the longest option wins by sum and the shortest by mean.
type continuer struct{ contexts []string }

func (c *continuer) LogLikelihoods(_ context.Context, _, text string, continuations []string) ([]float64, error) {
	c.contexts = append(c.contexts, text)
	ll := make([]float64, len(continuations))
	for i, s := range continuations {
		ll[i] = -1000 + float64(len(s))
	}
	return ll, nil
}

func TestLikelihood(t *testing.T) {
	d := sampleItems(t)
	c := &continuer{}
	runner := &Runner{Scorer: c, Now: clock()}
	spec := sampleSpec(t, d)
	spec.Asked.Method = MethodLikelihood
	run, err := runner.Run(t.Context(), spec)
	require.NoError(t, err)
	r := run.Records[0]
	assert.Equal(t, "A", r.Letter, "the longest option")
	assert.Equal(t, digest(c.contexts[0]), r.PromptHash)
	assert.Equal(t, "A", r.Likelihood.NormLetter, "the least negative mean is the longest's")
	assert.InDelta(t, -1000+float64(len(d.Items[0].Choices[0].Text)+4), r.Likelihood.LL[0], 1e-9)
	s := Summarise(run)
	require.NotNil(t, s.LMAcc)
	k, _ := s.LMAcc.Counts()
	assert.Equal(t, run.Header.Baselines.Longest, k)
	assert.Contains(t, c.contexts[0], "Q: Why does Hester go down to the landing before breakfast? Answer Choices: (A)She")
	assert.Regexp(t, `\nA: Among A through D, the answer is$`, c.contexts[0])
}

// The hash was printed by Python: json.dumps(doc, indent=2, ensure_ascii=False).
func TestDocHashEscapesAsPythonDoes(t *testing.T) {
	doc := lmDoc{Query: "a <b> & “c” é \u2028 \u007f", Choices: []string{"(A)<x>", "(B)y"}, Gold: []int{1}}
	assert.Equal(t, "5b60422e0998ed5a231ce8e9032478c1f97c824f6b43f5ae6b34270368001ec6", doc.hash())
}

func TestLikelihoodHashesAreLMEvals(t *testing.T) {
	d := devData(t)
	s, err := d.Select(Selected{Pool: "dev-136"})
	require.NoError(t, err)
	var prompts string
	var records []Record
	for _, it := range s.Items {
		r := newRecord(it, 0)
		r.PromptHash = it.document().promptHash()
		prompts += r.PromptHash
		records = append(records, r)
	}
	assert.Equal(t, "e2dbe008acede9917137b032a5ffcabdf83c13f440a756da1ce3855c87dbe42e", records[0].PromptHash)
	assert.Equal(t, "da4d195d0b1956e0232309a5fd0f423dcd23df4c024b709dfaea586c2ea2b6df", records[135].PromptHash)
	assert.Equal(t, "39ddc166ba7938a3a56cabceca011739ea5ed9c45f0e1c06b1b754bc71eb0dea", digest(prompts))
	assert.Equal(t, "6682c3600f584d5aa9c7e650ad83c4fe5d170af49c5eda94b3472f490d8ffa7a", records[0].DocHash)
	assert.Equal(t, "080a9ed428559ef602668b4c00f114f1a11c3f6b02a435f0bdc154578e4d7f22", records[0].TargetHash)
	assert.Equal(t, "e66a13d192ead0cabf05d21b4cb0e56abdfc9a70b132e12b8a15b408c8cd47d0", taskHash(records))
}
