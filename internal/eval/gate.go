package eval

import (
	"fmt"
	"math"
	"strings"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// The bounds of the gate.
const (
	passageEffect   = 0.08 // share of items that the passage must win
	readsThePassage = 0.15 // from here on the report says "reads the passage"
	rstdFast        = 10.0 // points
	rstdCareful     = 5.0
	calibrationECE  = 0.10
	consistencyBig  = 0.70
	raceTest        = 0.50 // of RACE's test part, for what was trained on RACE
	raceTestItems   = 4931 // questions of that part: 4,934 less three that have the same choice twice
	targetShare     = 0.65
	targetLow       = 0.55
)

// tuningPool is the pool on which things are fitted, so that no figure of it is a result.
const tuningPool = "dev-tune"

// GateInput is what the gate looks at.
type GateInput struct {
	Run       *Run    // the run of the served model in its served way of asking
	NoPassage *Run    // the same items asked without their passage; nil where not measured
	Rotated   *Run    // the same items under rotations; nil where not measured
	Race      *Run    // RACE's test part, whole or drawn; nil where not measured
	Learnt    *Learnt // what the adapter was trained on, where the run's header does not say it; nil where nobody knows
	Big       bool    // a model of 3 B parameters with an adapter: the stricter bounds hold too
}

// Check is one bound of the gate.
type Check struct {
	Name     string
	Measured string // with what must be said beside it, or "not measured"
	Bound    string
	Passed   bool
	Required bool // for the label production
}

// GateResult is what a model may be called.
type GateResult struct {
	Quality    sat.Quality
	Sentence   string
	Shown      bool // above text-free baselines: worth showing at all
	Checks     []Check
	Evaluation sat.Evaluation // to be stored in the model's record
}

// Gate judges a model by its runs. It is "production" only when every required check was measured and passed. Runs that
// are not of that model, or not of what they are given as, are an error.
func Gate(in GateInput) (GateResult, error) {
	if err := in.check(); err != nil {
		return GateResult{}, err
	}
	s := Summarise(in.Run)
	checks := []Check{sound(s, in.Run.Header)}
	shown, useful := baselineChecks(s, in.Run.Header)
	checks = append(checks, shown, useful, passageCheck(in), letterCheck(s, in.Run.Header), calibrationCheck(s))
	if race, asked := raceCheck(in); asked {
		checks = append(checks, race)
	}
	if in.Big {
		checks = append(checks, consistencyCheck(in.Rotated), targetCheck(s))
	}
	result := GateResult{Quality: sat.Production, Shown: checks[0].Passed && shown.Passed, Checks: checks}
	var failed []string
	for _, c := range checks {
		if c.Required && !c.Passed {
			result.Quality = sat.Demo
			failed = append(failed, c.Name)
		}
	}
	where := fmt.Sprintf("on %d questions (%s)", in.Run.Header.Data.N, in.Run.Header.Data.Pool)
	result.Sentence = "It passes every bound of the gate " + where + "."
	if failed != nil { // students read this sentence: the figures stand in the checks
		result.Sentence = "It does not pass the gate " + where + ": " + strings.Join(failed, ", ") + "."
	}
	result.Evaluation = evaluation(s, in.Run.Header, result.Sentence)
	result.Evaluation.Passed = failed == nil
	return result, nil
}

func evaluation(s Summary, h Header, verdict string) sat.Evaluation {
	i := s.Accuracy.Interval()
	return sat.Evaluation{Pool: h.Data.Pool, DataHash: h.Data.SHA256, Method: h.Asked.Method, Template: h.Asked.Template, PriorID: h.Asked.PriorID,
		Mode: h.Asked.Mode, Base: h.Model.Base, BaseRevision: h.Model.BaseRevision, Precision: h.Model.Precision, Engine: h.Engine.Name,
		Correct: s.Accuracy.k, N: s.Accuracy.n, Low: i.Low, High: i.High, ECE: s.ECE, Date: h.Started.Format("2006-01-02"), Verdict: verdict}
}

// sound asks whether the run is one of which anything may be said.
func sound(s Summary, h Header) Check {
	c := Check{Name: "sound run", Measured: "complete, items " + h.Contamination.Verdict, Bound: "complete, whole pool, clean, default way of asking", Required: true}
	switch {
	case !s.Accuracy.Known():
		c.Measured = s.Accuracy.reason
	case h.Data.Pool == tuningPool:
		c.Measured = "the items are those that temperature and thresholds were fitted on"
	case h.Ablation.plain() != Ablation{}:
		c.Measured = "an ablation: " + h.Ablation.line()
	case h.Contamination.Clean():
		c.Passed = true
	}
	return c
}

func baselineChecks(s Summary, h Header) (shown, useful Check) {
	k, n := s.Accuracy.Counts()
	p0 := float64(h.Baselines.Best()) / float64(max(1, n))
	k0 := stats.LeastAboveChance(n, p0, Level)
	shown = Check{Name: "above text-free baselines", Measured: s.Accuracy.String(), Bound: fmt.Sprintf("≥ %d of %d right", k0, n),
		Passed: n > 0 && k >= k0, Required: true}
	if k0 > n {
		shown.Bound = fmt.Sprintf("more questions: %d can show nothing", n)
		useful = Check{Name: "useful", Measured: s.Accuracy.String(), Bound: shown.Bound, Required: true}
		return shown, useful
	}
	useful = Check{Name: "useful", Measured: s.Accuracy.String(), Bound: fmt.Sprintf("lower end of the interval ≥ %s", points(float64(k0)/float64(max(1, n)))),
		Passed: n > 0 && s.Accuracy.Interval().Low >= float64(k0)/float64(n), Required: true}
	return shown, useful
}

// passageCheck asks what the passage is worth, on the same items with and without it.
func passageCheck(in GateInput) Check {
	c := Check{Name: "gain by the passage", Measured: "not measured", Bound: fmt.Sprintf("≥ %.0f points", 100*passageEffect), Required: true}
	if in.NoPassage == nil {
		return c
	}
	pairs, err := Compare(in.NoPassage, in.Run)
	if err != nil {
		c.Measured = err.Error()
		return c
	}
	delta := pairs[0]
	c.Measured = fmt.Sprintf("%+.1f points, 95 %% interval by passage %+.1f to %+.1f", 100*delta.Delta, 100*delta.ByPassage.Low, 100*delta.ByPassage.High)
	if delta.Delta >= readsThePassage {
		c.Measured += ": reads the passage"
	}
	c.Passed = delta.Delta >= passageEffect
	return c
}

func letterCheck(s Summary, h Header) Check {
	bound := rstdFast
	if h.Asked.Mode == sat.Careful {
		bound = rstdCareful
	}
	c := Check{Name: "letter bias", Measured: fmt.Sprintf("RStd %.1f", s.RStd), Bound: fmt.Sprintf("≤ %.0f", bound),
		Passed: s.Answered > 0 && s.RStd <= bound, Required: true}
	if s.Bias != "" {
		c.Measured += ". " + s.Bias
	}
	return c
}

func calibrationCheck(s Summary) Check {
	c := Check{Name: "calibration", Measured: "not measured", Bound: fmt.Sprintf("ECE ≤ %.2f", calibrationECE), Required: true}
	if s.Scored > 0 {
		c.Measured = fmt.Sprintf("ECE %.4f over %d items", s.ECE, s.Scored)
		c.Passed = s.ECE <= calibrationECE
	}
	return c
}

func consistencyCheck(rotated *Run) Check {
	c := Check{Name: "consistency over rotations", Measured: "not measured", Bound: fmt.Sprintf("≥ %.0f %%", 100*consistencyBig), Required: true}
	if rotated == nil {
		return c
	}
	if s := Summarise(rotated); !math.IsNaN(s.Consistency) {
		c.Measured, c.Passed = points(s.Consistency), s.Consistency >= consistencyBig
	}
	return c
}

func targetCheck(s Summary) Check {
	k, n := s.Accuracy.Counts()
	return Check{Name: "target of a 3 B model with adapter", Measured: s.Accuracy.String(),
		Bound:  fmt.Sprintf("≥ %.0f %% right, lower end ≥ %.0f %%", 100*targetShare, 100*targetLow),
		Passed: n > 0 && float64(k) >= targetShare*float64(n) && s.Accuracy.Interval().Low >= targetLow, Required: true}
}
