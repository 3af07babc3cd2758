package questionbank

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// codes gives the codes and severities of findings, each once.
func codes(findings []Finding) []string {
	var all []string
	seen := map[string]bool{}
	for _, f := range findings {
		if key := string(f.Code) + " " + string(f.Severity); !seen[key] {
			seen[key] = true
			all = append(all, key)
		}
	}
	return all
}

func TestAGoodItemIsSilent(t *testing.T) {
	assert.Empty(t, Lint(ferry(), Rules{Shipped: true}))
}

func TestLintRules(t *testing.T) {
	line := func(it *sat.Item, i int, s string) { it.Passages[0].Lines[i], it.Explanation.Quotes = s, nil }
	for _, c := range []struct {
		name  string
		want  string // code and severity
		field string
		spoil func(it *sat.Item)
	}{
		{"no question", "L01 error", "question", func(it *sat.Item) { it.Question = "" }},
		{"key is no choice", "L01 error", "answer", func(it *sat.Item) { it.Answer = "E" }},
		{"equal choices", "L02 error", "choices[2]", func(it *sat.Item) { it.Choices[2].Text = strings.ToUpper(it.Choices[0].Text) }},
		{"three choices", "L03 warning", "choices", func(it *sat.Item) { it.Choices = it.Choices[:3] }},
		{"line that is not there", "L04 error", "question", func(it *sat.Item) { it.Question = "What does line 9 say?" }},
		{"range that ends beyond", "L04 error", "choices[0].text", func(it *sat.Item) { it.Choices[0].Text = "Lines 5–7 (“and stand there”)" }},
		{"lines of a paragraph", "L04 warning", "question", func(it *sat.Item) {
			it.Question, it.Requires = "What does line 1 say?", []sat.Requirement{sat.NeedsLine}
			it.Passages[0].Lines = []string{strings.Repeat("The ferry went on. ", 10)}
		}},
		{"does not say that it needs lines", "L05 warning", "question", func(it *sat.Item) { it.Question = "What does line 2 say?" }},
		{"needs a graph", "L05 warning", "question", func(it *sat.Item) { it.Question = "What does the graph show?" }},
		{"needs a table", "L05 warning", "question", func(it *sat.Item) { it.Question = "Which data from the table support this?" }},
		{"builds on another question", "L05 warning", "question", func(it *sat.Item) { it.Question = "What proves the answer to the previous question?" }},
		{"previous without id", "L05 warning", "previous_id", func(it *sat.Item) { it.Requires = []sat.Requirement{sat.NeedsPrevious} }},
		{"quote beyond the passage", "L06 error", "explanation.quotes[0]", func(it *sat.Item) { it.Explanation.Quotes[0].End = 9999 }},
		{"quote on other lines", "L06 error", "explanation.quotes[1]", func(it *sat.Item) { it.Explanation.Quotes[1].LineTo = 6 }},
		{"quote cuts a word", "L06 warning", "explanation.quotes[0]", func(it *sat.Item) { it.Explanation.Quotes[0].End-- }},
		{"quotation made up", "L06 warning", "explanation.text", func(it *sat.Item) { it.Explanation.Text = "She says “I never liked the river at all”." }},
		{"no quote", "L07 warning", "explanation.quotes", func(it *sat.Item) { it.Explanation.Quotes = nil }},
		{"no explanation", "L07 warning", "explanation.text", func(it *sat.Item) { it.Explanation.Text = "" }},
		{"no reason", "L07 warning", "choices[3].why", func(it *sat.Item) { it.Choices[3].Why = "" }},
		{"longest key", "L08 warning", "choices[1].text", func(it *sat.Item) { it.Choices[1].Text += " And all of it at once, too." }},
		{"uneven lengths", "L08 warning", "choices", func(it *sat.Item) { it.Choices[0].Text = "She works out the cost." }},
		{"absolute word", "L09 warning", "choices[2].text", func(it *sat.Item) { it.Choices[2].Text = "She always hopes to persuade the men to choose a site." }},
		{"all of the above", "L10 warning", "choices[3].text", func(it *sat.Item) { it.Choices[3].Text = "All of the above" }},
		{"two letters", "L10 warning", "choices[3].text", func(it *sat.Item) { it.Choices[3].Text = "Both A and B" }},
		{"stray heading", "L14 warning", "passages[0].lines[0]", func(it *sat.Item) { line(it, 0, "Line") }},
		{"printed number alone", "L14 warning", "passages[0].lines[1]", func(it *sat.Item) { line(it, 1, "5") }},
		{"number in the margin", "L14 warning", "passages[0].lines[1]", func(it *sat.Item) { line(it, 1, "without once remarking  5") }},
		{"glued words", "L14 warning", "passages[0].lines[1]", func(it *sat.Item) { line(it, 1, "without once remarking.It was only") }},
		{"TeX", "L14 warning", "passages[0].lines[1]", func(it *sat.Item) { line(it, 1, `a \textit{river} ran`) }},
		{"full stops everywhere", "L14 warning", "passages[0].lines", func(it *sat.Item) {
			it.Passages[0].Lines, it.Explanation.Quotes = strings.Split(strings.Repeat("The ferry went on.\n", 9)+"End.", "\n"), nil
		}},
		{"short", "L15 warning", "passages[0]", func(it *sat.Item) { it.Passages[0].Lines, it.Explanation.Quotes = []string{"Too short."}, nil }},
		{"short for paper", "L15 warning", "passages", func(it *sat.Item) { it.Framework = sat.Paper }},
		{"no source", "L16 warning", "source", func(it *sat.Item) { it.Source = "" }},
		{"no licence", "L16 warning", "licence", func(it *sat.Item) { it.Licence = "" }},
		{"token of a chat template", "L17 warning", "question", func(it *sat.Item) { it.Question += " <|eot_id|>" }},
		{"outside", "L18 info", "domain", func(it *sat.Item) { it.Domain, it.Skill = sat.Conventions, sat.Boundaries }},
	} {
		t.Run(c.name, func(t *testing.T) {
			it := ferry()
			c.spoil(&it)
			var got []string
			for _, f := range Lint(it, Rules{}) {
				got = append(got, fmt.Sprintf("%s %s %s", f.Code, f.Severity, f.Field))
				assert.NotContains(t, f.Message, "%!", "a format went wrong")
			}
			assert.Contains(t, got, c.want+" "+c.field)
		})
	}
}

func TestTheShippedBankIsHeldToMore(t *testing.T) {
	for _, spoil := range []func(it *sat.Item){
		func(it *sat.Item) { it.Licence = "CC-BY-4.0" }, func(it *sat.Item) { it.Source = "" },
		func(it *sat.Item) { it.Explanation.Quotes = nil }, func(it *sat.Item) { it.Choices[0].Why = "" },
	} {
		it := ferry()
		spoil(&it)
		assert.Equal(t, 1, Count(Lint(it, Rules{Shipped: true}), SeverityError))
	}
}

func TestWordsThatAreNoFault(t *testing.T) {
	it := ferry()
	it.Passages[0].Lines[0] = "“Mr. O’Neill (b. 1912),” he said, e.g. at 5 p.m., “cost $5”"
	it.Explanation.Quotes = nil
	it.Question = "What does the figure at the table, a historical figure, say of hotlines 5 and 6?"
	it.Choices[0].Text = "Deft"
	assert.Equal(t, []string{"L07 warning"}, codes(Lint(it, Rules{}))[:1])
	for _, f := range Lint(it, Rules{}) {
		assert.NotContains(t, []Code{L04, L05, L14}, f.Code, f.String())
	}
}

// keyed gives n different items with the keys of letters, over and over.
func keyed(t *testing.T, n int, letters string) []sat.Item {
	items := make([]sat.Item, n)
	for i := range items {
		items[i] = ferry()
		items[i].ID = fmt.Sprintf("item-%d", i)
		items[i].Question = strings.Repeat(fmt.Sprintf("word%d ", i), 10) + "?"
		items[i].Choices = nil
		for j := range 4 {
			items[i].Choices = append(items[i].Choices, sat.Choice{ID: sat.Letter(j), Text: fmt.Sprintf("choice number %d of item %d", j, i)})
		}
		items[i].Answer = string(letters[i%len(letters)])
	}
	require.NotEmpty(t, items)
	return items
}

func TestSetRules(t *testing.T) {
	about := func(items []sat.Item) []string {
		var all []string
		for _, f := range LintSet(items, Rules{}) {
			if f.N == 0 || f.Code == L12 || f.Code == L13 {
				all = append(all, fmt.Sprintf("%s %d", f.Code, f.N))
			}
		}
		return all
	}
	assert.Empty(t, about(keyed(t, 20, "ABCD")))
	assert.Equal(t, []string{"L11 0", "L11 0", "L11 0", "L11 0"}, about(keyed(t, 20, "AB")), "half A, half B, no C, no D")
	assert.Empty(t, about(keyed(t, 19, "A")), "nothing can be said of so few")

	long := keyed(t, 20, "ABCD")
	for i := range long[:8] {
		long[i].Choices[long[i].Key()].Text += ", longer"
	}
	assert.Equal(t, []string{"L08 0"}, about(long))

	twins := keyed(t, 3, "ABC")
	twins[2].Question, twins[2].Choices = twins[0].Question, twins[0].Choices
	assert.Equal(t, []string{"L12 3"}, about(twins))

	split := keyed(t, 3, "ABC")
	split[1].Split = sat.ForTest
	assert.Equal(t, []string{"L13 2", "L13 3"}, about(split), "one passage in two splits")
}

func TestOverlapWithTrainingIsSaid(t *testing.T) {
	rules := Rules{Overlap: func(passage string) string {
		if strings.Contains(passage, "ferry") {
			return "same passage"
		}
		return ""
	}}
	assert.Equal(t, []string{"L13 warning"}, codes(Lint(ferry(), rules)))
}

func TestHiddenCharactersAreReported(t *testing.T) {
	it := ferry()
	it.Question = "Why\u200b does\u202e she go?"
	r := Read(marshal(jsonItem{1, it}), ReadOptions{})
	require.Len(t, r.Items(), 1)
	assert.Equal(t, "Why does she go?", r.Items()[0].Question)
	assert.Contains(t, codes(r.Findings), "L17 warning")
}

func TestShuffles(t *testing.T) {
	assert.True(t, Shuffles(ferry()))
	for _, spoil := range []func(it *sat.Item){
		func(it *sat.Item) { it.Choices[3].Text = "None of the above" },
		func(it *sat.Item) { it.Choices[3].Text = "Both A and C" },
		func(it *sat.Item) { it.Explanation.Text = "Choice B says it." },
		func(it *sat.Item) { it.Choices[0].Why = "Compare (B)." },
	} {
		it := ferry()
		spoil(&it)
		assert.False(t, Shuffles(it))
	}
}
