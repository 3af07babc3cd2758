package questionbank

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/sat"
)

// What is quoted stays what it was, however lines are broken anew and whatever is put around the passage.
func TestQuotationsMoveWithTheirWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"lamp", "pier", "é(", "sea.", "“Go”", "x"})
		words := rapid.SliceOfN(word, 1, 30).Draw(t, "words")
		broken := func(label string) []string {
			lines := []string{words[0]}
			for _, w := range words[1:] {
				if rapid.IntRange(0, 3).Draw(t, label) == 0 {
					lines = append(lines, w)
				} else {
					lines[len(lines)-1] += " " + w
				}
			}
			return lines
		}
		former := sat.Passage{ID: "p", Lines: broken("former")}
		latter := sat.Passage{ID: "p", Lines: append(rapid.SliceOfN(rapid.Just("Before it rained."), 0, 2).Draw(t, "before"), broken("latter")...)}
		text := []rune(former.Text())
		from := rapid.IntRange(0, len(text)-1).Draw(t, "from")
		to := rapid.IntRange(from+1, len(text)).Draw(t, "to")
		quoted := strings.TrimSpace(string(text[from:to]))
		if quoted == "" {
			t.Skip("white space")
		}
		it := sat.Item{ID: "i", Passages: []sat.Passage{former}, Explanation: sat.Explanation{Quotes: []sat.Quote{{PassageID: "p", Start: from, End: to}}},
			Marks: []sat.Mark{{In: sat.InPassage, PassageID: "p", Start: from, End: to}}}
		moved, faults := withPassage(it, former, latter)
		require.Empty(t, faults)
		q, m := moved.Explanation.Quotes[0], moved.Marks[0]
		require.Equal(t, folded(quoted), folded(sat.Cut(latter.Text(), q.Start, q.End)))
		require.Equal(t, []int{q.Start, q.End}, []int{m.Start, m.End})
		require.Positive(t, q.LineFrom)
		require.Equal(t, former, it.Passages[0], "the item itself is left as it was")
	})
}
