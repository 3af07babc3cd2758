package setup

import (
	"fmt"
	"strings"
	"time"

	"sattutor/internal/config"
	"sattutor/internal/eval"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
)

// StoreCalibration keeps prior and temperature in a model's record: on the shelf for an adapter, in the records of this
// machine for any other. For an adapter of the embedded engine they hold at once, for others from the next start on.
func StoreCalibration(cfg config.Config, record string, c eval.Calibration) error {
	if isAdapter(record) {
		return OpenShelf(cfg).NoteFit(record, modelregistry.Calibrate{Prior: c.Prior, PriorID: c.PriorID,
			Temperature: c.Temperature, Template: c.Template, Data: c.TuneData})
	}
	return changeRecord(cfg, record, "calibrate", fmt.Sprintf("T %.4f", c.Temperature), func(m *modelregistry.Manifest) error {
		if m.Method != c.Method || m.Template != c.Template {
			return sat.Errorf(sat.Conflict, "%s is asked by method %s and template %s, and this calibration is for %s and %s.",
				record, m.Method, m.Template, c.Method, c.Template)
		}
		m.Prior, m.PriorID, m.Temperature = c.Prior, c.PriorID, c.Temperature
		m.Calibration = &modelregistry.Calibration{TemplateHash: c.TemplateHash, PriorItems: c.PriorItems, TuneItems: c.TuneItems,
			TuneData: c.TuneData, TuneIDs: c.TuneIDs, HeldPool: c.HeldOut.Pool, HeldItems: c.HeldOut.N, ECEBefore: c.HeldOut.ECEBefore,
			ECEAfter: c.HeldOut.ECEAfter, BrierBefore: c.HeldOut.BrierBefore, BrierAfter: c.HeldOut.BrierAfter,
			Date: time.Now().UTC().Format(time.DateOnly)}
		if m.Quality == sat.Production && !m.Proven() {
			m.Quality, m.QualityNote = sat.Demo, "Its scores were calibrated anew; the gate has not been passed since."
		}
		return nil
	})
}

// StoreGate keeps what the gate says of a model in its record. The quality of a model without an adapter follows at once;
// an adapter still has to be promoted.
func StoreGate(cfg config.Config, record string, result eval.GateResult, rival Rival) error {
	if isAdapter(record) {
		return storeAdapterGate(OpenShelf(cfg), record, result, rival)
	}
	return changeRecord(cfg, record, "gate", result.Sentence, func(m *modelregistry.Manifest) error {
		m.Evaluations = append([]sat.Evaluation{result.Evaluation}, m.Evaluations...)
		m.Evaluations = m.Evaluations[:min(len(m.Evaluations), mostEvaluations)]
		if m.Measures(result.Evaluation) {
			m.Quality, m.QualityNote = result.Quality, result.Sentence
		}
		return nil
	})
}

// Rival is what a model was compared with: what it would replace.
type Rival struct {
	Record   string // "" where it was compared with nothing
	Sentence string // how that ended
	Worse    bool   // the model loses to it
	Same     bool   // the scores are the rival's, or not known: the adapter may do nothing
}

func storeAdapterGate(shelf *modelregistry.Shelf, id string, result eval.GateResult, rival Rival) error {
	e, err := shelf.Entry(id)
	if err != nil {
		return err
	}
	if m := result.Evaluation; m.Method != e.Prompt.Method || m.Template != e.Prompt.Template {
		return sat.Errorf(sat.Conflict, "%s is asked by method %s and template %s, and this run by %s and %s.", id, e.Prompt.Method, e.Prompt.Template, m.Method, m.Template)
	}
	return shelf.NoteGate(id, modelregistry.GateNote{Passed: result.Shown && !rival.Worse && !rival.Same, Quality: result.Quality,
		Sentence: result.Sentence, Evaluation: result.Evaluation, Rival: rival.Record, Against: rival.Sentence})
}

// mostEvaluations bounds what a record keeps.
const mostEvaluations = 50

// isAdapter tells the ids of the shelf from the names of records.
func isAdapter(record string) bool { return strings.Contains(record, "@") }

func changeRecord(cfg config.Config, record, action, note string, change func(*modelregistry.Manifest) error) error {
	records := OpenRecords(cfg)
	m, err := records.Lookup(record)
	if err != nil {
		return err
	}
	if err := change(&m); err != nil {
		return err
	}
	return records.Save(m, modelregistry.Event{Time: time.Now().UTC(), Action: action, Note: note})
}
