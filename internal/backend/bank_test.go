package backend

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/questionbank"
	"sattutor/internal/retrieval"
	"sattutor/internal/sat"
	"sattutor/internal/store"
)

// desk is a real bank over a real store.
type desk struct {
	*store.Store
	*questionbank.Desk
	*retrieval.Finder
}

// aQuestion gives an item as JSON.
func aQuestion(id string) string {
	raw, err := json.Marshal(sat.Item{ID: strings.ReplaceAll(id, " ", "-"), Framework: sat.Digital, Domain: sat.InformationAndIdeas, Skill: sat.Inferences,
		Requires: []sat.Requirement{}, Passages: []sat.Passage{{ID: "a-question", Lines: []string{"The lamp burned late."}}},
		Question: "What burned in " + id + "?", Choices: []sat.Choice{{ID: "A", Text: "The lamp", Why: "said so"}, {ID: "B", Text: "The pier", Why: "secret reason"}},
		Answer: "A", Explanation: sat.Explanation{Text: "A secret."}, Split: sat.ForPractice})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// anItem puts the item a-question into the bank anew.
func anItem(t *testing.T, s *site, _ string) string {
	t.Helper()
	var it sat.Item
	require.NoError(t, json.Unmarshal([]byte(aQuestion("a-question")), &it))
	if _, err := s.store.Item(t.Context(), it.ID); err == nil {
		require.NoError(t, s.store.DeleteItem(t.Context(), "", it.ID))
	}
	_, err := s.store.SaveItems(t.Context(), sat.BankChange{What: "edit"}, []sat.StoredItem{questionbank.Stored(questionbank.Canonical(it), 0)})
	require.NoError(t, err)
	return it.ID
}

// changeOf makes a change of the bank that can be undone.
func changeOf(t *testing.T, s *site, caller string) string {
	t.Helper()
	anItem(t, s, caller)
	changes, err := s.store.BankChanges(t.Context(), 1)
	require.NoError(t, err)
	return changes[0].ID
}

func TestStudentsSeeNoKeys(t *testing.T) {
	s := populated(t)
	anItem(t, s, "")
	for _, path := range []string{"/api/v1/items", "/api/v1/items/a-question", "/api/v1/items?q=lamp"} {
		resp, body := s.as(t, "student", http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		assert.Contains(t, body, "What burned")
		assert.NotContains(t, body, "secret")
		assert.NotContains(t, body, "said so")
		assert.NotContains(t, body, `"answer":"A"`)
		_, body = s.as(t, "teacher", http.MethodGet, path, "")
		assert.Contains(t, body, "secret")
		assert.Contains(t, body, `"answer":"A"`)
	}
}

func TestStudentsSeeWhatIsThereToPractise(t *testing.T) {
	s := populated(t)
	anItem(t, s, "")
	held, err := s.store.Item(t.Context(), "a-question")
	require.NoError(t, err)
	held.Split = sat.ForHoldout
	_, err = s.store.SaveItems(t.Context(), sat.BankChange{}, []sat.StoredItem{held})
	require.NoError(t, err)
	resp, _ := s.as(t, "student", http.MethodGet, "/api/v1/items/a-question", "")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	_, body := s.as(t, "student", http.MethodGet, "/api/v1/items?split=holdout", "")
	assert.Contains(t, body, `"total":0`)
	_, body = s.as(t, "teacher", http.MethodGet, "/api/v1/items?split=holdout", "")
	assert.Contains(t, body, `"total":1`)
}

func TestItemsAreCreatedChangedAndDeleted(t *testing.T) {
	s := populated(t)
	resp, body := s.as(t, "teacher", http.MethodPost, "/api/v1/items", `{"item":`+aQuestion("mine")+`}`)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	var saved api.SavedItem
	require.NoError(t, json.Unmarshal([]byte(body), &saved))
	assert.Equal(t, 1, saved.Item.Version)
	assert.NotEmpty(t, saved.Findings, "there is something doubtful about it")

	resp, _ = s.as(t, "teacher", http.MethodPost, "/api/v1/items", `{"item":`+aQuestion("mine")+`}`)
	assert.Equal(t, http.StatusConflict, resp.StatusCode, "it is there already")
	bad := strings.Replace(aQuestion("mine"), `"answer":"A"`, `"answer":"E"`, 1)
	resp, body = s.as(t, "teacher", http.MethodPut, "/api/v1/items/mine", `{"version":1,"item":`+bad+`}`)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	assert.Contains(t, body, "names none of the choices")
	good := strings.Replace(aQuestion("mine"), `"answer":"A"`, `"answer":"B"`, 1)
	resp, _ = s.as(t, "teacher", http.MethodPut, "/api/v1/items/mine", `{"version":1,"item":`+good+`}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	resp, _ = s.as(t, "teacher", http.MethodPut, "/api/v1/items/mine", `{"version":1,"item":`+good+`}`)
	assert.Equal(t, http.StatusConflict, resp.StatusCode, "somebody was faster")
	resp, body = s.as(t, "teacher", http.MethodPut, "/api/v1/items/mine", `{"item":`+good+`}`)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, "which version is replaced: %s", body)
	assert.Contains(t, body, "version")
	assert.Contains(t, body, "is missing; send the version that GET gives")
	resp, body = s.as(t, "teacher", http.MethodPost, "/api/v1/items", `{"item":`+good+`}`)
	assert.Equal(t, http.StatusConflict, resp.StatusCode, "a taken id: %s", body)
	assert.Contains(t, body, "item.id")
	assert.Contains(t, body, "is taken")
	resp, _ = s.as(t, "teacher", http.MethodPut, "/api/v1/items/mine", `{"version":2,"item":`+aQuestion("other")+`}`)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, "an item keeps its id")
	resp, _ = s.as(t, "teacher", http.MethodDelete, "/api/v1/items/mine", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	resp, _ = s.as(t, "teacher", http.MethodGet, "/api/v1/items/mine", "")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	_, body = s.as(t, "teacher", http.MethodPost, "/api/v1/items:check", `{"item":`+bad+`}`)
	assert.Contains(t, body, `"code":"L01"`)
}

func TestAnImportIsRehearsedAndConfirmed(t *testing.T) {
	s := populated(t)
	file := `{"v":1,` + aQuestion("one")[1:] + "\n" + `{"v":1,"id":"two"}` + "\n"
	post := func(query, body string, header ...string) (int, sat.ImportReport, string) {
		resp, raw := s.as(t, "teacher", http.MethodPost, "/api/v1/items:import"+query, body, header...)
		var report sat.ImportReport
		_ = json.Unmarshal([]byte(raw), &report)
		return resp.StatusCode, report, raw
	}
	status, rehearsed, raw := post("?dry_run=1", file)
	require.Equal(t, http.StatusOK, status, raw)
	assert.Equal(t, sat.ImportCounts{New: 1, Rejected: 1}, rehearsed.Counts)
	assert.Empty(t, rehearsed.Change)
	resp, _ := s.as(t, "teacher", http.MethodGet, "/api/v1/items/one", "")
	require.Equal(t, http.StatusNotFound, resp.StatusCode, "a rehearsal stores nothing")

	status, _, _ = post("?strict=1", file)
	assert.Equal(t, http.StatusUnprocessableEntity, status)
	status, _, _ = post("?plan="+rehearsed.Plan, file+"\n"+`{"v":1,`+aQuestion("three")[1:])
	assert.Equal(t, http.StatusConflict, status, "another file than the rehearsed one")

	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "bank.jsonl")
	require.NoError(t, err)
	_, err = part.Write([]byte(file))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	status, stored, raw := post("?plan="+rehearsed.Plan, form.String(), "Content-Type", w.FormDataContentType())
	require.Equal(t, http.StatusOK, status, raw)
	assert.NotEmpty(t, stored.Change)
	status, again, _ := post("?dry_run=1", file)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, sat.ImportCounts{Unchanged: 1, Rejected: 1}, again.Counts)

	resp, raw = s.as(t, "teacher", http.MethodPost, "/api/v1/bank-changes/"+stored.Change+"/undo", "{}")
	assert.Equal(t, http.StatusOK, resp.StatusCode, raw)
	resp, _ = s.as(t, "teacher", http.MethodGet, "/api/v1/items/one", "")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)

	status, _, raw = post("", strings.Repeat("x", MaxFile+multipartExtra+1))
	assert.Equal(t, http.StatusRequestEntityTooLarge, status, raw)
	status, _, _ = post("", "--x\r\n\r\n--x--", "Content-Type", "multipart/form-data; boundary=x")
	assert.Equal(t, http.StatusUnprocessableEntity, status)
}

func TestNothingIsDoneOnWordsThatAreNotUnderstood(t *testing.T) {
	s := populated(t)
	anItem(t, s, "")
	file := `{"v":1,` + aQuestion("one")[1:]
	for query, field := range map[string]string{
		"dry_run=yes": "dry_run", "dry_run=": "dry_run", "dry_run": "dry_run", "dryrun=1": "dryrun", "dry_run=0&dry_run=1": "dry_run",
		"strict=on": "strict", "allow_split=ja": "allow_split", "dry_run=1;strict=1": "query",
	} {
		resp, body := s.as(t, "teacher", http.MethodPost, "/api/v1/items:import?"+query, file)
		assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, "%s: %s", query, body)
		assert.Contains(t, body, `"location":"`+field+`"`, query)
	}
	resp, _ := s.as(t, "teacher", http.MethodGet, "/api/v1/items/one", "")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode, "nothing was stored")
	for query, field := range map[string]string{"report=maybe": "report", "reported=x": "reported", "skil=INF": "skil"} {
		resp, body := s.as(t, "teacher", http.MethodGet, "/api/v1/items:export?format=csv&"+query, "")
		assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, query)
		assert.Contains(t, body, `"location":"`+field+`"`, query)
	}
	for query, field := range map[string]string{"skill=NOPE": "skill", "domain=x": "domain", "difficulty=hardest": "difficulty", "passages=gone": "passages",
		"tag=two words": "tag"} {
		resp, body := s.as(t, "teacher", http.MethodGet, "/api/v1/items:export?format=csv&"+strings.ReplaceAll(query, " ", "%20"), "")
		assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, query)
		assert.Contains(t, body, `"location":"`+field+`"`, query)
	}
	resp, _ = s.as(t, "teacher", http.MethodPost, "/api/v1/items:import?skill=NOPE", file)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	resp, body := s.as(t, "teacher", http.MethodGet, "/api/v1/items:export?format=moodle-xml&passages=apart&skill=inf&difficulty=&reported=0", "")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	assert.Contains(t, body, `type="description"`)
	resp, _ = s.as(t, "teacher", http.MethodPost, "/api/v1/items:import?dry_run=1", file, headerOnce, "mine")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	resp, body = s.as(t, "teacher", http.MethodPost, "/api/v1/items:import", file, headerOnce, "mine")
	assert.NotEqual(t, http.StatusOK, resp.StatusCode, "a rehearsal's reply does not stand for the import: %s", body)
}

func TestExportCountsItsLosses(t *testing.T) {
	s := populated(t)
	anItem(t, s, "")
	resp, body := s.as(t, "teacher", http.MethodGet, "/api/v1/items:export?format=jsonl", "")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	assert.Equal(t, "0", resp.Header.Get(api.HeaderLosses))
	assert.Equal(t, "application/x-ndjson", resp.Header.Get("Content-Type"))
	assert.Contains(t, resp.Header.Get("Content-Disposition"), "sat-bank.jsonl")
	assert.True(t, strings.HasPrefix(body, `{"v":1,"id":"a-question"`))
	resp, body = s.as(t, "teacher", http.MethodGet, "/api/v1/items:export?format=aiken&report=1", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.NotEqual(t, "0", resp.Header.Get(api.HeaderLosses))
	assert.Contains(t, body, `"field":"explanation.text"`)
	resp, _ = s.as(t, "teacher", http.MethodGet, "/api/v1/items:export?format=word", "")
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	resp, _ = s.as(t, "teacher", http.MethodGet, "/api/v1/items:export?format=csv&q=nothing", "")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestReportsAreQueuedAndSettled(t *testing.T) {
	s := populated(t)
	anItem(t, s, "")
	resp, body := s.as(t, "student", http.MethodPost, "/api/v1/items/a-question/reports", `{"reason":"the key is wrong"}`)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	var report api.ItemReport
	require.NoError(t, json.Unmarshal([]byte(body), &report))
	_, body = s.as(t, "teacher", http.MethodGet, "/api/v1/item-reports", "")
	assert.Contains(t, body, "the key is wrong")
	_, body = s.as(t, "teacher", http.MethodGet, "/api/v1/items?reported=true", "")
	assert.Contains(t, body, `"total":1`)
	resp, body = s.as(t, "student", http.MethodPost, "/api/v1/items/a-question/reports", `{"reason":"the key is still wrong"}`)
	assert.Equal(t, http.StatusConflict, resp.StatusCode, body)
	assert.Contains(t, body, "reported this question already")
	resp, body = s.as(t, "teacher", http.MethodGet, "/api/v1/item-reports?before=yesterday", "")
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, body)
	resp, _ = s.as(t, "teacher", http.MethodPatch, "/api/v1/item-reports/"+report.ID, `{"note":"it is right"}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	_, body = s.as(t, "teacher", http.MethodGet, "/api/v1/item-reports", "")
	assert.Contains(t, body, `"reports":[]`)
	_, body = s.as(t, "teacher", http.MethodGet, "/api/v1/item-reports?all=true", "")
	assert.Contains(t, body, "it is right")
	resp, _ = s.as(t, "student", http.MethodPost, "/api/v1/items/a-question/reports", `{"reason":""}`)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
}
