package eval

import (
	"fmt"
	"slices"
	"strings"
)

// raceKind is the kind of source that RACE is in an adapter's manifest.
const raceKind = "race"

// raceCheck holds a model to what it was trained on. It is asked of what learnt from RACE and of adapters of which nobody
// knows what they learnt from; of others it is shown where it was measured. Of a part the whole interval must lie above
// the bound.
func raceCheck(in GateInput) (c Check, asked bool) {
	model := in.Run.Header.Model
	learnt := in.learnt()
	unknown := model.hasAdapter() && (learnt == nil || len(learnt.Sources) == 0)
	c = Check{Name: "RACE's test part", Measured: "not measured",
		Bound:    fmt.Sprintf("≥ %.0f %%; of a part the lower end of the interval", 100*raceTest),
		Required: unknown || learnt != nil && slices.Contains(learnt.Sources, raceKind)}
	if unknown {
		c.Measured += ", and what the adapter learnt from is not known: put it onto the shelf with `sat model add`"
	}
	if in.Race == nil {
		return c, c.Required
	}
	s := Summarise(in.Race)
	c.Measured = s.Accuracy.String()
	if why := notRACE(in.Race); why != "" {
		c.Measured += "; " + why
		return c, true
	}
	k, n := s.Accuracy.Counts()
	share := float64(k) / float64(n)
	if !wholeRACE(in.Race) {
		share = s.Accuracy.Interval().Low
		c.Measured += fmt.Sprintf("; a part of its %d questions", raceTestItems)
	}
	c.Passed = share >= raceTest
	return c, true
}

// learnt says what the adapter was trained on; nil where nobody knows.
func (in GateInput) learnt() *Learnt {
	if known := in.Run.Header.Model.Learnt; known != nil {
		return known
	}
	return in.Learnt
}

// notRACE says why nothing follows from a run for RACE's test part, "" where something does.
func notRACE(run *Run) string {
	m := Summarise(run).Accuracy
	switch {
	case run.Header.Data.Format != FormatRACE:
		return "its data are not RACE"
	case !m.Known():
		return m.reason
	case !run.Header.Contamination.Clean():
		return "its items are " + run.Header.Contamination.Verdict
	}
	for _, r := range run.Records {
		for _, other := range []string{"train", "dev"} {
			if strings.HasPrefix(r.ID, raceName+"-"+other+"-") {
				return "its questions are of RACE's " + other + " part"
			}
		}
	}
	return ""
}

// wholeRACE tells whether a run asked the whole test part. How the file is stored does not matter, so its digest cannot
// tell; the number of its questions does.
func wholeRACE(run *Run) bool {
	d := run.Header.Data
	return d.Pool == "all" && !d.Partial && d.N == raceTestItems
}
