package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/store"
)

func practice(t *testing.T, open Open) {
	ctx := t.Context()
	c := newClock()
	s := open(t, store.WithClock(c.Now))
	ada, bob := account(t, s, "Ada"), account(t, s, "Bob")
	require.NoError(t, s.CreateSession(ctx, session("s1", ada.ID)))

	t.Run("comes back whole, and to its owner alone", func(t *testing.T) {
		w, err := s.SessionWork(ctx, ada.ID, "s1")
		require.NoError(t, err)
		want := session("s1", ada.ID)
		want.Rev, want.UpdatedAt = 1, noon
		assert.Equal(t, sat.SessionWork{Session: want}, w)
		_, err = s.SessionWork(ctx, bob.ID, "s1")
		isCode(t, sat.NotFound, err)
		_, err = s.EditSession(ctx, bob.ID, "s1", func(*sat.SessionWork) error { return nil })
		isCode(t, sat.NotFound, err)
		isCode(t, sat.NotFound, s.DeleteSession(ctx, bob.ID, "s1"))
	})
	t.Run("a step is stored whole or not at all", func(t *testing.T) {
		boom := errors.New("boom")
		_, err := s.EditSession(ctx, ada.ID, "s1", func(w *sat.SessionWork) error {
			w.Session.State = sat.Submitted
			w.Responses = append(w.Responses, sat.Response{N: 1, Answer: "A"})
			return boom
		})
		assert.ErrorIs(t, err, boom)
		_, err = s.EditSession(ctx, ada.ID, "s1", func(w *sat.SessionWork) error {
			w.Session.State = sat.Submitted
			w.Attempts = []sat.Attempt{{ID: "a", UserID: "u-none", SessionID: "s1", AnsweredAt: noon}}
			return nil
		})
		isCode(t, sat.NotFound, err)
		w, err := s.SessionWork(ctx, ada.ID, "s1")
		require.NoError(t, err)
		assert.Equal(t, sat.Running, w.Session.State)
		assert.Empty(t, w.Responses)
	})
	t.Run("counts what changed and nothing else", func(t *testing.T) {
		c.move(time.Second)
		w, err := s.EditSession(ctx, ada.ID, "s1", func(w *sat.SessionWork) error {
			w.Responses = append(w.Responses, sat.Response{N: 2, Answer: "B"}, sat.Response{N: 1, Marked: true})
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, 2, w.Session.Rev)
		w, err = s.EditSession(ctx, ada.ID, "s1", func(w *sat.SessionWork) error { w.Responses[1].Answer = "C"; return nil })
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2}, []int{w.Responses[0].Rev, w.Responses[1].Rev})
		w, err = s.EditSession(ctx, ada.ID, "s1", func(*sat.SessionWork) error { return nil })
		require.NoError(t, err)
		assert.Equal(t, 3, w.Session.Rev)
	})
	t.Run("of steps at once, one sees the other", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				_, err := s.EditSession(ctx, ada.ID, "s1", func(w *sat.SessionWork) error { w.Responses[0].Changes++; return nil })
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		w, err := s.SessionWork(ctx, ada.ID, "s1")
		require.NoError(t, err)
		assert.Equal(t, 16, w.Responses[0].Changes)
	})
	t.Run("is found when its time is over", func(t *testing.T) {
		late, err := s.Overdue(ctx, noon.Add(15*time.Minute), 10)
		require.NoError(t, err)
		assert.Empty(t, late)
		late, err = s.Overdue(ctx, noon.Add(15*time.Minute+time.Millisecond), 10)
		require.NoError(t, err)
		require.Len(t, late, 1)
	})
	t.Run("ends with attempts", func(t *testing.T) {
		_, err := s.EditSession(ctx, ada.ID, "s1", func(w *sat.SessionWork) error {
			w.Session.State = sat.Submitted
			for i, slot := range w.Session.Slots {
				w.Attempts = append(w.Attempts, sat.Attempt{ID: fmt.Sprint("a", i), UserID: ada.ID, SessionID: "s1", ItemID: slot.ItemID,
					Position: i + 1, Answer: "B", Correct: i == 0, Spent: time.Minute, AnsweredAt: c.Now(), Tutor: &sat.TutorsAnswer{Letter: "B"}})
			}
			return nil
		})
		require.NoError(t, err)
		require.NoError(t, s.AddAttempt(ctx, sat.Attempt{ID: "b", UserID: ada.ID, ItemID: "x", AnsweredAt: c.Now().Add(time.Hour)}))
		list, err := s.Attempts(ctx, ada.ID, "s1")
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, time.Minute, list[0].Spent)
		require.NoError(t, s.SetCause(ctx, ada.ID, "a1", "misread"))
		isCode(t, sat.NotFound, s.SetCause(ctx, bob.ID, "a1", "misread"))
		list, err = s.Attempts(ctx, ada.ID, "")
		require.NoError(t, err)
		require.Len(t, list, 3)
		assert.Equal(t, "misread", list[1].Cause)
		sessions, err := s.Sessions(ctx, ada.ID, 10)
		require.NoError(t, err)
		require.Len(t, sessions, 1)
		require.NoError(t, s.DeleteSession(ctx, ada.ID, "s1"))
		list, err = s.Attempts(ctx, ada.ID, "")
		require.NoError(t, err)
		assert.Len(t, list, 1)
	})
}

func evaluation(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	ada, bob := account(t, s, "Ada"), account(t, s, "Bob")
	t.Run("one vote for a pair", func(t *testing.T) {
		pair := sat.Pair{ID: "p1", UserID: ada.ID, CreatedAt: noon, Doc: []byte(`{"a":"sat-base","b":"sat-lora"}`)}
		require.NoError(t, s.CreatePair(ctx, pair))
		_, err := s.Pair(ctx, bob.ID, "p1")
		isCode(t, sat.NotFound, err)
		votes, err := s.Votes(ctx, "", time.Time{})
		require.NoError(t, err)
		assert.Empty(t, votes)
		pair.VotedAt, pair.Winner = noon.Add(time.Minute), "a"
		require.NoError(t, s.Vote(ctx, pair))
		pair.Winner = "b"
		isCode(t, sat.Conflict, s.Vote(ctx, pair))
		foreign := pair
		foreign.UserID = bob.ID
		isCode(t, sat.NotFound, s.Vote(ctx, foreign))
		votes, err = s.Votes(ctx, "", noon)
		require.NoError(t, err)
		pair.Winner = "a"
		assert.Equal(t, []sat.Pair{pair}, votes)
		votes, err = s.Votes(ctx, bob.ID, time.Time{})
		require.NoError(t, err)
		assert.Empty(t, votes)
	})
	t.Run("runs", func(t *testing.T) {
		run := sat.EvaluationRun{ID: "r1", StartedAt: noon, Model: "sat-lora", Pool: "dev", N: 10, Header: []byte(`{"n":10}`), Samples: []byte("{}\n{}\n")}
		require.NoError(t, s.SaveRun(ctx, run))
		run.N, run.Complete = 133, true
		require.NoError(t, s.SaveRun(ctx, run))
		got, err := s.Run(ctx, "r1")
		require.NoError(t, err)
		assert.Equal(t, run, got)
		list, err := s.Runs(ctx, "sat-lora", 10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Empty(t, list[0].Samples)
		list, err = s.Runs(ctx, "sat-base", 10)
		require.NoError(t, err)
		assert.Empty(t, list)
		_, err = s.Run(ctx, "none")
		isCode(t, sat.NotFound, err)
	})
}
