package modelregistry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

const plainConfig = `{"peft_type":"LORA","r":16,"bias":"none","use_dora":false,"modules_to_save":null}`

// adapterFolder is a well-formed adapter whose weights are the given bytes; change may break its manifest.
func adapterFolder(t *testing.T, weights string, change func(map[string]any)) (fstest.MapFS, string) {
	t.Helper()
	digest := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	sum := digest(weights)
	manifest := map[string]any{
		"schema": AdapterSchema, "name": "sat-lora", "version": sum[:8], "created": "2026-11-25T10:00:00Z",
		"base": map[string]any{"id": "HuggingFaceTB/SmolLM2-135M-Instruct", "licence": "Apache-2.0", "precision_trained": "dequantised q4_1"},
		"adapter": map[string]any{"r": 16, "alpha": 32, "files": map[string]any{
			adapterWeights: map[string]any{"sha256": sum, "bytes": len(weights)}, adapterConfig: map[string]any{"sha256": digest(plainConfig)}}},
		"prompt":  map[string]any{"method": "option", "template": "option_v1", "date_string": "11 Jun 2025"},
		"licence": map[string]any{"label": "research-only", "text": "For research only."},
		"gguf":    map[string]any{"sha256": digest("gguf" + weights)},
		"train":   map[string]any{"steps": 7},
	}
	if change != nil {
		change(manifest)
	}
	raw, err := json.Marshal(manifest)
	require.NoError(t, err)
	return fstest.MapFS{
		adapterManifest: {Data: raw}, adapterWeights: {Data: []byte(weights)}, adapterGGUF: {Data: []byte("gguf" + weights)},
		adapterConfig: {Data: []byte(plainConfig)},
	}, "sat-lora@" + sum[:8]
}

func TestReadAdapterRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		files  func(fstest.MapFS)
		field  string
	}{
		{"another schema", func(m map[string]any) { m["schema"] = "x" }, nil, "schema"},
		{"a name that is a path", func(m map[string]any) { m["name"] = "../evil" }, nil, "name"},
		{"a version that is a path", func(m map[string]any) { m["version"] = "../../ab" }, nil, "version"},
		{"a version of other weights", func(m map[string]any) { m["version"] = "00000000" }, nil, "version"},
		{"no licence", func(m map[string]any) { m["licence"] = map[string]any{} }, nil, "licence.label"},
		{"no base", func(m map[string]any) { m["base"] = map[string]any{} }, nil, "base"},
		{"an unknown method", func(m map[string]any) { m["prompt"] = map[string]any{"method": "guess", "template": "x"} }, nil, "prompt.method"},
		{"a rank that engines do not serve", func(m map[string]any) { m["adapter"] = map[string]any{"r": 7} }, nil, "adapter.r"},
		{"changed weights", nil, func(f fstest.MapFS) { f[adapterWeights] = &fstest.MapFile{Data: []byte("other")} }, adapterWeights},
		{"a lost file", nil, func(f fstest.MapFS) { delete(f, adapterGGUF) }, adapterGGUF},
		{"a pickle", nil, func(f fstest.MapFS) { f["optimizer.pt"] = &fstest.MapFile{} }, "optimizer.pt"},
		{"a file of nobody", nil, func(f fstest.MapFS) { f["fingerprints.bin"] = &fstest.MapFile{} }, "fingerprints.bin"},
		{"no manifest", nil, func(f fstest.MapFS) { delete(f, adapterManifest) }, adapterManifest},
		{"no JSON", nil, func(f fstest.MapFS) { f[adapterManifest] = &fstest.MapFile{Data: []byte("{")} }, adapterManifest},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder, _ := adapterFolder(t, "weights", c.change)
			if c.files != nil {
				c.files(folder)
			}
			_, err := ReadAdapter(folder)
			var e *sat.Error
			require.True(t, errors.As(err, &e), "%v", err)
			assert.Equal(t, c.field, e.Fields[0].Field)
		})
	}
}

func TestAnAdapterThatIsMoreThanALoRAIsRefusedByName(t *testing.T) {
	for config, says := range map[string]string{
		`{"r":16,"use_dora":true}`:               "use_dora is true in adapter_config.json, which no engine here serves; train it without DoRA",
		`{"r":16,"modules_to_save":["lm_head"]}`: "modules_to_save is [lm_head]",
		`{"r":16,"bias":"lora_only"}`:            "train it with bias: none",
		`{"r":16,"peft_type":"ADALORA"}`:         "peft_type is ADALORA",
		`{"r":16,"use_rslora":true}`:             "use_rslora is true",
		`{"r":16,"rank_pattern":{"q_proj":4}}`:   "rank_pattern is map[q_proj:4]",
		`{"r":8}`:                                "adapter.r is 16, and r in adapter_config.json is 8",
		`[]`:                                     "is no JSON object",
		"":                                       "adapter_config.json is absent",
		`{"r":16,"modules_to_save":[],"bias":null,"rank_pattern":{}}`: "",
	} {
		t.Run(config, func(t *testing.T) {
			sum := sha256.Sum256([]byte(config))
			folder, _ := adapterFolder(t, "weights", func(m map[string]any) {
				files := m["adapter"].(map[string]any)["files"].(map[string]any)
				files[adapterConfig] = map[string]any{"sha256": hex.EncodeToString(sum[:])}
				if config == "" {
					delete(files, adapterConfig)
				}
			})
			folder[adapterConfig] = &fstest.MapFile{Data: []byte(config)}
			if config == "" {
				delete(folder, adapterConfig)
			}
			_, err := ReadAdapter(folder)
			if says == "" {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, sat.Invalid, sat.CodeOf(err))
			assert.ErrorContains(t, err, says)
		})
	}
	bare, _ := adapterFolder(t, "weights", func(m map[string]any) {
		delete(m["adapter"].(map[string]any)["files"].(map[string]any), adapterConfig)
	})
	delete(bare, adapterConfig)
	delete(bare, adapterWeights)
	_, err := ReadAdapter(bare)
	assert.NoError(t, err, "llama.cpp needs the GGUF file alone")
}

// here is what the tests' machine serves adapters on, and measuredHere a run on it.
var (
	here         = Serving{Base: "SmolLM2-135M-Instruct", Precision: "q4_1", Revision: "b179"}
	measuredHere = sat.Evaluation{Pool: "dev-133", Correct: 54, N: 133, Method: sat.MethodOption, Template: "option_v1",
		Base: here.Base, BaseRevision: here.Revision, Precision: here.Precision}
)

func newShelf(t *testing.T) (*Shelf, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "adapters")
	clock := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	return OpenShelf(dir, func() time.Time { clock = clock.Add(time.Minute); return clock }), dir
}

func add(t *testing.T, s *Shelf, weights string) string {
	t.Helper()
	folder, id := adapterFolder(t, weights, nil)
	e, err := s.Add(folder)
	require.NoError(t, err)
	require.Equal(t, id, e.ID())
	return id
}

func TestAnAdaptersWayThroughTheShelf(t *testing.T) {
	s, _ := newShelf(t)
	one, two := add(t, s, "one"), add(t, s, "two")
	add(t, s, "one")
	entries, _, err := s.Entries()
	require.NoError(t, err)
	assert.Len(t, entries, 2, "the same bytes are the same adapter")

	err = s.Promote("sat-lora", one, here, false)
	assert.Equal(t, sat.Conflict, sat.CodeOf(err))
	assert.ErrorContains(t, err, "has not passed a gate")

	passed := GateNote{Passed: true, Quality: sat.Demo, Sentence: "Above chance.", Evaluation: measuredHere}
	require.NoError(t, s.NoteGate(one, passed))
	assert.ErrorContains(t, s.Promote("sat-lora", one, here, false), "worse than its base", "it was compared with nothing")
	passed.Rival = "smollm2-135m"
	require.NoError(t, s.NoteGate(one, passed))
	require.NoError(t, s.Promote("sat-lora", one, here, false))
	served, err := s.Served()
	require.NoError(t, err)
	m := served["sat-lora"].Model("sat-lora", sat.Model{Base: "SmolLM2-135M-Instruct", Precision: "q4_1"})
	assert.Equal(t, one, m.Adapter)
	assert.Equal(t, sat.MethodOption, m.Method)
	assert.Equal(t, "SmolLM2-135M-Instruct", m.Base)
	assert.Contains(t, m.Licence, "research-only")
	assert.Equal(t, "Above chance.", m.QualityNote)
	assert.Equal(t, 54, m.Evaluations[0].Correct)
	assert.Len(t, m.AdapterSHA256, 64)

	// An adapter that beats the base may yet be worse than the one that is served.
	require.NoError(t, s.NoteGate(two, passed))
	assert.ErrorContains(t, s.Promote("sat-lora", two, here, false), "worse than "+one)

	// A worse adapter takes force, and says so ever after.
	require.NoError(t, s.NoteGate(two, GateNote{Rival: one, Passed: false, Quality: sat.Production, Sentence: "Worse than sat-lora."}))
	assert.ErrorContains(t, s.Promote("sat-lora", two, here, false), "Worse than sat-lora.")
	require.NoError(t, s.Promote("sat-lora", two, here, true))
	served, err = s.Served()
	require.NoError(t, err)
	assert.Equal(t, two, served["sat-lora"].ID())
	assert.Equal(t, sat.Demo, served["sat-lora"].Model("sat-lora", sat.Model{}).Quality, "force never makes a production model")

	before, err := os.Open(s.statePath())
	require.NoError(t, err)
	began := time.Now()
	back, err := s.Rollback("sat-lora")
	t.Logf("a rollback took %v", time.Since(began))
	require.NoError(t, err)
	replacedWhole(t, s, before)
	assert.Equal(t, one, back)
	_, err = s.Rollback("sat-lora")
	assert.Equal(t, sat.Conflict, sat.CodeOf(err))

	require.NoError(t, s.Retire(two))
	assert.ErrorContains(t, s.Promote("sat-lora", two, here, true), "retired")
	require.NoError(t, s.Retire(one))
	served, err = s.Served()
	require.NoError(t, err)
	assert.Empty(t, served)

	history, err := s.History()
	require.NoError(t, err)
	var actions []string
	for _, c := range history {
		actions = append(actions, c.Action)
	}
	assert.Equal(t, []string{"add", "add", "gate", "gate", "promote", "gate", "gate", "promote", "rollback", "retire", "retire"}, actions)
	assert.True(t, history[7].Forced)
	assert.False(t, history[4].Forced)
	assert.Equal(t, one, history[7].Former)
	if u, err := user.Current(); err == nil {
		assert.Equal(t, u.Username, history[4].By)
	}
}

// replacedWhole wants shelf.json to be another file than the one that was opened before, which still holds the former
// state from its first byte to its last, and nothing half-written beside it.
func replacedWhole(t *testing.T, s *Shelf, before *os.File) {
	t.Helper()
	defer func() { _ = before.Close() }()
	raw, err := io.ReadAll(before)
	require.NoError(t, err)
	var former state
	require.NoError(t, json.Unmarshal(raw, &former), "a reader keeps the former state whole")
	now, err := s.load()
	require.NoError(t, err)
	assert.NotEqual(t, former.Served, now.Served)
	assert.Len(t, now.History, len(former.History)+1)
	was, err := before.Stat()
	require.NoError(t, err)
	is, err := os.Stat(s.statePath())
	require.NoError(t, err)
	assert.False(t, os.SameFile(was, is), "it is one replacement of the file, nothing is written into it")
	files, err := filepath.Glob(filepath.Join(s.dir, ".*"))
	require.NoError(t, err)
	assert.Empty(t, files)
}

func TestCalibrationServesItsOwnTemplate(t *testing.T) {
	s, _ := newShelf(t)
	id := add(t, s, "one")
	require.NoError(t, s.NoteFit(id, Calibrate{Temperature: 2.5, Template: "option_v1"}))
	e, err := s.Entry(id)
	require.NoError(t, err)
	assert.Equal(t, 2.5, e.Model("x", sat.Model{}).Temperature)
	require.NoError(t, s.NoteFit(id, Calibrate{Temperature: 2.5, Template: "answer_v1"}))
	e, err = s.Entry(id)
	require.NoError(t, err)
	assert.Equal(t, 1.0, e.Model("x", sat.Model{}).Temperature)
}

func TestVerifyFindsChangedBytes(t *testing.T) {
	s, dir := newShelf(t)
	id := add(t, s, "one")
	require.NoError(t, s.Verify(id))
	path := filepath.Join(dir, id, adapterWeights)
	require.NoError(t, os.Chmod(path, 0o644))
	require.NoError(t, os.WriteFile(path, []byte("0ne"), 0o644))
	assert.ErrorContains(t, s.Verify(id), "another SHA-256")
	assert.Equal(t, sat.NotFound, sat.CodeOf(s.Verify("sat-lora@ffffffff")))
	assert.Equal(t, sat.NotFound, sat.CodeOf(s.Verify("../adapters")))
}

func TestADamagedAdapterIsNamed(t *testing.T) {
	s, dir := newShelf(t)
	whole, cut, bare, gone := add(t, s, "whole"), add(t, s, "cut"), add(t, s, "bare"), add(t, s, "gone")
	require.NoError(t, s.Promote("sat-lora", gone, here, true))
	manifest := filepath.Join(dir, cut, adapterManifest)
	raw, err := os.ReadFile(manifest)
	require.NoError(t, err)
	require.NoError(t, os.Remove(manifest))
	require.NoError(t, os.WriteFile(manifest, raw[:len(raw)/2], 0o644))
	require.NoError(t, os.Remove(filepath.Join(dir, bare, adapterManifest)))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, gone)))

	entries, damaged, err := s.Entries()
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, whole, entries[0].ID())
	says := map[string]string{}
	for _, d := range damaged {
		says[d.ID] = d.Err.Error()
		assert.Error(t, s.Verify(d.ID))
	}
	require.Len(t, says, 3)
	assert.Contains(t, says[cut], "manifest.json is damaged")
	assert.Contains(t, says[bare], "manifest.json cannot be read")
	assert.Contains(t, says[gone], "There is no adapter", "it is served, and its folder is gone")

	require.NoError(t, os.WriteFile(filepath.Join(dir, bare, adapterManifest), raw, 0o644))
	assert.ErrorContains(t, s.Verify(bare), "is that of "+cut)
}

func TestAnEmptyOrDamagedShelf(t *testing.T) {
	s, dir := newShelf(t)
	entries, _, err := s.Entries()
	require.NoError(t, err)
	assert.Empty(t, entries)
	served, err := s.Served()
	require.NoError(t, err)
	assert.Empty(t, served)
	assert.NoDirExists(t, dir, "looking makes nothing")

	add(t, s, "one")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "shelf.json"), []byte("{"), 0o644))
	_, _, err = s.Entries()
	assert.ErrorContains(t, err, "restore it from a backup")
	var pathError *fs.PathError
	assert.False(t, errors.As(err, &pathError))
}

func TestShippedAdaptersAreServedUnlessSomebodyChose(t *testing.T) {
	folder, id := adapterFolder(t, "shipped", nil)
	files := fstest.MapFS{"shipped/README.md": {Data: []byte("x")}}
	for name, f := range folder {
		files["shipped/"+id+"/"+name] = f
	}
	files["shipped/"+id+"/record.json"] = &fstest.MapFile{Data: []byte(`{"gate":{"passed":true,"quality":"demo","sentence":"Above chance.",` +
		`"evaluation":{"pool":"dev-133","correct":54,"n":133}},"calibration":{"temperature":3,"template":"option_v1"}}`)}
	shipped, err := shippedIn(files, "shipped")
	require.NoError(t, err)
	require.Len(t, shipped, 1)

	s, _ := newShelf(t)
	require.NoError(t, s.addShipped(shipped))
	require.NoError(t, s.addShipped(shipped), "a second start changes nothing")
	served, err := s.Served()
	require.NoError(t, err)
	m := served["sat-lora"].Model("sat-lora", sat.Model{})
	assert.Equal(t, id, m.Adapter)
	assert.Equal(t, 3.0, m.Temperature)
	assert.Equal(t, "Above chance.", m.QualityNote)
	require.NoError(t, s.Verify(id))

	other := add(t, s, "mine")
	require.NoError(t, s.Promote("sat-lora", other, here, true))
	require.NoError(t, s.addShipped(shipped))
	served, err = s.Served()
	require.NoError(t, err)
	assert.Equal(t, other, served["sat-lora"].ID(), "what the operator chose stays")
}

// TestAGateHoldsForWhatItMeasured: another precision, base or way of asking than that of the run is not known, and the
// label says so.
func TestAGateHoldsForWhatItMeasured(t *testing.T) {
	base := sat.Model{Base: here.Base, Revision: here.Revision, Precision: here.Precision}
	for name, c := range map[string]struct {
		change func(*sat.Evaluation)
		says   string
	}{
		"the same":          {func(*sat.Evaluation) {}, ""},
		"edition not known": {func(e *sat.Evaluation) { e.BaseRevision = "" }, ""},
		"other precision":   {func(e *sat.Evaluation) { e.Precision = "f32" }, "measured with precision f32, and here that is q4_1"},
		"other base":        {func(e *sat.Evaluation) { e.Base = "Llama" }, "measured with base Llama"},
		"other edition":     {func(e *sat.Evaluation) { e.BaseRevision = "beef" }, "measured with edition of the base beef"},
		"other method":      {func(e *sat.Evaluation) { e.Method = sat.MethodLetter }, "measured with method letter"},
		"other template":    {func(e *sat.Evaluation) { e.Template = "answer_v1" }, "measured with template answer_v1"},
		"an older note":     {func(e *sat.Evaluation) { e.Precision = "" }, "does not say on what base and precision"},
	} {
		s, _ := newShelf(t)
		id := add(t, s, "one")
		note := GateNote{Passed: true, Quality: sat.Production, Sentence: "It passes.", Rival: "smollm2-135m", Evaluation: measuredHere}
		c.change(&note.Evaluation)
		require.NoError(t, s.NoteGate(id, note))
		e, err := s.Entry(id)
		require.NoError(t, err)
		m, err := e.Model("sat-lora", base), s.Promote("sat-lora", id, here, false)
		if c.says == "" {
			assert.Equal(t, sat.Production, m.Quality, name)
			require.NoError(t, err, name)
			continue
		}
		assert.Equal(t, sat.Demo, m.Quality, name)
		assert.Contains(t, m.QualityNote, c.says, name)
		assert.ErrorContains(t, err, c.says, name)
		assert.Equal(t, sat.Conflict, sat.CodeOf(err), name)
		require.NoError(t, s.Promote("sat-lora", id, here, true), name)
		history, err := s.History()
		require.NoError(t, err)
		assert.True(t, history[len(history)-1].Forced, name)
	}
}

// TestAnEngineNamesAnAdapterOfTheShelf: by its id, as our own engine does, or by its folder, as vLLM does.
func TestAnEngineNamesAnAdapterOfTheShelf(t *testing.T) {
	s, _ := newShelf(t)
	id := add(t, s, "one")
	require.NoError(t, s.NoteGate(id, GateNote{Passed: true, Quality: sat.Production, Sentence: "It passes.",
		Evaluation: sat.Evaluation{Method: sat.MethodOption, Template: "option_v1", Base: here.Base, Precision: here.Precision}}))
	r := New(Options{Shelf: s})
	r.SetServed([]sat.Served{{Name: "own", Root: id}, {Name: "remote", Root: "/adapters/" + id, Parent: "sat-base"}, {Name: "other", Root: "maker/lora", Parent: "sat-base"}})
	own, err := r.Resolve("own")
	require.NoError(t, err)
	assert.Equal(t, []string{id, id, "q4_1"}, []string{own.Record, own.Adapter, own.Precision})
	assert.Equal(t, sat.Production, own.Quality)
	remote, err := r.Resolve("remote")
	require.NoError(t, err)
	assert.Equal(t, []string{id, here.Base, "unknown", "option_v1"}, []string{remote.Record, remote.Base, remote.Precision, remote.Template})
	assert.Equal(t, sat.Demo, remote.Quality, "in what precision it was measured does not tell of another")
	other, err := r.Resolve("other")
	require.NoError(t, err)
	assert.Equal(t, []string{"", "other"}, []string{other.Record, other.Adapter})
}

func TestEveryShippedAdapterIsWhole(t *testing.T) {
	shipped, err := ShippedAdapters()
	require.NoError(t, err)
	for _, a := range shipped {
		_, err := ReadAdapter(a.folder)
		require.NoError(t, err, a.ID())
		require.NotNil(t, a.Gate, "%s has no stored evaluation", a.ID())
		assert.NotZero(t, a.Gate.Evaluation.N)
		e, err := FindAdapter(nil, a.ID())
		require.NoError(t, err)
		base := baseOf(e.Adapter, sat.Served{Name: "sat-base", Root: a.ID()}, sat.Model{})
		require.NotEmpty(t, base.Base)
		assert.Empty(t, e.Gate.holds(ServingOn(base), e.Prompt), "its label is that of the base that it comes with")
	}
}
