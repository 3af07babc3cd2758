package retrieval_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/retrieval"
	"sattutor/internal/sat"
)

func ferry() sat.Item {
	return sat.Item{ID: "ferry", Passages: []sat.Passage{{ID: "p", Lines: []string{
		"For eleven years Hester had worked the ferry", "without once remarking on the river. It was only when",
		"the engineers came, with their talk of a bridge, that", "she began to walk down to the landing before breakfast",
		"and stand there, doing nothing. Mr. Pruitt supposed", "that she was counting the fares she would lose.", "",
		"“Go home!” he said. She did not."}}},
		Question: "What does her brother suppose?",
		Choices:  []sat.Choice{{ID: "A", Text: "She counts lost fares."}, {ID: "B", Text: "She talks to the engineers about the bridge."}}}
}

func texts(spans []sat.Span) []string {
	var all []string
	for _, s := range spans {
		all = append(all, s.Text)
	}
	return all
}

func TestSentences(t *testing.T) {
	got := retrieval.Sentences(ferry())
	assert.Equal(t, []string{
		"For eleven years Hester had worked the ferry\nwithout once remarking on the river.",
		"It was only when\nthe engineers came, with their talk of a bridge, that\nshe began to walk down to the landing before breakfast\nand stand there, doing nothing.",
		"Mr. Pruitt supposed\nthat she was counting the fares she would lose.", "“Go home!” he said.", "She did not."}, texts(got))
	assert.Equal(t, 5, got[2].LineFrom)
	assert.Equal(t, 6, got[2].LineTo)
	assert.Equal(t, 7, got[3].LineFrom, "the gap has no number")
}

func TestEvidence(t *testing.T) {
	it := ferry()
	lines := retrieval.Lines(it)
	require.Len(t, lines, 7)
	got := retrieval.Evidence(lines, it, 1, 0)
	assert.Equal(t, 6, got[0].LineFrom, "the fares are counted there")
	got = retrieval.Evidence(lines, it, 1, 1)
	assert.Equal(t, 3, got[0].LineFrom)
	assert.Len(t, retrieval.Evidence(lines, it, 9), 3, "lines that share no word are no evidence")
	it.Question, it.Choices = "Xyzzy?", nil
	assert.Empty(t, retrieval.Evidence(lines, it, 3))
}

func TestSpansAreThePassagesOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.StringMatching(`[A-Za-z]{1,6}`), rapid.SampledFrom([]string{".", "?”", "Mr.", " ", "I.", "—", "é", "“"}))
		line := rapid.Map(rapid.SliceOfN(word, 0, 6), func(w []string) string { return strings.TrimSpace(strings.Join(w, " ")) })
		it := sat.Item{Passages: []sat.Passage{{ID: "p", Lines: rapid.SliceOfN(line, 1, 6).Draw(t, "lines")}}}
		text := []rune(it.Passages[0].Text())
		for _, spans := range [][]sat.Span{retrieval.Lines(it), retrieval.Sentences(it)} {
			covered, end := 0, 0
			for _, s := range spans {
				require.GreaterOrEqual(t, s.Start, end, "they overlap")
				require.Equal(t, string(text[s.Start:s.End]), s.Text)
				end = s.End
				covered += len(strings.Join(strings.Fields(s.Text), ""))
			}
			require.Equal(t, len(strings.Join(strings.Fields(string(text)), "")), covered, "something of the passage is missing")
		}
	})
}

func TestRank(t *testing.T) {
	docs := []string{"The lamp burned all night.", "Lamps and lamps and lamps; nothing but lamps in the window of the shop.", "The sea was calm.", "A lamp."}
	var order []int
	for _, h := range retrieval.Rank(docs, "burning lamp", 10) {
		order = append(order, h.At)
	}
	assert.Equal(t, 0, order[0], "both words")
	assert.NotContains(t, order, 2)
	assert.Empty(t, retrieval.Rank(docs, "of the and", 10), "words that stand everywhere find nothing")
	assert.Empty(t, retrieval.Rank(nil, "lamp", 10))
}

func TestRankIsDeterministicAndBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"lamp", "pier", "sea", "calm", "walked", "the"}), 0, 8),
			func(w []string) string { return strings.Join(w, " ") })
		docs := rapid.SliceOfN(text, 0, 10).Draw(t, "docs")
		query, n := text.Draw(t, "query"), rapid.IntRange(0, 5).Draw(t, "n")
		hits := retrieval.Rank(docs, query, n)
		require.LessOrEqual(t, len(hits), n)
		require.Equal(t, hits, retrieval.Rank(docs, query, n))
		require.True(t, slices.IsSortedFunc(hits, func(a, b retrieval.Hit) int { return int(math.Copysign(1, b.Score-a.Score)) }) || len(hits) < 2)
		for _, h := range hits {
			require.Positive(t, h.Score)
		}
	})
}

func TestSimilar(t *testing.T) {
	other := ferry()
	other.ID, other.Question = "other", "Why did the engineers talk of a bridge?"
	sibling := other
	sibling.ID = "sibling"
	other.Passages = []sat.Passage{{ID: "copy", Lines: other.Passages[0].Lines[2:]}}
	far := sat.Item{ID: "far", Question: "How do bees find home?", Passages: []sat.Passage{{ID: "q", Lines: []string{"Bees carry pollen."}}}}
	library := retrieval.NewLibrary([]sat.Item{far, ferry(), sibling, other})
	found := library.Similar(ferry(), 5)
	require.NotEmpty(t, found)
	assert.Equal(t, "other", found[0].ItemID)
	for _, m := range found {
		assert.NotContains(t, []string{"ferry", "sibling"}, m.ItemID, "nothing is like itself, or like what asks of the same passage")
	}
	assert.Len(t, library.Similar(ferry(), 1), 1)
}

func none(string) bool { return false }

func TestVectors(t *testing.T) {
	v, err := retrieval.NewVectors([]string{"a", "b", "c"}, [][]float32{{1, 0}, {10, 1}, {0, 3}})
	require.NoError(t, err)
	found, err := v.Nearest([]float32{2, 0.1}, 2, func(id string) bool { return id == "a" })
	require.NoError(t, err)
	assert.Equal(t, []string{"b", "c"}, []string{found[0].ItemID, found[1].ItemID})
	assert.InDelta(t, 0.9988, found[0].Score, 0.001)
	for _, bad := range [][]float32{{0, 0}, {float32(math.NaN()), 1}, nil} {
		_, err := v.Nearest(bad, 1, none)
		assert.Error(t, err)
	}
	_, err = v.Nearest([]float32{1}, 1, none)
	assert.Error(t, err)
	for _, bad := range [][][]float32{{{1}}, {{1, 0}, {1}, {1, 1}}, {{1, 0}, {0, 0}, {1, 1}}} {
		_, err := retrieval.NewVectors([]string{"a", "b", "c"}, bad)
		assert.Error(t, err)
	}
}

// The search looks at every vector: nothing nearer is ever left out.
func TestNearestIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vector := rapid.SliceOfN(rapid.Float32Range(0.1, 5), 3, 3)
		all := rapid.SliceOfN(vector, 1, 12).Draw(t, "vectors")
		ids := make([]string, len(all))
		for i := range ids {
			ids[i] = fmt.Sprint(i)
		}
		v, err := retrieval.NewVectors(ids, all)
		require.NoError(t, err)
		x := vector.Draw(t, "x")
		found, err := v.Nearest(x, 1, none)
		require.NoError(t, err)
		for _, y := range all {
			require.LessOrEqual(t, cosine(x, y), found[0].Score+1e-5)
		}
	})
}

func cosine(a, b []float32) float64 {
	var dot, aa, bb float64
	for i := range a {
		dot, aa, bb = dot+float64(a[i]*b[i]), aa+float64(a[i]*a[i]), bb+float64(b[i]*b[i])
	}
	return dot / math.Sqrt(aa*bb)
}
