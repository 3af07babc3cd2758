package setup

import (
	"path/filepath"

	"sattutor/internal/config"
	"sattutor/internal/eval"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
)

// Info gives what the header of a run says of a model: with the record in which its gate is kept and, of an adapter that
// this machine or this program knows, with what it learnt from.
func (t *Target) Info(m sat.Model) eval.ModelInfo {
	info := eval.ModelInfo{Name: m.Name, Record: m.Record, Base: m.Base, BaseRevision: m.Revision, Precision: m.Precision,
		Adapter: m.Adapter, AdapterSHA256: m.AdapterSHA256}
	info.Record, info.Learnt = origin(t.shelf, info)
	return info
}

// Fingerprints gives the file of the fingerprints of what a model was trained on, "" where there is none here.
func (t *Target) Fingerprints(m sat.Model) string {
	if m.Fingerprints != "" {
		return m.Fingerprints
	}
	e, known := adapterOf(t.shelf, eval.ModelInfo{Record: m.Record, Adapter: m.Adapter, AdapterSHA256: m.AdapterSHA256})
	if !known || e.Dir == "" {
		return ""
	}
	return e.Model(m.Name, sat.Model{}).Fingerprints
}

// Origin gives the record in which what was measured of a run's model is kept, "" for none, and what its adapter learnt
// from, nil where that is not known: by the run's header or, where that was written by another machine, by the adapters
// of this one and of this program.
func Origin(cfg config.Config, m eval.ModelInfo) (record string, learnt *eval.Learnt) {
	record, learnt = origin(OpenShelf(cfg), m)
	if m.Learnt != nil {
		learnt = m.Learnt
	}
	return record, learnt
}

func origin(shelf *modelregistry.Shelf, m eval.ModelInfo) (record string, learnt *eval.Learnt) {
	e, known := adapterOf(shelf, m)
	if !known {
		return m.Record, nil
	}
	return e.ID(), &eval.Learnt{Sources: e.SourceKinds(), Licence: e.Licence.Label}
}

// adapterOf finds the adapter that answered by the run's record, else by the adapter's own id. One of another digest is
// another adapter.
func adapterOf(shelf *modelregistry.Shelf, m eval.ModelInfo) (modelregistry.Entry, bool) {
	for _, id := range []string{m.Record, m.Adapter} {
		if !isAdapter(id) || id != filepath.Base(id) {
			continue
		}
		e, err := modelregistry.FindAdapter(shelf, id)
		if err == nil && (m.AdapterSHA256 == "" || e.Model("", sat.Model{}).AdapterSHA256 == m.AdapterSHA256) {
			return e, true
		}
	}
	return modelregistry.Entry{}, false
}
