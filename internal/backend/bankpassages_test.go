package backend

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/questionbank"
	"sattutor/internal/sat"
)

// onPassage stores a question whose explanation quotes the passage "shared".
func onPassage(t *testing.T, s *site, id string, quoteFrom, quoteTo int) {
	t.Helper()
	it := sat.Item{ID: id, Framework: sat.Digital, Domain: sat.InformationAndIdeas, Skill: sat.Inferences,
		Passages: []sat.Passage{{ID: "shared", Lines: []string{"The lamp burned late.", "Nobody asked why."}}},
		Question: "What burned in " + id + "?", Choices: []sat.Choice{{ID: "A", Text: "The lamp"}, {ID: "B", Text: "The pier"}}, Answer: "A",
		Explanation: sat.Explanation{Text: "It says so.", Quotes: []sat.Quote{{PassageID: "shared", Start: quoteFrom, End: quoteTo, LineFrom: 1, LineTo: 1}}}}
	_, err := s.store.SaveItems(t.Context(), sat.BankChange{What: "edit"}, []sat.StoredItem{questionbank.Stored(questionbank.Canonical(it), 0)})
	require.NoError(t, err)
}

func TestAPassageIsOneForAllQuestionsOnIt(t *testing.T) {
	s := populated(t)
	onPassage(t, s, "first", 4, 15)  // lamp burned
	onPassage(t, s, "second", 0, 21) // The lamp burned late.
	get := func(who string) (p api.BankPassage) {
		resp, body := s.as(t, who, http.MethodGet, "/api/v1/passages/shared", "")
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		require.NoError(t, json.Unmarshal([]byte(body), &p))
		return p
	}
	put := func(lines []string, version string) (int, string) {
		raw, err := json.Marshal(api.PassageChange{Passage: sat.Passage{ID: "shared", Lines: lines}, Version: version})
		require.NoError(t, err)
		resp, body := s.as(t, "teacher", http.MethodPut, "/api/v1/passages/shared", string(raw))
		return resp.StatusCode, body
	}
	was := get("student")
	assert.Equal(t, []string{"first", "second"}, was.ItemIDs)

	status, body := put([]string{"It rained. The lamp", "burned late. Nobody asked why."}, was.Version)
	require.Equal(t, http.StatusOK, status, body)
	for id, quoted := range map[string]string{"first": "lamp\nburned", "second": "The lamp\nburned late."} {
		it, err := s.store.Item(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, quoted, it.Quoted(it.Explanation.Quotes[0]), "the quotation moved with its words")
		assert.Equal(t, []int{1, 2, 2}, []int{it.Explanation.Quotes[0].LineFrom, it.Explanation.Quotes[0].LineTo, it.Version})
		assert.Equal(t, questionbank.ContentKey(it.Item), it.ContentKey)
	}
	found, _, err := s.store.SearchItems(t.Context(), sat.ItemFilter{Words: "rained"})
	require.NoError(t, err)
	assert.Len(t, found, 2, "both are found by the new words")

	status, body = put([]string{"The lamp burned."}, was.Version)
	assert.Equal(t, http.StatusConflict, status, "somebody was faster: %s", body)
	status, body = put([]string{"The lamp burned."}, get("teacher").Version)
	assert.Equal(t, http.StatusUnprocessableEntity, status)
	assert.Contains(t, body, "question second quotes")
	assert.NotContains(t, body, "question first quotes")
	status, body = put([]string{""}, get("teacher").Version)
	assert.Equal(t, http.StatusUnprocessableEntity, status, body)
	assert.Contains(t, body, "passage.lines")
	status, _ = put([]string{"The lamp burned late."}, "")
	assert.Equal(t, http.StatusUnprocessableEntity, status)

	changes, err := s.store.BankChanges(t.Context(), 1)
	require.NoError(t, err)
	resp, body := s.as(t, "teacher", http.MethodPost, "/api/v1/bank-changes/"+changes[0].ID+"/undo", `{}`)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	assert.Equal(t, was.Lines, get("teacher").Lines, "the change can be taken back")
	assert.Equal(t, was.Version, get("teacher").Version)
}

func TestEditingOneQuestionKeepsTheOthersOnItsPassageTrue(t *testing.T) {
	s := populated(t)
	onPassage(t, s, "first", 4, 15)
	onPassage(t, s, "second", 0, 21)
	it, err := s.store.Item(t.Context(), "first")
	require.NoError(t, err)
	save := func(lines ...string) (int, string) {
		it.Passages[0].Lines = lines
		raw, err := json.Marshal(api.ItemChange{Item: it.Item, Version: it.Version})
		require.NoError(t, err)
		resp, body := s.as(t, "teacher", http.MethodPut, "/api/v1/items/first", string(raw))
		return resp.StatusCode, body
	}
	it.Explanation.Quotes = nil
	status, body := save("The lamp burned.")
	assert.Equal(t, http.StatusUnprocessableEntity, status)
	assert.Contains(t, body, "question second quotes")
	status, body = save("At last it rained.", "The lamp burned late.")
	require.Equal(t, http.StatusOK, status, body)
	other, err := s.store.Item(t.Context(), "second")
	require.NoError(t, err)
	assert.Equal(t, "The lamp burned late.", other.Quoted(other.Explanation.Quotes[0]))
	assert.Equal(t, 2, other.Explanation.Quotes[0].LineFrom)
	assert.Equal(t, 2, other.Version)
}

func TestPassagesAreMadeAndDeletedWhileUnused(t *testing.T) {
	s := populated(t)
	onPassage(t, s, "first", 4, 15)
	resp, body := s.as(t, "teacher", http.MethodDelete, "/api/v1/passages/shared", "")
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Contains(t, body, "There are questions on this passage: first.")

	const passage = `{"passage":{"id":"pier_1","title":"The pier","lines":["The pier was empty. "]}}`
	resp, body = s.as(t, "teacher", http.MethodPost, "/api/v1/passages", passage)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	var saved api.SavedPassage
	require.NoError(t, json.Unmarshal([]byte(body), &saved))
	assert.Equal(t, []string{"The pier was empty."}, saved.Passage.Lines, "in canonical form")
	assert.Empty(t, saved.Passage.ItemIDs)
	resp, _ = s.as(t, "teacher", http.MethodPost, "/api/v1/passages", passage)
	assert.Equal(t, http.StatusConflict, resp.StatusCode, "it is there already")
	for who, status := range map[string]int{"teacher": http.StatusOK, "student": http.StatusNotFound} {
		resp, body = s.as(t, who, http.MethodGet, "/api/v1/passages/pier_1", "")
		assert.Equal(t, status, resp.StatusCode, body)
		_, body = s.as(t, who, http.MethodGet, "/api/v1/passages?unused=true", "")
		assert.Equal(t, who == "teacher", jsonHas(body, "pier_1"), "%s: %s", who, body)
	}
	resp, body = s.as(t, "teacher", http.MethodPut, "/api/v1/passages/pier_1", `{"version":"`+saved.Passage.Version+`","passage":{"id":"pier_1","lines":["The pier was full."]}}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode, body)
	resp, _ = s.as(t, "teacher", http.MethodPut, "/api/v1/passages/pier_1", `{"version":"v-1","passage":{"id":"pier_2","lines":["x"]}}`)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, "a passage keeps its id")
	for _, status := range []int{http.StatusOK, http.StatusNotFound} {
		resp, body = s.as(t, "teacher", http.MethodDelete, "/api/v1/passages/pier_1", "")
		assert.Equal(t, status, resp.StatusCode, body)
	}
}

// jsonHas tells whether a list of passages holds one.
func jsonHas(body, id string) bool {
	var list passageList
	if json.Unmarshal([]byte(body), &list) != nil {
		return false
	}
	for _, p := range list.Passages {
		if p.ID == id {
			return true
		}
	}
	return false
}
