package modelregistry

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// remote is the record of a model that only another machine serves.
const remote = `{"name":"sat-lora","base":"Llama-3.2-3B-Instruct","adapter":"sat","licence":"Llama 3.2 Community","for":"the GPU",
 "method":"letter","template":"answer_v1","template_args":{"date_string":"11 Jun 2025"},"precision":"nf4","quality":"production",
 "quality_note":"Not measured here.","prior":null,"temperature":1,
 "evaluations":[{"pool":"x","method":"letter","template":"answer_v1","correct":9,"n":10,"passed":true}]}`

func event() Event { return Event{Time: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)} }

func TestRecordsLieOverTheCatalogue(t *testing.T) {
	r := Open(filepath.Join(t.TempDir(), "records"))
	all, err := r.All()
	require.NoError(t, err)
	require.Len(t, all, 3, "the folder need not exist")

	m, err := r.Add([]byte(remote), event())
	require.NoError(t, err)
	assert.Equal(t, sat.Demo, m.Quality, "what others measured is not taken over")
	assert.Empty(t, m.Evaluations)
	_, err = r.Add([]byte(remote), event())
	assert.Equal(t, sat.Conflict, sat.CodeOf(err))

	small, err := r.Lookup(DefaultName)
	require.NoError(t, err)
	small.Temperature = 2.5
	saved := event()
	saved.Action = "calibrate"
	require.NoError(t, r.Save(small, saved))

	all, err = r.All()
	require.NoError(t, err)
	require.Len(t, all, 4)
	assert.InDelta(t, 2.5, all[0].Temperature, 0, "in the catalogue's order, and in its place")
	assert.Equal(t, "sat-lora", all[3].Name)
	untouched, err := Lookup(DefaultName)
	require.NoError(t, err)
	assert.InDelta(t, 1, untouched.Temperature, 0)

	history, err := r.History()
	require.NoError(t, err)
	require.Len(t, history, 2)
	assert.Equal(t, []string{"add", "calibrate"}, []string{history[0].Action, history[1].Action})
}

func TestRecordsRefuseABrokenFile(t *testing.T) {
	dir := t.TempDir()
	r := Open(dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.json"), []byte(remote), 0o600))
	_, err := r.All()
	require.ErrorContains(t, err, "other.json is broken: name is sat-lora")

	_, err = Open(t.TempDir()).Add([]byte(`{"name":"../x"}`), event())
	assert.Equal(t, sat.Invalid, sat.CodeOf(err))
	assert.Error(t, Records{}.Save(Manifest{}, event()), "the program itself")
}

// TestProductionNeedsAPassedGate of the very way in which the model is asked now.
func TestProductionNeedsAPassedGate(t *testing.T) {
	var m Manifest
	require.NoError(t, json.Unmarshal([]byte(remote), &m))
	require.NoError(t, m.check())
	for name, change := range map[string]func(*Manifest){
		"not passed":      func(m *Manifest) { m.Evaluations = []sat.Evaluation{{Method: m.Method, Template: m.Template}} },
		"another method":  func(m *Manifest) { m.Method = sat.MethodOption },
		"another prior":   func(m *Manifest) { m.PriorID = "prior-1" },
		"another layout":  func(m *Manifest) { m.Template = "answer_lines_v1" },
		"never evaluated": func(m *Manifest) { m.Evaluations = nil },
	} {
		changed := m
		change(&changed)
		assert.ErrorContains(t, changed.check(), "passes the gate", name)
		assert.Error(t, Open(t.TempDir()).Save(changed, event()), name)
	}
}

// TestRegistryAsksByTheRecordsOfThisMachine, found by what the name stands for or by the served name.
func TestRegistryAsksByTheRecordsOfThisMachine(t *testing.T) {
	records := Open(t.TempDir())
	_, err := records.Add([]byte(remote), event())
	require.NoError(t, err)
	small, err := records.Lookup(DefaultName)
	require.NoError(t, err)
	small.Temperature = 2.5
	require.NoError(t, records.Save(small, event()))

	r := New(Options{Records: records, Known: map[string]sat.Model{"sat-lora": Generic("sat-lora")}})
	r.SetServed([]sat.Served{{Name: "sat-base", Root: DefaultName}, {Name: "sat-lora", Root: "/adapters/x"}})
	base, err := r.Resolve("sat-base")
	require.NoError(t, err)
	assert.InDelta(t, 2.5, base.Temperature, 0)
	assert.Equal(t, DefaultName, base.Record)
	lora, err := r.Resolve("sat-lora")
	require.NoError(t, err)
	assert.Equal(t, "nf4", lora.Precision)
	assert.Equal(t, "sat-lora", lora.Record)
}

// TestRegistryKeepsTheRecordThatTheEngineWasStartedBy: an adapter of the shelf knows more than the shipped one.
func TestRegistryKeepsTheRecordThatTheEngineWasStartedBy(t *testing.T) {
	m := Generic("sat-lora")
	m.Record, m.Temperature = "sat-lora@0123abcd", 3
	r := New(Options{Known: map[string]sat.Model{"sat-lora": m}})
	r.SetServed([]sat.Served{{Name: "sat-lora", Root: "sat-lora@0123abcd"}})
	found, err := r.Resolve("sat-lora")
	require.NoError(t, err)
	assert.InDelta(t, 3, found.Temperature, 0)
}

// TestAnEvaluationIsOfWhatIsServed: another precision or base does not make a model of production.
func TestAnEvaluationIsOfWhatIsServed(t *testing.T) {
	m := Manifest{Base: "SmolLM2", FileSHA256: "b179", Precision: "q4_1", Method: sat.MethodOption, Template: "option_v1"}
	here := sat.Evaluation{Passed: true, Method: sat.MethodOption, Template: "option_v1", Base: "maker/SmolLM2", BaseRevision: "b179", Precision: "q4_1"}
	for name, c := range map[string]struct {
		change func(*sat.Evaluation)
		proven bool
	}{
		"the same":        {func(*sat.Evaluation) {}, true},
		"an older one":    {func(e *sat.Evaluation) { e.Base, e.BaseRevision, e.Precision = "", "", "" }, true},
		"other precision": {func(e *sat.Evaluation) { e.Precision = "f32" }, false},
		"other base":      {func(e *sat.Evaluation) { e.Base = "Llama" }, false},
		"other edition":   {func(e *sat.Evaluation) { e.BaseRevision = "beef" }, false},
		"other method":    {func(e *sat.Evaluation) { e.Method = sat.MethodLetter }, false},
	} {
		e := here
		c.change(&e)
		m.Evaluations = []sat.Evaluation{e}
		assert.Equal(t, c.proven, m.Proven(), name)
	}
}
