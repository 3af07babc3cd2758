package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

// Schema names the shape of dataset.json.
const Schema = "sat-dataset/v1"

const noLicence = "without a licence"

// heldOut begins the reason of a question that its source keeps for measuring.
const heldOut = "kept for measuring: its split is "

// mostIDs bounds the ids that are listed for one reason.
const mostIDs = 1000

// Manifest is dataset.json: everything that must be known of a data set beside its lines.
type Manifest struct {
	Schema         string             `json:"schema"`
	Created        string             `json:"created"`
	Version        string             `json:"version"` // of the program that built it
	Method         Method             `json:"method"`
	Template       string             `json:"template"`
	TemplateSHA256 string             `json:"template_sha256"`
	DateString     string             `json:"date_string"`
	Seed           uint64             `json:"seed"`
	Permute        int                `json:"permute"`
	Licence        string             `json:"licence"` // the label: permissive, user-supplied, research-only
	Licences       map[string]int     `json:"licences"`
	Sources        []SourceSums       `json:"sources"`
	Excluded       []Sum              `json:"excluded"` // evaluation data whose passages were kept out
	Splits         map[string]*Split  `json:"splits"`
	Dropped        map[string]*Drop   `json:"dropped"` // by reason
	Files          map[string]FileSum `json:"files"`
}

// SourceSums is a source with its files.
type SourceSums struct {
	Kind    Kind   `json:"kind"`
	Split   string `json:"split"` // what it was read for
	Licence string `json:"licence,omitempty"`
	Files   []Sum  `json:"files"`
}

// Split counts one part of the data.
type Split struct {
	Questions int            `json:"questions"`
	Passages  int            `json:"passages"`
	Records   int            `json:"records"`
	Keys      map[string]int `json:"keys"` // how often each letter is the key
	Choices   map[int]int    `json:"choices"`
	Chars     map[string]int `json:"chars"` // questions by the length of the passage, in steps of 500 characters
	passages  map[string]bool
}

// Drop counts what was left out for one reason.
type Drop struct {
	Count int      `json:"count"`
	IDs   []string `json:"ids"` // the first thousand
}

// FileSum is the digest of a written file.
type FileSum struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

func newManifest(o Options) Manifest {
	return Manifest{Schema: Schema, Created: o.Now.UTC().Format("2006-01-02T15:04:05Z"), Version: o.Version, Method: o.Method,
		Template: o.Template, TemplateSHA256: prompt.TemplateHash(o.Template), DateString: o.Date, Seed: o.Seed, Permute: o.Permute,
		Licences: map[string]int{}, Splits: map[string]*Split{}, Dropped: map[string]*Drop{}, Files: map[string]FileSum{},
		Excluded: []Sum{}}
}

func (m *Manifest) addSource(s Source, split string, files []Sum) {
	m.Sources = append(m.Sources, SourceSums{Kind: s.Kind, Split: split, Licence: s.Licence, Files: files})
}

func (m *Manifest) drop(id, reason string) {
	d := m.Dropped[reason]
	if d == nil {
		d = &Drop{}
		m.Dropped[reason] = d
	}
	if d.Count++; len(d.IDs) < mostIDs {
		d.IDs = append(d.IDs, id)
	}
}

func (m *Manifest) count(split string, q question, records int) {
	s := m.Splits[split]
	if s == nil {
		s = &Split{Keys: map[string]int{}, Choices: map[int]int{}, Chars: map[string]int{}, passages: map[string]bool{}}
		m.Splits[split] = s
	}
	s.Questions++
	s.Records += records
	s.Keys[sat.Letter(q.key)]++
	s.Choices[len(q.ask.Choices)]++
	step := len([]rune(q.ask.Passage)) / 500 * 500
	s.Chars[fmt.Sprintf("%05d", step)]++
	s.passages[q.item.PassageID] = true
	s.Passages = len(s.passages)
	if split == "test" { // nothing is learnt from it
		return
	}
	m.Licences[q.item.Licence]++
	m.Licence = strictest(m.Licence, Label(q.item.Licence))
}

// reasons says in one line what was dropped.
func (m *Manifest) reasons() string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(m.Dropped)) {
		parts = append(parts, fmt.Sprintf("%d %s", m.Dropped[reason].Count, reason))
	}
	return strings.Join(parts, "; ")
}

// Page is the statistics for people, in Markdown.
func (m *Manifest) Page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Training data\n\nMethod `%s`, template `%s`, seed %d, built on %s. Licence label: **%s**.\n\n",
		m.Method, m.Template, m.Seed, m.Created, m.Licence)
	b.WriteString("| split | questions | passages | records | keys |\n|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(m.Splits)) {
		s := m.Splits[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %s |\n", name, s.Questions, s.Passages, s.Records, counts(s.Keys))
	}
	b.WriteString("\n| licence | records of |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(m.Licences)) {
		fmt.Fprintf(&b, "| %s | %d questions |\n", name, m.Licences[name])
	}
	b.WriteString("\n| passage length from, characters | questions by split |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(m.Splits)) {
		for _, from := range slices.Sorted(maps.Keys(m.Splits[name].Chars)) {
			fmt.Fprintf(&b, "| %s | %s %d |\n", from, name, m.Splits[name].Chars[from])
		}
	}
	b.WriteString("\n| left out because | questions |\n|---|---|\n")
	for _, reason := range slices.Sorted(maps.Keys(m.Dropped)) {
		fmt.Fprintf(&b, "| %s | %d |\n", strings.ReplaceAll(reason, "|", "/"), m.Dropped[reason].Count)
	}
	return b.String()
}

func counts(by map[string]int) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%s %d", key, by[key]))
	}
	return strings.Join(parts, ", ")
}
