package arena

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

func feedback(t testing.TB, text string) []Feedback {
	t.Helper()
	all, err := ReadFeedback(strings.NewReader(text))
	require.NoError(t, err)
	return all
}

// recorded gives nine ratings that a real Open WebUI exported.
func recorded(t testing.TB) []Feedback {
	t.Helper()
	raw, err := os.ReadFile("testdata/feedback-export.json")
	require.NoError(t, err)
	return feedback(t, string(raw))
}

// parse reads the short questions of the recorded feedback.
func parse(text string) (sat.Question, error) {
	passage, rest, ok := strings.Cut(text, "\nQuestion: ")
	if !ok {
		return sat.Question{}, errors.New("no question")
	}
	lines := strings.Split(rest, "\n")
	return sat.Question{Passage: strings.TrimSpace(passage), Stem: lines[0], Choices: lines[1:]}, nil
}

func normaliser() Normaliser {
	return Normaliser{Arena: "sat-arena", Pseudonym: func(id string) string { return Pseudonym([]byte("key"), id) }, Parse: parse,
		Find: func(q sat.Question) (string, string, bool) { return "p-1", "C", strings.Contains(q.Passage, "Q1:") }}
}

func TestNormaliseRecordedFeedback(t *testing.T) {
	votes, left := normaliser().Votes(recorded(t))
	assert.Equal(t, map[Reason]int{NotBlind: 1, SelfPair: 4}, left)
	require.Len(t, votes, 4)

	type brief struct {
		a, b string
		side Winner
		won  Winner
	}
	var got []brief
	for _, v := range votes {
		got = append(got, brief{v.ModelA, v.ModelB, v.Side, v.Winner})
		assert.Equal(t, FromOpenWebUI, v.Source)
		assert.Nil(t, v.Texts)
		assert.Equal(t, Pseudonym([]byte("key"), "47160143-9eee-47b9-9bf7-b1488582d812"), v.Evaluator)
	}
	assert.Equal(t, []brief{
		{"sat-lora", "sat-base", A, A}, // thumb up on the left
		{"sat-base", "sat-lora", B, A}, // thumb down on the right
		{"sat-lora", "sat-base", A, A},
		{"sat-lora", "sat-base", B, B}, // asked once and once again: the second answer was rated
	}, got)

	v := votes[1]
	assert.Equal(t, "9f26daf0", v.ID[:8])
	assert.Equal(t, "2026-11-22", v.At.Format("2006-01-02"))
	assert.Equal(t, "q?", v.Question)
	assert.Equal(t, "e285551d", v.UserMessageID[:8])
	assert.Equal(t, []string{"p-1", "C", "", "C"}, []string{v.PassageID, v.Key, v.LetterA, v.LetterB})
	assert.Nil(t, v.CorrectA, "the left answer names no letter in the gateway's shape")
	require.NotNil(t, v.CorrectB)
	assert.True(t, *v.CorrectB)
	assert.Empty(t, votes[3].Question, "an ordinary chat holds no question")
	assert.NotEmpty(t, votes[3].QuestionID)
}

func TestTextsOnlyWhereAskedFor(t *testing.T) {
	n := normaliser()
	n.Texts = true
	votes, _ := n.Votes(recorded(t))
	require.NotNil(t, votes[1].Texts)
	assert.Contains(t, votes[1].Texts.Question, "Passage: p1")
	assert.Contains(t, votes[1].Texts.AnswerB, "Answer: C")
}

// chat gives the exported form of one rating in a chat of two columns. The rated answer is "l" or "r".
func chat(id, user, rated string, rating int, leftModel, rightModel, extra string) string {
	model, sibling := leftModel, rightModel
	if rated == "r" {
		model, sibling = rightModel, leftModel
	}
	return fmt.Sprintf(`{"id":%q,"user_id":%q,"created_at":%s,"data":{"rating":%d,"model_id":%q,"sibling_model_ids":[%q],
		"reason":"clear","comment":"c","details":{"rating":8}},
		"meta":{"model_id":"sat-arena","message_id":%q,"chat_id":"chat"},
		"snapshot":{"chat":{"chat":{"history":{"messages":{
			"u":{"id":"u","parentId":null,"role":"user","content":"Passage: Q1: x\nQuestion: q?\nA) 1\nB) 2"},
			"l":{"id":"l","parentId":"u","role":"assistant","content":"Answer: B) 2","selectedModelId":%q,"modelIdx":0,"usage":{"latency_ms":12.5}},
			"r":{"id":"r","parentId":"u","role":"assistant","content":"","output":[{"content":[{"text":"Answer: C) 3"}]}],
				"selectedModelId":%q,"modelIdx":1}%s}}}}}}`, id, user, id, rating, model, sibling, rated, leftModel, rightModel, extra)
}

func normalise(t *testing.T, rows ...string) ([]Vote, map[Reason]int) {
	t.Helper()
	return normaliser().Votes(feedback(t, "["+strings.Join(rows, ",")+"]"))
}

func TestTwoRatingsOfOnePair(t *testing.T) {
	cases := []struct {
		name   string
		second string
		want   Winner
		first  Winner
	}{
		{"up and up is a tie", chat("2", "ann", "r", 1, "base", "lora", ""), Tie, A},
		{"up and down says the same twice", chat("2", "ann", "r", -1, "base", "lora", ""), A, ""},
		{"another person's vote is its own", chat("2", "bob", "r", 1, "base", "lora", ""), A, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			votes, left := normalise(t, c.second, chat("1", "ann", "l", 1, "base", "lora", "")) // not in the order of time
			assert.Equal(t, c.want, votes[0].Winner)
			assert.Equal(t, c.first, votes[0].First)
			assert.Equal(t, 2, len(votes)+left[SecondVote])
		})
	}
	votes, left := normalise(t, chat("1", "ann", "l", -1, "base", "lora", ""), chat("2", "ann", "r", -1, "base", "lora", ""))
	require.Len(t, votes, 1)
	assert.Equal(t, BothBad, votes[0].Winner)
	assert.Equal(t, B, votes[0].First)
	assert.Equal(t, map[Reason]int{SecondVote: 1}, left)
}

func TestVoteCarriesWhatIsKnown(t *testing.T) {
	votes, _ := normalise(t, chat("1", "ann", "r", 1, "base", "lora", ""))
	require.Len(t, votes, 1)
	v := votes[0]
	assert.Equal(t, []string{"clear"}, v.Reasons)
	assert.Equal(t, 8, v.Score)
	assert.Equal(t, "c", v.Comment)
	assert.Equal(t, []string{"B", "C"}, []string{v.LetterA, v.LetterB})
	assert.Equal(t, []bool{false, true}, []bool{*v.CorrectA, *v.CorrectB})
	assert.InDelta(t, 12.5, v.LatencyA, 0)
}

func TestWhatIsNoVote(t *testing.T) {
	third := `,"z":{"id":"z","parentId":"u","role":"assistant","content":"x","selectedModelId":"base","modelIdx":2}`
	cases := map[Reason]string{
		NotBlind:    strings.Replace(chat("1", "u", "l", 1, "base", "lora", ""), `"sat-arena"`, `"base"`, 1),
		NoRating:    chat("1", "u", "l", 0, "base", "lora", ""),
		NoPair:      strings.Replace(chat("1", "u", "l", 1, "base", "lora", ""), `["lora"]`, `null`, 1),
		ManyAnswers: chat("1", "u", "l", 1, "base", "lora", third),
		NoChat:      strings.Replace(chat("1", "u", "l", 1, "base", "lora", ""), `"message_id":"l"`, `"message_id":"gone"`, 1),
		LaterTurn:   strings.Replace(chat("1", "u", "l", 1, "base", "lora", ""), `"parentId":null`, `"parentId":"before"`, 1),
		SelfPair:    chat("1", "u", "l", 1, "base", "base", ""),
	}
	for why, row := range cases {
		t.Run(string(why), func(t *testing.T) {
			votes, left := normalise(t, row)
			assert.Empty(t, votes)
			assert.Equal(t, map[Reason]int{why: 1}, left)
		})
	}
	assert.Len(t, cases, len(Reasons())-1, "SecondVote has a test of its own")
}

func TestReadFeedbackNamesTheRow(t *testing.T) {
	for text, want := range map[string]string{
		`<!doctype html>`:                    "must be a JSON array",
		`{"a":1}`:                            "must be a JSON array",
		`[{"id":"1"},{"id":2}]`:              "row 2",
		`[{"id":"1"}`:                        "ends after row 1",
		`[{"id":"1","data":{"rating":1}},7]`: "row 2",
	} {
		_, err := ReadFeedback(strings.NewReader(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func TestLetterOf(t *testing.T) {
	for text, want := range map[string]string{
		"Answer: B) It was late.": "B", "**Answer:** C\n\nEvidence": "C", "Answer: (D) x": "D", "answer: B": "",
		"I think B": "", "Answer: Because": "", "": "", "Answer: F) x": "", "Answer: B": "B",
	} {
		assert.Equal(t, want, letterOf(text), text)
	}
}

func TestQuestionIDIgnoresLineBreaks(t *testing.T) {
	typed := "Passage: The river.\n\nQuestion: Which?\n\nA) one\nB) two"
	pasted := "Passage: The river.\nQuestion: Which?\nA) one\nB) two"
	card := "Passage: The river.\n  \nQuestion: Which?\n  \nA) one\nB) two"
	assert.Equal(t, QuestionID(typed), QuestionID(pasted))
	assert.Equal(t, QuestionID(typed), QuestionID(card))
	assert.NotEqual(t, QuestionID(typed), QuestionID(typed+" three"))
}

func TestPseudonym(t *testing.T) {
	a := Pseudonym([]byte("k1"), "ann")
	assert.Equal(t, a, Pseudonym([]byte("k1"), "ann"))
	assert.NotEqual(t, a, Pseudonym([]byte("k2"), "ann"))
	assert.NotEqual(t, a, Pseudonym([]byte("k1"), "bob"))
	assert.Len(t, a, 16)
}

func FuzzFeedback(f *testing.F) {
	f.Add(played)
	f.Add("[" + chat("1", "ann", "r", 1, "base", "lora", "") + "]")
	raw, err := os.ReadFile("testdata/feedback-export.json")
	require.NoError(f, err)
	f.Add(string(raw))
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ReadFeedback(strings.NewReader(text))
		if err != nil {
			return
		}
		votes, left := normaliser().Votes(all)
		total := len(votes)
		for _, n := range left {
			total += n
		}
		assert.Equal(t, len(all), total, "every rating is a vote or is counted as left out")
		for _, r := range Summarise(votes) {
			assert.Equal(t, r.Votes, r.Won+r.Lost+r.Ties+r.BothBad)
		}
	})
}
