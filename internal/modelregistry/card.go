package modelregistry

import (
	"encoding/json"
	"slices"

	"sattutor/internal/sat"
)

// card is what our own engine says of a model in its list, so that a machine that keeps neither the adapter nor the
// record asks it as it was trained and names what answers.
type card struct {
	Record        string            `json:"record,omitempty"`
	Base          string            `json:"base"`
	Revision      string            `json:"revision,omitempty"`
	Precision     string            `json:"precision"`
	Adapter       string            `json:"adapter,omitempty"`
	AdapterSHA256 string            `json:"adapter_sha256,omitempty"`
	Licence       string            `json:"licence"`
	Method        sat.Method        `json:"method"`
	Template      string            `json:"template"`
	TemplateArgs  map[string]string `json:"template_args,omitempty"`
	Quality       sat.Quality       `json:"quality"`
	QualityNote   string            `json:"quality_note"`
	Prior         []float64         `json:"prior,omitempty"`
	PriorID       string            `json:"prior_id,omitempty"`
	Temperature   float64           `json:"temperature"`
	Evaluations   []sat.Evaluation  `json:"evaluations,omitempty"`
}

// Card writes a model's record for an engine's list of models. Paths of this machine stay here.
func Card(m sat.Model) json.RawMessage {
	raw, err := json.Marshal(card{m.Record, m.Base, m.Revision, m.Precision, m.Adapter, m.AdapterSHA256, m.Licence, m.Method,
		m.Template, m.TemplateArgs, m.Quality, m.QualityNote, m.Prior, m.PriorID, m.Temperature, m.Evaluations})
	if err != nil { // a figure that is no number
		return nil
	}
	return raw
}

// readCard gives the record that an engine tells of a model; false where it tells none that can be used here.
func readCard(raw []byte, served string) (sat.Model, bool) {
	var c card
	if len(raw) == 0 || json.Unmarshal(raw, &c) != nil {
		return sat.Model{}, false
	}
	known := []sat.Method{sat.MethodLetter, sat.MethodOption, sat.MethodGenerate}
	if !slices.Contains(known, c.Method) || c.Template == "" || c.Base == "" || c.Temperature < 0 {
		return sat.Model{}, false
	}
	if c.Quality != sat.Production || len(c.Evaluations) == 0 {
		c.Quality = sat.Demo
	}
	return sat.Model{
		Record: c.Record, Name: served, Base: c.Base, Revision: c.Revision, Precision: c.Precision, Adapter: c.Adapter,
		AdapterSHA256: c.AdapterSHA256, Licence: c.Licence, Method: c.Method, Template: c.Template, TemplateArgs: c.TemplateArgs,
		Quality: c.Quality, QualityNote: c.QualityNote, Prior: c.Prior, PriorID: c.PriorID, Temperature: c.Temperature,
		Evaluations: c.Evaluations,
	}, true
}
