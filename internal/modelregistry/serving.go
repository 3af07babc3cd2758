package modelregistry

import (
	"fmt"
	"path"

	"sattutor/internal/sat"
)

// Serving is what a machine serves adapters on. A gate that was measured on something else says nothing of it.
type Serving struct {
	Base      string // the base model's weights, as people know them
	Revision  string // their edition; "" where unknown
	Precision string // as served; "unknown" where the engine does not say
}

// ServingOn gives what a base model's record says of it.
func ServingOn(base sat.Model) Serving { return Serving{base.Base, base.Revision, base.Precision} }

// holds says what differs between what a gate measured and how the adapter is asked on a machine, "" where nothing does.
func (g GateNote) holds(on Serving, asked AdapterPrompt) string {
	e := g.Evaluation
	if e.Base == "" || e.Precision == "" {
		return "its gate does not say on what base and precision it was measured"
	}
	pairs := [][3]string{{"base", path.Base(e.Base), path.Base(on.Base)}, {"precision", e.Precision, on.Precision},
		{"method", string(e.Method), string(asked.Method)}, {"template", e.Template, asked.Template}}
	if e.BaseRevision != "" && on.Revision != "" {
		pairs = append(pairs, [3]string{"edition of the base", e.BaseRevision, on.Revision})
	}
	for _, p := range pairs {
		if p[1] != p[2] {
			return fmt.Sprintf("its gate was measured with %s %s, and here that is %s", p[0], p[1], p[2])
		}
	}
	return ""
}
