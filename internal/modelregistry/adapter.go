package modelregistry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// AdapterSchema names the shape of an adapter's manifest.
const AdapterSchema = "sat-adapter/v1"

// Names of the files of an adapter's folder. Nothing else may be in it.
const (
	adapterManifest = "manifest.json"
	adapterGGUF     = "adapter.gguf"
	adapterWeights  = "adapter_model.safetensors"
	adapterConfig   = "adapter_config.json" // as peft and vLLM read it
	adapterPrints   = "fingerprints.bin"
)

// Adapter is a LoRA adapter as its training wrote it: the manifest of its folder.
type Adapter struct {
	Schema  string         `json:"schema"`
	Name    string         `json:"name"`    // the name that it is meant to be served under: "sat-lora"
	Version string         `json:"version"` // the first 8 hex digits of the SHA-256 of its weights
	Created string         `json:"created"`
	Base    AdapterBase    `json:"base"`
	Adapter AdapterWeights `json:"adapter"`
	Prompt  AdapterPrompt  `json:"prompt"`
	Data    AdapterData    `json:"data"`
	Licence AdapterLicence `json:"licence"`
	GGUF    *AdapterGGUF   `json:"gguf,omitempty"`

	raw map[string]json.RawMessage // the whole manifest, for members that only people read
}

// AdapterBase names the model that an adapter was trained on.
type AdapterBase struct {
	ID               string `json:"id"`
	SHA256           string `json:"sha256"`
	PrecisionTrained string `json:"precision_trained"`
	Licence          string `json:"licence"`
}

// AdapterWeights lists the files with their digests, and the shape of the low-rank matrices.
type AdapterWeights struct {
	Files      map[string]AdapterFile `json:"files"`
	R          int                    `json:"r"`
	Alpha      float64                `json:"alpha"`
	Targets    []string               `json:"targets"`
	Parameters int64                  `json:"parameters"`
}

// AdapterFile is one file of the folder.
type AdapterFile struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// AdapterPrompt is the way in which the adapter was trained to be asked.
type AdapterPrompt struct {
	Method         sat.Method `json:"method"`
	Template       string     `json:"template"`
	TemplateSHA256 string     `json:"template_sha256"`
	DateString     string     `json:"date_string"`
}

// AdapterData names what the adapter has seen.
type AdapterData struct {
	SHA256        string       `json:"sha256"`
	QuestionsSeen int          `json:"questions_seen"`
	Passages      int          `json:"passages"`
	Sources       []DataSource `json:"sources"`
}

// DataSource is one source of a data set: "race", "prose", "items" …
type DataSource struct {
	Kind  string          `json:"kind"`
	Split string          `json:"split"`
	Files json.RawMessage `json:"files"`
}

// SourceKinds names the kinds of data that the adapter was trained on.
func (a Adapter) SourceKinds() []string {
	var kinds []string
	for _, s := range a.Data.Sources {
		if s.Split == "train" || s.Split == "" {
			kinds = append(kinds, s.Kind)
		}
	}
	return kinds
}

// AdapterLicence says what the adapter may be used for: "permissive", "research-only" or "user-supplied".
type AdapterLicence struct {
	Label string `json:"label"`
	Base  string `json:"base"`
	Text  string `json:"text"`
}

// AdapterGGUF is the adapter's form for llama.cpp.
type AdapterGGUF struct {
	SHA256 string `json:"sha256"`
}

// ID names the adapter for ever: other weights are another version.
func (a Adapter) ID() string { return a.Name + "@" + a.Version }

// ResearchOnly tells whether the data forbid any other use.
func (a Adapter) ResearchOnly() bool { return a.Licence.Label == "research-only" }

// Train gives the manifest's member of that name as JSON, for people; nil where it has none.
func (a Adapter) Train() json.RawMessage { return a.raw["train"] }

// Model gives the tutor's record of the adapter over its base, served under the given name.
func (a Adapter) Model(served string, base sat.Model) sat.Model {
	m := base
	m.Record, m.Fingerprints = a.ID(), ""
	m.Name, m.Adapter, m.AdapterSHA256 = served, a.ID(), a.Adapter.Files[adapterWeights].SHA256
	if a.GGUF != nil && m.AdapterSHA256 == "" {
		m.AdapterSHA256 = a.GGUF.SHA256
	}
	m.Licence = a.Base.Licence
	if a.Licence.Label != "permissive" {
		m.Licence += " · adapter: " + a.Licence.Label
	}
	m.Method, m.Template = a.Prompt.Method, a.Prompt.Template
	if a.Prompt.DateString != "" {
		m.TemplateArgs = map[string]string{"date_string": a.Prompt.DateString}
	}
	m.Prior, m.PriorID, m.Temperature, m.Evaluations = nil, "", 1, nil
	m.Quality, m.QualityNote = sat.Demo, "How often this adapter is right has not been measured here."
	return m
}

var (
	adapterName    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)
	adapterVersion = regexp.MustCompile(`^[0-9a-f]{8}$`)
)

// allowedFiles are what an adapter's folder may hold: no base weights, no tokenizer, no pickle.
var allowedFiles = []string{adapterManifest, adapterGGUF, adapterWeights, adapterConfig, adapterPrints}

// ReadAdapter reads the adapter in a folder and checks every file against the manifest. Its errors are *[sat.Error]
// with code Invalid, whose fields name the file or the member.
func ReadAdapter(folder fs.FS) (Adapter, error) {
	raw, err := fs.ReadFile(folder, adapterManifest)
	if err != nil {
		return Adapter{}, wrong(adapterManifest, "is absent; give the folder of a run of `sat-train`, or its folder adapter/, which `sat-train run` writes at its end")
	}
	var a Adapter
	if err := json.Unmarshal(raw, &a); err != nil {
		return Adapter{}, wrong(adapterManifest, "is no JSON of schema "+AdapterSchema)
	}
	_ = json.Unmarshal(raw, &a.raw)
	if err := a.check(); err != nil {
		return Adapter{}, err
	}
	if err := a.checkFiles(folder); err != nil {
		return a, err
	}
	return a, a.checkPlain(folder)
}

func wrong(field, message string) error {
	return &sat.Error{Code: sat.Invalid, Message: "The adapter cannot be used: " + field + " " + message + ".",
		Fields: []sat.FieldError{{Field: field, Message: message}}}
}

// check refuses what could not be served or not be trusted.
func (a Adapter) check() error {
	switch {
	case a.Schema != AdapterSchema:
		return wrong("schema", "is not "+AdapterSchema)
	case !adapterName.MatchString(a.Name):
		return wrong("name", "must be small letters, digits and hyphens")
	case !adapterVersion.MatchString(a.Version):
		return wrong("version", "must be 8 hexadecimal digits")
	case a.Base.ID == "" || a.Base.Licence == "":
		return wrong("base", "must name id and licence")
	case !slices.Contains([]string{"permissive", "research-only", "user-supplied"}, a.Licence.Label):
		return wrong("licence.label", "must be permissive, research-only or user-supplied")
	case a.Prompt.Method != sat.MethodLetter && a.Prompt.Method != sat.MethodOption && a.Prompt.Method != sat.MethodGenerate && a.Prompt.Method != "letter_text":
		return wrong("prompt.method", "must be letter, letter_text, option or generate")
	case a.Prompt.Template == "":
		return wrong("prompt.template", "is missing")
	case !slices.Contains([]int{8, 16, 32, 64}, a.Adapter.R):
		return wrong("adapter.r", "must be 8, 16, 32 or 64")
	}
	if weights, ok := a.Adapter.Files[adapterWeights]; ok && !strings.HasPrefix(weights.SHA256, a.Version) {
		return wrong("version", "is not the beginning of the weights' SHA-256")
	}
	return nil
}

// checkFiles compares every file with the manifest, and refuses files that it does not name.
func (a Adapter) checkFiles(folder fs.FS) error {
	want := map[string]string{}
	for name, f := range a.Adapter.Files {
		want[name] = f.SHA256
	}
	if a.GGUF != nil {
		want[adapterGGUF] = a.GGUF.SHA256
	}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains(allowedFiles, e.Name()) {
			return wrong(e.Name(), "does not belong into an adapter's folder")
		}
		if _, named := want[e.Name()]; !named && e.Name() != adapterManifest {
			return wrong(e.Name(), "is not named in the manifest")
		}
	}
	for name, sum := range want {
		f, err := folder.Open(name)
		if err != nil {
			if name == adapterWeights && a.GGUF != nil { // an adapter for llama.cpp alone
				continue
			}
			return wrong(name, "is named in the manifest and absent")
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if hex.EncodeToString(h.Sum(nil)) != sum {
			return wrong(name, "has another SHA-256 than the manifest says")
		}
	}
	return nil
}

// copyFolder copies the files of an adapter's folder into dir, which it makes.
func copyFolder(folder fs.FS, dir string) error {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		raw, err := fs.ReadFile(folder, e.Name())
		if err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(dir, e.Name()), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, bytes.NewReader(raw))
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return nil
}
