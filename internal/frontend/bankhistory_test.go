package frontend

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// teacher signs Tess in.
func (p *people) teacher(t *testing.T) *browser {
	t.Helper()
	_, err := p.accounts.AddUser(t.Context(), "Tess", goodPassword, sat.Teacher)
	require.NoError(t, err)
	b := p.browser(t)
	b.send("/sign-in", "name", "tess", "password", goodPassword)
	return b
}

// pairs gives a form as browser.send takes it.
func pairs(form map[string][]string, more ...string) []string {
	for i := 0; i+1 < len(more); i += 2 {
		form[more[i]] = []string{more[i+1]}
	}
	var list []string
	for name, values := range form {
		for _, v := range values {
			list = append(list, name, v)
		}
	}
	return list
}

func TestWhoChangedAQuestionIsTold(t *testing.T) {
	p := newPeople(t, nil)
	tess := p.teacher(t)
	require.Equal(t, http.StatusOK, tess.send("/bank/new", pairs(lampForm(), "do", "save")...).StatusCode)
	it, err := p.store.Item(t.Context(), "lamp-1")
	require.NoError(t, err)
	page := tess.send("/bank/lamp-1/edit", pairs(lampForm(), "do", "save", "version", "1", "passage-1-id", it.Passages[0].ID, "choice-B", "The quay", "why-B", "It did not burn.")...)
	words := page.words()
	assert.Contains(t, words, "History: 2 changes\nchanged by Tess")
	assert.Contains(t, words, "choice B The pier The quay")
	assert.Contains(t, words, "reason for choice B nothing It did not burn.")
	assert.Contains(t, words, "made by Tess")
	assert.NotContains(t, words, "question What burned?", "what stayed is not told")
	assert.Contains(t, tess.open("/bank/import").words(), "edit of 1 question")
	assert.Contains(t, tess.open("/bank/import").words(), "UTC by Tess")
	assert.NotContains(t, p.browser(t).open("/bank/lamp-1").words(), "by Tess", "it is for teachers")
}

func TestReportsAreReadWhereTheQuestionIs(t *testing.T) {
	p := newPeople(t, nil)
	fill(t, p.desk)
	tess, student := p.teacher(t), p.browser(t)
	student.open("/bank") // becomes a guest
	student.send("/bank/bennett-visit-4", "do", "report", "reason", "Line 5 does not say so.")
	page := tess.open("/bank/bennett-visit-4")
	assert.Contains(t, page.words(), "Line 5 does not say so. Close the report")
	reports, err := p.store.ItemReports(t.Context(), "", true, sat.Cursor{}, 5)
	require.NoError(t, err)
	assert.Contains(t, page.body, `href="/bank/reports#about-`+reports[0].ID+`"`)
	assert.Contains(t, tess.open("/bank/reports").body, `id="about-`+reports[0].ID+`"`)
	assert.NotContains(t, student.open("/bank/bennett-visit-4").words(), "Line 5 does not say so.")

	tess.send("/bank/reports", "report", reports[0].ID, "note", "It does: see line 6.")
	assert.NotContains(t, tess.open("/bank/reports").words(), "see line 6")
	assert.Contains(t, tess.open("/bank/reports?all=1").words(), "It does: see line 6.")
	page = tess.open("/bank/bennett-visit-4")
	assert.NotContains(t, page.words(), "Close the report")
	assert.Contains(t, page.words(), "Closed reports (1)")
	assert.Contains(t, page.words(), "It does: see line 6.")

	for n := range 52 {
		_, err := p.store.ReportItem(t.Context(), sat.ItemReport{ItemID: "bennett-visit-4", Reason: fmt.Sprintf("Complaint %02d.", n)})
		require.NoError(t, err)
	}
	first := tess.open("/bank/reports?all=1")
	older := regexp.MustCompile(`href="(/bank/reports\?all=1[^"]+)" rel="next"`).FindStringSubmatch(first.body)
	require.Len(t, older, 2, first.body)
	rest := tess.open(html.UnescapeString(older[1]))
	for n := range 52 {
		words := fmt.Sprintf("Complaint %02d.", n)
		assert.NotEqual(t, strings.Contains(first.words(), words), strings.Contains(rest.words(), words), "%s is on one page", words)
	}
	assert.Contains(t, rest.words(), "It does: see line 6.", "the oldest comes last")
	assert.NotContains(t, rest.body, `rel="next"`)
}
