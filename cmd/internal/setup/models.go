package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sattutor/internal/config"
	"sattutor/internal/engine/llamacpp"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
)

// LocalModel is a model that the embedded engine serves: how it is started, and what is known of it.
type LocalModel struct {
	Spec   llamacpp.Spec
	Record sat.Model
}

// Local is what the embedded engine serves.
type Local struct {
	Models []LocalModel // the base, the promoted adapters by name, those on trial
	Idle   []string     // why promoted adapters are left out
	trial  []string
}

// baseName is the served name of the weights without an adapter.
const baseName = "sat-base"

// LocalModels gives the models that the configuration names, whose files must be on this machine, and on trial, served
// by their ids, adapters of the shelf that nobody promoted.
func LocalModels(ctx context.Context, cfg config.Config, trial ...string) (Local, error) {
	path, record, err := baseModel(ctx, cfg)
	if err != nil {
		return Local{}, err
	}
	base := LocalModel{Record: record, Spec: llamacpp.Spec{Name: baseName, ModelPath: path, ContextTokens: cfg.MaxModelLen,
		TemplateArgs: record.TemplateArgs, Root: catalogueName(cfg), Card: modelregistry.Card(record)}}
	return Local{Models: []LocalModel{base}, trial: trial}.withAdapters(OpenShelf(cfg))
}

// withAdapters gives the base with the adapters that the shelf names now. A promoted one that does not fit the base is
// left out: it would be loaded without a word, and do nothing.
func (l Local) withAdapters(shelf *modelregistry.Shelf) (Local, error) {
	base := l.Models[0]
	next := Local{Models: []LocalModel{base}, trial: l.trial}
	served, err := shelf.Served()
	if err != nil {
		return Local{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(served)) {
		if why := unfit(served[name], base); why != "" {
			next.Idle = append(next.Idle, fmt.Sprintf("%s is promoted as %s and cannot be served: %s", served[name].ID(), name, why))
			continue
		}
		next.Models = append(next.Models, withAdapter(base, name, served[name]))
	}
	for _, id := range l.trial {
		e, err := shelf.Entry(id)
		if err != nil {
			return Local{}, errors.New(messageOf(err))
		}
		if why := unfit(e, base); why != "" {
			return Local{}, fmt.Errorf("%s cannot be served here: %s", id, why)
		}
		next.Models = append(next.Models, withAdapter(base, id, e))
	}
	return next, nil
}

// Specs gives how the models are started.
func (l Local) Specs() []llamacpp.Spec {
	specs := make([]llamacpp.Spec, len(l.Models))
	for i, m := range l.Models {
		specs[i] = m.Spec
	}
	return specs
}

// known gives the records by served name.
func (l Local) known() map[string]sat.Model {
	known := map[string]sat.Model{}
	for _, m := range l.Models {
		known[m.Record.Name] = m.Record
	}
	return known
}

// OpenRecords gives the catalogue with the records of this machine over it.
func OpenRecords(cfg config.Config) modelregistry.Records {
	return modelregistry.Open(filepath.Join(cfg.Home, "models", "records"))
}

// FilesOf gives the files of a record where this machine keeps them, whether they are there or not.
func FilesOf(cfg config.Config, m modelregistry.Manifest) []modelregistry.File {
	var files []modelregistry.File
	if m.File != "" {
		files = append(files, modelregistry.File{Path: filepath.Join(modelFolder(cfg), m.File), SHA256: m.FileSHA256})
	}
	if m.FromPyPI() { // it lies in the runtime's Python packages
		members, _ := filepath.Glob(filepath.Join(cfg.Home, "runtime", "lib", "python3*", "site-packages", filepath.FromSlash(m.Source.Member)))
		for _, member := range members {
			files = append(files, modelregistry.File{Path: member, SHA256: m.FileSHA256})
		}
	}
	if m.Fingerprints != nil {
		files = append(files, *m.Fingerprints)
	}
	return files
}

// OpenShelf gives the shelf of adapters of this machine.
func OpenShelf(cfg config.Config) *modelregistry.Shelf {
	return modelregistry.OpenShelf(cmp.Or(cfg.Shelf, filepath.Join(cfg.Home, "adapters")), nil)
}

// unfit says why the embedded engine cannot serve an adapter with this base; "" where it can.
func unfit(e modelregistry.Entry, base LocalModel) string {
	switch {
	case e.GGUFPath() == "":
		return "it has no GGUF file; run `sat-train convert` on its run, and `sat model add` again"
	case path.Base(e.Base.ID) != base.Record.Base:
		return "it was trained on " + e.Base.ID + ", and the model here is " + base.Record.Base
	}
	return ""
}

// Promote has an adapter served under a name. One that neither the embedded engine nor that of BASE_MODEL could serve is
// refused, forced or not: it would be left out at the start. What an engine elsewhere loads is not known here.
func Promote(cfg config.Config, name, id string, force bool) error {
	shelf := OpenShelf(cfg)
	e, err := shelf.Entry(id)
	if err != nil {
		return err
	}
	base, err := servedBase(cfg)
	if err != nil {
		return err
	}
	if cfg.EngineURL() == "" && catalogueName(cfg) != "" {
		switch why := unfit(e, LocalModel{Record: base}); {
		case why != "" && forGPU(cfg, e):
			base = remoteBase(cfg)
		case why != "":
			return sat.Errorf(sat.Conflict, "%s cannot be served here: %s.", id, why)
		}
	}
	return shelf.Promote(name, id, modelregistry.ServingOn(base), force)
}

// servedBase gives the record of the base model that this machine serves adapters on.
func servedBase(cfg config.Config) (sat.Model, error) {
	switch {
	case cfg.EngineURL() != "":
		return remoteBase(cfg), nil
	case cfg.ModelPath != "":
		return ownRecord(filepath.Base(cfg.ModelPath)), nil
	case cfg.ModelURL != "":
		return ownRecord(urlArtifact(cfg).Name), nil
	}
	m, err := OpenRecords(cfg).Lookup(cfg.Model)
	return m.Model(baseName), err
}

// remoteBase is the base model of an engine elsewhere: of its precision nothing is known here.
func remoteBase(cfg config.Config) sat.Model {
	base := modelregistry.Generic(baseName)
	base.Base = cfg.BaseModel
	return base
}

// forGPU tells whether vLLM serves an adapter on the configured base.
func forGPU(cfg config.Config, e modelregistry.Entry) bool {
	return cfg.BaseModel != "" && e.HasWeights() && path.Base(e.Base.ID) == path.Base(cfg.BaseModel)
}

func withAdapter(base LocalModel, name string, e modelregistry.Entry) LocalModel {
	m := LocalModel{Spec: base.Spec, Record: e.Model(name, base.Record)}
	m.Spec.Name, m.Spec.AdapterPath, m.Spec.TemplateArgs, m.Spec.Root = name, e.GGUFPath(), m.Record.TemplateArgs, e.ID()
	m.Spec.Card = modelregistry.Card(m.Record)
	return m
}

// catalogueName is the name by which another process finds the record of the base model; "" for a file of the user's.
func catalogueName(cfg config.Config) string {
	if cfg.ModelPath != "" || cfg.ModelURL != "" {
		return ""
	}
	return cfg.Model
}

// baseModel finds the file of the base model and its record.
func baseModel(ctx context.Context, cfg config.Config) (path string, record sat.Model, err error) {
	switch {
	case cfg.ModelPath != "":
		return ownModel(cfg)
	case cfg.ModelURL != "":
		artifact := urlArtifact(cfg)
		return present(filepath.Join(modelFolder(cfg), artifact.Name), ownRecord(artifact.Name))
	}
	manifest, err := OpenRecords(cfg).Lookup(cfg.Model)
	if err != nil {
		return "", sat.Model{}, &llamacpp.Problem{What: "SAT_MODEL names no known model", Err: errors.New(messageOf(err)), Next: "Choose one of these, or give a GGUF by SAT_MODEL_PATH"}
	}
	record = manifest.Model(baseName)
	if manifest.FromPyPI() {
		path, err = llamacpp.DefaultModel(ctx, cfg.Home)
		if errors.Is(err, llamacpp.ErrNotInstalled) {
			err = &llamacpp.Problem{What: "the small model comes with the embedded engine, which is not installed",
				Next: "Run `sat engine install`, or give a GGUF by SAT_MODEL_PATH"}
		}
		return path, record, err
	}
	return present(filepath.Join(modelFolder(cfg), manifest.File), record)
}

// ownModel is a file of the user's, checked where a digest was given.
func ownModel(cfg config.Config) (string, sat.Model, error) {
	file, record, err := present(cfg.ModelPath, ownRecord(filepath.Base(cfg.ModelPath)))
	if err != nil || cfg.ModelSHA256 == "" {
		return file, record, err
	}
	sum, err := llamacpp.FileSHA256(file)
	if err != nil {
		return "", sat.Model{}, err
	}
	if !strings.EqualFold(sum, cfg.ModelSHA256) {
		return "", sat.Model{}, &llamacpp.Problem{What: "the file of SAT_MODEL_PATH has another SHA-256 than SAT_MODEL_SHA256",
			Next: "Fetch the file again, or correct SAT_MODEL_SHA256"}
	}
	return file, record, nil
}

func present(file string, record sat.Model) (string, sat.Model, error) {
	if info, err := os.Stat(file); err != nil || info.IsDir() {
		return "", sat.Model{}, &llamacpp.Problem{What: "the model file " + file + " is not there",
			Next: "Run `sat up`, which fetches models of the catalogue, or correct SAT_MODEL_PATH"}
	}
	return file, record, nil
}

// ownRecord is the record of weights of which only the file's name is known.
func ownRecord(file string) sat.Model {
	record := modelregistry.Generic(baseName)
	record.Base = strings.TrimSuffix(file, ".gguf")
	return record
}

func modelFolder(cfg config.Config) string { return filepath.Join(cfg.Home, "models") }

func urlArtifact(cfg config.Config) llamacpp.Artifact {
	name := "model.gguf"
	if u, err := url.Parse(cfg.ModelURL); err == nil && strings.HasSuffix(u.Path, ".gguf") {
		name = path.Base(u.Path)
	}
	return llamacpp.Artifact{Name: name, URL: cfg.ModelURL, SHA256: strings.ToLower(cfg.ModelSHA256)}
}

// messageOf gives the sentence of a coded error.
func messageOf(err error) string {
	var coded *sat.Error
	if errors.As(err, &coded) {
		return coded.Message
	}
	return err.Error()
}

// EnsureRuntime makes sure that there is an engine: one that is installed already, or the fetched one.
func EnsureRuntime(ctx context.Context, cfg config.Config, report llamacpp.Report) error {
	_, err := llamacpp.Find(ctx, llamacpp.FindOptions{Server: cfg.LlamaServer, Home: cfg.Home})
	if !errors.Is(err, llamacpp.ErrNotInstalled) {
		if err == nil && needsSmallModel(cfg) {
			_, err = llamacpp.DefaultModel(ctx, cfg.Home)
		}
		if !errors.Is(err, llamacpp.ErrNotInstalled) {
			return err
		}
	}
	_, err = llamacpp.Install(ctx, cfg.Home, "", report)
	return err
}

// needsSmallModel tells whether the model is the one that comes with the fetched engine.
func needsSmallModel(cfg config.Config) bool {
	manifest, err := OpenRecords(cfg).Lookup(cfg.Model)
	return cfg.ModelPath == "" && cfg.ModelURL == "" && err == nil && manifest.FromPyPI()
}

// EnsureModels fetches the model that the configuration names, where it is not here yet, and puts the adapters that
// come with the program onto the shelf. announce is told the licence
// before the first byte.
func EnsureModels(ctx context.Context, cfg config.Config, announce func(string), progress func(what string) llamacpp.Progress) error {
	if err := OpenShelf(cfg).AddShipped(); err != nil {
		return err
	}
	var artifact llamacpp.Artifact
	var licence string
	switch {
	case cfg.ModelPath != "" || needsSmallModel(cfg):
		return nil
	case cfg.ModelURL != "":
		artifact, licence = urlArtifact(cfg), "unknown to us: see where it comes from"
	default:
		manifest, err := OpenRecords(cfg).Lookup(cfg.Model)
		if err != nil {
			return errors.New(messageOf(err))
		}
		if manifest.Source == nil {
			return fmt.Errorf("the record of %s names no file that could be fetched", manifest.Name)
		}
		licence = manifest.Licence
		artifact = llamacpp.Artifact{Name: manifest.File, URL: manifest.Source.URL, SHA256: manifest.FileSHA256, Bytes: manifest.FileBytes}
	}
	if _, err := os.Stat(filepath.Join(modelFolder(cfg), artifact.Name)); err != nil {
		announce(fmt.Sprintf("Fetching %s%s. Licence: %s.", artifact.Name, size(artifact.Bytes), licence))
	}
	_, err := llamacpp.Fetch(ctx, artifact, modelFolder(cfg), progress(artifact.Name))
	return err
}

func size(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.1f GB)", float64(bytes)/1e9)
}
