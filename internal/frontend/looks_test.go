package frontend

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/testneeds"
)

// enter brings a tab into a state, 1280 px wide and light.
func (b *tab) enter(sc scene, st state) {
	b.t.Helper()
	if sc.backend != nil {
		sc.backend.setAnswer(st.answer)
	}
	b.view(1280, 900, "light")
	b.become(sc, st.as)
	b.do(append([]step{chromedp.Navigate(sc.URL + st.path)}, st.actions...)...)
}

// become signs the tab in as somebody, or out.
func (b *tab) become(sc scene, who string) {
	b.t.Helper()
	b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{})
		if err == nil && who != "" {
			_, err = cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: "sat", Value: sc.secrets[who], URL: sc.URL})
		}
		return chromedp.Void{}, err
	})
}

// What axe-core is asked: the rules of WCAG 2.2 A and AA, or in other colours those of colours alone.
const (
	everyRule  = `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`
	colourRule = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
)

// looks are how people look at a page: the width, what they prefer, and the rules that are held against it.
var looks = []struct {
	width   int64
	prefers string
	rules   string // "" for none
}{
	{1280, "light", everyRule}, {1280, "dark", colourRule}, {390, "light", everyRule},
	{320, "light", ""}, {768, "light", ""}, {959, "light", ""}, {960, "light", ""}, {1600, "light", ""},
}

// more are looks for which there are pictures alone.
var more = []struct {
	width   int64
	prefers string
}{{390, "dark"}, {1280, "contrast"}, {1280, "forced"}, {800, "print"}}

// pictures is the folder for pictures; "" for none.
var pictures = os.Getenv("SAT_SCREENSHOTS")

// TestBrowserEveryPageInEveryState holds every state to the rules of WCAG 2.2 A and AA in light and dark, wide and
// narrow. Nothing scrolls sideways from 320 to 1600 px, and with text at 200 %; targets are large enough for a finger.
// With SAT_SCREENSHOTS, it writes a picture of every look into the folder of that name. A page that no state shows fails it.
func TestBrowserEveryPageInEveryState(t *testing.T) {
	testneeds.Chromium(t) // here too: what is left out below shows nothing
	source, all := axeCore(t), scenes(t)
	seen := make([]map[string]bool, len(all))
	t.Run("scenes", func(t *testing.T) {
		for i, sc := range all {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel() // a browser waits more than it works
				seen[i] = sc.lookAt(t, source)
			})
		}
	})
	files := []string{"/health", "/static/*", "/account/export", "/bank/export/file", "/bank/import/report"}
	require.NoError(t, chi.Walk(all[len(all)-1].pages.routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		shown := slices.ContainsFunc(seen, func(of map[string]bool) bool { return of[route] })
		assert.True(t, method != http.MethodGet || shown || slices.Contains(files, route), "no state shows %s", route)
		return nil
	}))
}

// lookAt looks at each state of a scene, and gives the routes of the pages that it saw.
func (sc scene) lookAt(t *testing.T, axe string) (seen map[string]bool) {
	seen = map[string]bool{}
	b := newTab(t, sc.site)
	for _, st := range sc.states {
		b.enter(sc, st)
		seen[pattern(sc.pages.routes, http.MethodGet, js[string](b, `location.pathname`))] = true
		js[bool](b, `Promise.all(document.getAnimations().map((a) => a.finished)).then(() => true)`)
		js[bool](b, axe+"; true")
		for _, look := range looks {
			name := fmt.Sprintf("%s-%d-%s", st.name, look.width, look.prefers)
			b.view(look.width, 900, look.prefers)
			if look.rules != "" {
				b.keeps(look.rules, name)
			}
			b.fits(name, look.width)
			b.picture(name)
		}
		for _, look := range more {
			if pictures != "" {
				b.view(look.width, 900, look.prefers)
				b.picture(fmt.Sprintf("%s-%d-%s", st.name, look.width, look.prefers))
			}
		}
		b.view(1280, 900, "light")
		js[string](b, `document.documentElement.style.fontSize = "200%"`)
		assert.LessOrEqual(t, js[int64](b, `document.documentElement.scrollWidth`), int64(1280), "%s at 200 %%", st.name)
	}
	return seen
}

// keeps runs axe-core, which must be in the page.
func (b *tab) keeps(rules, name string) {
	b.t.Helper()
	js[bool](b, `scrollTo(0, document.documentElement.scrollHeight), true`) // where bars that stick lie in their own place
	run := `axe.run(document, {runOnly: ` + rules + `, resultTypes: ["violations"]}).then((r) => JSON.stringify(r.violations))`
	var broken []violation
	require.NoError(b.t, json.Unmarshal([]byte(js[string](b, run)), &broken))
	assert.Empty(b.t, broken, name)
}

// fits checks that nothing is wider than the window and nothing that is pressed is too small.
func (b *tab) fits(name string, width int64) {
	b.t.Helper()
	const small = `[...document.querySelectorAll("button, .button, summary, textarea, select, input:not([type=hidden], [type=checkbox], [type=radio]), nav a")]
		.filter((e) => { const r = e.getBoundingClientRect(); return r.width > 0 && (r.height < 32 || r.width < 24); }).map((e) => e.outerHTML)`
	assert.LessOrEqual(b.t, js[int64](b, `document.documentElement.scrollWidth`), width, name)
	assert.Empty(b.t, js[[]string](b, small), name)
}

// picture keeps what the tab shows, where SAT_SCREENSHOTS names a folder.
func (b *tab) picture(name string) {
	b.t.Helper()
	if pictures == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(pictures, name+".png"), picture, 0o644))
}
