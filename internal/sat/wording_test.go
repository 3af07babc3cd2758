package sat_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/sat"
)

func TestOfTwoPlacesTheNearestIsTaken(t *testing.T) {
	for _, c := range []struct {
		text, words string
		near        int
		want        string
		start       int
	}{
		{"lamp pier lamp", "lamp", 2, "lamp", 0},
		{"lamp pier lamp", "lamp", 9, "lamp", 10},
		{"é lamp\n  pier", "lamp pier", 0, "lamp\n  pier", 2},
		{"lamp pier lamp", "sea", 0, "", 0},
		{"lamp", " ", 0, "", 0},
	} {
		start, end, ok := sat.WordsIn(c.text, c.words, c.near)
		assert.Equal(t, c.want != "", ok, c.words)
		assert.Equal(t, c.start, start, c.words)
		assert.Equal(t, c.want, string([]rune(c.text)[start:end]))
	}
}

func TestAStretchFollowsItsText(t *testing.T) {
	for _, c := range []struct{ name, former, latter, want string }{ // the stretch is between < and >
		{"nothing changed", "a <  > b", "a    b", "a <  > b"},
		{"a word before", "the <the> the", "so the the the", "so the <the> the"},
		{"a word behind", "the <the> the", "the the x the", "the <the> x the"},
		{"a letter of it", "the <lanp> and the lamp", "the lamp and the lamp", ""},
		{"taken out, and once more elsewhere", "the lamp and <the> sea", "the lamp and sea", ""},
		{"broken anew", "an <old lamp> burned", "the old\nlamp burns", "the <old\nlamp> burns"},
		{"longer at its end", "an <old lamp>", "an old lamps", "an <old lamp>s"},
	} {
		start, end := strings.Index(c.former, "<"), strings.Index(c.former, ">")-1
		former := strings.NewReplacer("<", "", ">", "").Replace(c.former)
		from, to, ok := sat.Followed(former, c.latter, start, end)
		require.Equal(t, c.want != "", ok, c.name)
		if ok {
			assert.Equal(t, c.want, c.latter[:from]+"<"+c.latter[from:to]+">"+c.latter[to:], c.name)
		}
	}
	_, _, ok := sat.Followed("lamp", "lamp", 2, 9)
	assert.False(t, ok, "no stretch of the text")
}

// What is put in before a stretch, or behind it, leaves it with the characters that it had.
func TestAStretchKeepsItsCharacters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab é\n")), 1, 40, -1)
		parts := []string{text.Draw(t, "before"), text.Draw(t, "stretch"), text.Draw(t, "behind")}
		former := strings.Join(parts, "")
		start := len([]rune(parts[0]))
		end := start + len([]rune(parts[1]))
		latter := former + text.Draw(t, "more")
		if rapid.Bool().Draw(t, "in front") {
			latter = text.Draw(t, "more") + former
		}
		from, to, ok := sat.Followed(former, latter, start, end)
		if !ok {
			require.Empty(t, strings.Fields(parts[1]), "only blanks have no words to be found by")
			return
		}
		require.Equal(t, strings.Fields(parts[1]), strings.Fields(string([]rune(latter)[from:to])))
	})
}
