package frontend

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// typed is a question as a student types it.
func typed() []step {
	return []step{write("#text", "The lamp burned\nlate."), write("#question", "What burned?"),
		write("#choice-0", "the pier"), write("#choice-1", "the lamp"), write("#choice-2", "the ledger"), write("#choice-3", "the wall")}
}

// holdsTyped checks that the form still holds the typed question.
func (b *tab) holdsTyped() {
	b.t.Helper()
	for sel, want := range map[string]string{"#text": "The lamp burned\nlate.", "#question": "What burned?", "#choice-0": "the pier", "#choice-3": "the wall"} {
		assert.Equal(b.t, want, b.value(sel))
	}
}

func TestBrowserAnswersWithoutAPageLoad(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	b.do(chromedp.Navigate(s.URL + "/ask?sample=none"))
	js[int](b, `window.sameDocument = 1`)
	b.do(append(typed(), click("#submit"), visible("[data-state=answered]"))...)
	assert.Equal(t, "Tutor’s answer: B) the lamp", b.text("#answer-title"))
	assert.Equal(t, 1, js[int](b, `window.sameDocument`))
	b.holdsTyped()
	b.do(click(".curl summary"), visible(".curl pre"))
	assert.Contains(t, b.text(".curl pre"), `"question":"What burned?"`)

	b.do(click("#clear"), chromedp.WaitNotPresent(chromedp.CSS("[data-state=answered]")))
	for _, field := range []string{"#text", "#question", "#choice-0", "#choice-1", "#choice-2", "#choice-3", "#choice-4"} {
		assert.Empty(t, b.value(field), "TestS25: Clear leaves %s", field)
	}
	assert.Equal(t, "text", js[string](b, `document.activeElement.id`))
	b.do(visible("#undo"), click("#undo"))
	b.holdsTyped()

	b.do(click("#sample"), until(`document.getElementById("text").value.includes("harbour")`))
	b.do(click("#undo"))
	b.holdsTyped()
	assert.Equal(t, 1, js[int](b, `window.sameDocument`))
}

func TestBrowserWithoutScripts(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	b.withoutScripts()
	b.do(chromedp.Navigate(s.URL + "/ask?sample=none"))
	b.do(click("#add"), visible("#choice-4"))
	b.do(append(typed(), write("#choice-4", "the oil"), click("#submit"), visible("[data-state=answered]"))...)
	assert.Equal(t, "Tutor’s answer: B) the lamp", b.text("#answer-title"))
	assert.Len(t, s.backend.questions()[0].Choices, 5)
	b.holdsTyped()

	b.do(click(`[data-theme-button=dark]`), visible(`html[data-theme=dark] #text`))
	b.holdsTyped()
	assert.Equal(t, "rgb(23, 22, 20)", b.style("body", "background-color"))

	s.backend.setAnswer(refuseWith(503, &sat.Error{Code: sat.Unavailable, Reason: "engine-not-ready", RetryAfter: 40 * time.Second}))
	b.do(click("#submit"), visible("[data-state=starting]"))
	assert.Contains(t, b.text("#answer"), "The reading model is still loading (about 40 s). Your text is kept; ask again in 40 s.")
	assert.NotContains(t, b.text("#answer"), "by itself")
	b.holdsTyped()

	b.do(click("#clear"), visible("#text:placeholder-shown"), click(".whole summary"), write("#block", "P.\nQ?\nA) x\nB) y"),
		click(".whole button"), visible("[data-state=split]"))
	assert.Equal(t, "A split passage.", b.value("#text"))
	b.do(click("#clear"), visible("#text:placeholder-shown"))
	for _, field := range []string{"#text", "#question", "#choice-0", "#choice-3"} {
		assert.Empty(t, b.value(field), "TestS25 without scripts: Clear leaves %s", field)
	}
	b.do(chromedp.Navigate(s.URL+"/about"), click(`button[value=light]`), visible(`html[data-theme=light] h1`))
	assert.Equal(t, s.URL+"/about", b.location())
}

func TestBrowserCancels(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	freed := make(chan struct{})
	s.backend.setAnswer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); close(freed) })
	b.do(chromedp.Navigate(s.URL + "/ask?sample=none"))
	b.do(append(typed(), click("#submit"), visible("[data-state=waiting]"), click("[data-cancel]"), visible("[data-state=cancelled]"))...)
	select {
	case <-freed:
	case <-time.After(5 * time.Second):
		t.Fatal("the backend goes on")
	}
	b.holdsTyped()
	assert.Equal(t, "submit", js[string](b, `document.activeElement.id`))
	s.backend.setAnswer(nil)
	b.do(click("#submit"), visible("[data-state=answered]"))
}

func TestBrowserAsksAgainWhileTheEngineStarts(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	starting := refuseWith(503, &sat.Error{Code: sat.Unavailable, Reason: "engine-not-ready", RetryAfter: time.Second})
	s.backend.setAnswer(starting)
	b.do(chromedp.Navigate(s.URL + "/ask?sample=none"))
	b.do(append(typed(), click("#submit"), visible("[data-state=starting]"))...)
	assert.Contains(t, b.text("#answer"), "The reading model is still loading (about 1 s). Your text is kept; this page will answer by itself.")
	before := len(s.backend.questions())
	s.backend.setAnswer(nil)
	b.do(visible("[data-state=answered]"))
	b.holdsTyped()
	assert.Greater(t, len(s.backend.questions()), before, "the page asked by itself")

	s.backend.setAnswer(starting)
	b.do(click("#submit"), visible("[data-state=starting]"), click("[data-cancel]"), visible("[data-state=cancelled]"))
	b.holdsTyped()
}

// TestBrowserKeepsTheInput: busy is told and never asked again by itself, a field's complaint is focused, and a lost
// server is told by the page alone.
func TestBrowserKeepsTheInput(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	b.do(chromedp.Navigate(s.URL + "/ask?sample=none"))
	b.do(typed()...)
	for _, f := range failures() {
		s.backend.setAnswer(f.answer)
		before := len(s.backend.questions())
		b.do(click("#submit"), visible("#answer [data-state]:not([data-state=waiting])"))
		assert.Contains(t, b.text("#answer"), f.words[0], f.name)
		b.holdsTyped()
		if f.name == "invalid" {
			assert.Equal(t, "text", js[string](b, `document.activeElement.id`))
			assert.Equal(t, "The question is empty.", b.text("#question-error"))
		}
		if f.name == "busy" {
			time.Sleep(1200 * time.Millisecond) // longer than the page's shortest pause
			assert.Len(t, s.backend.questions(), before+1)
		}
	}
	s.CloseClientConnections()
	s.Listener.Close()
	b.do(click("#submit"), visible("[data-state=offline]"))
	b.holdsTyped()
}

func TestBrowserSplitsWhatIsPasted(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	paste := func(sel, text string) {
		js[bool](b, `(() => { const d = new DataTransfer(); d.setData("text/plain", `+"`"+text+"`"+`);
			const a = document.querySelector("`+sel+`"); a.focus();
			if (a.dispatchEvent(new ClipboardEvent("paste", {clipboardData: d, bubbles: true, cancelable: true}))) a.value = d.getData("text/plain");
			return true; })()`)
	}
	b.do(chromedp.Navigate(s.URL + "/ask?sample=none"))
	paste("#choice-0", "one\ntwo\nthree\nfour\nfive")
	assert.Equal(t, "five", b.value("#choice-4"))
	b.do(visible("#choice-4-row"))
	paste("#text", "A plain passage.\nWith two lines.")
	assert.False(t, js[bool](b, `document.getElementById("whole-hint").checkVisibility()`))
	paste("#text", "Passage.\nQ?\nA) one\nB) two")
	b.do(visible("#whole-hint button"), click("#whole-hint button"), visible("[data-state=split]"))
	assert.Equal(t, "A split passage.", b.value("#text"))
	b.do(click(".whole summary"))
	paste("#block", "Passage.\nQ?\nA) one\nB) two")
	b.do(until(`document.getElementById("choice-3").value === "grey" && !document.querySelector(".whole").open`))
	assert.Len(t, s.backend.blocks, 2)
}

// TestBrowserByKeyboardAlone walks from the start page to an answer, and sees every stop.
func TestBrowserByKeyboardAlone(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	b.view(390, 700, "light")
	b.do(chromedp.Navigate(s.URL))
	b.strike(kb.Tab)
	assert.Equal(t, "Skip to the page", js[string](b, `document.activeElement.textContent`))
	b.tabTo(`main a[href="/ask"]`)
	b.strike(kb.Enter)
	b.do(visible("#ask"))
	b.tabTo(".whole summary")
	for _, field := range []string{"#text", "#question", "#choice-0", "#choice-1", "#choice-2", "#choice-3"} {
		b.tabTo(field)
	}
	b.tabTo("#add")
	b.strike(" ")
	b.do(until(`document.activeElement.id === "choice-4"`))
	b.do(chromedp.SendKeys(chromedp.CSS("#choice-4"), "a fifth, typed"))
	b.tabTo("#submit")
	b.strike(kb.Enter)
	b.do(visible("[data-state=answered]"))
	assert.Equal(t, "a fifth, typed", s.backend.questions()[0].Choices[4])
	b.tabTo(".curl summary")
	b.strike(kb.Enter)
	b.do(visible(".curl pre"))

	js[bool](b, `document.getElementById("question").focus(), true`)
	b.do(chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(kb.ModifierCtrl)))
	require.Eventually(t, func() bool { return len(s.backend.questions()) == 2 }, 5*time.Second, 10*time.Millisecond, "Ctrl and Enter ask")
}

// TestBrowserRunsNoHostileText submits every vector through the script, which parses the server's page itself.
func TestBrowserRunsNoHostileText(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	b.do(chromedp.Navigate(s.URL + "/ask?sample=none"))
	list := vectors()
	for len(list) >= 6 {
		var fill strings.Builder
		for i, id := range []string{"text", "question", "choice-0", "choice-1", "choice-2", "choice-3"} {
			fill.WriteString("document.getElementById('" + id + "').value = " + strconv.Quote(list[i]) + ";")
		}
		js[bool](b, fill.String()+`document.querySelector("#answer").replaceChildren(); document.getElementById("submit").click(); true`)
		b.do(visible("[data-state=answered]"))
		list = list[6:]
	}
	assert.Equal(t, "undefined", js[string](b, `typeof window.hit`))
	assert.Equal(t, s.URL+"/ask?sample=none", b.location())
}

func TestBrowserNumbersTheLines(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	b.do(chromedp.Navigate(s.URL+"/ask"), visible("#gutter span"))
	assert.Equal(t, []string{"5", "10", "15"}, js[[]string](b, `[...document.querySelectorAll("#gutter span")].map((e) => e.textContent)`))
	b.view(390, 800, "light")
	b.do(write("#text", strings.Repeat("a long line that is wrapped in the box because it is longer than the box\n", 5)))
	js[bool](b, `document.getElementById("text").dispatchEvent(new Event("input", {bubbles: true}))`)
	lines := js[float64](b, `(() => { const t = document.getElementById("text"), s = document.querySelector("#gutter span");
		return (parseFloat(s.style.top) - parseFloat(getComputedStyle(t).paddingTop)) / parseFloat(getComputedStyle(t).lineHeight); })()`)
	assert.GreaterOrEqual(t, lines, 8.0, "the fifth line stands below four that are wrapped")
}
