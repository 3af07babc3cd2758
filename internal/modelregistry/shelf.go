package modelregistry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sattutor/internal/sat"
)

// Shelf keeps adapters in a folder: each version in a folder of its own that never changes, and in shelf.json which
// version is served under which name, what was measured, and who changed what when.
type Shelf struct {
	dir string
	now func() time.Time
}

// OpenShelf gives the shelf in a folder, which need not exist before something is added. now is nil for time.Now.
func OpenShelf(dir string, now func() time.Time) *Shelf {
	if now == nil {
		now = time.Now
	}
	return &Shelf{dir: dir, now: now}
}

// Entry is one adapter on a shelf.
type Entry struct {
	Adapter
	Dir     string     // its folder
	Served  []string   // names that it is served under
	Retired bool       // may not be promoted again
	Gate    *GateNote  // the last gate; nil where there was none
	Fit     *Calibrate // how its scores become a confidence; nil where nothing was fitted
}

// GateNote is what a gate said of an adapter.
type GateNote struct {
	Passed     bool           `json:"passed"`  // visible, and no worse than what it would replace: it may be promoted
	Quality    sat.Quality    `json:"quality"` // production only where every required bound holds
	Sentence   string         `json:"sentence"`
	Evaluation sat.Evaluation `json:"evaluation"`
	Rival      string         `json:"rival,omitempty"`   // the adapter or record that it was compared with
	Against    string         `json:"against,omitempty"` // how that ended
	Date       string         `json:"date"`
}

// Calibrate is a model's letter prior and temperature with their identity.
type Calibrate struct {
	Prior       []float64 `json:"prior,omitempty"`
	PriorID     string    `json:"prior_id,omitempty"`
	Temperature float64   `json:"temperature"`
	Template    string    `json:"template"`
	Data        string    `json:"data"` // SHA-256 of what it was fitted on
}

// Change is one line of the audit trail.
type Change struct {
	Time   time.Time `json:"time"`
	Action string    `json:"action"` // add, promote, rollback, retire, gate, calibrate
	Name   string    `json:"name,omitempty"`
	ID     string    `json:"id"`
	Former string    `json:"former,omitempty"`
	Forced bool      `json:"forced,omitempty"`
	Remark string    `json:"remark,omitempty"`
	By     string    `json:"by,omitempty"` // the account on this machine
}

// state is shelf.json.
type state struct {
	Served  map[string]string    `json:"served"`  // served name → id
	Former  map[string][]string  `json:"former"`  // served name → what was served before, newest last
	Gates   map[string]GateNote  `json:"gates"`   // id → the last gate
	Fits    map[string]Calibrate `json:"fits"`    // id → calibration
	Retired []string             `json:"retired"` // ids
	History []Change             `json:"history"` // oldest first, the last mostChanges
}

// mostChanges bounds the audit trail.
const mostChanges = 1000

// Add checks an adapter's folder and copies it onto the shelf. An adapter that is there already stays as it is.
func (s *Shelf) Add(folder fs.FS) (Entry, error) {
	a, err := ReadAdapter(folder)
	if err != nil {
		return Entry{}, err
	}
	final := filepath.Join(s.dir, a.ID())
	if _, err := os.Stat(final); err == nil {
		return s.Entry(a.ID())
	}
	aside := filepath.Join(s.dir, "."+a.ID())
	if err := os.RemoveAll(aside); err != nil {
		return Entry{}, err
	}
	if err := copyFolder(folder, aside); err != nil {
		_ = os.RemoveAll(aside)
		return Entry{}, fmt.Errorf("the adapter cannot be copied onto the shelf: %w", err)
	}
	if err := os.Rename(aside, final); err != nil {
		return Entry{}, err
	}
	err = s.change(func(st *state) (Change, error) {
		return Change{Action: "add", ID: a.ID(), Remark: "licence " + a.Licence.Label}, nil
	})
	if err != nil {
		return Entry{}, err
	}
	return s.Entry(a.ID())
}

// Damage is an adapter of which not even the manifest can be read.
type Damage struct {
	ID  string // the name of its folder
	Err error
}

// Entries lists the adapters, by id, and apart those that are damaged.
func (s *Shelf) Entries() ([]Entry, []Damage, error) {
	st, err := s.load()
	if err != nil {
		return nil, nil, err
	}
	ids, err := s.known(st)
	if err != nil {
		return nil, nil, err
	}
	var list []Entry
	var damaged []Damage
	for _, id := range ids {
		if e, err := s.entry(id, st); err == nil {
			list = append(list, e)
		} else {
			damaged = append(damaged, Damage{id, err})
		}
	}
	return list, damaged, nil
}

// Entry gives one adapter; an id that is not there is NotFound and lists those that are.
func (s *Shelf) Entry(id string) (Entry, error) {
	st, err := s.load()
	if err != nil {
		return Entry{}, err
	}
	return s.entry(id, st)
}

func (s *Shelf) entry(id string, st *state) (Entry, error) {
	dir := filepath.Join(s.dir, id)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || id != filepath.Base(id) {
		ids, _ := s.ids()
		return Entry{}, sat.Errorf(sat.NotFound, "There is no adapter %q here; there are: %s.", id, strings.Join(append(ids, "no others"), ", "))
	}
	raw, err := os.ReadFile(filepath.Join(dir, adapterManifest))
	if err != nil {
		return Entry{}, wrong(filepath.Join(id, adapterManifest), "cannot be read: "+err.Error())
	}
	e := Entry{Dir: dir, Retired: slices.Contains(st.Retired, id)}
	if err := json.Unmarshal(raw, &e.Adapter); err != nil {
		return Entry{}, wrong(filepath.Join(id, adapterManifest), "is damaged: "+err.Error())
	}
	if e.ID() != id {
		return Entry{}, wrong(filepath.Join(id, adapterManifest), "is that of "+e.ID())
	}
	_ = json.Unmarshal(raw, &e.raw)
	if note, ok := st.Gates[id]; ok {
		e.Gate = &note
	}
	if fit, ok := st.Fits[id]; ok {
		e.Fit = &fit
	}
	for _, name := range slices.Sorted(maps.Keys(st.Served)) {
		if st.Served[name] == id {
			e.Served = append(e.Served, name)
		}
	}
	return e, nil
}

// GGUFPath is the adapter's file for llama.cpp, "" where it was not converted.
func (e Entry) GGUFPath() string {
	if e.GGUF == nil {
		return ""
	}
	return filepath.Join(e.Dir, adapterGGUF)
}

// HasWeights tells whether the folder holds what vLLM loads.
func (e Entry) HasWeights() bool {
	_, err := os.Stat(filepath.Join(e.Dir, adapterWeights))
	return err == nil
}

// Model gives the tutor's record of the adapter over its base, with what was measured of it.
func (e Entry) Model(served string, base sat.Model) sat.Model {
	m := e.Adapter.Model(served, base)
	if _, kept := e.Adapter.Adapter.Files[adapterPrints]; kept && e.Dir != "" {
		m.Fingerprints = filepath.Join(e.Dir, adapterPrints)
	}
	if e.Gate != nil {
		m.Quality, m.QualityNote = e.Gate.Quality, e.Gate.Sentence
		m.Evaluations = []sat.Evaluation{e.Gate.Evaluation}
		if other := e.Gate.holds(ServingOn(base), e.Prompt); base.Base != "" && other != "" {
			m.Quality, m.QualityNote = sat.Demo, "How often this adapter is right as it is served here is not known: "+other+"."
		}
	}
	if e.Fit != nil && e.Fit.Template == m.Template {
		m.Prior, m.PriorID, m.Temperature = e.Fit.Prior, e.Fit.PriorID, e.Fit.Temperature
	}
	return m
}

// Verify checks every file of an adapter against its manifest.
func (s *Shelf) Verify(id string) error {
	e, err := s.Entry(id)
	if err != nil {
		return err
	}
	_, err = ReadAdapter(os.DirFS(e.Dir))
	return err
}

// Promote has an adapter served under a name. It needs a passed gate that compared it with what is
// served under that name now, or with its base where nothing is; force takes one without, which is recorded, and the
// adapter keeps the label of a demonstration. A gate that was measured on another base, in another precision or asked in
// another way than the machine serves it counts as none.
func (s *Shelf) Promote(name, id string, on Serving, force bool) error {
	return s.change(func(st *state) (Change, error) {
		e, err := s.entry(id, st)
		former := st.Served[name]
		unproven := err == nil && e.unproven(former)
		other := ""
		if err == nil && e.Gate != nil {
			other = e.Gate.holds(on, e.Prompt)
		}
		switch {
		case err != nil:
			return Change{}, err
		case e.Retired:
			return Change{}, sat.Errorf(sat.Conflict, "%s is retired.", id)
		case former == id:
			return Change{}, sat.Errorf(sat.Conflict, "%s is served as %s already.", id, name)
		case !force && e.Gate == nil:
			return Change{}, sat.Errorf(sat.Conflict, "%s has not passed a gate. Run `sat model gate RUN --store` first, or give --force.", id)
		case !force && !e.Gate.Passed:
			return Change{}, sat.Errorf(sat.Conflict, "%s did not pass its gate: %s Give --force to serve it all the same, as a demonstration.", id, e.Gate.Sentence)
		case !force && other != "":
			return Change{}, sat.Errorf(sat.Conflict, "%s is not known as it would be served: %s. Measure it here and run `sat model gate RUN --store`, or give --force.", id, other)
		case !force && unproven:
			return Change{}, sat.Errorf(sat.Conflict, "Whether %s is worse than %s, which it would replace, is not known. "+
				"Run `sat model gate RUN --against RUN-OF-THAT --store` first, or give --force.", id, cmp.Or(former, "its base"))
		}
		if former != "" {
			st.Former[name] = append(st.Former[name], former)
		}
		st.Served[name] = id
		forced := force && (e.Gate == nil || !e.Gate.Passed || unproven || other != "")
		if note, ok := st.Gates[id]; ok && forced {
			note.Quality = sat.Demo
			st.Gates[id] = note
		}
		return Change{Action: "promote", Name: name, ID: id, Former: former, Forced: forced}, nil
	})
}

// unproven tells whether the gate has not compared an adapter with what it would replace.
func (e Entry) unproven(former string) bool {
	if e.Gate == nil || e.Gate.Rival == "" {
		return true
	}
	return former != "" && e.Gate.Rival != former
}

// Rollback serves again what was served under a name before, and gives its id.
func (s *Shelf) Rollback(name string) (id string, err error) {
	err = s.change(func(st *state) (Change, error) {
		before := st.Former[name]
		if len(before) == 0 {
			return Change{}, sat.Errorf(sat.Conflict, "Nothing was served as %s before.", name)
		}
		current := st.Served[name]
		id = before[len(before)-1]
		st.Former[name], st.Served[name] = before[:len(before)-1], id
		return Change{Action: "rollback", Name: name, ID: id, Former: current}, nil
	})
	return id, err
}

// Retire ends an adapter: it is served no more and cannot be promoted again. Its files stay.
func (s *Shelf) Retire(id string) error {
	return s.change(func(st *state) (Change, error) {
		if _, err := s.entry(id, st); err != nil {
			return Change{}, err
		}
		if slices.Contains(st.Retired, id) {
			return Change{}, sat.Errorf(sat.Conflict, "%s is retired already.", id)
		}
		maps.DeleteFunc(st.Served, func(_, served string) bool { return served == id })
		for name, ids := range st.Former {
			st.Former[name] = slices.DeleteFunc(ids, func(former string) bool { return former == id })
		}
		st.Retired = append(st.Retired, id)
		return Change{Action: "retire", ID: id}, nil
	})
}

// NoteGate keeps what a gate said of an adapter.
func (s *Shelf) NoteGate(id string, note GateNote) error {
	return s.change(func(st *state) (Change, error) {
		if _, err := s.entry(id, st); err != nil {
			return Change{}, err
		}
		note.Date = s.now().UTC().Format("2006-01-02")
		st.Gates[id] = note
		return Change{Action: "gate", ID: id, Remark: note.Sentence}, nil
	})
}

// NoteFit keeps how an adapter's scores become a confidence.
func (s *Shelf) NoteFit(id string, fit Calibrate) error {
	return s.change(func(st *state) (Change, error) {
		if _, err := s.entry(id, st); err != nil {
			return Change{}, err
		}
		st.Fits[id] = fit
		return Change{Action: "calibrate", ID: id, Remark: fmt.Sprintf("T %.3f", fit.Temperature)}, nil
	})
}

// Served gives the adapters that are served, by name.
func (s *Shelf) Served() (map[string]Entry, error) {
	st, err := s.load()
	if err != nil {
		return nil, err
	}
	served := map[string]Entry{}
	for name, id := range st.Served {
		e, err := s.entry(id, st)
		if err != nil {
			return nil, fmt.Errorf("the adapter that is served as %s: %w", name, err)
		}
		served[name] = e
	}
	return served, nil
}

// Stamp changes whenever the shelf does. It is cheap.
func (s *Shelf) Stamp() string {
	info, err := os.Stat(s.statePath())
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size())
}

// History gives the audit trail, oldest first.
func (s *Shelf) History() ([]Change, error) {
	st, err := s.load()
	if err != nil {
		return nil, err
	}
	return st.History, nil
}

// known gives the ids of the folders, and of what is served or was and has no folder any more.
func (s *Shelf) known(st *state) ([]string, error) {
	ids, err := s.ids()
	for name, id := range st.Served {
		ids = append(append(ids, id), st.Former[name]...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), err
}

func (s *Shelf) ids() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// account names who works on this machine; "" where the system does not tell.
func account() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

func (s *Shelf) statePath() string { return filepath.Join(s.dir, "shelf.json") }

func (s *Shelf) load() (*state, error) {
	st := &state{Served: map[string]string{}, Former: map[string][]string{}, Gates: map[string]GateNote{}, Fits: map[string]Calibrate{}}
	raw, err := os.ReadFile(s.statePath())
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, st)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read; restore it from a backup, or remove it and promote again: %w", s.statePath(), err)
	}
	return st, nil
}

// change applies one change to shelf.json, which is replaced whole: a reader sees the old state or the new one.
func (s *Shelf) change(apply func(*state) (Change, error)) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	st, err := s.load()
	if err != nil {
		return err
	}
	c, err := apply(st)
	if err != nil {
		return err
	}
	c.Time, c.By = s.now().UTC(), account()
	st.History = append(st.History, c)
	st.History = st.History[max(0, len(st.History)-mostChanges):]
	raw, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, ".shelf-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(append(raw, '\n'))
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), s.statePath())
}
