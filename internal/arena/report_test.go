package arena

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// ten gives ten votes on sat-base and sat-lora: lora wins 6 and loses 2, one tie, two bad answers once.
// The key is C throughout.
func ten() []Vote {
	row := func(i int, a, b string, winner Winner, letterA, letterB string) Vote {
		v := Vote{ID: fmt.Sprint(i), Evaluator: "e" + fmt.Sprint(i%2), QuestionID: "q" + fmt.Sprint(i%5), Key: "C",
			ModelA: a, ModelB: b, Winner: winner, LetterA: letterA, LetterB: letterB}
		v.mark()
		return v
	}
	const base, lora = "sat-base", "sat-lora"
	return []Vote{
		row(0, base, lora, B, "A", "C"),
		row(1, base, lora, B, "A", "C"),
		row(2, lora, base, A, "C", "A"),
		row(3, lora, base, A, "C", "C"),
		row(4, lora, base, A, "B", "C"), // preferred, but wrong
		row(5, base, lora, B, "B", "A"),
		row(6, base, lora, A, "C", "A"),
		row(7, lora, base, B, "C", "D"), // preferred, but wrong
		row(8, lora, base, Tie, "C", "C"),
		row(9, base, lora, BothBad, "A", "B"),
	}
}

func TestSummariseByHand(t *testing.T) {
	reports := Summarise(ten())
	require.Len(t, reports, 1)
	r := reports[0]
	assert.Equal(t, []string{"sat-lora", "sat-base"}, []string{r.Model, r.Against})
	assert.Equal(t, []int{10, 6, 2, 1, 1}, []int{r.Votes, r.Won, r.Lost, r.Ties, r.BothBad})
	assert.Equal(t, []int{5, 2, 10}, []int{r.DistinctAsked, r.DistinctPersons, r.WithKey})

	// Wilson of 6 in 8: (0.75 + 3.8415/16 ± 1.96·√(0.1875/8 + 3.8415/256)) / (1 + 3.8415/8)
	assert.InDelta(t, 0.409275, r.WinRate.Low, 1e-5)
	assert.InDelta(t, 0.928523, r.WinRate.High, 1e-5)
	assert.InDelta(t, 74.0/256, r.SignTest.Exact, 1e-12) // 2·(1 + 8 + 28)/2⁸
	assert.InDelta(t, 46.0/256, r.SignTest.MidP, 1e-12)  // less C(8,2)/2⁸
	assert.InDelta(t, 190.848502, r.Strength, 1e-6)      // 400·log₁₀ 3
	assert.Equal(t, r.WinRate, r.FirstRating)
	assert.Equal(t, []int{4, 8}, []int{r.LeftSide.K, r.LeftSide.N})

	assert.Equal(t, []int{6, 10}, []int{r.Right.K, r.Right.N})
	assert.Equal(t, []int{4, 10}, []int{r.AgainstRight.K, r.AgainstRight.N})
	assert.Equal(t, []int{2, 6}, []int{r.PreferredWrong.K, r.PreferredWrong.N})
	assert.Equal(t, 85, r.NeededDecisive)
	assert.Nil(t, r.Clustered, "five questions are too few to be drawn")
	assert.Nil(t, r.StrengthCI)
}

func TestBootstrapDrawsQuestions(t *testing.T) {
	alone, together := append(ten(), ten()...), append(ten(), ten()...)
	for i := range alone {
		alone[i].QuestionID = fmt.Sprint(i)
		together[i].QuestionID = fmt.Sprint(i % 10) // each question twice, with the same vote
	}
	one, two := Summarise(alone)[0], Summarise(together)[0]
	require.NotNil(t, one.Clustered)
	assert.Less(t, one.Clustered.Low, 0.75)
	assert.Greater(t, one.Clustered.High, 0.75)
	odds := func(p float64) float64 { return 400 * math.Log10(p/(1-p)) }
	assert.InDelta(t, odds(one.Clustered.Low), one.StrengthCI.Low, 1e-9)
	assert.Less(t, one.StrengthCI.Low, one.Strength)
	assert.Greater(t, one.StrengthCI.High, one.Strength)
	assert.Nil(t, two.Clustered, "its eight decisive questions are too few")
	assert.Equal(t, Summarise(alone), Summarise(alone), "the same votes give the same report")
}

func TestStrengthStaysFinite(t *testing.T) {
	assert.InDelta(t, 0, strength(0, 0), 0)
	assert.InDelta(t, 400*math.Log10(11), strength(5, 0), 1e-12)
	assert.InDelta(t, -400*math.Log10(11), strength(0, 5), 1e-12)
	assert.InDelta(t, 400*math.Log10(2), strength(4, 2), 1e-12)
}

func TestFirstRatingsAlone(t *testing.T) {
	votes := ten()
	votes[8].First = A // a tie only by the second rating: sat-lora had the first thumb
	r := Summarise(votes)[0]
	assert.Equal(t, []int{6, 8}, []int{r.WinRate.K, r.WinRate.N})
	assert.Equal(t, []int{7, 9}, []int{r.FirstRating.K, r.FirstRating.N})
	var out strings.Builder
	require.NoError(t, WriteReport(&out, []PairReport{r}, nil))
	assert.Contains(t, out.String(), "first ratings alone")
}

func TestEachPairOfModelsIsReported(t *testing.T) {
	votes := append(ten(), Vote{ModelA: "sat-lora", ModelB: "other", Winner: A}, Vote{ModelA: "sat-lora", ModelB: "sat-lora", Winner: A},
		Vote{ModelA: "sat-lora", ModelB: "other", Winner: "?"})
	reports := Summarise(votes)
	require.Len(t, reports, 2)
	assert.Equal(t, []string{"other", "sat-base"}, []string{reports[0].Against, reports[1].Against})
	assert.Equal(t, []int{1, 10}, []int{reports[0].Votes, reports[1].Votes})
}

// Which side an answer stood on must not change what is said of the models.
func TestSidesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		votes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Vote {
			v := Vote{QuestionID: rapid.StringMatching(`[abc]`).Draw(t, "question"), ModelA: "x", ModelB: "y",
				Winner: rapid.SampledFrom([]Winner{A, B, Tie, BothBad}).Draw(t, "winner"),
				Key:    rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "key"), LetterA: "A",
				LetterB: rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "letter")}
			v.mark()
			return v
		}), 0, 8).Draw(t, "votes")
		turned := make([]Vote, len(votes))
		for i, v := range votes {
			if rapid.Bool().Draw(t, "turn") {
				v.ModelA, v.ModelB, v.LetterA, v.LetterB = v.ModelB, v.ModelA, v.LetterB, v.LetterA
				if v.Winner.Decisive() {
					v.Winner = v.Winner.other()
				}
				v.mark()
			}
			turned[i] = v
		}
		want, got := Summarise(votes), Summarise(turned)
		for i := range want {
			want[i].LeftSide, got[i].LeftSide = Share{}, Share{}
		}
		assert.Equal(t, want, got)
	})
}

func TestReportReads(t *testing.T) {
	var out strings.Builder
	require.NoError(t, WriteReport(&out, Summarise(ten()), Elo(VoteRatings(ten()))))
	for _, line := range []string{
		"sat-lora against sat-base",
		"10 by 2 evaluators on 5 questions: 6 won, 2 lost, 1 tie, 1 both bad",
		"75.0 % (6 of 8, 40.9 to 92.9 %) (Wilson, 95 %)",
		"p = 0.2891 exact, 0.1797 mid-p: no detectable preference",
		"+191 points, no interval from fewer than 10 questions",
		"about 85 decisive votes are needed to tell 65 % from 50 %; there are 8",
		"33.3 % (2 of 6, 9.7 to 70.0 %) of the votes where one answer was right",
		"sat-lora                  1033   6 won, 2 lost",
	} {
		assert.Contains(t, out.String(), line)
	}
	out.Reset()
	require.NoError(t, WriteReport(&out, nil, nil))
	assert.Contains(t, out.String(), "No blind vote")
}

func TestRowsSurviveTheirForms(t *testing.T) {
	votes := ten()
	votes[0].At = time.Unix(1795383616, 0).UTC()
	votes[0].Comment = "=HYPERLINK(1)"
	votes[0].Reasons = []string{"clear", "right"}
	votes[0].Texts = &Texts{Question: "q <i>", AnswerA: "a", AnswerB: "b"}
	var lines, table bytes.Buffer
	require.NoError(t, WriteJSONL(&lines, votes))
	back, err := ReadJSONL(&lines)
	require.NoError(t, err)
	assert.Equal(t, votes, back)

	require.NoError(t, WriteCSV(&table, votes))
	rows, err := csv.NewReader(&table).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 11)
	first := map[string]string{}
	for i, name := range rows[0] {
		first[name] = rows[1][i]
	}
	assert.Equal(t, "'=HYPERLINK(1)", first["comment"])
	assert.Equal(t, "clear|right", first["reasons"])
	assert.Equal(t, "2026-11-22T21:40:16Z", first["created_at"])
	assert.Equal(t, []string{"false", "true", "b"}, []string{first["correct_a"], first["correct_b"], first["winner"]})
}

func TestReadJSONLNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"\n{":             "line 2",
		`{"model_a":"x"}`: "line 1: model_a and model_b are needed",
		`{"model_a":"x","model_b":"y","winner":"left"}`: "line 1: winner must be a, b, tie or both_bad",
	} {
		_, err := ReadJSONL(strings.NewReader(text))
		assert.ErrorContains(t, err, want)
	}
}

// The numbers of a report are all finite, or it could not be sent as JSON.
func TestReportsAreJSON(t *testing.T) {
	for _, votes := range [][]Vote{ten(), {{ModelA: "x", ModelB: "y", Winner: Tie}}, {{ModelA: "x", ModelB: "y", Winner: A}}} {
		_, err := json.Marshal(Summarise(votes))
		assert.NoError(t, err)
	}
}
