package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/arena"
	"sattutor/internal/sat"
	"sattutor/internal/testneeds"
)

// browser is a headless Chromium in front of Open WebUI. It never waits for an idle network: the page keeps a socket.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	path := testneeds.Chromium(t)
	profile := t.TempDir()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile), chromedp.Flag("lang", "en"), chromedp.WindowSize(1280, 900))
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	require.NoError(t, chromedp.Do(ctx), "the browser does not start")
	return &browser{t: t, ctx: ctx}
}

// do takes steps, which together may last a minute.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	for i, s := range steps {
		if err := chromedp.Do(ctx, s); err != nil {
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
			require.NoError(b.t, err, "step %d of %d, on a page that says: %s", i+1, len(steps), text)
		}
	}
}

// until waits for an expression to become true.
func (b *browser) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](expression)); err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
		require.NoError(b.t, err, "%s, on a page that says: %s", expression, text)
	}
}

func (b *browser) js(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	require.NoError(b.t, err)
	return text
}

// bankQuestion gives a question of the shipped bank as an evaluator would paste it.
func bankQuestion(t *testing.T, i int) (string, sat.Item) {
	t.Helper()
	items, err := setup.Bank("")
	require.NoError(t, err)
	it := items[i]
	q := it.Asked()
	text := "Passage: " + q.Passage + "\n\nQuestion: " + q.Stem + "\n"
	for i := range q.Choices {
		text += "\n" + q.Labelled(i)
	}
	return text, it
}

// A real Open WebUI, as the stack starts it, through sign-in, a blind pair, a vote and the export.
func TestRealOpenWebUI(t *testing.T) {
	g := newGateway(t)
	u := startWebUI(t, g.url)
	b := openBrowser(t)

	admin := u.signIn(adminEmail, adminPassword)
	wanted := []string{"sat-base", "sat-lora", "sat-arena"}
	assert.ElementsMatch(t, wanted, u.models(admin), "the administrator sees exactly three models")
	assert.Equal(t, http.StatusForbidden, u.call(http.MethodPost, "/api/v1/auths/signup", "",
		map[string]string{"name": "x", "email": "x@example.org", "password": "a-long-password"}, nil), "nobody signs up by himself")
	evaluator := map[string]string{"name": "Eva", "email": "eva@example.org", "password": "eva-password-1", "role": "user"}
	require.Equal(t, http.StatusOK, u.call(http.MethodPost, "/api/v1/auths/add", admin, evaluator, nil))
	assert.ElementsMatch(t, wanted, u.models(u.signIn(evaluator["email"], evaluator["password"])), "an evaluator sees the same")

	b.do(chromedp.Navigate(u.url+"/auth"), chromedp.WaitVisible(chromedp.CSS("#email")),
		chromedp.SendKeys(chromedp.CSS("#email"), evaluator["email"]), chromedp.SendKeys(chromedp.CSS("#password"), evaluator["password"]),
		chromedp.Click(chromedp.CSS(`button[type=submit]`)))
	b.until(`location.pathname === "/" && !!document.querySelector("#chat-input")`)
	b.closeDialog()
	b.until(`!!document.querySelector('a[href*="models=sat-arena,sat-arena"]')`)
	b.screenshot("openwebui-start.png")

	voted := 0
	for round := 0; voted == 0 && round < 12; round++ { // every second pair is a model against itself
		text, _ := bankQuestion(t, round)
		voted += b.vote(u, g, text, round)
	}
	require.Positive(t, voted, "twelve pairs, and each a model against itself")
	b.checkRequests(g)

	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte(adminPassword+"\n"), 0o600))
	export := func() []arena.Vote {
		t.Helper()
		out := filepath.Join(t.TempDir(), "out")
		code, stdout, stderr := runSat(t, "", "arena", "export", "--url", u.url, "--password-file", password, "--out", out)
		require.Equal(t, setup.ExitOK, code, stderr)
		t.Log(stdout)
		raw, err := os.ReadFile(filepath.Join(out, "votes.jsonl"))
		require.NoError(t, err)
		votes, err := arena.ReadJSONL(strings.NewReader(string(raw)))
		require.NoError(t, err)
		code, stdout, stderr = runSat(t, "", "arena", "report", filepath.Join(out, "votes.jsonl"))
		require.Equal(t, setup.ExitOK, code, stderr)
		t.Log(stdout)
		return votes
	}
	votes := export()
	require.Len(t, votes, 1, "the export holds the vote")
	v := votes[0]
	assert.ElementsMatch(t, []string{"sat-base", "sat-lora"}, []string{v.ModelA, v.ModelB})
	assert.Equal(t, []arena.Winner{arena.A, arena.A}, []arena.Winner{v.Side, v.Winner}, "the left answer got the thumb")
	assert.NotEmpty(t, v.PassageID, "the question is found in the bank, though its line breaks changed on the way")
	assert.NotEmpty(t, v.Key)
	assert.NotNil(t, v.CorrectA)
	assert.NotNil(t, v.CorrectB)
	assert.Positive(t, v.LatencyA, "the gateway's time is kept with the answer")

	u.stop()
	u.start()
	assert.Equal(t, votes, func() []arena.Vote {
		again := export()
		for i := range again {
			again[i].Evaluator = votes[i].Evaluator // its key is made anew in each folder
		}
		return again
	}(), "votes outlive a restart")
}

// vote asks in two blind columns and gives the left answer a thumb up. It tells whether the two were different models.
func (b *browser) vote(u *webUI, g *gateway, text string, round int) int {
	b.t.Helper()
	before := len(g.chats())
	b.do(chromedp.Navigate(u.url), chromedp.WaitVisible(chromedp.CSS(`a[href*="models=sat-arena,sat-arena"]`)))
	b.closeDialog()
	b.do(chromedp.Navigate(b.js(`document.querySelector('a[href*="models=sat-arena,sat-arena"]').href`))) // it opens a tab of its own
	b.until(`!!document.querySelector("#chat-input")`)
	b.do(chromedp.Click(chromedp.CSS("#chat-input")))
	b.js(`(() => { const data = new DataTransfer(); data.setData("text/plain", ` + strconv.Quote(text) + `);
		document.querySelector("#chat-input").dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})); return ""; })()`)
	b.until(`document.querySelector("#chat-input").innerText.includes("Question:")`)
	b.do(chromedp.Click(chromedp.CSS("#send-message-button")))
	b.until(`(document.body.innerText.match(/Answer: [A-E]\)/g) || []).length >= 2 && document.querySelectorAll('button[aria-label="Good Response"]').length >= 2`)
	shown := b.js(`document.querySelector("#messages-container, main, body").innerText`)
	for _, name := range []string{"sat-base", "sat-lora"} {
		assert.NotContains(b.t, shown, name, "the page names no model before the vote")
	}
	asked := g.chats()[before:]
	require.Len(b.t, asked, 2, "two calls for two columns, and none besides")
	b.screenshot("openwebui-pair-" + strconv.Itoa(round) + ".png")
	if asked[0].Body["model"] == asked[1].Body["model"] {
		return 0
	}
	b.do(chromedp.Click(chromedp.CSS(`button[aria-label="Good Response"]`)))
	admin := u.signIn(adminEmail, adminPassword)
	require.Eventually(b.t, func() bool {
		var rows []any
		u.call(http.MethodGet, "/api/v1/evaluations/feedbacks/all/export", admin, nil, &rows)
		return len(rows) == 1
	}, time.Minute, time.Second)
	b.screenshot("openwebui-voted.png")
	return 1
}

// closeDialog takes away the news that may lie over the page once.
func (b *browser) closeDialog() {
	b.t.Helper()
	b.js(`(() => { const x = [...document.querySelectorAll("[role=dialog] button, .modal button")].pop(); if (x) x.click(); return ""; })()`)
}

// checkRequests holds what came to the gateway to the plan: questions alone, with nothing about tools or tasks.
func (b *browser) checkRequests(g *gateway) {
	b.t.Helper()
	for _, r := range g.chats() {
		assert.NotContains(b.t, r.Body, "tools")
		assert.Contains(b.t, []any{"sat-base", "sat-lora"}, r.Body["model"])
		assert.Equal(b.t, true, r.Body["stream"])
		assert.InDelta(b.t, 0, r.Body["temperature"], 0)
		assert.Empty(b.t, r.Header.Get("X-OWUI-Task"))
		assert.NotEmpty(b.t, r.Header.Get("X-OWUI-User-Message-Id"))
		messages := r.Body["messages"].([]any)
		require.Len(b.t, messages, 1, "no system message, no history")
		assert.Contains(b.t, messages[0].(map[string]any)["content"], "Question: ")
	}
}

// screenshot keeps a picture where SAT_SCREENSHOTS names a folder.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	folder := os.Getenv("SAT_SCREENSHOTS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(folder, name), png, 0o600))
}
