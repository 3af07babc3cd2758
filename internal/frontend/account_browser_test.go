package frontend

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// TestBrowserAccounts makes and uses an account in a browser, and holds every page of accounts to the rules of WCAG 2.2
// A and AA and to the width of a phone. With SAT_SCREENSHOTS it writes a picture of each.
func TestBrowserAccounts(t *testing.T) {
	p := newPeople(t, nil)
	_, err := p.accounts.AddUser(t.Context(), "Root", goodPassword, sat.Admin)
	require.NoError(t, err)
	tab := newTab(t, p.site)
	source := axeCore(t)
	look := func(name, path string, actions ...step) {
		t.Helper()
		tab.view(1280, 900, "light")
		if path != "" {
			tab.do(chromedp.Navigate(p.URL + path))
		}
		tab.do(actions...)
		js[bool](tab, source+"; true")
		for _, view := range []struct {
			width  int64
			scheme string
		}{{1280, "light"}, {1280, "dark"}, {390, "light"}, {390, "dark"}, {320, "light"}} {
			tab.view(view.width, 900, view.scheme)
			const run = `axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}})
				.then((r) => JSON.stringify(r.violations))`
			var broken []violation
			require.NoError(t, json.Unmarshal([]byte(js[string](tab, run)), &broken))
			assert.Empty(t, broken, "%s at %d, %s", name, view.width, view.scheme)
			assert.LessOrEqual(t, js[int64](tab, `document.documentElement.scrollWidth`), view.width, "%s at %d", name, view.width)
			if folder := os.Getenv("SAT_SCREENSHOTS"); folder != "" {
				picture, err := chromedp.Run(tab.ctx, chromedp.FullScreenshot(100))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d-%s.png", name, view.width, view.scheme)), picture, 0o644))
			}
		}
	}
	look("account-nobody", "/account")
	look("register", "/register")
	look("register-refused", "", write("#name", "A"), write("#password", "short"), click("main button.primary"), visible("#name-error span"))
	look("account", "", write("#name", "Ada"), write("#password", goodPassword), click("main button.primary"), visible("#old_password"))
	look("account-key", "", write("#label", "my script"), click(`button[value="key"]`), visible(".secret"))
	tab.do(chromedp.Navigate(p.URL+"/ask"), click("#submit"), visible(".answer"))
	look("history", "/account/history")
	look("delete", "/account/delete")
	tab.do(chromedp.Navigate(p.URL+"/account"), click(`button[value="sign-out"]`), visible("h1"))
	look("sign-in", "/sign-in")
	tab.do(write("#name", "root"), write("#password", goodPassword), click("main button.primary"), visible("#old_password"))
	look("users", "/account/users", click(`button[value="invite"]`), visible(".secret"))
}
