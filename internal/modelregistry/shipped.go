package modelregistry

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"

	"sattutor/internal/sat"
)

//go:embed all:shipped
var shippedFiles embed.FS

// shippedRecord is the file beside a shipped adapter that holds what was measured of it.
const shippedRecord = "record.json"

// Shipped is an adapter that is part of this program.
type Shipped struct {
	Entry
	folder fs.FS
}

// shippedFolder hides the record from the adapter's own files.
type shippedFolder struct{ fs.FS }

// ReadDir implements [fs.ReadDirFS].
func (f shippedFolder) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	kept := entries[:0]
	for _, e := range entries {
		if e.Name() != shippedRecord {
			kept = append(kept, e)
		}
	}
	return kept, err
}

// ShippedAdapters gives the adapters that are part of this program, by folder name.
func ShippedAdapters() ([]Shipped, error) { return shippedIn(shippedFiles, "shipped") }

func shippedIn(files fs.FS, dir string) ([]Shipped, error) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, err
	}
	var list []Shipped
	for _, d := range entries {
		if !d.IsDir() {
			continue
		}
		sub, err := fs.Sub(files, path.Join(dir, d.Name()))
		if err != nil {
			return nil, err
		}
		s := Shipped{folder: shippedFolder{sub}}
		raw, err := fs.ReadFile(sub, adapterManifest)
		if err == nil {
			err = json.Unmarshal(raw, &s.Adapter)
		}
		if err == nil {
			err = s.check()
		}
		if err != nil {
			return nil, fmt.Errorf("shipped adapter %s: %w", d.Name(), err)
		}
		_ = json.Unmarshal(raw, &s.raw)
		var record struct {
			Gate *GateNote  `json:"gate"`
			Fit  *Calibrate `json:"calibration"`
		}
		if raw, err := fs.ReadFile(sub, shippedRecord); err == nil {
			if err := json.Unmarshal(raw, &record); err != nil {
				return nil, fmt.Errorf("shipped adapter %s: %s: %w", d.Name(), shippedRecord, err)
			}
		}
		s.Gate, s.Entry.Fit = record.Gate, record.Fit
		list = append(list, s)
	}
	return list, nil
}

// AddShipped puts the adapters that come with the program onto the shelf, and serves the first of a name where nothing
// was ever promoted under it. What the operator changed stays.
func (s *Shelf) AddShipped() error {
	shipped, err := ShippedAdapters()
	if err != nil {
		return err
	}
	return s.addShipped(shipped)
}

func (s *Shelf) addShipped(shipped []Shipped) error {
	for _, a := range shipped {
		st, err := s.load()
		if err != nil {
			return err
		}
		if e, err := s.entry(a.ID(), st); err != nil {
			if _, err := s.Add(a.folder); err != nil {
				return err
			}
		} else if e.Gate != nil || a.Gate == nil {
			continue
		}
		if a.Gate != nil {
			if err := s.NoteGate(a.ID(), *a.Gate); err != nil {
				return err
			}
		}
		if a.Entry.Fit != nil {
			if err := s.NoteFit(a.ID(), *a.Entry.Fit); err != nil {
				return err
			}
		}
		if !promoted(st, a.Name) {
			if err := s.Promote(a.Name, a.ID(), true); err != nil {
				return err
			}
		}
	}
	return nil
}

// promoted tells whether anything was ever promoted under a name.
func promoted(st *state, name string) bool {
	for _, c := range st.History {
		if c.Name == name {
			return true
		}
	}
	return false
}

// shippedModel gives the record of a shipped adapter by its id, for an engine that serves it elsewhere.
func shippedModel(id, served string) (sat.Model, bool) {
	shipped, err := ShippedAdapters()
	if err != nil {
		return sat.Model{}, false
	}
	for _, a := range shipped {
		if a.ID() != id {
			continue
		}
		base := Generic(served)
		for _, m := range mustCatalogue() {
			if m.Base == path.Base(a.Base.ID) {
				base = m.Model(served)
			}
		}
		return a.Model(served, base), true
	}
	return sat.Model{}, false
}

// mustCatalogue is the catalogue, which a test holds readable.
func mustCatalogue() []Manifest {
	list, _ := Catalogue()
	return list
}
