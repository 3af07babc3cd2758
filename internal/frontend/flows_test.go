package frontend

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	cdpinput "github.com/chromedp/cdproto/input"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/testneeds"
)

// hand is somebody at a tab: with the keyboard alone, or with the mouse and without scripts.
type hand struct {
	*tab
	site *site
	keys bool
}

// newHand opens a tab at the start page.
func newHand(t *testing.T, s *site, keys bool) *hand {
	t.Helper()
	h := &hand{tab: newTab(t, s), site: s, keys: keys}
	h.view(1280, 800, "light")
	if !keys {
		h.withoutScripts()
	}
	h.do(chromedp.Navigate(s.URL))
	return h
}

// strike presses a key.
func (b *tab) strike(keys string, options ...chromedp.KeyOption) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, options...))
}

// tabTo presses Tab until an element has the focus, and sees every stop on the way.
func (b *tab) tabTo(sel string) {
	b.t.Helper()
	const seen = `(() => { const e = document.activeElement, r = e.getBoundingClientRect();
		const at = document.elementFromPoint(r.left + Math.min(r.width, 20) / 2, r.top + Math.min(r.height, 20) / 2);
		return e === document.body || r.bottom > 0 && r.top < innerHeight && (e.contains(at) || at?.contains(e))
			&& getComputedStyle(e).outlineStyle !== "none"; })()`
	for range 150 {
		js[bool](b, `window.hadFocus = document.activeElement, true`)
		b.strike(kb.Tab)
		b.do(until(`document.activeElement !== window.hadFocus`))
		assert.True(b.t, js[bool](b, seen), "%s has the focus and cannot be seen",
			js[string](b, `document.activeElement.outerHTML.slice(0, 200)`))
		if js[bool](b, `document.activeElement.matches(`+"`"+sel+"`"+`)`) {
			return
		}
	}
	require.Fail(b.t, "Tab never reaches "+sel)
}

// press presses a link, a button or a summary.
func (h *hand) press(sel string) {
	h.t.Helper()
	if h.keys {
		h.tabTo(sel)
		h.strike(kb.Enter)
		return
	}
	h.do(click(sel))
}

// follow presses what leads to another page, and waits for it.
func (h *hand) follow(sel string) {
	h.t.Helper()
	js[bool](h.tab, `document.documentElement.dataset.left = "1", true`)
	h.press(sel)
	h.arrived(`!document.documentElement.dataset.left && document.readyState === "complete"`)
}

// arrived waits for an expression to become true on whatever page there is.
func (h *hand) arrived(expression string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		ctx, cancel := context.WithTimeout(h.ctx, 5*time.Second)
		defer cancel()
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		return err == nil && ok
	}, 30*time.Second, 20*time.Millisecond, expression)
}

// sees checks what the page says.
func (h *hand) sees(words string) {
	h.t.Helper()
	require.Contains(h.t, strings.Join(strings.Fields(js[string](h.tab, `document.body.innerText`)), " "), words)
}

// write fills a field, in place of what it holds.
func (h *hand) write(sel, text string) {
	h.t.Helper()
	if !h.keys {
		h.do(write(sel, text))
		return
	}
	h.tabTo(sel)
	h.strike("a", chromedp.KeyModifiers(kb.ModifierCtrl))
	h.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, cdpinput.InsertText, cdpinput.InsertTextParams{Text: text})
		return chromedp.Void{}, err
	})
}

// choose takes an entry of a select box.
func (h *hand) choose(sel, value string) {
	h.t.Helper()
	if !h.keys {
		h.do(write(sel, value))
		return
	}
	h.tabTo(sel)
	for range 20 {
		now := h.value(sel)
		if now == value {
			return
		}
		h.strike(kb.ArrowDown)
		h.do(until("document.querySelector(`" + sel + "`).value !== `" + now + "`"))
	}
	require.Fail(h.t, sel+" has no entry "+value)
}

// tick takes a box or one of several buttons that exclude each other.
func (h *hand) tick(sel string) {
	h.t.Helper()
	if !h.keys {
		h.do(click(sel))
		return
	}
	field := js[struct{ Type, Name string }](h.tab, "(({type, name}) => ({type, name}))(document.querySelector(`"+sel+"`))")
	if field.Type == "radio" { // Tab stops at one of them, and arrows go on
		h.tabTo(`[name="` + field.Name + `"]`)
		for range 5 {
			if js[bool](h.tab, "document.activeElement.matches(`"+sel+"`)") {
				break
			}
			js[bool](h.tab, `window.hadFocus = document.activeElement, true`)
			h.strike(kb.ArrowDown)
			h.do(until(`document.activeElement !== window.hadFocus`))
		}
	} else {
		h.tabTo(sel)
	}
	if !js[bool](h.tab, `document.activeElement.checked`) {
		h.strike(" ")
	}
	h.do(until("document.querySelector(`" + sel + "`).checked"))
}

// upload chooses a file in the window that the browser opens for a field.
func (h *hand) upload(sel, file string) {
	h.t.Helper()
	opened := make(chan cdp.BackendNodeID, 1)
	require.NoError(h.t, chromedp.Listen(h.ctx, func(event any) {
		if e, ok := event.(*cdppage.EventFileChooserOpened); ok {
			opened <- e.BackendNodeID
		}
	}))
	h.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, cdppage.SetInterceptFileChooserDialog, cdppage.SetInterceptFileChooserDialogParams{Enabled: true})
		return chromedp.Void{}, err
	})
	h.press(sel)
	select {
	case node := <-opened:
		h.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, t, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{file}, BackendNodeID: node})
			return chromedp.Void{}, err
		})
	case <-time.After(20 * time.Second):
		require.Fail(h.t, "no window to choose a file opens")
	}
}

// downloads presses a link to a file, and waits until the server has sent it.
func (h *hand) downloads(sel, path string) {
	h.t.Helper()
	h.press(sel)
	require.Eventually(h.t, func() bool { return slices.Contains(h.site.done(), "GET "+path) }, 20*time.Second, 20*time.Millisecond, path)
}

// flows are the ways through the pages that people take, each from the start page. The later ones find what the earlier
// ones of their site have left.
var flows = []struct {
	name   string
	school bool // before a real backend with accounts and the bank, not before a stand-in
	walk   func(h *hand, p *school)
}{
	{"ask", false, askFlow}, {"compare", false, compareFlow},
	{"account", true, accountFlow}, {"users", true, usersFlow},
	{"search and report", true, reportFlow}, {"write", true, writeFlow}, {"import and export", true, fileFlow},
}

// TestBrowserEveryFlow walks every flow with the keyboard alone, and with the mouse and without scripts. Each form of
// the pages must have been sent in both: one that no flow sends fails the test.
func TestBrowserEveryFlow(t *testing.T) {
	testneeds.Chromium(t) // here too: what is left out below sends nothing
	for name, keys := range map[string]bool{"by keyboard": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a browser waits more than it works
			p, standIn := newSchool(t), newSite(t)
			for _, f := range flows {
				t.Run(f.name, func(t *testing.T) {
					s := standIn
					if f.school {
						s = p.site
					}
					f.walk(newHand(t, s, keys), p)
				})
			}
			var sent []string
			for _, request := range append(p.done(), standIn.done()...) {
				method, path, _ := strings.Cut(request, " ")
				sent = append(sent, method+" "+pattern(p.pages.routes, method, path))
			}
			require.NoError(t, chi.Walk(p.pages.routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
				if method == http.MethodPost {
					assert.Contains(t, sent, method+" "+route, "no flow sends this form")
				}
				return nil
			}))
		})
	}
}
