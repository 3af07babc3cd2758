// Package modelregistry knows the models: the catalogue of files that can be fetched, and the names served now.
//
// The catalogue is a folder of manifests, one JSON file a model. [Records] lays the manifests of a folder on this machine
// over it, with what was measured here. A [Shelf] keeps adapters. A Registry joins what the operator said of the served
// names (New) with what the engine lists (SetServed), and resolves the name in a question to the record by which the
// tutor asks that model.
package modelregistry

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"sattutor/internal/sat"
)

// Options say what is known before the engine was asked.
type Options struct {
	Default string               // the default model wherever the engine lists it; else its first one
	Known   map[string]sat.Model // records by served name: sat-base is the catalogue's smollm2-135m; others are Generic
	Records Records              // looked up by what a served name stands for, then by the served name itself
	Shelf   *Shelf               // adapters are looked up there by their ids; nil for none
}

// Registry is the table of served models. It is safe for concurrent use and made by New.
type Registry struct {
	opts Options

	mu     sync.RWMutex
	known  map[string]sat.Model // never altered, but replaced
	served []sat.Listed         // in the engine's order; nil until SetServed
}

// New gives a registry that has not yet heard from an engine.
func New(opts Options) *Registry {
	return &Registry{opts: opts, known: maps.Clone(opts.Known)}
}

// SetKnown replaces the records by served name, as when another adapter was promoted. SetServed joins them with what
// the engine lists then.
func (r *Registry) SetKnown(known map[string]sat.Model) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = maps.Clone(known)
}

// SetServed replaces what the engine serves; an empty list tells that it serves nothing.
func (r *Registry) SetServed(served []sat.Served) {
	r.mu.RLock()
	known := r.known
	r.mu.RUnlock()
	list := make([]sat.Listed, len(served))
	for i, m := range served {
		var parent sat.Model
		if p := slices.IndexFunc(served, func(o sat.Served) bool { return m.Parent != "" && o.Name == m.Parent }); p >= 0 {
			parent = r.describe(served[p], sat.Model{}, known)
		}
		list[i] = sat.Listed{Model: textOnly(m, r.describe(m, parent, known)), Available: true, ContextTokens: m.ContextTokens}
	}
	if i := slices.IndexFunc(list, func(m sat.Listed) bool { return m.Name == r.opts.Default }); i >= 0 {
		list[i].Default = true
	} else if len(list) > 0 {
		list[0].Default = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.served = list
}

// textOnlyNote is added to the quality note of a model whose log-probabilities cannot be used.
const textOnlyNote = "Its engine gives no usable letter scores, so answers are read from generated text and carry no confidence."

// textOnly alters the record of a model whose letter scores cannot be used.
func textOnly(s sat.Served, m sat.Model) sat.Model {
	m.Name = s.Name
	if s.TextOnly && m.Method != sat.MethodGenerate {
		m.Method, m.Template, m.Prior, m.PriorID = sat.MethodGenerate, "answer_v1", nil, ""
		m.QualityNote = strings.TrimSpace(m.QualityNote + " " + textOnlyNote)
	}
	return m
}

// Resolve gives the record of a served name, "" being the default model. Before the engine listed anything the error
// is Unavailable; for a name that is not served it is Invalid and lists those that are.
func (r *Registry) Resolve(name string) (sat.Model, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.served) == 0 {
		return sat.Model{}, &sat.Error{Code: sat.Unavailable, Reason: "engine-not-ready",
			Message: "The engine is starting; no model is served yet. Try again in a moment."}
	}
	for i := range r.served {
		if m := &r.served[i]; m.Name == name || name == "" && m.Default {
			return m.Model, nil
		}
	}
	names := make([]string, len(r.served))
	for i, m := range r.served {
		names[i] = m.Name
	}
	return sat.Model{}, &sat.Error{Code: sat.Invalid, Message: "The question names a model that is not served.",
		Fields: []sat.FieldError{{Field: "model", Message: "is not served; served are " + strings.Join(names, ", ")}}}
}

// Models lists the served names in the engine's order, then those that are known but not served, by name. An adapter
// that is served under its id beside another name is listed once.
func (r *Registry) Models() []sat.Listed {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var list []sat.Listed
	for _, m := range r.served {
		if !r.twice(m) {
			list = append(list, m)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.known)) {
		if !slices.ContainsFunc(r.served, func(m sat.Listed) bool { return m.Name == name }) {
			m := r.known[name]
			m.Name = name
			list = append(list, sat.Listed{Model: m})
		}
	}
	return list
}

// twice tells whether a name is an adapter's id, and the adapter is served under another name too.
func (r *Registry) twice(m sat.Listed) bool {
	return adapterIDs.MatchString(m.Name) && slices.ContainsFunc(r.served, func(o sat.Listed) bool {
		return o.Name != m.Name && o.Adapter == m.Adapter && o.AdapterSHA256 == m.AdapterSHA256 && !adapterIDs.MatchString(o.Name)
	})
}

// Served lists every name that the engine serves, in its order.
func (r *Registry) Served() []sat.Listed {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.served)
}
