package modelregistry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sattutor/internal/sat"
)

// Records is the catalogue, overlaid by the manifests of a folder on this machine: one of the same name takes the
// catalogue's place. The zero value is the catalogue alone. Nothing is cached: another process may have written.
type Records struct{ dir string }

// Open gives the records of a folder, which need not exist yet.
func Open(dir string) Records { return Records{dir} }

// All gives every record: the catalogue's in its order, then the folder's own by name.
func (r Records) All() ([]Manifest, error) {
	list, err := Catalogue()
	if err != nil || r.dir == "" {
		return list, err
	}
	files, err := filepath.Glob(filepath.Join(r.dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		m, err := r.read(file)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(list, func(other Manifest) bool { return other.Name == m.Name }); i >= 0 {
			list[i] = m
		} else {
			list = append(list, m)
		}
	}
	return list, nil
}

func (r Records) read(file string) (Manifest, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Manifest{}, fmt.Errorf("the record %s cannot be read: %w", file, err)
	}
	m, err := parse(raw)
	if err == nil && m.Name+".json" != filepath.Base(file) {
		err = fmt.Errorf("name is %s", m.Name)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("the record %s is broken: %w", file, err)
	}
	return m, nil
}

// Lookup gives the record of that name; the error of an unknown name lists the known ones.
func (r Records) Lookup(name string) (Manifest, error) {
	list, err := r.All()
	if err != nil {
		return Manifest{}, err
	}
	var names []string
	for _, m := range list {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Manifest{}, sat.Errorf(sat.NotFound, "There is no model %q in the catalogue; it has %s.", name, strings.Join(names, ", "))
}

// own gives a record of the folder.
func (r Records) own(name string) (Manifest, error) {
	if r.dir == "" || !recordName.MatchString(name) {
		return Manifest{}, fs.ErrNotExist
	}
	return r.read(filepath.Join(r.dir, name+".json"))
}

// Lookup gives the catalogue's model of that name, without the records of this machine.
func Lookup(name string) (Manifest, error) { return Records{}.Lookup(name) }

// Add reads a record and saves it under its name, which must not be taken. It comes as a demonstration: what others
// measured is not taken over.
func (r Records) Add(raw []byte, by Event) (Manifest, error) {
	m, err := parse(raw)
	if err != nil {
		return m, sat.Errorf(sat.Invalid, "The record breaks a rule: %s.", err)
	}
	if _, err := r.Lookup(m.Name); err == nil {
		return m, sat.Errorf(sat.Conflict, "There is a record %s already; other weights are another name.", m.Name)
	}
	m.Quality, m.Evaluations = sat.Demo, nil
	by.Action = "add"
	return m, r.Save(m, by)
}

// Save writes a record, whole or not at all, and notes it in the history. A record that breaks a rule is refused.
func (r Records) Save(m Manifest, by Event) error {
	if r.dir == "" {
		return errors.New("the catalogue of the program cannot be written")
	}
	if m.Evaluations == nil {
		m.Evaluations = []sat.Evaluation{}
	}
	if err := m.check(); err != nil {
		return sat.Errorf(sat.Invalid, "The record of %s would break a rule: %s.", m.Name, err)
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return fmt.Errorf("the folder of records cannot be made: %w", err)
	}
	by.Name = m.Name
	if err := r.note(by); err != nil {
		return err
	}
	return replace(filepath.Join(r.dir, m.Name+".json"), append(raw, '\n'))
}

// replace puts a file into place whole: who reads it sees the old text or the new one.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".record-")
	if err != nil {
		return fmt.Errorf("the record cannot be written: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("the record cannot be written: %w", err)
	}
	return nil
}

// Event is one line of the history: what was done to which record, and when.
type Event struct {
	Time   time.Time `json:"time"`
	Action string    `json:"action"` // add, calibrate, gate
	Name   string    `json:"name"`
	Note   string    `json:"note,omitempty"`
}

const historyFile = "history.jsonl"

func (r Records) note(e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(r.dir, historyFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("the history of the records cannot be written: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// History gives every event, oldest first.
func (r Records) History() ([]Event, error) {
	raw, err := os.ReadFile(filepath.Join(r.dir, historyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var events []Event
	for line := range strings.Lines(string(raw)) {
		var e Event
		if json.Unmarshal([]byte(line), &e) == nil { // a torn last line is passed over
			events = append(events, e)
		}
	}
	return events, nil
}
