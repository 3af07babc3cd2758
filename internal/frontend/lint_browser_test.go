package frontend

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// TestBrowserChecksAQuestionWhileItIsTyped: what the server says of a question stands beside its fields, of those that
// were touched, without a page load and without moving the focus. Nothing is stored, and a lost server loses nothing.
func TestBrowserChecksAQuestionWhileItIsTyped(t *testing.T) {
	p := newSchool(t)
	b := newTab(t, p.site)
	b.become(scene{site: p.site, secrets: p.secrets}, "Tess")
	b.do(chromedp.Navigate(p.URL + "/bank/new"))
	js[int](b, `window.sameDocument = 1`)
	says := func(words string) step {
		return until(`document.getElementById("sum").textContent.includes("` + words + `")`)
	}
	shown := func() []string {
		return js[[]string](b, `[...document.querySelectorAll(".said")].filter((e) => e.checkVisibility()).map((e) => e.id)`)
	}
	assert.Equal(t, "status", js[string](b, `document.getElementById("sum").getAttribute("role")`))
	assert.Empty(t, b.text("#sum"), "nothing is said before anything is typed")

	b.do(chromedp.SendKeys(chromedp.CSS("#p1-lines"), "The lamp burned all night long."), says("errors"))
	assert.Equal(t, []string{"p1-lines-said"}, shown(), "nobody is told of what is still to come")
	assert.Contains(t, b.text("#p1-lines-said"), "passages of the digital exam have 25 to 150")
	assert.Equal(t, "p1-lines", js[string](b, `document.activeElement.id`))

	b.do(chromedp.SendKeys(chromedp.CSS("#quotes"), "the sea burned"), visible("#quotes-said .error"))
	assert.Contains(t, b.text("#quotes-said"), "“the sea burned” is not in the passage word for word")
	assert.Equal(t, "true", js[string](b, `document.getElementById("quotes").getAttribute("aria-invalid")`))
	assert.Equal(t, "quotes", js[string](b, `document.activeElement.id`))
	js[bool](b, `document.getElementById("quotes").select(), true`)
	b.do(chromedp.KeyEvent("burned all night"), until(`!document.querySelector("#quotes-said li") && !document.getElementById("quotes").hasAttribute("aria-invalid")`))
	assert.Equal(t, "quotes", js[string](b, `document.activeElement.id`))
	assert.Equal(t, "burned all night", b.value("#quotes"))
	assert.Equal(t, 1, js[int](b, `window.sameDocument`))
	assert.Contains(t, p.get(t, "/bank?q=lamp+burned", header("Cookie", "sat="+p.secrets["Tess"])).body, "No question fits")

	b.do(click("button[value=check]"), visible("#checked section"))
	before := b.text("#check")
	b.do(chromedp.SendKeys(chromedp.CSS("#question"), "What burned?"), until(`document.getElementById("check").textContent !== "`+before+`"`))
	assert.Equal(t, "question", js[string](b, `document.activeElement.id`), "the list of the last check follows")

	p.CloseClientConnections()
	p.Listener.Close()
	b.do(chromedp.SendKeys(chromedp.CSS("#question"), " Say."), says("cannot be reached"))
	assert.Equal(t, "What burned? Say.", b.value("#question"))
}
