package modelregistry

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

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

// ShippedAdapters gives the adapters that are part of this program, the one that was right most often first.
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
	slices.SortStableFunc(list, func(a, b Shipped) int { return cmp.Compare(b.share(), a.share()) })
	return list, nil
}

// share is how many questions of its record an adapter had right, of one; 0 where nothing was measured.
func (s Shipped) share() float64 {
	if s.Gate == nil || s.Gate.Evaluation.N == 0 {
		return 0
	}
	return float64(s.Gate.Evaluation.Correct) / float64(s.Gate.Evaluation.N)
}

// AddShipped puts the adapters that come with the program onto the shelf, and serves the first of a name. A newer
// program's adapter takes the place of an older one's; what the operator chose under that name, or ended, stays.
func (s *Shelf) AddShipped() error {
	shipped, err := ShippedAdapters()
	if err != nil {
		return err
	}
	return s.addShipped(shipped)
}

func (s *Shelf) addShipped(shipped []Shipped) error {
	named := map[string]bool{}
	for _, a := range shipped {
		if err := s.addOne(a); err != nil {
			return err
		}
		if first := !named[a.Name]; first {
			named[a.Name] = true
			if err := s.serveShipped(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// addOne adds a shipped adapter with what was measured of it, once.
func (s *Shelf) addOne(a Shipped) error {
	e, err := s.Entry(a.ID())
	if sat.CodeOf(err) == sat.NotFound {
		e, err = s.Add(a.folder)
	}
	if err != nil {
		return err
	}
	if a.Gate != nil && e.Gate == nil {
		if err := s.NoteGate(a.ID(), *a.Gate); err != nil {
			return err
		}
	}
	if a.Entry.Fit != nil && e.Fit == nil {
		return s.NoteFit(a.ID(), *a.Entry.Fit)
	}
	return nil
}

// withTheProgram marks promotions that nobody asked for.
const withTheProgram = "comes with the program"

// serveShipped serves a shipped adapter where the operator never chose. Its label is that of its record.
func (s *Shelf) serveShipped(a Shipped) error {
	st, err := s.load()
	if err != nil {
		return err
	}
	former := st.Served[a.Name]
	if former == a.ID() || chosen(st, a.Name) {
		return nil
	}
	return s.change(func(st *state) (Change, error) {
		if former != "" {
			st.Former[a.Name] = append(st.Former[a.Name], former)
		}
		st.Served[a.Name] = a.ID()
		return Change{Action: "promote", Name: a.Name, ID: a.ID(), Former: former, Remark: withTheProgram}, nil
	})
}

// chosen tells whether somebody promoted, rolled back or ended an adapter of a name.
func chosen(st *state, name string) bool {
	return slices.ContainsFunc(st.History, func(c Change) bool {
		ended := c.Action == "retire" && strings.HasPrefix(c.ID, name+"@")
		return (c.Name == name || ended) && c.Remark != withTheProgram
	})
}

// FindAdapter gives an adapter by its id: from the shelf, else of those that are part of this program, which have no
// folder. The shelf may be nil.
func FindAdapter(shelf *Shelf, id string) (Entry, error) {
	err := error(sat.Errorf(sat.NotFound, "There is no adapter %q.", id))
	if shelf != nil {
		e, missing := shelf.Entry(id)
		if missing == nil {
			return e, nil
		}
		err = missing
	}
	shipped, broken := ShippedAdapters()
	if broken != nil {
		return Entry{}, broken
	}
	for _, a := range shipped {
		if a.ID() == id {
			return a.Entry, nil
		}
	}
	return Entry{}, err
}

// mustCatalogue is the catalogue, which a test holds readable.
func mustCatalogue() []Manifest {
	list, _ := Catalogue()
	return list
}
