package frontend

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/testneeds"
)

// step is something done in a tab.
type step = chromedp.Action[chromedp.Void]

// Selectors are CSS throughout.
func click(sel string) step   { return chromedp.Click(chromedp.CSS(sel)) }
func visible(sel string) step { return chromedp.WaitVisible(chromedp.CSS(sel)) }
func write(sel, text string) step {
	return chromedp.SetValue(chromedp.CSS(sel), text)
}

// tab is one tab of a browser of its own.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	requests []string // every address that the tab asked for
	refused  []string // what the policy of the pages stopped, and scripts that broke
}

// newTab starts a browser with a new profile that asks nothing of the network by itself. At the end of the test, all
// that the tab ever asked for must have been the site's own, and nothing may have been stopped by the pages' policy.
func newTab(t testing.TB, site *site) *tab {
	t.Helper()
	path := testneeds.Chromium(t)
	profile, err := os.MkdirTemp("", "sat-browser-")
	require.NoError(t, err)
	t.Cleanup(func() { // the browser's children write on for a moment
		assert.Eventually(t, func() bool { return os.RemoveAll(profile) == nil }, 10*time.Second, 50*time.Millisecond)
	})
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en"),
	)
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	b := &tab{t: t, ctx: ctx}
	require.NoError(t, chromedp.Do(ctx), "the browser does not start")
	require.NoError(t, chromedp.Listen(ctx, b.hear))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		assert.Empty(t, b.refused)
		for _, address := range b.requests {
			if address != "about:blank" {
				assert.True(t, strings.HasPrefix(address, site.URL+"/"), "the page asked for %s", address)
			}
		}
	})
	return b
}

// hear notes what the tab asks for and what goes wrong in it.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.refused = append(b.refused, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if strings.Contains(e.Entry.Text, "Content Security Policy") {
			b.refused = append(b.refused, e.Entry.Text)
		}
	}
}

// do takes the steps, which together may last 20 s.
func (b *tab) do(steps ...step) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	for i, s := range steps {
		if _, err := onItsPage(ctx, s); err != nil {
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
			require.NoError(b.t, err, "step %d of %d, on a page that says: %s", i+1, len(steps), text)
		}
	}
}

// read takes an action that only looks, for at most 20 s.
func read[T any](b *tab, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	value, err := onItsPage(ctx, action)
	require.NoError(b.t, err, what)
	return value
}

// onItsPage takes an action anew when what it had found was replaced before it got to it, by another page or by the
// page's script. It had done nothing by then: an action finds its element first, and presses and types afterwards.
func onItsPage[T any](ctx context.Context, action chromedp.Action[T]) (T, error) {
	return anew(ctx, []string{
		"No node with given id found",
		"Could not find node with given id",
		"Node with given id does not belong to the document",
		"Node is detached from document",
		"Cannot find context with specified id",
	}, func() (T, error) { return chromedp.Run(ctx, action) })
}

// anew tries until Chromium's refusal is another one than these.
func anew[T any](ctx context.Context, refusals []string, try func() (T, error)) (T, error) {
	for {
		value, err := try()
		var refused *cdproto.Error
		if ctx.Err() != nil || !errors.As(err, &refused) || !slices.Contains(refusals, refused.Message) {
			return value, err
		}
	}
}

// view sets the window's size and what the student prefers: "light" or "dark" colours, more "contrast", colours "forced"
// by the system; or paper: "print".
func (b *tab) view(width, height int64, prefers string) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: prefers}}}
	switch prefers {
	case "contrast":
		media.Features = []*emulation.MediaFeature{{Name: "prefers-contrast", Value: "more"}}
	case "forced":
		media.Features = []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}
	case "print":
		media = emulation.SetEmulatedMediaParams{Media: "print"}
	}
	b.do(chromedp.EmulateViewport(width, height), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return chromedp.Void{}, err
	})
}

// withoutScripts switches the pages' scripts off.
func (b *tab) withoutScripts() {
	b.t.Helper()
	b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return chromedp.Void{}, err
	})
}

// js evaluates an expression in the page.
func js[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, expression)
	return value
}

// text gives what an element shows.
func (b *tab) text(sel string) string {
	b.t.Helper()
	return read(b, sel, chromedp.Text(chromedp.CSS(sel)))
}

// value gives what a field holds.
func (b *tab) value(sel string) string {
	b.t.Helper()
	return read(b, sel, chromedp.Value(chromedp.CSS(sel)))
}

// until waits for an expression to become true, on this page or on the one that is about to come.
func until(expression string) step {
	poll := chromedp.Poll[bool](expression)
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := anew(ctx, []string{"Execution context was destroyed.", "Inspected target navigated or closed"},
			func() (bool, error) { return poll(ctx, t) })
		return chromedp.Void{}, err
	}
}

// location gives the tab's address.
func (b *tab) location() string { return js[string](b, `location.href`) }

// style gives one computed property of an element.
func (b *tab) style(sel, property string) string {
	b.t.Helper()
	for _, p := range read(b, sel, chromedp.ComputedStyle(chromedp.CSS(sel))) {
		if p.Name == property {
			return p.Value
		}
	}
	return ""
}
