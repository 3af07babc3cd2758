package modelregistry

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// configured are the records of a backend in front of a remote engine, as LORA_MODEL and BASE_MODEL name them.
func configured() map[string]sat.Model {
	base, lora := Generic("sat-base"), Generic("sat-lora")
	base.Base, lora.Base = "meta-llama/Llama-3.2-3B-Instruct", "meta-llama/Llama-3.2-3B-Instruct"
	lora.Adapter = "tiviluson/Llama-3.2-3B-SAT"
	return map[string]sat.Model{"sat-base": base, "sat-lora": lora}
}

// resolved gives the record of sat-lora beside the base.
func resolved(t *testing.T, r *Registry, base, lora sat.Served) sat.Model {
	t.Helper()
	r.SetServed([]sat.Served{base, lora})
	m, err := r.Resolve("sat-lora")
	require.NoError(t, err)
	return m
}

func TestAnAdapterOfTheShelfIsKnownByWhatTheEngineSaysOfIt(t *testing.T) {
	shelf, _ := newShelf(t)
	id := add(t, shelf, "mine")
	require.NoError(t, shelf.NoteGate(id, GateNote{Quality: sat.Demo, Sentence: "Above chance.", Evaluation: sat.Evaluation{Method: sat.MethodOption,
		Template: "option_v1", Base: here.Base, Precision: here.Precision}}))
	r := New(Options{Known: configured(), Shelf: shelf})
	notes := map[string]string{"our own engine": "Above chance.", "vLLM": "measured with precision q4_1, and here that is unknown"}
	for name, lora := range map[string]sat.Served{
		"our own engine": {Name: "sat-lora", Root: id},
		"vLLM":           {Name: "sat-lora", Root: "/shelf/" + id, Parent: "sat-base"},
	} {
		t.Run(name, func(t *testing.T) {
			m := resolved(t, r, sat.Served{Name: "sat-base", Root: "HuggingFaceTB/SmolLM2-135M-Instruct"}, lora)
			assert.Equal(t, id, m.Adapter)
			assert.Equal(t, id, m.Record, "a run of it can be gated")
			assert.Len(t, m.AdapterSHA256, 64)
			assert.Contains(t, m.Base, "SmolLM2-135M-Instruct")
			assert.Equal(t, sat.MethodOption, m.Method)
			assert.Equal(t, "option_v1", m.Template)
			assert.Contains(t, m.QualityNote, notes[name])
			assert.Contains(t, m.Licence, "research-only")
		})
	}
}

func TestAMachineWithoutTheShelfKnowsWhatOurEngineTells(t *testing.T) {
	shelf, _ := newShelf(t)
	id := add(t, shelf, "mine")
	require.NoError(t, shelf.NoteGate(id, GateNote{Quality: sat.Demo, Sentence: "Above chance.", Evaluation: sat.Evaluation{Correct: 54, N: 133}}))
	require.NoError(t, shelf.NoteFit(id, Calibrate{Prior: []float64{0.5, 0.5}, PriorID: "p", Temperature: 2, Template: "option_v1"}))
	e, err := shelf.Entry(id)
	require.NoError(t, err)
	want := e.Model("sat-lora", smollm(t))
	r := New(Options{Known: configured()})
	base := sat.Served{Name: "sat-base", Root: "smollm2-135m"}
	assert.Equal(t, want, resolved(t, r, base, sat.Served{Name: "sat-lora", Root: id, Card: Card(want)}))

	for name, broken := range map[string]string{
		"no JSON": `{`, "another method": `{"base":"x","method":"guess","template":"t"}`, "no template": `{"base":"x","method":"letter"}`,
	} {
		m := resolved(t, r, base, sat.Served{Name: "sat-lora", Root: id, Card: []byte(broken)})
		assert.Equal(t, id, m.Adapter, name)
		assert.Equal(t, sat.MethodLetter, m.Method, name)
	}
	claims := want
	claims.Quality, claims.Evaluations = sat.Production, nil
	m := resolved(t, r, base, sat.Served{Name: "sat-lora", Root: id, Card: Card(claims)})
	assert.Equal(t, sat.Demo, m.Quality, "production needs an evaluation, whoever says so")
}

func TestAnUnknownAdapterIsNotTheConfiguredOne(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	for _, c := range []struct {
		name    string
		lora    sat.Served
		adapter string
		sha256  string
	}{
		{"of our engine", sat.Served{Name: "sat-lora", Root: "sat-lora@c6e1fdaf"}, "sat-lora@c6e1fdaf", ""},
		{"of vLLM", sat.Served{Name: "sat-lora", Root: "/shelf/sat-lora@c6e1fdaf", Parent: "sat-base"}, "sat-lora@c6e1fdaf", ""},
		{"of the hub", sat.Served{Name: "sat-lora", Root: "/adapters/other--adapter@" + digest}, "other/adapter", digest},
		{"of the hub, as configured", sat.Served{Name: "sat-lora", Root: "/adapters/tiviluson--Llama-3.2-3B-SAT@" + digest}, "tiviluson/Llama-3.2-3B-SAT", digest},
		{"that says nothing of itself", sat.Served{Name: "sat-lora", Root: "/adapters/sat-lora"}, "tiviluson/Llama-3.2-3B-SAT", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(Options{Known: configured(), Shelf: OpenShelf(t.TempDir(), nil)})
			m := resolved(t, r, sat.Served{Name: "sat-base", Root: "maker/Other-Base"}, c.lora)
			assert.Equal(t, c.adapter, m.Adapter)
			assert.Equal(t, c.sha256, m.AdapterSHA256)
			assert.Equal(t, sat.MethodLetter, m.Method)
			assert.Equal(t, "answer_v1", m.Template)
			assert.Equal(t, sat.Demo, m.Quality)
			if !strings.Contains(c.adapter, "tiviluson") {
				assert.NotContains(t, m.Base, "Llama", "nor is its base")
				assert.Contains(t, m.QualityNote, "not known here")
			}
			base, err := r.Resolve("sat-base")
			require.NoError(t, err)
			assert.Equal(t, "maker/Other-Base", base.Base, "what the engine says of itself beats what was configured")
		})
	}
}

func TestARecordOfTheServedNameDescribesNoOtherAdapter(t *testing.T) {
	dir := t.TempDir()
	own, err := Lookup(DefaultName)
	require.NoError(t, err)
	own.Name, own.Adapter, own.Template = "sat-lora", "sat-lora@c6e1fdaf", "answer_lines_v1"
	require.NoError(t, Open(dir).Save(own, Event{}))
	r := New(Options{Records: Open(dir)})
	m := resolved(t, r, sat.Served{Name: "sat-base"}, sat.Served{Name: "sat-lora", Root: "sat-lora@00000000"})
	assert.Equal(t, "sat-lora@00000000", m.Adapter)
	m = resolved(t, r, sat.Served{Name: "sat-base"}, sat.Served{Name: "sat-lora", Root: "sat-lora@c6e1fdaf"})
	assert.Equal(t, "answer_lines_v1", m.Template)
}

func TestAnAdapterUnderItsIDAndAnotherNameIsListedOnce(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	r := New(Options{Known: configured()})
	r.SetServed([]sat.Served{{Name: "sat-base"},
		{Name: "sat-lora", Root: "/adapters/other--adapter@" + digest, Parent: "sat-base"},
		{Name: "other--adapter@abababab", Root: "/adapters/other--adapter@" + digest, Parent: "sat-base"},
		{Name: "sat-lora@c6e1fdaf", Root: "/shelf/sat-lora@c6e1fdaf", Parent: "sat-base"}})
	var names []string
	for _, m := range r.Models() {
		names = append(names, m.Name)
	}
	assert.Equal(t, []string{"sat-base", "sat-lora", "sat-lora@c6e1fdaf"}, names, "a comparison of an adapter with itself is none")
	m, err := r.Resolve("other--adapter@abababab")
	require.NoError(t, err)
	assert.Equal(t, "other/adapter", m.Adapter, "and may be asked by its id all the same")
	assert.Len(t, r.Served(), 4)
}
