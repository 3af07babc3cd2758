package questionbank

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// another is a question on the ferry's passage that quotes nothing; its passage may have other lines.
func another(id string, change func(lines []string)) sat.Item {
	it := ferry()
	it.ID, it.Question, it.Explanation.Quotes = id, "What does "+id+" ask?", nil
	it.Passages = slices.Clone(it.Passages)
	it.Passages[0].Lines = slices.Clone(it.Passages[0].Lines)
	if change != nil {
		change(it.Passages[0].Lines)
	}
	return it
}

func actionsOf(r sat.ImportReport) (list []string) {
	for _, e := range r.Entries {
		if e.Action != "" {
			list = append(list, fmt.Sprint(e.N, " ", e.ID, " ", e.Action, " ", e.Message))
		}
	}
	return list
}

func TestARehearsalTellsWhatChangesWithAPassage(t *testing.T) {
	changed := func(lines []string) { lines[0] = "For twelve years, Hester Pruitt had worked the ferry" }
	bank := shelf{another("beside", nil), ferry()}
	p := planFor(t, []sat.Item{another("fresh", changed)}, JSONL, bank, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{New: 1, Siblings: 2}, p.Counts, "%v", p.Findings)
	r := p.Report()
	assert.Equal(t, []string{"1 fresh new new", "1 beside sibling stands on passage ferry-low-water, which differs",
		"1 ferry-low-water-1 sibling stands on passage ferry-low-water, which differs"}, actionsOf(r))
	for _, e := range r.Entries {
		assert.Equal(t, 1, e.Line)
	}
	items := p.Items()
	require.Len(t, items, 3)
	assert.Equal(t, "without once remarking on the river", items[1].Quoted(items[1].Explanation.Quotes[0]), "moved with its words")
	assert.Equal(t, 8, items[1].Version)

	moved := shelf{another("beside", nil), another("between", nil), ferry()} // the sibling has another version now
	assert.NotEqual(t, p.ID, planFor(t, []sat.Item{another("fresh", changed)}, JSONL, moved, PlanOptions{}).ID)
	p = planFor(t, []sat.Item{another("fresh", nil)}, JSONL, bank, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{New: 1}, p.Counts, "the passage is as it was")
	p = planFor(t, []sat.Item{another("beside", changed), another("fresh", changed)}, JSONL, bank, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{New: 1, Updated: 1, Siblings: 1}, p.Counts, "what the file has itself is no sibling")
}

func TestWordsThatAreQuotedStopOnlyWhoTakesThem(t *testing.T) {
	without := func(lines []string) { lines[1] = "and never remarked on anything. It was only when" }
	good := reworded("good", sat.ForPractice)
	p := planFor(t, []sat.Item{another("taker", without), good}, JSONL, shelf{ferry()}, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{New: 1, Rejected: 1}, p.Counts)
	require.Len(t, p.Items(), 1)
	assert.Equal(t, "good", p.Items()[0].ID)
	i := slices.IndexFunc(p.Findings, func(f Finding) bool { return f.Severity == SeverityError })
	require.GreaterOrEqual(t, i, 0)
	f := p.Findings[i]
	assert.Equal(t, Finding{N: 1, ID: "taker", Place: placed(1, 1), Field: "passages", Code: L06, Severity: SeverityError, Message: f.Message}, f)
	assert.Contains(t, f.Message, "no longer say “without once remarking on the river”, which question ferry-low-water-1 quotes")

	marked := another("marked", nil)
	marked.Marks = []sat.Mark{{In: sat.InPassage, PassageID: "ferry-low-water", Start: 52, End: 64, Kind: sat.Underline}}
	p = planFor(t, []sat.Item{another("taker", without)}, JSONL, shelf{marked}, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{Rejected: 1}, p.Counts)
	unquoted := another("ferry-low-water-1", without)
	p = planFor(t, []sat.Item{unquoted, another("taker", without)}, JSONL, shelf{ferry()}, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{New: 1, Updated: 1}, p.Counts, "the file takes the quotation back too")
}

// One that is rejected becomes a sibling of the others.
func TestWhatIsRejectedCountsAsStored(t *testing.T) {
	pair := func(id string, quote int) sat.Item {
		it := another(id, nil)
		second := sat.Passage{ID: "second", Lines: []string{"The lamp burned all night."}}
		it.Passages = append(it.Passages, second)
		if quote > 0 {
			it.Explanation.Quotes = []sat.Quote{{PassageID: "second", Start: 4, End: 8, LineFrom: 7, LineTo: 7}}
		}
		return it
	}
	updated := pair("pair", 0)
	updated.Passages[0].Lines[1] = "and never remarked on anything. It was only when"
	updated.Passages[1].Lines = []string{"The light burned all night."}
	third := another("third", nil)
	third.Passages = []sat.Passage{updated.Passages[1]}
	p := planFor(t, []sat.Item{updated, third}, JSONL, shelf{ferry(), pair("pair", 1)}, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{Rejected: 2}, p.Counts, "%v", p.Findings)
	assert.Empty(t, p.Items())
}

func TestAStoredItemIsOneItemOfAFileOnly(t *testing.T) {
	edited := ferry()
	edited.Question = "Why, then, does Hester go down to the landing?"
	old := ferry()
	old.ID = "ferry-low-water-2"
	for name, file := range map[string][]sat.Item{"the id first": {edited, old}, "the content first": {old, edited}} {
		p := planFor(t, file, JSONL, shelf{ferry()}, PlanOptions{})
		assert.Equal(t, sat.ImportCounts{Updated: 1, Rejected: 1}, p.Counts, name)
		require.Len(t, p.Items(), 1, name)
		assert.Equal(t, edited, p.Items()[0].Item, name)
		n := slices.IndexFunc(p.Findings, func(f Finding) bool { return f.Code == CodeDuplicateID })
		require.GreaterOrEqual(t, n, 0, name)
		assert.Equal(t, old.ID, p.Findings[n].ID)
		assert.Equal(t, slices.IndexFunc(file, func(it sat.Item) bool { return it.ID == old.ID })+1, p.Findings[n].Line, name)
	}
	again := ferry()
	again.ID = "ferry-low-water-3"
	p := planFor(t, []sat.Item{old, again}, JSONL, shelf{ferry()}, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{Unchanged: 1, Rejected: 1}, p.Counts)
}

func TestAReportIsBounded(t *testing.T) {
	var stored shelf
	reading := &Reading{Format: JSONL, Omitted: 3}
	for i := range maxFindings + 100 {
		it := ferry()
		it.ID, it.Question = fmt.Sprint("q-", i), fmt.Sprintf("What is said of %d?", i)
		stored = append(stored, it)
		it.Split, it.Difficulty = sat.ForTest, sat.Hard
		reading.Entries = append(reading.Entries, Entry{N: i + 1, spot: spot{Place: placed(i+1, 1)}, Item: it})
	}
	p, err := MakePlan(context.Background(), reading, stored, PlanOptions{})
	require.NoError(t, err)
	assert.Len(t, p.Findings, maxFindings)
	assert.Equal(t, 103, p.Report().Omitted, "with those that the reading left out")
	assert.Equal(t, len(stored), p.Report().Counts.Updated, "the counts are whole")

	for i := range reading.Entries { // now each is on the passage of one that is kept for something else
		reading.Entries[i].Item.ID = fmt.Sprint("new-", i)
		reading.Entries[i].Item.Question = fmt.Sprintf("And what of %d?", i)
	}
	bank := &standing{shelf: stored[:1], change: "one"}
	p, err = MakePlan(context.Background(), reading, bank, PlanOptions{})
	require.NoError(t, err)
	require.NoError(t, p.compare(context.Background(), &neighbours{shelf: bank}))
	assert.LessOrEqual(t, len(p.Findings), maxFindings)
}

func TestSiblingsInAReportAreBounded(t *testing.T) {
	var stored shelf
	for i := range maxFindings + 100 {
		it := ferry()
		it.ID, it.Question = fmt.Sprint("q-", i), fmt.Sprintf("What is said of %d?", i)
		stored = append(stored, it)
	}
	p := planFor(t, []sat.Item{another("fresh", func(lines []string) { lines[5] += " So he said." })}, JSONL, stored, PlanOptions{})
	r := p.Report()
	assert.Equal(t, len(stored), r.Counts.Siblings)
	assert.Equal(t, 100, r.Omitted)
	assert.Len(t, actionsOf(r), maxFindings+1)
	assert.Len(t, p.Items(), len(stored)+1, "all are stored")
}
