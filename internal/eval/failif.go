package eval

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Condition is one --fail-if: a name, an operator and a bound.
type Condition struct {
	Name  string
	Op    string
	Value string
	bound float64 // of a number
}

var conditionForm = regexp.MustCompile(`^\s*([a-z_]+)\s*(<=|>=|==|!=|<|>)\s*(.+?)\s*$`)

// conditionNames lists what a condition may ask for.
var conditionNames = []string{"acc", "parse_fail_rate", "delta", "delta_ci_low", "delta_ci_high", "p_exact", "verdict"}

// ParseCondition reads NAME OP VALUE. The names are acc, parse_fail_rate (both of the second run), delta, delta_ci_low,
// delta_ci_high (by passage), p_exact and verdict, which knows only == and != with better, worse and no_difference.
func ParseCondition(text string) (Condition, error) {
	m := conditionForm.FindStringSubmatch(text)
	if m == nil {
		return Condition{}, failf(ExitUsage, nil, "%q is no condition; write NAME OP VALUE, as in 'delta < -0.02'", text)
	}
	c := Condition{Name: m[1], Op: m[2], Value: m[3]}
	if !slices.Contains(conditionNames, c.Name) {
		return c, failf(ExitUsage, nil, "%q is unknown; use one of %v", c.Name, conditionNames)
	}
	if c.Name == "verdict" {
		if c.Op != "==" && c.Op != "!=" {
			return c, failf(ExitUsage, nil, "a verdict can only be compared by == and !=")
		}
		if _, ok := verdictNames()[c.Value]; !ok {
			return c, failf(ExitUsage, nil, "%q is no verdict; use better, worse or no_difference", c.Value)
		}
		return c, nil
	}
	bound, err := strconv.ParseFloat(c.Value, 64)
	if err != nil {
		return c, failf(ExitUsage, nil, "%q is no number", c.Value)
	}
	c.bound = bound
	return c, nil
}

func verdictNames() map[string]Verdict {
	return map[string]Verdict{"better": Better, "worse": Worse, "no_difference": NoDifference}
}

// Holds says whether the condition is true of a comparison: then the command fails.
func (c Condition) Holds(of Comparison) bool {
	if c.Name == "verdict" {
		return (of.Verdict == verdictNames()[c.Value]) == (c.Op == "==")
	}
	x := c.measured(of)
	switch c.Op {
	case "<":
		return x < c.bound
	case "<=":
		return x <= c.bound
	case ">":
		return x > c.bound
	case ">=":
		return x >= c.bound
	case "==":
		return x == c.bound
	}
	return x != c.bound
}

func (c Condition) measured(of Comparison) float64 {
	switch c.Name {
	case "acc":
		return float64(of.AccuracyB.k) / float64(of.AccuracyB.n)
	case "parse_fail_rate":
		return of.ParseFailRate
	case "delta":
		return of.Delta
	case "delta_ci_low":
		return of.ByPassage.Low
	case "delta_ci_high":
		return of.ByPassage.High
	}
	return of.Test.Exact
}

// Report says what was measured, what the bound was, and the interval.
func (c Condition) Report(of Comparison) string {
	measured := string(of.Verdict)
	if c.Name != "verdict" {
		measured = strconv.FormatFloat(c.measured(of), 'f', 4, 64)
	}
	if of.A == nil {
		return fmt.Sprintf("%s %s %s: measured %s (%s)", c.Name, c.Op, c.Value, measured, of.AccuracyB)
	}
	return fmt.Sprintf("%s %s %s: measured %s (Δ 95 %% interval by passage %+.4f to %+.4f)", c.Name, c.Op, c.Value, measured,
		of.ByPassage.Low, of.ByPassage.High)
}

// FailIfRun is FailIf for runs that are compared with nothing: only acc and parse_fail_rate can be asked of them.
func FailIfRun(conditions []Condition, runs []*Run) error {
	var alone []Comparison
	for _, run := range runs {
		s := Summarise(run)
		alone = append(alone, Comparison{B: run, NameB: run.Header.Model.Name, AccuracyB: s.Accuracy, ParseFailRate: float64(s.Unparsed) / float64(max(1, s.Answered))})
	}
	return FailIf(conditions, alone)
}

// Alone says whether the condition can be asked of a run that is compared with nothing.
func (c Condition) Alone() bool { return c.Name == "acc" || c.Name == "parse_fail_rate" }

// FailIf gives an [Error] with [ExitFailIf] that reports every condition that holds of any comparison, nil for none.
func FailIf(conditions []Condition, comparisons []Comparison) error {
	var failed []string
	for _, of := range comparisons {
		for _, c := range conditions {
			if c.Holds(of) {
				failed = append(failed, of.NameB+": "+c.Report(of))
			}
		}
	}
	if failed == nil {
		return nil
	}
	return failf(ExitFailIf, nil, "%s", strings.Join(failed, "\n"))
}
