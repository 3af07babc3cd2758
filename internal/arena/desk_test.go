package arena

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/sat"
	"sattutor/internal/store"
)

// opinions answers by model: always the choice with that letter.
type opinions map[string]string

func (o opinions) Answer(_ context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
	letter, known := o[opts.Model]
	i, ok := sat.LetterIndex(letter)
	if !known || !ok {
		return sat.Answer{}, sat.Errorf(sat.Timeout, "The model did not answer in time.")
	}
	return sat.Answer{Letter: letter, Text: q.Choices[i], Model: opts.Model, Base: "Llama", Total: 12 * time.Millisecond}, nil
}

type listed []string

func (l listed) Models() (list []sat.Listed) {
	for _, name := range l {
		list = append(list, sat.Listed{Model: sat.Model{Name: name}, Available: name != "asleep"})
	}
	return list
}

// bank is a bank of so many items, whose key is B. The first of them is taken out as soon as it is drawn.
type bank int

func (n bank) ItemIDs(_ context.Context, f sat.ItemFilter) (ids []string, err error) {
	if f.Split != sat.ForPractice || !slices.Contains(f.Without, sat.NeedsPrevious) {
		return nil, errors.New("what is kept for measuring must not be shown")
	}
	for i := range n {
		ids = append(ids, fmt.Sprint("item-", i))
	}
	return ids, nil
}

func (n bank) Item(_ context.Context, id string) (sat.StoredItem, error) {
	if id == "item-0" {
		return sat.StoredItem{}, sat.Errorf(sat.NotFound, "There is no such item.")
	}
	return sat.StoredItem{Item: sat.Item{ID: id, Passages: []sat.Passage{{ID: "p-" + id, Lines: []string{"The lamp burned."}}}, Question: id + "?", Answer: "B",
		Choices: []sat.Choice{{ID: "A", Text: "x"}, {ID: "B", Text: "y"}, {ID: "C", Text: "z"}}}}, nil
}

// newDesk gives a desk over a real database, in which "eva" and "bob" exist.
func newDesk(t testing.TB, change func(*DeskOptions)) *Desk {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "sat.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	_, err = db.Migrate(t.Context())
	require.NoError(t, err)
	for _, user := range []string{"eva", "bob"} {
		require.NoError(t, db.EnsureGuest(t.Context(), user))
	}
	var n atomic.Int64
	opts := DeskOptions{Pairs: db, Answers: opinions{"sat-base": "A", "sat-lora": "B"}, Models: listed{"sat-base", "asleep", "sat-lora"},
		Bank: bank(30), Clean: func(q sat.Question) (sat.Question, error) { return q, q.Validate() }, Key: []byte("k"),
		NewID: func() string { return fmt.Sprint("pair-", n.Add(1)) }}
	if change != nil {
		change(&opts)
	}
	return NewDesk(opts)
}

func TestAPairIsBlindUntilTheVote(t *testing.T) {
	d := newDesk(t, func(o *DeskOptions) { o.Bank = bank(2) })
	shown, err := d.Show(t.Context(), "eva", nil)
	require.NoError(t, err)
	assert.Nil(t, shown.Reveal)
	assert.ElementsMatch(t, []string{"A", "B"}, shown.Choices[:])
	raw, err := json.Marshal(shown)
	require.NoError(t, err)
	for _, secret := range []string{"sat-base", "sat-lora", "Llama", "item-1\"", "p-item"} {
		assert.NotContains(t, string(raw), secret)
	}
	again, err := d.Pair(t.Context(), "eva", shown.ID)
	require.NoError(t, err)
	assert.Equal(t, shown, again)
	_, err = d.Pair(t.Context(), "bob", shown.ID)
	assert.Equal(t, sat.NotFound, sat.CodeOf(err), "another's pair is not there")
	_, err = d.Vote(t.Context(), "bob", sat.Ballot{PairID: shown.ID, Winner: "a"})
	assert.Equal(t, sat.NotFound, sat.CodeOf(err))

	told, err := d.Vote(t.Context(), "eva", sat.Ballot{PairID: shown.ID, Winner: "a", Reasons: []string{"supported"}, Comment: " clear "})
	require.NoError(t, err)
	require.NotNil(t, told.Reveal)
	first := map[string]string{"A": "sat-base", "B": "sat-lora"}[shown.Choices[0]]
	assert.Equal(t, first, told.Reveal.Models[0].Name)
	assert.Equal(t, []string{"a", "B"}, []string{told.Reveal.Winner, told.Reveal.Key})
	_, err = d.Vote(t.Context(), "eva", sat.Ballot{PairID: shown.ID, Winner: "b"})
	assert.Equal(t, sat.Conflict, sat.CodeOf(err), "one vote a pair")

	votes, err := d.Votes(t.Context(), "eva", true)
	require.NoError(t, err)
	require.Len(t, votes, 1)
	v := votes[0]
	assert.Equal(t, []any{FromPage, "p-item-1", "B", A, "clear", []string{"supported"}}, []any{v.Source, v.PassageID, v.Key, v.Winner, v.Comment, v.Reasons})
	assert.Equal(t, first, v.ModelA)
	assert.Equal(t, []bool{v.LetterA == "B", v.LetterB == "B"}, []bool{*v.CorrectA, *v.CorrectB})
	assert.Contains(t, v.Texts.Question, "\nB) y")
	assert.InDelta(t, 12, v.LatencyA, 0)
	none, err := d.Votes(t.Context(), "bob", false)
	require.NoError(t, err)
	assert.Empty(t, none)
}

func TestQuestionsOnWhichTheModelsAgreeArePassedOver(t *testing.T) {
	same := newDesk(t, func(o *DeskOptions) { o.Answers = opinions{"sat-base": "C", "sat-lora": "C"} })
	shown, err := same.Show(t.Context(), "eva", nil)
	require.NoError(t, err)
	assert.Equal(t, tries-1, shown.PassedOver, "after four the fourth is shown as it is")
	assert.Equal(t, [2]string{"C", "C"}, shown.Choices)
	own := sat.Question{Passage: "p", Stem: "s?", Choices: []string{"x", "y", "z"}}
	shown, err = same.Show(t.Context(), "eva", &own)
	require.NoError(t, err)
	assert.Zero(t, shown.PassedOver, "an own question is shown in any case")
	assert.Equal(t, own, shown.Question)
}

func TestEachVoteBringsAnotherQuestion(t *testing.T) {
	d := newDesk(t, func(o *DeskOptions) { o.Bank = bank(4) })
	seen := map[string]bool{}
	for range 3 {
		shown, err := d.Show(t.Context(), "eva", nil)
		require.NoError(t, err)
		assert.False(t, seen[shown.Question.Stem])
		seen[shown.Question.Stem] = true
		_, err = d.Vote(t.Context(), "eva", sat.Ballot{PairID: shown.ID, Winner: "tie"})
		require.NoError(t, err)
	}
	_, err := d.Show(t.Context(), "eva", nil)
	assert.NoError(t, err, "after the last the bank begins anew")
}

func TestTheStandingWaitsForEnoughVotes(t *testing.T) {
	d := newDesk(t, nil)
	for i := range sat.ArenaPatience {
		s, err := d.Standing(t.Context(), "eva")
		require.NoError(t, err)
		assert.Equal(t, i, s.Votes)
		assert.Nil(t, s.Comparisons)
		shown, err := d.Show(t.Context(), "eva", nil)
		require.NoError(t, err)
		winner := "a" // always for sat-lora, whose answer is B
		if shown.Choices[1] == "B" {
			winner = "b"
		}
		_, err = d.Vote(t.Context(), "eva", sat.Ballot{PairID: shown.ID, Winner: winner})
		require.NoError(t, err)
	}
	s, err := d.Standing(t.Context(), "eva")
	require.NoError(t, err)
	require.Len(t, s.Comparisons, 1)
	c := s.Comparisons[0]
	assert.Equal(t, []any{"sat-lora", "sat-base", 20, 0}, []any{c.Model, c.Against, c.Won, c.Lost})
	assert.Equal(t, sat.Estimate{K: 0, N: 20, Low: 0, High: c.PreferredWrong.High}, c.PreferredWrong)
	assert.InDelta(t, 1.0/(1<<19), c.P, 1e-12)

	var lines, table bytes.Buffer
	require.NoError(t, d.Export(t.Context(), &lines, "eva", false, false))
	require.NoError(t, d.Export(t.Context(), &table, "", true, false))
	votes, err := ReadJSONL(&lines)
	require.NoError(t, err)
	assert.Len(t, votes, 20)
	assert.Equal(t, 21, strings.Count(table.String(), "\r\n"))
	assert.NotContains(t, table.String(), ",eva,", "evaluators stand there by pseudonym")
}

func TestWhatTheDeskRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*DeskOptions)
		own    *sat.Question
		code   sat.Code
		says   string
	}{
		"one model":            {func(o *DeskOptions) { o.Models = listed{"sat-base", "asleep"} }, nil, sat.Conflict, "only sat-base"},
		"no model":             {func(o *DeskOptions) { o.Models = listed{} }, nil, sat.Conflict, "none"},
		"an empty bank":        {func(o *DeskOptions) { o.Bank = bank(0) }, nil, sat.Conflict, "no question for this"},
		"a bank that has gone": {func(o *DeskOptions) { o.Bank = bank(1) }, nil, sat.Conflict, "no question for this"},
		"a slow model":         {func(o *DeskOptions) { o.Answers = opinions{"sat-base": "A"} }, nil, sat.Timeout, "in time"},
		"a broken question":    {nil, &sat.Question{Passage: "p"}, sat.Invalid, "problems"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, c.change)
			_, err := d.Show(t.Context(), "eva", c.own)
			assert.Equal(t, c.code, sat.CodeOf(err))
			assert.ErrorContains(t, err, c.says)
		})
	}
	d := newDesk(t, nil)
	_, err := d.Vote(t.Context(), "eva", sat.Ballot{PairID: "x", Winner: "c", Reasons: []string{"hm"}, Comment: strings.Repeat("ü", sat.MaxComment+1)})
	var invalid *sat.Error
	require.ErrorAs(t, err, &invalid)
	assert.Len(t, invalid.Fields, 3)
	_, err = d.Vote(t.Context(), "eva", sat.Ballot{PairID: "absent", Winner: "a"})
	assert.Equal(t, sat.NotFound, sat.CodeOf(err))
}

// Two different models always, each side and each pair about equally often, and the same draw for the same id.
func TestDraw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		models := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}`), 2, 6, rapid.ID[string]).Draw(t, "models")
		id := rapid.String().Draw(t, "id")
		a, b, ok := Draw([]byte("k"), id, models)
		require.True(t, ok)
		assert.NotEqual(t, a, b)
		assert.Contains(t, models, a)
		assert.Contains(t, models, b)
		again, _, _ := Draw([]byte("k"), id, append([]string{models[0]}, models...))
		assert.Equal(t, a, again, "names given twice change nothing")
	})
	count := map[string]int{}
	for i := range 6000 {
		a, b, _ := Draw([]byte("k"), fmt.Sprint(i), []string{"x", "y", "z"})
		count[a+b]++
	}
	require.Len(t, count, 6)
	for order, n := range count {
		assert.InDelta(t, 1000, n, 130, order) // more than four standard deviations
	}
	_, _, ok := Draw([]byte("k"), "1", []string{"x", "x"})
	assert.False(t, ok)
}
