package questionbank

import (
	"strings"

	"pgregory.net/rapid"

	"sattutor/internal/sat"
)

// ferry is the item of the format's description.
func ferry() sat.Item {
	return sat.Item{
		ID: "ferry-low-water-1", Framework: sat.Digital, Domain: sat.InformationAndIdeas, Skill: sat.Inferences,
		Genre: sat.Literature, Difficulty: sat.Medium, Requires: []sat.Requirement{},
		Passages: []sat.Passage{{ID: "ferry-low-water", Title: "Low Water",
			Attribution: "Written for this project in the manner of 1870s fiction.",
			Lines: []string{"For eleven years Hester Pruitt had worked the ferry",
				"without once remarking on the river. It was only when",
				"the engineers came, with their talk of a bridge, that",
				"she began to walk down to the landing before breakfast",
				"and stand there, doing nothing. Her brother supposed",
				"that she was counting the fares she would lose."}}},
		Question: "Based on the text, why does Hester go down to the landing before breakfast?",
		Choices: []sat.Choice{
			{ID: "A", Text: "She is working out how much income the bridge will cost her.", Why: "Only her brother supposes this (lines 5-6)."},
			{ID: "B", Text: "She has begun to notice a place that she is about to lose.", Why: "Habit gives way to attention once the bridge is planned."},
			{ID: "C", Text: "She hopes to persuade the engineers to choose another site.", Why: "She speaks to no engineer in the text."},
			{ID: "D", Text: "She needs more time each day to make the ferry ready.", Why: "Line 5 says that she does nothing there."}},
		Answer: "B",
		Explanation: sat.Explanation{Text: "Lines 1-2 = habit: she does not see the river. The engineers come, and she starts to look.",
			Quotes: []sat.Quote{{PassageID: "ferry-low-water", Start: 52, End: 87, LineFrom: 2, LineTo: 2},
				{PassageID: "ferry-low-water", Start: 186, End: 230, LineFrom: 4, LineTo: 5}}},
		Tags: []string{"sample"}, Source: "original", Licence: sat.CC0, Split: sat.ForPractice,
	}
}

// hostile are pieces of text that one format or another gives a meaning.
var hostile = []string{"~", "=", "#", "{", "}", ":", `\`, "%", "[", "]", "]]>", "&", "<", ">", `"`, "'", "|", "//", "::", "####",
	"%%", " / ", "A) ", "(A) ", "B. ", "ANSWER:", "ANSWER: B", "$CATEGORY:", "[html]", "[id:x]", "[tag:y]", "&&058;", "&amp;", "+", "-", "@",
	"'=", "  ", "   indent", "(line 12)", "—", "“curly”", "’", "e\u0301", "é", "🚲", "\u202e", "\u200b", "</p>", "<br>", "<b>x</b>",
	"Question 3:", "Answer:", "Passage 1", "Passage 2", blockHeader, "->", "T", "FALSE", "\\n", "\\(x\\)", "source: x", "Passage: ", "\u00a0"}

// phrase draws a text of words and hostile pieces, of at most limit characters, never empty.
func phrase(limit int) *rapid.Generator[string] {
	piece := rapid.OneOf(rapid.SampledFrom(hostile), rapid.StringMatching(`[a-z]{1,8}`), rapid.StringMatching(`[A-Z][a-z]{1,6}`))
	return rapid.Custom(func(t *rapid.T) string {
		glue := rapid.SampledFrom([]string{" ", ""}).Draw(t, "glue")
		s := strings.Join(rapid.SliceOfN(piece, 1, 8).Draw(t, "pieces"), glue)
		if r := []rune(s); len(r) > limit {
			s = string(r[:limit])
		}
		if strings.TrimSpace(paragraph(s)) == "" {
			return "word"
		}
		return s
	})
}

// maybe draws a text or nothing.
func maybe(g *rapid.Generator[string]) *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), g)
}

func anyID() *rapid.Generator[string] { return rapid.StringMatching(`[a-z0-9][a-z0-9._-]{0,12}`) }

// anyPassage draws a passage. Line numbers of its own are rare.
func anyPassage() *rapid.Generator[sat.Passage] {
	return rapid.Custom(func(t *rapid.T) sat.Passage {
		lines := rapid.SliceOfN(rapid.OneOf(phrase(80), phrase(80), rapid.Just("")), 1, 6).Draw(t, "lines")
		return sat.Passage{ID: anyID().Draw(t, "passage id"), Title: maybe(phrase(60)).Draw(t, "title"),
			Attribution: maybe(phrase(90)).Draw(t, "attribution"), Lines: append(lines, "The end."),
			LineStart: rapid.SampledFrom([]int{0, 0, 0, 1, 40}).Draw(t, "line start")}
	})
}

// anyItem draws a well-formed, canonical item whose texts are as hostile as they may be.
func anyItem() *rapid.Generator[sat.Item] {
	return rapid.Custom(func(t *rapid.T) sat.Item {
		skill := rapid.SampledFrom(sat.Skills()).Draw(t, "skill")
		it := sat.Item{ID: anyID().Draw(t, "id"), Framework: rapid.SampledFrom(sat.Frameworks()).Draw(t, "framework"),
			Domain: skill.Domain(), Skill: skill, Genre: rapid.SampledFrom(append(sat.Genres(), "")).Draw(t, "genre"),
			Difficulty: rapid.SampledFrom(append(sat.Difficulties(), "")).Draw(t, "difficulty"),
			Requires:   rapid.SliceOfN(rapid.SampledFrom(sat.Requirements()), 0, 3).Draw(t, "requires"),
			Passages:   rapid.SliceOfNDistinct(anyPassage(), 1, 2, func(p sat.Passage) string { return p.ID }).Draw(t, "passages"),
			Question:   phrase(200).Draw(t, "question"), Explanation: sat.Explanation{Text: maybe(phrase(200)).Draw(t, "explanation")},
			Tags:   rapid.SliceOfN(rapid.SampledFrom([]string{"sample", "skill:INF", "tag:x", "qti:a", "a.b-c_d:e"}), 0, 3).Draw(t, "tags"),
			Source: maybe(phrase(80)).Draw(t, "source"), Licence: rapid.SampledFrom([]string{"", sat.CC0, "CC-BY-4.0"}).Draw(t, "licence"),
			Split: rapid.SampledFrom(append(sat.Splits(), "")).Draw(t, "split")}
		if it.Needs(sat.NeedsPrevious) {
			it.PreviousID = "before"
		}
		for i, text := range rapid.SliceOfNDistinct(phrase(80), 2, 5, func(s string) string { return sat.Fold(paragraph(s)) }).Draw(t, "choices") {
			it.Choices = append(it.Choices, sat.Choice{ID: sat.Letter(i), Text: text, Why: maybe(phrase(80)).Draw(t, "why")})
		}
		it.Answer = sat.Letter(rapid.IntRange(0, len(it.Choices)-1).Draw(t, "key"))
		it = Canonical(it)
		quotes(t, &it)
		it = Canonical(it)
		if err := it.Validate(); err != nil { // a choice that was two words becomes the same word when cleaned
			t.Skip(err)
		}
		return it
	})
}

// quotes adds quotes and marks to a canonical item.
func quotes(t *rapid.T, it *sat.Item) {
	for _, p := range it.Passages {
		for range rapid.IntRange(0, 2).Draw(t, "ranges") {
			start := rapid.IntRange(0, p.Length()-1).Draw(t, "start")
			end := rapid.IntRange(start+1, p.Length()).Draw(t, "end")
			if from, to, ok := it.LinesOf(p.ID, start, end); ok {
				it.Explanation.Quotes = append(it.Explanation.Quotes, sat.Quote{PassageID: p.ID, Start: start, End: end, LineFrom: from, LineTo: to})
			}
			it.Marks = append(it.Marks, sat.Mark{In: sat.InPassage, PassageID: p.ID, Start: start, End: end,
				Kind: rapid.SampledFrom(sat.MarkKinds()).Draw(t, "kind")})
		}
	}
	if n := len([]rune(it.Question)); rapid.Bool().Draw(t, "mark the question") {
		it.Marks = append(it.Marks, sat.Mark{In: sat.InQuestion, Start: 0, End: n, Kind: sat.Strong})
	}
}

// anyBank draws items with ids of their own and passages that are shared as a whole or not at all. Each item marks its
// passages in its own way.
func anyBank() *rapid.Generator[[]sat.Item] {
	return rapid.Custom(func(t *rapid.T) []sat.Item {
		items := rapid.SliceOfN(anyItem(), 1, 4).Draw(t, "items")
		for i := range items {
			suffix := "." + string(rune('a'+i))
			items[i].ID += suffix
			for j := range items[i].Passages {
				old := items[i].Passages[j].ID
				items[i].Passages[j].ID += suffix
				for k, q := range items[i].Explanation.Quotes {
					if q.PassageID == old {
						items[i].Explanation.Quotes[k].PassageID += suffix
					}
				}
				for k, m := range items[i].Marks {
					if m.PassageID == old {
						items[i].Marks[k].PassageID += suffix
					}
				}
			}
			items[i] = Canonical(items[i])
		}
		if len(items) > 1 && rapid.Bool().Draw(t, "share") {
			items[1].Passages, items[1].Marks, items[1].Explanation.Quotes = items[0].Passages, passageMarks(items[0]), nil
			if rapid.Bool().Draw(t, "marked otherwise") {
				items[1].Marks = nil
				quotes(t, &items[1])
			}
			items[1] = Canonical(items[1])
		}
		return items
	})
}

func passageMarks(it sat.Item) []sat.Mark {
	var marks []sat.Mark
	for _, m := range it.Marks {
		if m.In == sat.InPassage {
			marks = append(marks, m)
		}
	}
	return marks
}
