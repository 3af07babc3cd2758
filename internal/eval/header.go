package eval

import (
	"encoding/json"
	"reflect"
	"time"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// RunSchema names the shape of run.json.
const RunSchema = "sat-run/v1"

// Header says what a run is a run of: everything that must stand beside its figures.
type Header struct {
	Schema        string         `json:"schema"`
	Data          DataInfo       `json:"data"`
	Model         ModelInfo      `json:"model"`
	Engine        EngineInfo     `json:"engine"`
	Asked         Asked          `json:"asked"`
	Ablation      Ablation       `json:"ablation"`
	Concurrency   int            `json:"concurrency"`
	Seed          uint64         `json:"seed"` // of the bootstraps
	Contamination Contamination  `json:"contamination"`
	Baselines     Baselines      `json:"baselines"`
	Sampling      map[string]any `json:"sampling,omitempty"` // fields as sent to the engine
	Code          string         `json:"code"`               // version of this program
	Hardware      string         `json:"hardware"`
	Started       time.Time      `json:"started"`
	WallSeconds   float64        `json:"wall_seconds"` // over all sessions of the run
	Complete      bool           `json:"complete"`     // every item has an answer, and none is an error
}

// DataInfo names the items of a run.
type DataInfo struct {
	File     string   `json:"file"` // base name
	SHA256   string   `json:"sha256"`
	Format   Format   `json:"format"`
	Pool     string   `json:"pool"`
	IDsHash  string   `json:"ids_sha256"` // of the ids, one a line, in the order asked
	N        int      `json:"n"`
	Clusters int      `json:"clusters"` // passages
	Partial  bool     `json:"partial"`  // cut by --limit
	Remarks  []string `json:"remarks,omitempty"`
	Requires []string `json:"requires,omitempty"` // items that need more than their passage: "id: table, previous"
}

// ModelInfo names what answered.
type ModelInfo struct {
	Name          string `json:"name"`
	Record        string `json:"record,omitempty"` // in which its quality and calibration are kept
	Base          string `json:"base"`
	BaseRevision  string `json:"base_revision,omitempty"`
	Precision     string `json:"precision"`
	Adapter       string `json:"adapter,omitempty"`
	AdapterSHA256 string `json:"adapter_sha256,omitempty"`

	Learnt *Learnt `json:"learnt,omitempty"` // what the adapter was trained on; nil for a base model, and where nobody knows
}

// Learnt says what an adapter was trained on.
type Learnt struct {
	Sources []string `json:"sources"` // kinds of data: "race", "items", "tests", "prose" …
	Licence string   `json:"licence"` // the label that these data give to it: "research-only"
}

// hasAdapter tells whether an adapter answered.
func (m ModelInfo) hasAdapter() bool { return m.Adapter != "" || m.AdapterSHA256 != "" }

// EngineInfo names what computed the answers.
type EngineInfo struct {
	Name     string `json:"name"`
	Version  string `json:"version,omitempty"`
	Endpoint string `json:"endpoint"` // "backend" or "engine": how it was reached
}

// Asked names the way of asking. What was left to the model's record is filled in from its first answer.
type Asked struct {
	Mode         sat.Mode   `json:"mode"`
	Method       sat.Method `json:"method"`
	Template     string     `json:"template"`
	TemplateHash string     `json:"template_hash,omitempty"`
	Date         string     `json:"date,omitempty"` // the date string in the prompt
	PriorID      string     `json:"prior_id,omitempty"`
	Temperature  float64    `json:"temperature"` // T of p = softmax(s/T); 1 for none
	Uncalibrated bool       `json:"uncalibrated,omitempty"`
}

// Ablation is one change against the default way of asking.
type Ablation struct {
	NoPassage     bool `json:"no_passage,omitempty"`
	NumberedLines bool `json:"numbered_lines,omitempty"`
	Rotate        int  `json:"rotate,omitempty"` // ask each item under so many rotations of its choices; 0 or 1 for none
	Repeat        int  `json:"repeat,omitempty"` // ask each item so often; 0 or 1 for once
	Cold          bool `json:"cold,omitempty"`   // do not warm the passage before its first item
}

// repeats gives how often each item is asked.
func (h Header) repeats() int { return max(1, h.Ablation.Repeat) }

// samples gives the number of records of a complete run.
func (h Header) samples() int { return h.Data.N * h.repeats() }

// Baselines are the results of answering without reading, on the items of a run.
type Baselines struct {
	Chance         float64 `json:"chance"`          // mean of 1/K
	Constant       int     `json:"constant"`        // right when always answering the best letter
	ConstantLetter string  `json:"constant_letter"` //
	Shortest       int     `json:"shortest"`        // right when always taking the shortest choice, in code points
	Longest        int     `json:"longest"`         // right when always taking the longest
}

// Best gives the number right of the best way of answering without reading.
func (b Baselines) Best() int { return max(b.Constant, b.Shortest, b.Longest) }

func baselines(items []Item) Baselines {
	var b Baselines
	letters := map[string]int{}
	for _, it := range items {
		b.Chance += 1 / float64(len(it.Choices))
		letters[it.Answer]++
		lengths := make([]float64, len(it.Choices))
		short := make([]float64, len(it.Choices))
		for i, option := range it.source().Options {
			lengths[i] = float64(len([]rune(option))) // as the source has it: a cleaner must not move a baseline
			short[i] = -lengths[i]
		}
		if stats.ArgMax(lengths) == it.key() {
			b.Longest++
		}
		if stats.ArgMax(short) == it.key() {
			b.Shortest++
		}
	}
	b.Chance /= float64(max(1, len(items)))
	for i := range sat.MaxChoices {
		if n := letters[sat.Letter(i)]; n > b.Constant {
			b.Constant, b.ConstantLetter = n, sat.Letter(i)
		}
	}
	return b
}

// sameRun says whether two headers are of one run: all is equal but when and where it ran and how far it came.
func sameRun(a, b Header) bool {
	return reflect.DeepEqual(identity(a), identity(b))
}

func identity(h Header) map[string]any {
	h.Started, h.WallSeconds, h.Complete, h.Hardware = time.Time{}, 0, false, ""
	data, err := json.Marshal(h)
	if err != nil {
		return nil
	}
	var m map[string]any
	_ = json.Unmarshal(data, &m)
	return m
}
