package eval

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// PriorItemsAtLeast is the number of unlabelled items below which a letter prior is not estimated.
const PriorItemsAtLeast = 40

// Calibration is what turns a model's scores into an honest confidence, and how it was found.
type Calibration struct {
	Prior        []float64   `json:"prior,omitempty"` // letter prior by position; nil where the method needs none
	PriorID      string      `json:"prior_id,omitempty"`
	PriorItems   int         `json:"prior_items,omitempty"`
	Temperature  float64     `json:"temperature"`
	TuneItems    int         `json:"tune_items"`
	TuneData     string      `json:"tune_data"`     // SHA-256 of the data file
	TuneIDs      string      `json:"tune_ids"`      // SHA-256 of the ids
	TemplateHash string      `json:"template_hash"` // of the template that was asked with
	Template     string      `json:"template"`
	Method       sat.Method  `json:"method"`
	HeldOut      Reliability `json:"held_out"` // before and after, on items that nothing was fitted on
}

// Reliability compares confidence and truth before and after a calibration.
type Reliability struct {
	N           int     `json:"n"`
	Pool        string  `json:"pool"`
	ECEBefore   float64 `json:"ece_before"`
	ECEAfter    float64 `json:"ece_after"`
	BrierBefore float64 `json:"brier_before"`
	BrierAfter  float64 `json:"brier_after"`
	NLLBefore   float64 `json:"nll_before"`
	NLLAfter    float64 `json:"nll_after"`
	RightBefore int     `json:"right_before"`
	RightAfter  int     `json:"right_after"` // a prior may change answers, a temperature never does
	Gained      int     `json:"gained"`      // right after and not before
	Lost        int     `json:"lost"`        // right before and not after
}

// Part gives the part of a run that a selection names, as if only that had been asked.
func (run *Run) Part(d *Dataset, selection Selection) (*Run, error) {
	if run.Header.Data.SHA256 != d.SHA256 {
		return nil, failf(ExitConfig, nil, "the run in %s was made on another data file", run.Dir)
	}
	part := &Run{Dir: run.Dir, Header: run.Header}
	part.Header.Data = dataInfo(Spec{Data: d, Selection: selection})
	wanted := map[string]bool{}
	for _, it := range selection.Items {
		wanted[it.ID] = true
	}
	for _, r := range run.Records {
		if wanted[r.ID] {
			part.Records = append(part.Records, r)
		}
	}
	part.Header.Baselines = baselines(selection.Items)
	if part.Header.Complete = complete(part); !part.Header.Complete {
		return nil, failf(ExitConfig, nil, "the run in %s does not hold every item of %s", run.Dir, selection.Pool)
	}
	return part, nil
}

// CalibrationSpec says what to calibrate on. The three selections must not share a passage.
type CalibrationSpec struct {
	Spec      Spec      // model, engine and way of asking; its data and selection are those for tuning
	PriorData *Dataset  // unlabelled items for the letter prior; nil for none, as method option needs
	Prior     Selection //
	HeldData  *Dataset  // labelled items to report on
	Held      Selection
}

// Calibrate runs the three sets uncalibrated into the folders prior, tune and heldout of the spec's directory, and fits.
func (r *Runner) Calibrate(ctx context.Context, spec CalibrationSpec) (Calibration, error) {
	if err := spec.Check(); err != nil {
		return Calibration{}, err
	}
	run := func(name string, data *Dataset, selection Selection, rotate int) (*Run, error) {
		one := spec.Spec
		one.Dir, one.Data, one.Selection = filepath.Join(spec.Spec.Dir, name), data, selection
		one.Asked.Uncalibrated, one.Ablation = true, Ablation{Rotate: rotate}
		return r.Run(ctx, one)
	}
	var prior *Run
	var err error
	if spec.PriorData != nil {
		if prior, err = run("prior", spec.PriorData, spec.Prior, 4); err != nil {
			return Calibration{}, err
		}
	}
	tune, err := run("tune", spec.Spec.Data, spec.Spec.Selection, 0)
	if err != nil {
		return Calibration{}, err
	}
	held, err := run("heldout", spec.HeldData, spec.Held, 0)
	if err != nil {
		return Calibration{}, err
	}
	return Fit(prior, tune, held)
}

// Check refuses sets that share a passage: what is reported must not be what was fitted.
func (spec CalibrationSpec) Check() error {
	if spec.HeldData == nil || len(spec.Held.Items) == 0 {
		return failf(ExitUsage, nil, "calibration needs held-out items to report on")
	}
	seen := map[string]string{}
	for _, set := range []struct {
		name  string
		items []Item
	}{{"prior", spec.Prior.Items}, {"tuning", spec.Spec.Selection.Items}, {"held-out", spec.Held.Items}} {
		for _, it := range set.items {
			if other, ok := seen[it.PassageID]; ok && other != set.name {
				return failf(ExitConfig, nil, "passage %s is both among the %s and the %s items", it.PassageID, other, set.name)
			}
			seen[it.PassageID] = set.name
		}
	}
	return nil
}

// Fit estimates the letter prior from a run with rotations (nil for no prior) and the temperature from a labelled run,
// and reports both on a third. All three must be complete, uncalibrated, and of one model asked in one way.
func Fit(prior, tune, held *Run) (Calibration, error) {
	for _, run := range []*Run{prior, tune, held} {
		if err := fitForCalibration(run, tune); err != nil {
			return Calibration{}, err
		}
	}
	h := tune.Header
	c := Calibration{TuneItems: h.Data.N, TuneData: h.Data.SHA256, TuneIDs: h.Data.IDsHash, Template: h.Asked.Template,
		TemplateHash: h.Asked.TemplateHash, Method: h.Asked.Method}
	if prior != nil {
		if err := c.fitPrior(prior); err != nil {
			return c, err
		}
	}
	p, keys := labelledScores(tune)
	if len(p) == 0 {
		return c, failf(ExitConfig, nil, "the tuning items have no scores; method %s cannot be calibrated", h.Asked.Method)
	}
	c.Temperature, _ = stats.FitTemperature(logs(c.debiased(p)), keys)
	c.HeldOut = c.report(held)
	return c, nil
}

func fitForCalibration(run, tune *Run) error {
	switch {
	case run == nil:
		return nil
	case !run.Header.Complete:
		return failf(ExitIncomplete, nil, "the run in %s is incomplete", run.Dir)
	case run.Header.Asked.PriorID != "" || run.Header.Asked.Temperature != 1:
		return failf(ExitConfig, nil, "the run in %s was asked with a calibration already applied", run.Dir)
	}
	x, y := run.Header, tune.Header
	if x.Model != y.Model || x.Asked.Template != y.Asked.Template || x.Asked.TemplateHash != y.Asked.TemplateHash || x.Asked.Method != y.Asked.Method {
		return failf(ExitConfig, nil, "the runs in %s and %s are not of one model asked in one way", run.Dir, tune.Dir)
	}
	return nil
}

// fitPrior takes the letter prior from the rotations of a run. Items with another number of choices than most have no
// part in it.
func (c *Calibration) fitPrior(run *Run) error {
	counts := map[int]int{}
	for _, r := range run.first() {
		counts[len(r.Rotations)]++
	}
	k := 0
	for n, count := range counts {
		if n > 1 && (count > counts[k] || count == counts[k] && n > k || k == 0) {
			k = n
		}
	}
	var questions [][][]float64
	for _, r := range run.first() {
		if len(r.Rotations) == k && k > 1 {
			questions = append(questions, r.Rotations)
		}
	}
	if len(questions) < PriorItemsAtLeast {
		return failf(ExitConfig, nil, "a letter prior needs at least %d items asked under rotations; there are %d", PriorItemsAtLeast, len(questions))
	}
	c.Prior, c.PriorItems, c.PriorID = stats.LetterPrior(questions), len(questions), PriorID(run.Header)
	return nil
}

// PriorID gives the identity of a letter prior: it changes with model, adapter, precision, engine, template and items.
func PriorID(h Header) string {
	return "prior-" + digest(strings.Join([]string{h.Model.Name, h.Model.Base, h.Model.BaseRevision, h.Model.AdapterSHA256,
		h.Model.Precision, h.Engine.Name, h.Engine.Version, h.Asked.Template, h.Asked.TemplateHash, h.Data.SHA256, h.Data.IDsHash}, "\x00"))[:12]
}

// debiased divides the prior out of probabilities, where there is one and it fits.
func (c Calibration) debiased(p [][]float64) [][]float64 {
	out := make([][]float64, len(p))
	for i := range p {
		out[i] = p[i]
		if len(c.Prior) == len(p[i]) {
			out[i] = stats.Debias(p[i], c.Prior)
		}
	}
	return out
}

func (c Calibration) report(held *Run) Reliability {
	p, keys := labelledScores(held)
	after := make([][]float64, len(p))
	for i, scores := range logs(c.debiased(p)) {
		after[i] = stats.Softmax(scores, c.Temperature)
	}
	r := Reliability{N: len(p), Pool: held.Header.Data.Pool}
	r.ECEBefore, r.RightBefore = confidenceError(p, keys)
	r.ECEAfter, r.RightAfter = confidenceError(after, keys)
	r.BrierBefore, r.BrierAfter = stats.Brier(p, keys), stats.Brier(after, keys)
	r.NLLBefore, r.NLLAfter = stats.NLL(p, keys), stats.NLL(after, keys)
	for i, key := range keys {
		was, is := stats.ArgMax(p[i]) == key, stats.ArgMax(after[i]) == key
		r.Gained += int(indicator(is && !was))
		r.Lost += int(indicator(was && !is))
	}
	return r
}

func confidenceError(p [][]float64, keys []int) (ece float64, count int) {
	confidence, right := make([]float64, len(p)), make([]bool, len(p))
	for i := range p {
		best := stats.ArgMax(p[i])
		confidence[i], right[i] = p[i][best], best == keys[i]
		count += int(indicator(right[i]))
	}
	return stats.ECE(confidence, right), count
}

// labelledScores gives the probabilities and keys of a run's items that have them.
func labelledScores(run *Run) (p [][]float64, keys []int) {
	for _, r := range run.first() {
		if scores := r.probabilities(); scores != nil && r.key() < len(scores) {
			p, keys = append(p, scores), append(keys, r.key())
		}
	}
	return p, keys
}

// logs gives scores whose softmax is p; what is 0 becomes very unlikely instead.
func logs(p [][]float64) [][]float64 {
	out := make([][]float64, len(p))
	for i := range p {
		out[i] = make([]float64, len(p[i]))
		for k, x := range p[i] {
			out[i][k] = math.Log(math.Max(x, 1e-300))
		}
	}
	return out
}

// String says what was found, with the figures before and after.
func (c Calibration) String() string {
	prior := "no letter prior"
	if c.Prior != nil {
		prior = fmt.Sprintf("letter prior %s from %d unlabelled items: %.3f", c.PriorID, c.PriorItems, c.Prior)
	}
	h := c.HeldOut
	return fmt.Sprintf("%s; temperature %.4f from %d items. On %d held-out items of %s: ECE %.4f before, %.4f after; "+
		"Brier %.4f before, %.4f after; %d right before, %d after (%d gained, %d lost, exact p %s).", prior, c.Temperature,
		c.TuneItems, h.N, h.Pool, h.ECEBefore, h.ECEAfter, h.BrierBefore, h.BrierAfter, h.RightBefore, h.RightAfter, h.Gained, h.Lost,
		probability(stats.McNemar(h.Gained, h.Lost).Exact))
}
