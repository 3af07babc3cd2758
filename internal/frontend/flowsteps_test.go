package frontend

import (
	"github.com/stretchr/testify/require"
)

const primary = "main button.primary"

// signIn signs in from any page.
func (h *hand) signIn(name, password string) {
	h.t.Helper()
	h.follow(`nav a[href="/account"]`)
	h.follow(`main a[href="/sign-in"]`)
	h.write("#name", name)
	h.write("#password", password)
	h.follow(primary)
}

// askFlow asks, and changes the colours.
func askFlow(h *hand, _ *school) {
	h.follow(`main a[href="/ask"]`)
	h.write("#text", "The lamp burned\nlate.")
	h.write("#question", "What burned?")
	h.write("#choice-0", "the pier")
	h.write("#choice-1", "the lamp")
	h.press("#submit")
	h.do(visible("[data-state=answered]"))
	h.sees("Tutor’s answer: B) the lamp")
	h.follow(`nav a[href="/about"]`)
	h.follow("button[value=dark]")
	h.do(visible("html[data-theme=dark] h1"))
	require.Equal(h.t, h.site.URL+"/about", h.location())
}

// compareFlow votes on a pair.
func compareFlow(h *hand, _ *school) {
	h.follow(`nav a[href="/about"]`)
	h.follow(`main a[href="/arena"]`)
	h.follow("button[value=next]")
	h.tick("input[value=overreach]")
	h.follow("button[value=b]")
	h.sees("You preferred answer 2.")
}

// accountFlow makes an account, changes its password, makes and revokes a key, and takes and deletes what is stored.
func accountFlow(h *hand, _ *school) {
	const later = "another quiet river stone"
	h.follow(`nav a[href="/account"]`)
	h.follow(`main a[href="/register"]`)
	h.write("#name", "B")
	h.write("#password", goodPassword)
	h.follow(primary)
	h.sees("This is too short")
	h.write("#name", "Bea")
	h.write("#password", goodPassword)
	h.follow(primary)
	h.sees("You are signed in as student")
	h.write("#old_password", goodPassword)
	h.write("#password", later)
	h.follow("button[value=password]")
	h.sees("The password is changed.")
	h.write("#label", "my script")
	h.follow("button[value=key]")
	h.sees("This is the key. It is shown this once")
	h.follow("button[value=revoke]")
	h.sees("The key does not work any more.")

	h.follow(`nav a[href="/ask"]`)
	h.press("#submit")
	h.do(visible("[data-state=answered]"))
	h.follow(`nav a[href="/account"]`)
	h.downloads(`main a[href="/account/export"]`, "/account/export")
	h.follow(`main a[href="/account/history"]`)
	h.sees("not an official key")
	h.follow("main li button")
	h.sees("There are none yet.")
	h.follow(`main a[href="/account"]`)
	h.follow("button[value=keep]")
	h.sees("are not stored")

	h.follow("button[value=sign-out]")
	h.signIn("bea", goodPassword)
	h.sees("The name or the password is wrong")
	h.write("#name", "bea")
	h.write("#password", later)
	h.follow(primary)
	h.follow(`main a[href="/account/delete"]`)
	h.tick("input[value=everything]")
	h.write("#confirm", "delete")
	h.follow("main form button")
	h.signIn("bea", later)
	h.sees("The name or the password is wrong")
}

// usersFlow invites somebody, and changes and closes an account.
func usersFlow(h *hand, _ *school) {
	h.signIn("root", goodPassword)
	h.follow(`main a[href="/account/users"]`)
	h.choose("main > div > form select", "teacher")
	h.follow("button[value=invite]")
	h.sees("This is an invitation for one teacher")
	h.choose("li:first-child select", "evaluator")
	h.follow("li:first-child button[value=role]")
	h.sees("Ada evaluator")
	h.follow("li:first-child button[value=close]")
	h.sees("Ada (closed)")
	h.follow("li:first-child button[value=open]")
}

// reportFlow finds a question, reports it, and closes the report.
func reportFlow(h *hand, _ *school) {
	h.signIn("tess", goodPassword)
	h.follow(`nav a[href="/bank"]`)
	h.write("#f-q", "conviction")
	h.choose("#f-skill", "WIC")
	h.follow(primary)
	h.sees("As used in line 51")
	h.follow(`main a[href="/bank/bennett-visit-4"]`)
	h.press("details.key summary")
	h.do(visible("details.key dl"))
	h.press("details.report-form summary")
	h.write("#reason", "Two choices can be defended.")
	h.follow("button[value=report]")
	h.sees("A teacher will look at this question.")
	h.follow(`main a[href="/bank"]`)
	h.follow(`main a[href="/bank/reports"]`)
	h.sees("Two choices can be defended.")
	h.write("main section input[name=note]", "B cannot.")
	h.follow("main section button")
	h.sees("The report is closed.")
	h.sees("No report is open.")
}

// writeFlow writes a question, corrects it, changes it and takes it out again.
func writeFlow(h *hand, _ *school) {
	h.signIn("tess", goodPassword)
	h.follow(`nav a[href="/bank"]`)
	h.follow(`main a[href="/bank/new"]`)
	h.write("#id", "lamp-1")
	h.choose("#f-skill", "INF")
	h.write("#p1-lines", "The lamp burned\nall night long.")
	h.write("#question", "What burned?")
	for _, c := range []struct{ sel, text string }{{"A", "The lamp"}, {"B", "The pier"}, {"C", "The sea"}, {"D", "The sky"}} {
		h.write("#choice-"+c.sel, c.text)
	}
	h.write("#quotes", "the sea burned")
	h.follow("main button[value=save]")
	h.sees("“the sea burned” is not in the passage word for word")
	h.sees("key names none of the choices")
	h.tick("input[name=answer][value=A]")
	h.write("#quotes", "burned all night")
	h.follow("main button[value=check]")
	h.sees("Check: ")
	h.follow("main button[value=save]")
	h.sees("The question was saved.")
	h.follow(`main a[href="/bank/lamp-1/edit"]`)
	h.write("#question", "What burned all night?")
	h.follow("main button[value=save]")
	h.sees("What burned all night?")
	h.follow(`form[action="/ask"] button`)
	h.do(visible("[data-state=answered]"))
	h.follow(`nav a[href="/bank"]`)
	h.write("#f-q", "lamp burned all night")
	h.follow(primary)
	h.follow(`main a[href="/bank/lamp-1"]`)
	h.press("details.removal summary")
	h.tick("input[name=sure]")
	h.follow("button[value=delete]")
	h.sees("The question was taken out of the bank.")
}

// fileFlow takes a file in and back, and puts one out.
func fileFlow(h *hand, p *school) {
	h.signIn("tess", goodPassword)
	h.follow(`nav a[href="/bank"]`)
	h.follow(`main a[href="/bank/import"]`)
	h.upload("#file", p.file)
	h.follow("#try")
	h.sees("Import 1 new and 0 changed questions")
	h.sees("cannot be taken")
	h.follow("#take")
	h.sees("The questions were taken into the bank.")
	h.follow(`form[action="/bank/undo"] button`)
	h.sees("The change was taken back.")
	h.press("details.whole summary")
	h.write("#pasted", "What burned?\nA. The lamp\nB. The pier\nANSWER: A\n")
	h.choose("#f-framework", "digital")
	h.follow("#try")
	h.sees("What would happen with what you pasted")
	h.follow(`main a[href="/bank/export"]`)
	h.choose("#f-format", "csv")
	h.choose("#f-skill", "WIC")
	h.follow(primary)
	h.sees("quotations, 8 times")
	h.downloads("main a.primary", "/bank/export/file")
}
