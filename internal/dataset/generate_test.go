package dataset_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/dataset"
	"sattutor/internal/eval"
	"sattutor/internal/sat"
)

// book is the bank's passages as one running text: all of them are in the public domain.
func book(t *testing.T) string {
	t.Helper()
	set, err := eval.Read(bank, eval.FormatItems, nil)
	require.NoError(t, err)
	var parts []string
	for _, it := range set.Items {
		text := strings.Join(strings.Fields(it.Passage), " ")
		if len(parts) == 0 || parts[len(parts)-1] != text {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n\n")
}

func TestMadeItemsHoldWhatTheyClaim(t *testing.T) {
	text := book(t)
	made := dataset.Generate("bank", text, 7)
	require.Greater(t, len(made), 60)
	kinds := map[string]int{}
	keys := map[string]int{}
	for _, it := range made {
		key, ok := sat.LetterIndex(it.Answer)
		require.True(t, ok)
		right := it.Choices[key].Text
		require.Len(t, it.Choices, 4)
		keys[it.Answer]++
		flat := strings.ReplaceAll(it.Passage, "\n", " ")
		kind := it.ID[strings.LastIndex(it.ID, "-0")+7:]
		kinds[kind]++
		switch kind {
		case "opening", "next":
			assert.NotContains(t, flat, right, it.ID)
			joined := map[string]string{"opening": right + " " + flat, "next": flat + " " + right}[kind]
			assert.Contains(t, strings.Join(strings.Fields(text), " "), joined, it.ID)
		case "stated-1", "stated-2":
			for i, c := range it.Choices {
				assert.Equal(t, i == key, strings.Contains(flat, c.Text), "%s: %s", it.ID, c.Text)
			}
		case "word":
			assert.Contains(t, it.Question, "____", it.ID)
			assert.Contains(t, flat, right, it.ID)
		}
	}
	for _, kind := range []string{"opening", "next", "stated-1", "stated-2", "word"} {
		assert.Positive(t, kinds[kind], kind)
	}
	for letter, n := range keys {
		assert.Less(t, n, len(made)/2, "too often %s", letter)
	}
}

func TestMadeItemsAreTheSameForOneSeed(t *testing.T) {
	text := book(t)
	assert.Equal(t, dataset.Generate("bank", text, 7), dataset.Generate("bank", text, 7))
	assert.False(t, slices.EqualFunc(dataset.Generate("bank", text, 7), dataset.Generate("bank", text, 8),
		func(a, b eval.Item) bool { return a.Answer == b.Answer && a.Passage == b.Passage }))
}

func TestABookWithoutProseGivesNothing(t *testing.T) {
	for _, text := range []string{"", "CONTENTS\n\nI. One\n\nII. Two", strings.Repeat("la ", 3000)} {
		assert.Empty(t, dataset.Generate("x", text, 1))
	}
}
