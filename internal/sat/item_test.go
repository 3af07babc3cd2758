package sat_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// ferry is a well-formed item with everything filled in.
func ferry() sat.Item {
	return sat.Item{
		ID: "ferry-1", Framework: sat.Digital, Domain: sat.InformationAndIdeas, Skill: sat.Inferences,
		Genre: sat.Literature, Difficulty: sat.Medium, Requires: []sat.Requirement{sat.NeedsPrevious}, PreviousID: "ferry-0",
		Passages: []sat.Passage{
			{ID: "ferry", Title: "Low Water", Lines: []string{"She had worked the ferry", "", "without once remarking"}},
			{ID: "bridge", Lines: []string{"The bridge came."}},
		},
		Question: "Why does she go down?",
		Choices:  []sat.Choice{{ID: "A", Text: "To count."}, {ID: "B", Text: "To look.", Why: "She begins to look."}},
		Answer:   "B",
		Explanation: sat.Explanation{Text: "Habit gives way.", Quotes: []sat.Quote{
			{PassageID: "ferry", Start: 8, End: 33, LineFrom: 1, LineTo: 2}, {PassageID: "bridge", Start: 0, End: 10, LineFrom: 3, LineTo: 3}}},
		Marks: []sat.Mark{{In: sat.InPassage, PassageID: "ferry", Start: 0, End: 3, Kind: sat.Emphasis}},
		Tags:  []string{"sample"}, Source: "original", Licence: sat.CC0, Split: sat.ForPractice,
	}
}

func TestAWellFormedItemPasses(t *testing.T) {
	assert.NoError(t, ferry().Validate())
}

func TestEachBrokenRuleNamesItsField(t *testing.T) {
	for _, c := range []struct {
		field string
		spoil func(it *sat.Item)
	}{
		{"id", func(it *sat.Item) { it.ID = "Ferry 1" }},
		{"id", func(it *sat.Item) { it.ID = strings.Repeat("x", 65) }},
		{"previous_id", func(it *sat.Item) { it.PreviousID = "Ferry 0" }},
		{"previous_id", func(it *sat.Item) { it.PreviousID = it.ID }},
		{"framework", func(it *sat.Item) { it.Framework = "" }},
		{"domain", func(it *sat.Item) { it.Domain = "XXX" }},
		{"skill", func(it *sat.Item) { it.Skill = sat.WordsInContext }},
		{"genre", func(it *sat.Item) { it.Genre = "poem" }},
		{"difficulty", func(it *sat.Item) { it.Difficulty = "X" }},
		{"requires[0]", func(it *sat.Item) { it.Requires = []sat.Requirement{"map"} }},
		{"split", func(it *sat.Item) { it.Split = "dev" }},
		{"tags[0]", func(it *sat.Item) { it.Tags = []string{"two words"} }},
		{"tags", func(it *sat.Item) { it.Tags = make([]string, 21) }},
		{"source", func(it *sat.Item) { it.Source = strings.Repeat("x", 501) }},
		{"passages", func(it *sat.Item) { it.Passages = nil }},
		{"passages", func(it *sat.Item) { it.Passages = append(it.Passages, sat.Passage{ID: "c", Lines: []string{"c"}}) }},
		{"passages", func(it *sat.Item) {
			for range 100 {
				it.Passages[1].Lines = append(it.Passages[1].Lines, strings.Repeat("é", 200))
			}
		}},
		{"passages[1].id", func(it *sat.Item) { it.Passages[1].ID = it.Passages[0].ID }},
		{"passages[0].title", func(it *sat.Item) { it.Passages[0].Title = strings.Repeat("x", 201) }},
		{"passages[0].lines", func(it *sat.Item) { it.Passages[0].Lines = []string{"", " "} }},
		{"passages[0].lines", func(it *sat.Item) { it.Passages[0].Lines = append(make([]string, 400), "x") }},
		{"passages[0].lines[1]", func(it *sat.Item) { it.Passages[0].Lines[1] = strings.Repeat("x", 401) }},
		{"passages[0].lines[1]", func(it *sat.Item) { it.Passages[0].Lines[1] = "a\nb" }},
		{"passages[0].line_start", func(it *sat.Item) { it.Passages[0].LineStart = -1 }},
		{"question", func(it *sat.Item) { it.Question = " " }},
		{"question", func(it *sat.Item) { it.Question = "a\nb" }},
		{"choices", func(it *sat.Item) { it.Choices = it.Choices[:1] }},
		{"choices[1]", func(it *sat.Item) { it.Choices[1].Text = "to  COUNT" }},
		{"choices[1].id", func(it *sat.Item) { it.Choices[1].ID = "C" }},
		{"choices[0].text", func(it *sat.Item) { it.Choices[0].Text = "" }},
		{"choices[0].why", func(it *sat.Item) { it.Choices[0].Why = strings.Repeat("x", 2001) }},
		{"answer", func(it *sat.Item) { it.Answer = "C" }},
		{"explanation.text", func(it *sat.Item) { it.Explanation.Text = strings.Repeat("x", 5001) }},
		{"explanation.quotes", func(it *sat.Item) { it.Explanation.Quotes = make([]sat.Quote, 9) }},
		{"explanation.quotes[0].passage_id", func(it *sat.Item) { it.Explanation.Quotes[0].PassageID = "other" }},
		{"explanation.quotes[0]", func(it *sat.Item) { it.Explanation.Quotes[0].End = 49 }},
		{"explanation.quotes[0]", func(it *sat.Item) { it.Explanation.Quotes[0].LineTo = 3 }},
		{"explanation.quotes[1]", func(it *sat.Item) { it.Passages[1].LineStart = 7 }},
		{"marks[0]", func(it *sat.Item) { it.Marks[0].End = 1000 }},
		{"marks[0].kind", func(it *sat.Item) { it.Marks[0].Kind = "blink" }},
		{"marks[0].passage_id", func(it *sat.Item) { it.Marks[0].PassageID = "" }},
	} {
		t.Run(c.field, func(t *testing.T) {
			it := ferry()
			c.spoil(&it)
			var wrong *sat.Error
			require.True(t, errors.As(it.Validate(), &wrong))
			assert.Equal(t, sat.Invalid, wrong.Code)
			var fields []string
			for _, f := range wrong.Fields {
				fields = append(fields, f.Field)
			}
			assert.Contains(t, fields, c.field)
		})
	}
}

func TestLinesAreNumberedOverAPair(t *testing.T) {
	it := ferry()
	assert.Equal(t, [][]int{{1, 0, 2}, {3}}, it.Numbers())
	it.Passages[0].LineStart = 40
	assert.Equal(t, [][]int{{40, 0, 41}, {42}}, it.Numbers())
	it.Passages[1].LineStart = 1
	assert.Equal(t, [][]int{{40, 0, 41}, {1}}, it.Numbers())
}

func TestLinesOfARange(t *testing.T) {
	it := ferry() // line 1 is characters 0 to 23, the gap 25, line 2 from 26 to 47
	for _, c := range []struct {
		start, end, from, to int
		ok                   bool
	}{
		{0, 24, 1, 1, true}, {0, 27, 1, 2, true}, {26, 48, 2, 2, true}, {23, 24, 1, 1, true},
		{25, 26, 0, 0, false}, {-1, 3, 0, 0, false}, {3, 3, 0, 0, false}, {40, 49, 0, 0, false},
	} {
		from, to, ok := it.LinesOf("ferry", c.start, c.end)
		assert.Equal(t, c.ok, ok, fmt.Sprint(c))
		if c.ok {
			assert.Equal(t, []int{c.from, c.to}, []int{from, to}, fmt.Sprint(c))
		}
	}
	_, _, ok := it.LinesOf("nowhere", 0, 1)
	assert.False(t, ok)
	assert.Equal(t, "worked the ferry\n\nwithout", it.Quoted(it.Explanation.Quotes[0]))
}

func TestAnItemIsAskedWithoutItsKey(t *testing.T) {
	it := ferry()
	q := it.Asked()
	require.NoError(t, q.Validate())
	assert.Equal(t, "Text 1\nShe had worked the ferry\n\nwithout once remarking\nText 2\nThe bridge came.", q.Passage)
	assert.Equal(t, []string{"To count.", "To look."}, q.Choices)

	it.Framework = sat.Paper
	assert.Equal(t, "Passage 1\nShe had worked the ferry\n\nwithout once remarking\nPassage 2\nThe bridge came.", it.Asked().Passage)
}

func TestAnItemSurvivesItsJSON(t *testing.T) {
	data, err := json.Marshal(ferry())
	require.NoError(t, err)
	var back sat.Item
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, ferry(), back)
	bare, err := json.Marshal(sat.Item{ID: "x", Requires: []sat.Requirement{}})
	require.NoError(t, err)
	assert.NotContains(t, string(bare), "explanation")
}

func TestEverySkillHasADomainAndNames(t *testing.T) {
	for _, s := range sat.Skills() {
		assert.Contains(t, sat.Domains(), s.Domain(), s)
		assert.NotEmpty(t, s.Title(), s)
	}
	for _, d := range sat.Domains() {
		assert.NotEmpty(t, d.Title(), d)
	}
	assert.Empty(t, sat.Skill("XXX").Domain())
}
