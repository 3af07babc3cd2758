package eval

import "fmt"

// check refuses runs that are no evidence for the model: those of another model, and those asked in another way than
// what they are given as.
func (in GateInput) check() error {
	if in.Run == nil {
		return failf(ExitUsage, nil, "the gate needs a run of the model")
	}
	for _, part := range []struct {
		flag  string
		run   *Run
		asked Ablation // the change that the run must be asked with
	}{
		{"--no-passage", in.NoPassage, Ablation{NoPassage: true}},
		{"--rotated", in.Rotated, Ablation{Rotate: -1}},
		{"--race", in.Race, Ablation{}},
	} {
		if part.run == nil {
			continue
		}
		if err := sameModel(part.flag, in.Run.Header, part.run.Header); err != nil {
			return err
		}
		got := part.run.Header.Ablation.plain()
		if part.asked.Rotate < 0 && got.Rotate > 1 { // any number of rotations
			part.asked.Rotate = got.Rotate
		}
		if got != part.asked {
			return failf(ExitConfig, nil, "the run of %s was asked in another way: it is %s", part.flag, got.named())
		}
	}
	return nil
}

// plain writes what changes nothing as nothing.
func (a Ablation) plain() Ablation {
	if a.Rotate == 1 {
		a.Rotate = 0
	}
	if a.Repeat == 1 {
		a.Repeat = 0
	}
	return a
}

// named gives the changes of an ablation, or that there are none.
func (a Ablation) named() string {
	if a.plain() == (Ablation{}) {
		return "asked as usual"
	}
	return "asked " + a.line()
}

// sameModel refuses a run of another model than that of the gate, or of the same asked by other means.
func sameModel(flag string, gated, other Header) error {
	a, b := gated.Model, other.Model
	pairs := [][3]string{{"base", a.Base, b.Base}, {"edition of the base", a.BaseRevision, b.BaseRevision},
		{"precision", a.Precision, b.Precision}, {"method", string(gated.Asked.Method), string(other.Asked.Method)},
		{"template", gated.Asked.Template, other.Asked.Template}, {"template's hash", gated.Asked.TemplateHash, other.Asked.TemplateHash},
		{"mode", string(gated.Asked.Mode), string(other.Asked.Mode)}}
	switch {
	case a.AdapterSHA256 != "" || b.AdapterSHA256 != "":
		pairs = append([][3]string{{"adapter's digest", a.AdapterSHA256, b.AdapterSHA256}}, pairs...)
	case a.Adapter != "" || b.Adapter != "":
		pairs = append([][3]string{{"adapter", a.Adapter, b.Adapter}}, pairs...)
	default:
		pairs = append([][3]string{{"model", a.Name, b.Name}}, pairs...)
	}
	for _, p := range pairs {
		if p[1] != p[2] {
			return failf(ExitConfig, nil, "the run of %s is not of the same model: its %s is %s, and that of the gate's run is %s",
				flag, p[0], orNone(p[2]), orNone(p[1]))
		}
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return fmt.Sprintf("%q", s)
}

// CheckRival refuses a run that does not show what the model would replace as it is asked: one with an ablation that the
// gate's run lacks.
func CheckRival(run, rival *Run) error {
	if rival.Header.Ablation.plain() != run.Header.Ablation.plain() {
		return failf(ExitConfig, nil, "the run of --against was asked in another way: it is %s, and the gate's run %s",
			rival.Header.Ablation.named(), run.Header.Ablation.named())
	}
	return nil
}
