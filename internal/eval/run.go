package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// Spec says what to run.
type Spec struct {
	Dir               string // the run directory
	Resume            bool   // go on with the run that lies there; its header must be equal
	AllowContaminated bool

	Data         *Dataset
	Selection    Selection
	Model        ModelInfo  // Name is needed; the rest is filled in from the first answer where it is empty
	Engine       EngineInfo //
	Asked        Asked      // empty fields leave the choice to the model's record
	Ablation     Ablation
	Concurrency  int // passages asked at the same time; 0 is 1
	Seed         uint64
	Fingerprints *Fingerprints // of the adapter's training data; nil when there are none
	Sampling     map[string]any
	Code         string
	Hardware     string
}

// Progress is how far a run is.
type Progress struct {
	Model   string
	Done    int // samples, those of an earlier session included
	Total   int
	Correct int           // so far
	P50     time.Duration // latency, over the last answers
	Left    time.Duration // estimate of the time to the end; 0 where unknown
}

// String gives the line that is printed where there is no terminal.
func (p Progress) String() string {
	return fmt.Sprintf("%s %d/%d · %s", p.Model, p.Done, p.Total, p.SoFar())
}

// SoFar gives what stands beside a bar, which counts for itself.
func (p Progress) SoFar() string {
	if p.Done == 0 {
		return "begun"
	}
	i := stats.Wilson(p.Correct, p.Done)
	return fmt.Sprintf("%d right so far (%.1f–%.1f %%) · p50 %s · %s left", p.Correct, 100*i.Low, 100*i.High,
		p.P50.Round(time.Millisecond), p.Left.Round(time.Second))
}

// Runner puts items to an answerer.
type Runner struct {
	Answerer Answerer
	Scorer   Scorer           // for method likelihood; may be nil
	Now      func() time.Time // the clock
	Progress func(Progress)   // called after each sample, one call at a time; may be nil

	TemplateHash func(template string) string // identity of a prompt template; nil where it is unknown
}

// RunEach runs specs, one for each model, one after another, each into a directory of its model's name below its own. A
// model that fails does not stop the next, unless the context ends; all errors are given together, the first one decides
// the exit code.
func (r *Runner) RunEach(ctx context.Context, specs []Spec) ([]*Run, error) {
	var runs []*Run
	var failures []error
	for _, spec := range specs {
		spec.Dir = filepath.Join(spec.Dir, dirName(spec.Model.Name))
		run, err := r.Run(ctx, spec)
		if run != nil {
			runs = append(runs, run)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", spec.Model.Name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return runs, errors.Join(failures...)
}

func dirName(model string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:`, r) {
			return '_'
		}
		return r
	}, model)
}

// Run asks every item of a spec and gives the run as it lies on the disk, also beside an error once it has begun.
func (r *Runner) Run(ctx context.Context, spec Spec) (*Run, error) {
	if r.Progress != nil { // the first answer may take long
		r.Progress(Progress{Model: spec.Model.Name, Total: len(spec.Selection.Items) * max(1, spec.Ablation.Repeat)})
	}
	header, err := r.header(ctx, spec)
	if err != nil {
		return nil, err
	}
	if header, err = openRun(spec, header); err != nil {
		return nil, err
	}
	kept, records, err := openSamples(spec.Dir)
	if err != nil {
		return nil, err
	}
	defer kept.close()
	began := r.Now()
	session := newSession(r, spec, header, kept, newest(records))
	failure := session.ask(ctx)
	header.WallSeconds += r.Now().Sub(began).Seconds()
	run := &Run{Dir: spec.Dir, Header: header}
	loaded, err := Load(spec.Dir)
	if err == nil {
		run.Records = loaded.Records
		run.Header.Complete = complete(run)
		err = writeHeader(spec.Dir, run.Header)
	}
	if err != nil {
		return run, errors.Join(failure, err)
	}
	return run, session.verdict(ctx, run, failure)
}

// header builds the header of a run: what the spec says, completed by what a first answer says of itself.
func (r *Runner) header(ctx context.Context, spec Spec) (Header, error) {
	if err := r.check(spec); err != nil {
		return Header{}, err
	}
	items := spec.Selection.Items
	h := Header{Schema: RunSchema, Data: dataInfo(spec), Model: spec.Model, Engine: spec.Engine, Asked: spec.Asked,
		Ablation: spec.Ablation, Concurrency: max(1, spec.Concurrency), Seed: spec.Seed, Sampling: spec.Sampling,
		Contamination: contamination(items, spec.Model.Adapter, spec.Fingerprints), Baselines: baselines(items),
		Code: spec.Code, Hardware: spec.Hardware, Started: r.Now().UTC().Truncate(time.Second)}
	h.Asked.Uncalibrated = spec.options().Uncalibrated
	if h.Asked.Method == MethodLikelihood {
		h.Asked.Temperature = 1
		doc := items[0].document()
		if _, err := r.Scorer.LogLikelihoods(ctx, spec.Model.Name, doc.Query, []string{" " + doc.Choices[0]}); err != nil {
			return h, unreachable(ctx, spec.Model.Name, err)
		}
		return h, r.refuse(spec, h)
	}
	first, err := r.Answerer.Answer(ctx, warmUp(items[0].shown(spec.Ablation, 0).Passage), spec.options())
	if err != nil && sat.CodeOf(err) != sat.BadOutput {
		return h, unreachable(ctx, spec.Model.Name, err)
	}
	h.fill(first)
	if r.TemplateHash != nil && h.Asked.TemplateHash == "" {
		h.Asked.TemplateHash = r.TemplateHash(h.Asked.Template)
	}
	if h.Model.Adapter != spec.Model.Adapter {
		h.Contamination = contamination(items, h.Model.Adapter, spec.Fingerprints)
	}
	return h, r.refuse(spec, h)
}

func (r *Runner) refuse(spec Spec, h Header) error {
	if spec.AllowContaminated {
		return nil
	}
	return h.Contamination.refusal()
}

func (r *Runner) check(spec Spec) error {
	switch likelihood := spec.Asked.Method == MethodLikelihood; {
	case len(spec.Selection.Items) == 0:
		return failf(ExitUsage, nil, "there is no item to ask")
	case spec.Model.Name == "":
		return failf(ExitUsage, nil, "no model is named")
	case likelihood && r.Scorer == nil:
		return failf(ExitConfig, nil, "method likelihood needs an engine with prompt log-probabilities (echo), such as vLLM")
	case !likelihood && r.Answerer == nil:
		return failf(ExitConfig, nil, "there is nothing to ask: no target is set")
	case spec.Ablation.Rotate > sat.MaxChoices:
		return failf(ExitUsage, nil, "at most %d rotations can be asked", sat.MaxChoices)
	case spec.Asked.Temperature < 0:
		return failf(ExitUsage, nil, "the temperature must not be negative")
	}
	return nil
}

func unreachable(ctx context.Context, model string, err error) error {
	if ctx.Err() != nil {
		return failf(ExitInterrupted, ctx.Err(), "interrupted before the first item")
	}
	switch sat.CodeOf(err) {
	case sat.Invalid, sat.TooLarge, sat.Unauthorized, sat.Forbidden:
		return failf(ExitConfig, err, "the target refused the first question")
	}
	return failf(ExitUnreachable, err, "the target does not answer as %s", model)
}

func dataInfo(spec Spec) DataInfo {
	info := DataInfo{File: filepath.Base(spec.Data.Path), SHA256: spec.Data.SHA256, Format: spec.Data.Format,
		Pool: spec.Selection.Pool, N: len(spec.Selection.Items), Partial: spec.Selection.Partial, Remarks: spec.Selection.Remarks}
	passages := map[string]bool{}
	var ids strings.Builder
	for _, it := range spec.Selection.Items {
		ids.WriteString(it.ID + "\n")
		passages[it.PassageID] = true
		if slices.Contains(it.Requires, "previous") {
			info.Requires = append(info.Requires, it.ID+": "+strings.Join(it.Requires, ", "))
		}
	}
	info.IDsHash, info.Clusters = digest(ids.String()), len(passages)
	return info
}

func (s Spec) options() Options {
	return Options{Model: s.Model.Name, Mode: s.Asked.Mode, Method: s.Asked.Method, Template: s.Asked.Template,
		Uncalibrated: s.Asked.Uncalibrated || s.Ablation.Rotate > 1}
}

// fill completes what the spec left open from an answer.
func (h *Header) fill(a sat.Answer) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&h.Model.Base, a.Base)
	set(&h.Model.Precision, a.Precision)
	set(&h.Model.Adapter, a.Adapter)
	set(&h.Model.AdapterSHA256, a.AdapterSHA256)
	set(&h.Asked.Template, a.Template)
	set(&h.Asked.PriorID, a.PriorID)
	set((*string)(&h.Asked.Mode), string(a.Mode))
	set((*string)(&h.Asked.Method), string(a.Method))
	if h.Asked.Temperature == 0 {
		h.Asked.Temperature = cmp.Or(a.Temperature, 1)
	}
}

// contradiction names what an answer says of itself that the header says otherwise, "" for nothing.
func (h Header) contradiction(a sat.Answer) string {
	for _, pair := range [][3]string{{"model", h.Model.Name, a.Model}, {"base", h.Model.Base, a.Base},
		{"precision", h.Model.Precision, a.Precision}, {"adapter digest", h.Model.AdapterSHA256, a.AdapterSHA256},
		{"template", h.Asked.Template, a.Template}, {"prior", h.Asked.PriorID, a.PriorID}} {
		if pair[1] != pair[2] && pair[2] != "" {
			return fmt.Sprintf("the %s is %s, but an answer came from %s", pair[0], pair[1], pair[2])
		}
	}
	return ""
}

// openRun makes the run directory, or checks that the one to be resumed is of the same run.
func openRun(spec Spec, header Header) (Header, error) {
	old, err := loadHeader(spec.Dir)
	var e *Error
	switch {
	case errors.As(err, &e) && e.Exit == ExitNoFile:
		if err := os.MkdirAll(spec.Dir, 0o755); err != nil {
			return header, failf(ExitConfig, err, "the run directory cannot be made")
		}
		return header, writeHeader(spec.Dir, header)
	case err != nil:
		return header, err
	case !spec.Resume:
		return header, failf(ExitConfig, nil, "%s already holds a run; continue it with --resume or choose another --out", spec.Dir)
	case !sameRun(old, header):
		return header, failf(ExitConfig, nil, "the run in %s was another one: it differs in %s", spec.Dir, strings.Join(differences(old, header), ", "))
	}
	return old, nil
}

// differences names the parts of two headers that differ.
func differences(a, b Header) []string {
	var names []string
	x, y := identity(a), identity(b)
	for _, m := range []map[string]any{x, y} {
		for name := range m {
			if !reflect.DeepEqual(x[name], y[name]) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// complete says whether every sample is there and none is an error.
func complete(run *Run) bool {
	for _, r := range run.Records {
		if r.Outcome == Failed {
			return false
		}
	}
	return len(run.Records) == run.Header.samples()
}
