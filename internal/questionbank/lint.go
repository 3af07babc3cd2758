package questionbank

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"sattutor/internal/plaintext"
	"sattutor/internal/quotation"
	"sattutor/internal/sat"
)

// Rules say how strictly items are judged.
type Rules struct {
	Shipped bool // as items of the product itself: free of rights, explained, with evidence
	// Overlap says what a passage shares with a model's training data, "" for nothing; nil when nobody knows.
	Overlap func(passage string) string
}

// Lint judges one item by itself. The findings name fields of its JSON.
func Lint(it sat.Item, rules Rules) []Finding {
	l := linter{it: it, rules: rules}
	l.wellFormed()
	if len(it.Passages) == 0 || len(it.Passages) > sat.MaxPassages || len(it.Choices) > sat.MaxChoices {
		return l.findings
	}
	l.counts()
	l.references()
	l.evidence()
	l.cues()
	l.residue()
	l.provenance()
	return l.findings
}

// LintSet judges items one by one and as a set. Findings about an item have its position, from 1, as N.
func LintSet(items []sat.Item, rules Rules) []Finding {
	verdicts, set := lintAll(items, rules)
	var all []Finding
	for i, findings := range verdicts {
		for _, f := range findings {
			f.N, f.ID = i+1, items[i].ID
			all = append(all, f)
		}
	}
	return append(all, set...)
}

// lintAll gives the findings about each item, and those about the set.
func lintAll(items []sat.Item, rules Rules) (verdicts [][]Finding, set []Finding) {
	verdicts = make([][]Finding, len(items))
	for i, it := range items {
		verdicts[i] = Lint(it, rules)
	}
	twins(items, verdicts)
	splits(items, verdicts)
	return verdicts, balance(items)
}

// linter judges one item.
type linter struct {
	it       sat.Item
	rules    Rules
	findings []Finding
}

func (l *linter) say(code Code, s Severity, field, format string, args ...any) {
	l.findings = append(l.findings, Finding{Code: code, Severity: s, Field: field, Message: fmt.Sprintf(format, args...)})
}

func (l *linter) warn(code Code, field, format string, args ...any) {
	l.say(code, SeverityWarning, field, format, args...)
}

// strict gives the severity of what only the product's own items must have.
func (l *linter) strict() Severity {
	if l.rules.Shipped {
		return SeverityError
	}
	return SeverityWarning
}

// wellFormed reports what the item's own rules find: L01, L02 and L06.
func (l *linter) wellFormed() {
	var wrong *sat.Error
	if !errors.As(l.it.Validate(), &wrong) {
		return
	}
	for _, f := range wrong.Fields {
		code := L01
		switch {
		case strings.HasPrefix(f.Field, "explanation.quotes"):
			code = L06
		case strings.HasPrefix(f.Field, "choices[") && strings.HasSuffix(f.Field, "]"):
			code = L02
		}
		l.say(code, SeverityError, f.Field, "%s", f.Message)
	}
}

// counts judges numbers of choices and words: L03 and L15; and the domain: L18.
func (l *linter) counts() {
	if n := len(l.it.Choices); n != 4 && n >= sat.MinChoices {
		l.warn(L03, "choices", "has %d entries; timed forms use questions with 4 only", n)
	}
	if d := l.it.Domain; d.Title() != "" && !d.Reading() {
		l.say(L18, SeverityInfo, "domain", "%s is outside of what the tutor is made for; its answers are worth less here", d.Title())
	}
	words := 0
	for i, p := range l.it.Passages {
		n := len(strings.Fields(p.Text()))
		words += n
		if l.it.Framework == sat.Digital && (n < 25 || n > 150) {
			l.warn(L15, fmt.Sprintf("passages[%d]", i), "has %s; passages of the digital exam have 25 to 150", plural(n, "word"))
		}
	}
	if l.it.Framework == sat.Paper && (words < 500 || words > 750) {
		l.warn(L15, "passages", "%s in all; passages of the paper exam have 500 to 750", plural(words, "word"))
	}
}

// evidence judges explanation, quotes and reasons: L06 and L07.
func (l *linter) evidence() {
	if len(l.it.Explanation.Quotes) == 0 {
		l.say(L07, l.strict(), "explanation.quotes", "is empty; quote the words of the passage that prove the key")
	}
	if l.it.Explanation.Text == "" {
		l.say(L07, l.strict(), "explanation.text", "is empty; say why the key is right")
	}
	for i, c := range l.it.Choices {
		if c.Why == "" && c.ID != l.it.Answer {
			l.say(L07, l.strict(), fmt.Sprintf("choices[%d].why", i), "is empty; say why choice %s is wrong", c.ID)
		}
	}
	for i, q := range l.it.Explanation.Quotes {
		if _, _, ok := l.it.LinesOf(q.PassageID, q.Start, q.End); ok && l.cutsWord(q) {
			l.warn(L06, fmt.Sprintf("explanation.quotes[%d]", i), "begins or ends inside a word: “%s”", shortened(l.it.Quoted(q)))
		}
	}
	l.quotations("explanation.text", l.it.Explanation.Text)
	for i, c := range l.it.Choices {
		l.quotations(fmt.Sprintf("choices[%d].why", i), c.Why)
	}
}

// cutsWord says whether a quote begins or ends between two letters.
func (l *linter) cutsWord(q sat.Quote) bool {
	for _, p := range l.it.Passages {
		if p.ID != q.PassageID {
			continue
		}
		text := []rune(p.Text())
		inside := func(at int) bool {
			return at > 0 && at < len(text) && unicode.IsLetter(text[at-1]) && unicode.IsLetter(text[at])
		}
		return inside(q.Start) || inside(q.End)
	}
	return false
}

// quotations warns of text in quotation marks that stands nowhere in the item.
func (l *linter) quotations(field, text string) {
	marked := quotation.Marked(text)
	if len(marked) == 0 {
		return
	}
	source := quotation.In(l.it.PassageText() + "\n" + l.it.Question)
	for _, quote := range marked {
		found := source.Find(quote).Match
		if found == quotation.Near || found == quotation.Rejected {
			if !l.offered(quote) {
				l.warn(L06, field, "quotes “%s”, which the passage does not say", shortened(quote))
			}
		}
	}
}

// offered says whether a quotation is taken from a choice.
func (l *linter) offered(quote string) bool {
	for _, c := range l.it.Choices {
		if quotation.In(c.Text).Find(quote).Match == quotation.Exact {
			return true
		}
	}
	return false
}

// residue finds what scanning, copying and chat templates leave in texts: L14 and L17.
func (l *linter) residue() {
	for _, t := range texts(l.it) {
		if token := plaintext.ControlToken(t.text); token != "" {
			l.warn(L17, t.field, "holds %s, which a language model may read as a command; take it out", token)
		}
	}
	for i, p := range l.it.Passages {
		l.scanned(i, p)
	}
	for _, t := range append([]fieldText{{"question", l.it.Question}}, choiceTexts(l.it)...) {
		if m := texCommand.FindString(t.text); m != "" {
			l.warn(L14, t.field, "holds the TeX command %s; write it as plain text", m)
		}
	}
}

func choiceTexts(it sat.Item) []fieldText {
	all := make([]fieldText, len(it.Choices))
	for i, c := range it.Choices {
		all[i] = fieldText{fmt.Sprintf("choices[%d].text", i), c.Text}
	}
	return all
}

// provenance judges source and licence (L16), and what models may have seen of the passage (L13).
func (l *linter) provenance() {
	if l.it.Source == "" {
		l.say(L16, l.strict(), "source", "is empty; name author, work, year and edition")
	}
	switch {
	case l.it.Licence == "":
		l.say(L16, l.strict(), "licence", "is empty; give its SPDX name, such as CC0-1.0")
	case l.rules.Shipped && l.it.Licence != sat.CC0:
		l.say(L16, SeverityError, "licence", "must be %s in the product's own bank", sat.CC0)
	}
	if l.rules.Overlap == nil {
		return
	}
	for i, p := range l.it.Passages {
		if what := l.rules.Overlap(p.Text()); what != "" {
			l.warn(L13, fmt.Sprintf("passages[%d]", i), "was seen in training (%s); answers of that model say little here", what)
		}
	}
}

// shortened gives the beginning of a text, for messages.
func shortened(s string) string {
	runes := []rune(strings.ReplaceAll(s, "\n", " "))
	if len(runes) <= 60 {
		return string(runes)
	}
	return string(runes[:59]) + "…"
}
