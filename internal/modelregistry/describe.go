package modelregistry

import (
	"cmp"
	"path"
	"regexp"
	"strings"

	"sattutor/internal/sat"
)

// describe gives how a served model is asked, from whoever knows most of it: the record that the engine was started by;
// what this machine or the engine itself knows of what is behind the name; what was configured for the name. What was
// configured never describes an adapter that says to be another one.
func (r *Registry) describe(s sat.Served, parent sat.Model, known map[string]sat.Model) sat.Model {
	configured, ok := known[s.Name]
	if ok && configured.Record != "" && (s.Root == "" || s.Root == configured.Record) {
		return configured
	}
	if m, told := r.told(s, parent); told {
		return m
	}
	id, adapter := adapterOf(s)
	switch {
	case adapter && ok && configured.Adapter == id.repository():
		configured.AdapterSHA256 = id.digest
		return configured
	case adapter:
		return unknownAdapter(s, id, parent)
	case ok:
		if hubName.MatchString(s.Root) && configured.Adapter == "" {
			configured.Base = s.Root
		}
		return configured
	}
	m := Generic(s.Name)
	m.Base = s.Parent
	if s.Parent != "" {
		m.Adapter = s.Name
	}
	return m
}

// told gives the record of what an engine says that it serves: that of this machine, with what was measured here; that
// of the engine; that of the program; and one that was added on this machine under the served name.
func (r *Registry) told(s sat.Served, parent sat.Model) (sat.Model, bool) {
	if own, err := r.opts.Records.own(s.Root); err == nil {
		return own.Model(s.Name), true
	}
	card, carded := readCard(s.Card, s.Name)
	id, adapter := adapterOf(s)
	if adapter && r.opts.Shelf != nil {
		if e, err := r.opts.Shelf.Entry(id.String()); err == nil {
			if !carded {
				card = baseOf(e.Adapter, s, parent)
			}
			return e.Model(s.Name, card), true
		}
	}
	if carded {
		return card, true
	}
	if manifest, err := r.opts.Records.Lookup(s.Root); err == nil {
		return manifest.Model(s.Name), true
	}
	if adapter {
		if e, err := FindAdapter(nil, id.String()); err == nil {
			return e.Model(s.Name, baseOf(e.Adapter, s, parent)), true
		}
	}
	own, err := r.opts.Records.own(s.Name)
	if err != nil || adapter && own.Adapter != id.String() {
		return sat.Model{}, false
	}
	return own.Model(s.Name), true
}

// baseOf gives the record that an adapter's own is laid over: that of the served base, where it is the adapter's; that
// of the catalogue; or one that knows the name alone. The precision is the catalogue's on our own engine, which names an
// adapter by its id and no more; of another it is not known.
func baseOf(a Adapter, s sat.Served, parent sat.Model) sat.Model {
	name := path.Base(a.Base.ID)
	if path.Base(parent.Base) == name {
		return parent
	}
	for _, m := range mustCatalogue() {
		if m.Base == name {
			base := m.Model(s.Name)
			if s.Root != a.ID() {
				base.Precision, base.Revision = "unknown", ""
			}
			return base
		}
	}
	m := Generic(s.Name)
	m.Base = a.Base.ID
	return m
}

// adapterID is what an engine says of an adapter beyond its served name: "sat-lora@c6e1fdaf" on our engine, and at the
// end of a path of vLLM's, where an adapter of the model hub is "owner--name@" with the whole SHA-256 of its weights.
type adapterID struct{ name, digest string }

var (
	adapterIDs = regexp.MustCompile(`^([^@/\s]+)@([0-9a-f]{8}|[0-9a-f]{64})$`)
	hubName    = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`)
)

// adapterOf reads the id from what a name stands for, or from a name that is one.
func adapterOf(s sat.Served) (adapterID, bool) {
	for _, text := range []string{path.Base(s.Root), s.Name} {
		if parts := adapterIDs.FindStringSubmatch(text); parts != nil {
			return adapterID{parts[1], parts[2]}, true
		}
	}
	return adapterID{}, false
}

// String gives the id as the shelf has it.
func (id adapterID) String() string { return id.name + "@" + id.digest[:8] }

// repository gives the name on the model hub, or the adapter's own.
func (id adapterID) repository() string { return strings.Replace(id.name, "--", "/", 1) }

// unknownAdapter gives the record of an adapter of which only the id is known.
func unknownAdapter(s sat.Served, id adapterID, parent sat.Model) sat.Model {
	m := Generic(s.Name)
	m.Adapter = id.String()
	if len(id.digest) == 64 {
		m.Adapter, m.AdapterSHA256 = id.repository(), id.digest
	}
	m.Base = cmp.Or(parent.Base, s.Parent, "unknown")
	m.QualityNote = "This adapter is not known here, so it is asked by the general method. " +
		"How often it is right has not been measured here."
	return m
}
