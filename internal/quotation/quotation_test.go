package quotation_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/quotation"
)

const ferry = "The ferry left at dawn, and nobody on the long wooden pier waved. By 1912 the harbour had silted up, so the " +
	"town turned to glass-making."

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name, quote string
		match       quotation.Match
		score       float64
	}{
		{"another case", "THE FERRY LEFT AT DAWN, AND NOBODY", quotation.Exact, 1},
		{"ellipsis", "ferry left at dawn … long wooden pier waved", quotation.Exact, 1},
		{"dots", "ferry left at dawn ... long wooden pier waved", quotation.Exact, 1},
		{"spaced dots", "ferry left at dawn . . . long wooden pier waved", quotation.Exact, 1},
		{"brackets", "the [old] ferry left at dawn [...] wooden pier", quotation.Exact, 1},
		{"line break and curly marks", "“nobody on the long\nwooden pier”", quotation.Exact, 1},
		{"hyphen gone", "turned to glass making", quotation.Exact, 1},
		{"hyphen at a line's end", "the har-\nbour had silted", quotation.Exact, 1},
		{"one word of fourteen", "nobody on the long wooden pier waved. By 1912 the port had silted up", quotation.Near, 0.9286},
		{"another year", "By 1913 the harbour had silted up", quotation.Rejected, 0.8571},
		{"another verb", "The ferry sank at dawn", quotation.Rejected, 0.8},
		{"parts the wrong way round", "long wooden pier waved … ferry left at dawn", quotation.Rejected, 0.5},
		{"words the wrong way round", "dawn at left ferry the", quotation.Rejected, 0.4},
		{"made up", "The captain sold his boat to a stranger", quotation.Rejected, 0.25},
		{"too short", "dawn", quotation.TooShort, 0},
		{"too short in each part", "ferry … at dawn … waved", quotation.TooShort, 0},
		{"empty", "", quotation.TooShort, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := quotation.In(ferry).Find(c.quote)
			assert.Equal(t, c.match, got.Match)
			assert.InDelta(t, c.score, got.Score, 0.00005)
		})
	}
}

func TestSpansAreThePassagesOwnCharacters(t *testing.T) {
	passage := []rune("Café—the ﬁnest, she said:\n“A ﬂood of  light” and 7 boats of 1912.")
	for quote, want := range map[string][]string{
		"cafe the finest she":            {"Café—the ﬁnest, she"},
		"A flood of light":               {"A ﬂood of  light"},
		"the finest … light and 3 boats": {"the ﬁnest", "light” and 7 boats"},
		"boats of 1912":                  {"boats of 1912"},
	} {
		got := quotation.In(string(passage)).Find(quote)
		require.Equal(t, quotation.Exact, got.Match, quote)
		var texts []string
		for _, s := range got.Spans {
			texts = append(texts, string(passage[s.Start:s.End]))
		}
		assert.Equal(t, want, texts)
	}
}

// words draws a text of made-up words, without one that stands twice.
func words(from string) *rapid.Generator[[]string] {
	return rapid.SliceOfNDistinct(rapid.StringMatching("["+from+"]{4,9}"), 8, 40, rapid.ID[string])
}

func TestEveryStretchOfAPassageIsFoundInIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		passage := []rune(rapid.StringOf(rapid.SampledFrom([]rune("abcdefgéß -—’“\n.19ﬁ²Åİ"))).Draw(t, "passage"))
		if len(passage) == 0 {
			t.Skip("nothing to quote")
		}
		start := rapid.IntRange(0, len(passage)-1).Draw(t, "start")
		end := rapid.IntRange(start+1, len(passage)).Draw(t, "end")
		quote := string(passage[start:end])
		if strings.ContainsAny(quote, ".19") { // an omission, or half of a number
			t.Skip()
		}
		got := quotation.In(string(passage)).Find(quote)
		require.Contains(t, []quotation.Match{quotation.Exact, quotation.TooShort}, got.Match)
		for _, s := range got.Spans {
			require.True(t, 0 <= s.Start && s.Start < s.End && s.End <= len(passage))
			again := quotation.In(string(passage)).Find(string(passage[s.Start:s.End]))
			require.Equal(t, quotation.Exact, again.Match, "what was found is not found again")
		}
	})
}

func TestAnotherPassagesWordsAreRejected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		passage, other := words("a-m").Draw(t, "passage"), words("n-z").Draw(t, "other")
		got := quotation.In(strings.Join(passage, " ")).Find(strings.Join(other, " "))
		require.Equal(t, quotation.Rejected, got.Match)
		require.Zero(t, got.Score)
	})
}

func TestAnAlteredWordIsNeverExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		passage := words("a-m").Draw(t, "passage")
		altered := append([]string{}, passage...)
		altered[rapid.IntRange(0, len(altered)-1).Draw(t, "at")] = "qqqqqqqq"
		got := quotation.In(strings.Join(passage, " ")).Find(strings.Join(altered, " "))
		n := float64(len(passage))
		require.InDelta(t, (n-1)/n, got.Score, 1e-9)
		require.Equal(t, (n-1)/n >= 0.9, got.Match == quotation.Near)
	})
}

func FuzzFind(f *testing.F) {
	f.Add(ferry, "ferry left … waved")
	f.Add("\\textbf{7 1912}", "İ…[x]")
	f.Fuzz(func(t *testing.T, passage, quote string) {
		got := quotation.In(passage).Find(quote)
		assert.True(t, got.Score >= 0 && got.Score <= 1)
		length := len([]rune(passage))
		for _, s := range got.Spans {
			assert.True(t, 0 <= s.Start && s.Start < s.End && s.End <= length)
		}
		if got.Match == quotation.Exact {
			assert.True(t, strings.ContainsFunc(passage, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r > 127 }))
		}
	})
}

func TestMarked(t *testing.T) {
	assert.Equal(t, []string{"a b", "c", "d"}, quotation.Marked(`He says “a b” and "c", then «d», it’s “open.`))
	assert.Empty(t, quotation.Marked("nothing"))
}
