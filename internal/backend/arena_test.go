package backend

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/arena"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

// twoMinds answers A as sat-base and B as any other model.
func twoMinds(_ context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
	i := 1
	if opts.Model == "sat-base" {
		i = 0
	}
	return sat.Answer{Letter: sat.Letter(i), Text: q.Choices[i], Model: opts.Model, Base: "Llama", Quality: sat.Demo}, nil
}

// endless is a bank without end.
type endless struct{ n int }

func (e *endless) ItemIDs(context.Context, sat.ItemFilter) ([]string, error) {
	e.n++
	return []string{fmt.Sprint("item-", e.n)}, nil
}

func (*endless) Item(_ context.Context, id string) (sat.StoredItem, error) {
	return sat.StoredItem{Item: sat.Item{ID: id, Passages: []sat.Passage{{ID: "p-lamp", Lines: []string{"The lamp burned late."}}}, Question: "What burned?",
		Choices: []sat.Choice{{ID: "A", Text: "The lamp"}, {ID: "B", Text: "The pier"}}, Answer: "A"}}, nil
}

// newDesk gives a desk over a store, with two models and a bank without end.
func newDesk(s *store.Store) *arena.Desk {
	return arena.NewDesk(arena.DeskOptions{Pairs: s, Answers: answerFunc(twoMinds), Key: []byte("k"), NewID: rand.Text, Clean: prompt.Canonical,
		Models: models{{Model: sat.Model{Name: "sat-base"}, Available: true}, {Model: sat.Model{Name: "sat-lora"}, Available: true}},
		Bank:   &endless{}})
}

// arenaCall makes one call as the evaluator and decodes its reply.
func arenaCall[T any](t *testing.T, s *site, method, path, body string) T {
	t.Helper()
	resp, got := s.as(t, "evaluator", method, path, body)
	require.Equal(t, http.StatusOK, resp.StatusCode, got)
	var out T
	require.NoError(t, json.Unmarshal([]byte(got), &out))
	return out
}

func TestArenaByTheAPI(t *testing.T) {
	s := newSite(t, nil)
	s.member(t, "evaluator", sat.Evaluator)
	s.member(t, "admin", sat.Admin)
	resp, body := s.as(t, "evaluator", http.MethodPost, "/api/v1/arena/pairs", `{}`)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	for _, secret := range []string{"sat-base", "sat-lora", "Llama", "item-", "p-lamp", "key", "revealed"} {
		assert.NotContains(t, body, secret, "nothing tells the models or the key before the vote")
	}
	for name := range resp.Header {
		assert.NotContains(t, resp.Header.Get(name), "sat-", name)
	}
	var pair api.Pair
	require.NoError(t, json.Unmarshal([]byte(body), &pair))
	assert.Equal(t, api.MCQRequest{Text: "The lamp burned late.", Question: "What burned?", Choices: []string{"The lamp", "The pier"}}, pair.Question)
	assert.Equal(t, pair, arenaCall[api.Pair](t, s, http.MethodGet, "/api/v1/arena/pairs/"+pair.ID, ""))

	told := arenaCall[api.Pair](t, s, http.MethodPost, "/api/v1/arena/votes", `{"pair_id":"`+pair.ID+`","winner":"b","reasons":["unsure"]}`)
	require.NotNil(t, told.Revealed)
	assert.Equal(t, "A", told.Revealed.Key)
	assert.Equal(t, told.A.Letter == "A", *told.Revealed.CorrectA)
	assert.Equal(t, told.A.Letter == "A", told.Revealed.A.Name == "sat-base")
	resp, body = s.as(t, "evaluator", http.MethodPost, "/api/v1/arena/votes", `{"pair_id":"`+pair.ID+`","winner":"a"}`)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Equal(t, "conflict", problemIn(t, resp, body).Code)
	resp, body = s.as(t, "evaluator", http.MethodPost, "/api/v1/arena/votes", `{"pair_id":"`+pair.ID+`","winner":"left"}`)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	assert.Equal(t, "winner", problemIn(t, resp, body).Errors[0].Location)

	own := arenaCall[api.Pair](t, s, http.MethodPost, "/api/v1/arena/pairs", goodBody)
	assert.Equal(t, "What burned?", own.Question.Question)
	resp, _ = s.as(t, "evaluator", http.MethodPost, "/api/v1/arena/pairs", `{"question":"half"}`)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)

	summary := arenaCall[api.ArenaSummary](t, s, http.MethodGet, "/api/v1/arena/summary", "")
	assert.Equal(t, api.ArenaSummary{Votes: 1, Needed: sat.ArenaPatience, Comparisons: []api.ArenaComparison{}}, summary)
}

func TestArenaExport(t *testing.T) {
	s := newSite(t, nil)
	s.member(t, "evaluator", sat.Evaluator)
	s.member(t, "admin", sat.Admin)
	pair := arenaCall[api.Pair](t, s, http.MethodPost, "/api/v1/arena/pairs", `{}`)
	arenaCall[api.Pair](t, s, http.MethodPost, "/api/v1/arena/votes", `{"pair_id":"`+pair.ID+`","winner":"tie"}`)

	resp, body := s.as(t, "evaluator", http.MethodGet, "/api/v1/arena/votes", "")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	assert.Equal(t, "application/x-ndjson", resp.Header.Get("Content-Type"))
	votes, err := arena.ReadJSONL(strings.NewReader(body))
	require.NoError(t, err)
	require.Len(t, votes, 1)
	assert.Equal(t, arena.Tie, votes[0].Winner)
	assert.Nil(t, votes[0].Texts)

	resp, body = s.as(t, "evaluator", http.MethodGet, "/api/v1/arena/votes?format=csv", "")
	assert.Equal(t, "text/csv; charset=utf-8", resp.Header.Get("Content-Type"))
	assert.True(t, strings.HasPrefix(body, "feedback_id,"))
	_, body = s.as(t, "evaluator", http.MethodGet, "/api/v1/arena/votes?texts=true", "")
	assert.Contains(t, body, "The lamp burned late.")
	_, body = s.as(t, "admin", http.MethodGet, "/api/v1/arena/votes", "")
	assert.Empty(t, body, "the administrator has not voted")
	_, body = s.as(t, "admin", http.MethodGet, "/api/v1/arena/votes?all=true", "")
	assert.Contains(t, body, pair.ID)
	resp, _ = s.as(t, "evaluator", http.MethodGet, "/api/v1/arena/votes?all=true", "")
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	resp, _ = s.as(t, "evaluator", http.MethodGet, "/api/v1/arena/votes?format=xml", "")
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
}

func TestNoArenaIsTold(t *testing.T) {
	s := newServer(t, nil)
	resp, body := call(t, s, http.MethodPost, "/api/v1/arena/pairs", `{}`)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Contains(t, problemIn(t, resp, body).Detail, "No comparison")
}
