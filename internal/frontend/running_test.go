package frontend

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/testneeds"
)

// TestRunningTutor asks the question of a file in the pages of a running tutor, by a real browser, and looks whether the
// page names the adapter. make train-smoke runs it on a tutor that serves an adapter made a minute before.
func TestRunningTutor(t *testing.T) {
	pages := testneeds.Pages(t)
	raw, err := os.ReadFile(os.Getenv("SAT_TEST_QUESTION"))
	require.NoError(t, err)
	var q api.MCQRequest
	require.NoError(t, json.Unmarshal(raw, &q))
	require.Len(t, q.Choices, 4)

	b := newTab(t, &site{Server: &httptest.Server{URL: pages}})
	b.view(1280, 1600, "light")
	b.do(chromedp.Navigate(pages+"/ask?sample=none"), write("#text", q.Text), write("#question", q.Question))
	for i, choice := range q.Choices {
		b.do(write([]string{"#choice-0", "#choice-1", "#choice-2", "#choice-3"}[i], choice))
	}
	b.do(click("#submit"))
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Minute) // a real model on a busy machine
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, visible("[data-state=answered]")))
	assert.Contains(t, b.text("#answer"), os.Getenv("SAT_TEST_ADAPTER"))
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(os.Getenv("SAT_TEST_SHOT"), picture, 0o644))
}
