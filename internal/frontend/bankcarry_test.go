package frontend

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/questionbank"
	"sattutor/internal/sat"
)

var (
	textareas = regexp.MustCompile(`(?s)<textarea [^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>`)
	inputTags = regexp.MustCompile(`<input [^>]*>`)
	selects   = regexp.MustCompile(`(?s)<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>`)
	selected  = regexp.MustCompile(`value="([^"]*)" selected`)
)

// filled gives the form of a page as a browser would send it.
func filled(page string) url.Values {
	form := url.Values{}
	attr := func(tag, name string) string {
		m := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(tag)
		if m == nil {
			return ""
		}
		return html.UnescapeString(m[1])
	}
	for _, tag := range inputTags.FindAllString(page, -1) {
		if kind := attr(tag, "type"); kind != "radio" && kind != "checkbox" || strings.Contains(tag, " checked") {
			form.Add(attr(tag, "name"), attr(tag, "value"))
		}
	}
	for _, m := range textareas.FindAllStringSubmatch(page, -1) {
		form.Add(m[1], strings.ReplaceAll(html.UnescapeString(m[2]), "\n", "\r\n"))
	}
	for _, m := range selects.FindAllStringSubmatch(page, -1) {
		value := ""
		if on := selected.FindStringSubmatch(m[2]); on != nil {
			value = html.UnescapeString(on[1])
		}
		form.Add(m[1], value)
	}
	return form
}

// markedItem is a question with marks in its passage and in itself.
func markedItem() sat.Item {
	return sat.Item{ID: "marked-1", Framework: sat.Digital, Domain: sat.InformationAndIdeas, Skill: sat.Inferences,
		Passages: []sat.Passage{{ID: "marked", Lines: []string{"The lamp burned, and the lamp", "went out. The <sea> was calm."}}},
		Question: "What does the underlined word mean?",
		Choices:  []sat.Choice{{ID: "A", Text: "a light"}, {ID: "B", Text: "a pier"}, {ID: "C", Text: "a boat"}, {ID: "D", Text: "a star"}},
		Answer:   "A",
		Marks: []sat.Mark{{In: sat.InPassage, PassageID: "marked", Start: 25, End: 29, Kind: sat.Underline},
			{In: sat.InPassage, PassageID: "marked", Start: 21, End: 29, Kind: sat.Emphasis},
			{In: sat.InPassage, PassageID: "marked", Start: 44, End: 49, Kind: sat.Superscript},
			{In: sat.InQuestion, Start: 14, End: 24, Kind: sat.Strong}}}
}

// put stores a question.
func (s *bankSite) put(t *testing.T, it sat.Item) sat.Item {
	t.Helper()
	stored, _, err := s.desk.Save(t.Context(), "", it, 0)
	require.NoError(t, err)
	return stored.Item
}

func (s *bankSite) stored(t *testing.T, id string) sat.Item {
	t.Helper()
	it, err := s.store.Item(t.Context(), id)
	require.NoError(t, err)
	return it.Item
}

func TestASavedQuestionKeepsItsMarks(t *testing.T) {
	s := newBankSite(t)
	want := s.put(t, markedItem())
	form := filled(s.see(t, "/bank/marked-1/edit"))
	form.Set("passage-1-lines", "Once, the lamp burned, and the lamp\r\nwent out.  The <sea> was calm.")
	form.Set("passage-1-id", "renamed")
	form.Set("question", "So what does the underlined word mean?")
	form.Set("do", "save")
	resp, body := s.post("/bank/marked-1/edit", form)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, body)
	it := s.stored(t, "marked-1")
	require.Len(t, it.Marks, len(want.Marks))
	var have []string
	for _, m := range it.Marks {
		text := it.Question
		if m.In == sat.InPassage {
			assert.Equal(t, "renamed", m.PassageID)
			text = it.Passages[0].Text()
		}
		have = append(have, string(m.Kind)+" "+string([]rune(text)[m.Start:m.End]))
	}
	assert.ElementsMatch(t, []string{"underline lamp", "em the lamp", "sup <sea>", "strong underlined"}, have)
	assert.Equal(t, 31, it.Marks[slices.IndexFunc(it.Marks, func(m sat.Mark) bool { return m.Kind == sat.Underline })].Start, "the second lamp")
}

func TestNoMarkIsLostWithoutAWord(t *testing.T) {
	s := newBankSite(t)
	want := s.put(t, markedItem())
	form := filled(s.see(t, "/bank/marked-1/edit"))
	form.Set("question", "What does that word mean?")
	for range 2 { // a check, and then a save by who has not checked
		form.Set("do", "check")
		resp, body := s.post("/bank/marked-1/edit", form)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Contains(t, body, "no longer says “underlined” where it was in bold")
		assert.NotContains(t, body, "Nothing was saved")
	}
	form.Set("do", "save")
	resp, body := s.post("/bank/marked-1/edit", form)
	require.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	assert.Contains(t, body, "Nothing was saved yet")
	assert.Equal(t, want, s.stored(t, "marked-1"))
	form = filled(body)
	form.Set("do", "save")
	resp, body = s.post("/bank/marked-1/edit", form)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, body)
	assert.Len(t, s.stored(t, "marked-1").Marks, 3)
	assert.Contains(t, s.see(t, "/bank/marked-1"), "<dt>words set apart</dt>", "the history tells it")
}

func TestWordsThatAnotherQuestionQuotesStay(t *testing.T) {
	s := newBankSite(t)
	it := markedItem()
	it.Marks, it.Explanation.Quotes = nil, []sat.Quote{{PassageID: "marked", Start: 4, End: 15, LineFrom: 1, LineTo: 1}}
	s.put(t, it)
	it.ID, it.Question, it.Explanation.Quotes = "marked-2", "And what went out?", nil
	s.put(t, it)
	form := filled(s.see(t, "/bank/marked-2/edit"))
	form.Set("passage-1-lines", "The pier burned, and the lamp\r\nwent out. The <sea> was calm.")
	form.Set("do", "save")
	resp, body := s.post("/bank/marked-2/edit", form)
	require.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
	assert.Contains(t, body, "would no longer say “lamp burned”, which question marked-1 quotes")
	assert.Equal(t, it.Passages, s.stored(t, "marked-2").Passages)
}

func TestMarksAreShown(t *testing.T) {
	s := newBankSite(t)
	s.put(t, markedItem())
	body := s.see(t, "/bank/marked-1")
	assert.Contains(t, body, `<em>the </em><u><span class="vh">[underlined:] </span><em>lamp</em><span class="vh"> [end of underlining]</span></u>`)
	assert.Contains(t, body, `The <sup>&lt;sea&gt;</sup> was calm.`)
	assert.Contains(t, body, `What does the <strong>underlined</strong> word mean?</h2>`)
	body = s.see(t, "/bank/marked-1/edit")
	assert.Contains(t, body, "<li>“lamp” is underlined (line 1)</li>")
	assert.Contains(t, body, "<li>“underlined” is in bold (question)</li>")
}

// saved gives what would be stored if the edit page of a question were sent as it was opened.
func saved(t require.TestingT, s *Server, it sat.Item) sat.Item {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/bank/x/edit", nil)
	require.NoError(t, render(w, http.StatusOK, s.views.itemEdit, s.itemEditPage(r, it, 1)))
	form := filled(w.Body.String())
	back := itemOfForm(form)
	back.ID = it.ID
	lost, dropped := rejoin(&back, it, lineFeeds(form.Get("quotes")))
	require.Empty(t, lost)
	require.Empty(t, dropped)
	return questionbank.Canonical(back)
}

func TestAShippedQuestionSavedAsItIsStaysEqual(t *testing.T) {
	s := newBankSite(t)
	items, _, err := s.store.SearchItems(t.Context(), sat.ItemFilter{})
	require.NoError(t, err)
	require.NotEmpty(t, items)
	for _, it := range items {
		assert.Equal(t, it.Item, saved(t, s.Server, it.Item))
	}
}

func TestAQuestionSavedAsItIsStaysEqual(t *testing.T) {
	s, err := New(Options{Backend: panicking{}})
	require.NoError(t, err)
	line := rapid.SampledFrom([]string{"lamp and pier", "   lamp", "", "a  lamp,  and <b>", "“é” & lamp", "the lamp"})
	rapid.Check(t, func(t *rapid.T) {
		it := markedItem()
		it.Marks = nil
		it.Passages = []sat.Passage{{ID: "one", Lines: append(rapid.SliceOfN(line, 1, 6).Draw(t, "lines"), "The end.")}}
		if rapid.Bool().Draw(t, "pair") {
			it.Passages = append(it.Passages, sat.Passage{ID: "two", Lines: append(rapid.SliceOfN(line, 1, 6).Draw(t, "more"), "The end."),
				LineStart: rapid.SampledFrom([]int{0, 1, 40}).Draw(t, "start")})
		}
		it = questionbank.Canonical(it)
		for _, p := range it.Passages {
			for range rapid.IntRange(0, 3).Draw(t, "ranges") {
				start := rapid.IntRange(0, p.Length()-1).Draw(t, "from")
				end := rapid.IntRange(start+1, p.Length()).Draw(t, "to")
				if from, to, ok := it.LinesOf(p.ID, start, end); ok && strings.TrimSpace(string([]rune(p.Text())[start:end])) != "" {
					it.Explanation.Quotes = append(it.Explanation.Quotes, sat.Quote{PassageID: p.ID, Start: start, End: end, LineFrom: from, LineTo: to})
				}
				it.Marks = append(it.Marks, sat.Mark{In: sat.InPassage, PassageID: p.ID, Start: start, End: end, Kind: sat.Underline})
			}
		}
		it = questionbank.Canonical(it)
		require.Equal(t, it, saved(t, s, it))
	})
}

func TestAQuotationStaysNearWhereItWas(t *testing.T) {
	former := markedItem()
	former.Explanation.Quotes = []sat.Quote{{PassageID: "marked", Start: 25, End: 29, LineFrom: 1, LineTo: 1}}
	it := former
	it.Marks, it.Explanation = nil, sat.Explanation{}
	it.Passages = []sat.Passage{{ID: "marked", Lines: []string{"So the lamp burned, and the lamp", "went out. The <sea> was calm."}}}
	lost, _ := rejoin(&it, former, "lamp went")
	require.Empty(t, lost)
	assert.Equal(t, "lamp\nwent", it.Quoted(it.Explanation.Quotes[0]), "over the end of a line")
	it.Explanation.Quotes = nil
	_, _ = rejoin(&it, former, "the lamp")
	assert.Equal(t, 24, it.Explanation.Quotes[0].Start, "the second of two places")
}
