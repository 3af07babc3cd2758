package questionbank

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/sat"
)

// shelf is a bank in memory.
type shelf []sat.Item

func (s shelf) ItemsByID(_ context.Context, ids []string) ([]sat.StoredItem, error) {
	return s.where(ids, func(it sat.Item) string { return it.ID }), nil
}

func (s shelf) ItemsByContent(_ context.Context, keys []string) ([]sat.StoredItem, error) {
	return s.where(keys, ContentKey), nil
}

func (s shelf) Passages(_ context.Context, ids []string) ([]sat.Passage, error) {
	var found []sat.Passage
	for _, it := range s {
		for _, p := range it.Passages {
			if slices.Contains(ids, p.ID) && !slices.ContainsFunc(found, func(f sat.Passage) bool { return f.ID == p.ID }) {
				found = append(found, p)
			}
		}
	}
	return found, nil
}

func (s shelf) SearchItems(_ context.Context, f sat.ItemFilter) ([]sat.StoredItem, int, error) {
	var found []sat.StoredItem
	for i, it := range s {
		if slices.ContainsFunc(it.Passages, func(p sat.Passage) bool { return p.ID == f.PassageID }) {
			found = append(found, Stored(it, i+7))
		}
	}
	return found, len(found), nil
}

func (s shelf) where(values []string, of func(sat.Item) string) []sat.StoredItem {
	var found []sat.StoredItem
	for i, it := range s {
		if slices.Contains(values, of(it)) {
			found = append(found, Stored(it, i+7))
		}
	}
	return found
}

func planFor(t require.TestingT, items []sat.Item, format Format, bank Bank, opts PlanOptions) *Plan {
	file, _, err := Write(items, format, WriteOptions{})
	require.NoError(t, err)
	p, err := MakePlan(context.Background(), Read(file, ReadOptions{Format: format, Framework: items[0].Framework, Skill: items[0].Skill}), bank, opts)
	require.NoError(t, err)
	return p
}

// A bank that is exported and imported again is unchanged, whatever the format forgets.
func TestImportingAnExportChangesNothing(t *testing.T) {
	for _, c := range codecs() {
		if c.read == nil {
			continue
		}
		t.Run(string(c.Format), func(t *testing.T) {
			p := planFor(t, []sat.Item{ferry()}, c.Format, shelf{ferry()}, PlanOptions{})
			assert.Equal(t, sat.ImportCounts{Unchanged: 1}, p.Counts, "%v", p.Findings)
			rapid.Check(t, func(t *rapid.T) {
				it := anyItem().Draw(t, "item")
				if c.Format == Aiken && len(it.Passages) > 1 {
					t.Skip("two passages become one")
				}
				_, losses, err := Write([]sat.Item{it}, c.Format, WriteOptions{})
				require.NoError(t, err)
				if Count(losses, SeverityError) > 0 {
					t.Skip("the format cannot hold it")
				}
				p := planFor(t, []sat.Item{it}, c.Format, shelf{it}, PlanOptions{})
				if p.Counts.Rejected > 0 {
					t.Skip("names a line that is not there")
				}
				require.Equal(t, sat.ImportCounts{Unchanged: 1}, p.Counts, "%v", p.Changes)
			})
		})
	}
}

func TestActions(t *testing.T) {
	other := ferry()
	other.ID, other.Question = "ferry-low-water-2", "What did her brother think?"
	corrected := ferry()
	corrected.Answer = "C"
	moved := ferry()
	moved.Split = sat.ForTest
	renamed := ferry()
	renamed.ID = "another-name"

	p := planFor(t, []sat.Item{other}, JSONL, shelf{ferry()}, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{New: 1}, p.Counts)

	p = planFor(t, []sat.Item{corrected}, JSONL, shelf{ferry()}, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{Updated: 1}, p.Counts)
	assert.Equal(t, []string{"answer"}, p.Changes[0].Fields)

	p = planFor(t, []sat.Item{renamed}, JSONL, shelf{ferry()}, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{Unchanged: 1}, p.Counts, "the same question under another name is the one that is there")
	assert.Empty(t, p.Items())

	p = planFor(t, []sat.Item{moved}, JSONL, shelf{ferry()}, PlanOptions{})
	assert.Equal(t, sat.ImportCounts{Unchanged: 1}, p.Counts)
	assert.Equal(t, L13, p.Findings[len(p.Findings)-1].Code)
	p = planFor(t, []sat.Item{moved}, JSONL, shelf{ferry()}, PlanOptions{AllowSplit: true})
	assert.Equal(t, []sat.StoredItem{Stored(moved, 7)}, p.Items(), "with the version that it replaces")
}

func TestALossyFileChangesOnlyWhatItCarries(t *testing.T) {
	edited := ferry()
	edited.Choices[0].Text = "She wants to count the passengers who still use the ferry."
	p := planFor(t, []sat.Item{edited}, CSV, shelf{ferry()}, PlanOptions{})
	require.Equal(t, sat.ImportCounts{Updated: 1}, p.Counts)
	assert.Equal(t, edited, p.Items()[0].Item, "the quotes stay, which CSV does not carry")
}

func TestPlansOfOneFileAndBankAreEqual(t *testing.T) {
	second := ferry()
	second.ID, second.Question = "second", "What did her brother think?"
	items := []sat.Item{ferry(), second}
	a := planFor(t, items, JSONL, shelf{ferry()}, PlanOptions{})
	assert.Equal(t, a.ID, planFor(t, items, JSONL, shelf{ferry()}, PlanOptions{}).ID)
	assert.NotEqual(t, a.ID, planFor(t, items, JSONL, shelf{second, ferry()}, PlanOptions{}).ID, "the bank has changed")
	assert.NotEqual(t, a.ID, planFor(t, items, JSONL, shelf{ferry()}, PlanOptions{AllowSplit: true}).ID)
}

func TestTheReportHasEachQuestionOnce(t *testing.T) {
	bad := ferry()
	bad.ID, bad.Question = "second", "Which is right?"
	file, _, err := Write([]sat.Item{ferry(), bad}, JSONL, WriteOptions{})
	require.NoError(t, err)
	file = append(file, "{\"v\":1,\"id\":\"third\"}\n{\n"...)
	reading := Read(file, ReadOptions{})
	p, err := MakePlan(context.Background(), reading, shelf{}, PlanOptions{})
	require.NoError(t, err)
	r := p.Report()
	assert.Equal(t, sat.ImportCounts{New: 2, Rejected: 2}, r.Counts)
	actions := map[int]Action{}
	for i, e := range r.Entries {
		if e.Action != "" {
			assert.Empty(t, actions[e.N])
			actions[e.N] = e.Action
		}
		if i > 0 {
			assert.LessOrEqual(t, r.Entries[i-1].N, e.N, "out of the file's order")
		}
	}
	assert.Equal(t, map[int]Action{1: ActionNew, 2: ActionNew, 3: ActionRejected}, actions)
	assert.Equal(t, 4, r.Entries[len(r.Entries)-1].Line)
}
