package questionbank

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"sattutor/internal/sat"
)

func keepMoodle(it sat.Item) sat.Item {
	it.Explanation.Quotes, it.Source = nil, ""
	return it
}

func writeMoodle(w *writer) error {
	w.WriteString(xml.Header + "<quiz>\n")
	category, described := "", ""
	for i, it := range w.items {
		if c := fmt.Sprintf("$course$/top/SAT/%s/%s", it.Domain, it.Skill); c != category {
			category = c
			fmt.Fprintf(w, ` <question type="category"><category><text>%s</text></category></question>`+"\n", escape(c))
		}
		stem := stemHTML(it)
		if w.PassagesApart {
			if passages := strings.TrimSuffix(stem, questionHTML(it)); passages != described {
				described = passages
				fmt.Fprintf(w, " <question type=\"description\"><name><text>%s</text></name>\n  <questiontext format=\"html\">"+
					"<text>%s</text></questiontext>\n </question>\n", escape(it.Passages[0].ID), cdata(passages))
			}
			stem = questionHTML(it)
		}
		w.moodleItem(it, stem)
		w.step(i + 1)
	}
	w.WriteString("</quiz>\n")
	return nil
}

func (w *writer) moodleItem(it sat.Item, stem string) {
	fmt.Fprintf(w, " <question type=\"multichoice\"><name><text>%s</text></name>\n", escape(it.ID))
	fmt.Fprintf(w, "  <questiontext format=\"html\"><text>%s</text></questiontext>\n", cdata(stem))
	if it.Explanation.Text != "" {
		fmt.Fprintf(w, "  <generalfeedback format=\"html\"><text>%s</text></generalfeedback>\n",
			escape(proseHTML(it.Explanation.Text)))
	}
	fmt.Fprintf(w, "  <defaultgrade>1.0000000</defaultgrade><penalty>0.3333333</penalty><hidden>0</hidden>"+
		"<idnumber>%s</idnumber><single>true</single><shuffleanswers>%t</shuffleanswers>"+
		"<answernumbering>ABCD</answernumbering>\n", escape(it.ID), Shuffles(it))
	for _, c := range it.Choices {
		fraction := 0
		if c.ID == it.Answer {
			fraction = 100
		}
		fmt.Fprintf(w, "  <answer fraction=\"%d\" format=\"html\"><text>%s</text>", fraction, escape(escape(c.Text)))
		if c.Why != "" {
			fmt.Fprintf(w, "<feedback format=\"html\"><text>%s</text></feedback>", escape(escape(c.Why)))
		}
		w.WriteString("</answer>\n")
	}
	w.WriteString("  <tags>")
	for _, tag := range tagsOf(it) {
		fmt.Fprintf(w, "<tag><text>%s</text></tag>", escape(tag))
	}
	w.WriteString("</tags>\n </question>\n")
}

// cdata gives a text as it is. Its end mark is split over two sections.
func cdata(s string) string {
	return "<![CDATA[" + strings.ReplaceAll(s, "]]>", "]]]]><![CDATA[>") + "]]>"
}

func readMoodle(r *reader) {
	x := newXMLReader(r.data)
	var before *document
	for {
		t, at, err := x.token()
		if errors.Is(err, io.EOF) {
			if x.depth > 0 {
				r.broken(at, CodeSyntax, "the file ends before </quiz>")
			}
			return
		}
		start, begins := t.(xml.StartElement)
		switch {
		case err != nil:
			r.brokenXML(err)
			return
		case !begins:
			continue
		case x.depth == 1 && start.Name.Local != "quiz":
			r.broken(at, CodeUnsupported, "the file begins with <%s>; Moodle XML begins with <quiz>", start.Name.Local)
			return
		case x.depth == 1:
			continue
		}
		x.nodes = 0
		q, err := x.element(start, at)
		if err != nil {
			r.brokenXML(err)
			return
		}
		if start.Name.Local == "question" {
			before = r.moodleQuestion(q, before)
		}
		if r.Broken {
			return
		}
	}
}

// brokenXML says why XML was not read further.
func (r *reader) brokenXML(err error) {
	var fault *xmlFault
	if errors.As(err, &fault) {
		r.broken(fault.Place, fault.code, "%s", fault.message)
		return
	}
	r.broken(Place{}, CodeSyntax, "the XML is not well formed: %v", err)
}

// moodleQuestion reads a question and gives the description that holds for those behind it.
func (r *reader) moodleQuestion(q node, before *document) *document {
	switch kind := q.attr("type"); kind {
	case "category":
		return before
	case "description":
		d := moodleText(q.first("questiontext"))
		return &d
	case "multichoice":
		if n := r.next(); n > 0 {
			r.moodleChoice(n, q, before)
		}
	default:
		if n := r.next(); n > 0 {
			r.reject(n, q.Place, "", CodeUnsupported, "is of the type “%s”; only multichoice with one right choice is taken", shortened(kind))
		}
	}
	return before
}

func (r *reader) moodleChoice(n int, q node, before *document) {
	if single := strings.TrimSpace(q.first("single").content()); single != "" && single != "true" && single != "1" {
		r.reject(n, q.Place, "choices", CodeUnsupported, "allows several right choices; only one is taken")
		return
	}
	stem := moodleText(q.first("questiontext"))
	it := stem.item(before)
	it.ID = moodleID(q)
	it.Explanation.Text = moodleText(q.first("generalfeedback")).plain()
	r.dropped(n, q.Place, "question", stem)
	r.moodleLosses(n, q)
	if !r.moodleAnswers(n, q, &it) {
		return
	}
	for _, tag := range q.first("tags").all("tag") {
		readTag(&it, tag.first("text").content())
	}
	r.entry(n, q.Place, it)
}

// moodleID gives the idnumber, or else a name that is an id already.
func moodleID(q node) string {
	if id := readID(strings.TrimSpace(q.first("idnumber").content())); id != "" {
		return id
	}
	if name := strings.TrimSpace(q.first("name").first("text").content()); sat.ValidID(name) {
		return name
	}
	return ""
}

func (r *reader) moodleLosses(n int, q node) {
	if _, found := q.find("file"); found {
		r.note(n, q.Place, "question", CodeLoss, SeverityLoss, "loses its pictures; a question that needs one cannot be practised")
	}
	if len(q.all("hint")) > 0 {
		r.note(n, q.Place, "", CodeLoss, SeverityLoss, "loses its hints; the tutor makes its own")
	}
}

func (r *reader) moodleAnswers(n int, q node, it *sat.Item) bool {
	answers := q.all("answer")
	if len(answers) > 26 {
		r.reject(n, q.Place, "choices", L01, "has %d entries; give %d to %d", len(answers), sat.MinChoices, sat.MaxChoices)
		return false
	}
	for i, a := range answers {
		fraction, err := strconv.ParseFloat(strings.TrimSpace(a.attr("fraction")), 64)
		field := fmt.Sprintf("choices[%d]", i)
		switch {
		case err != nil:
			r.reject(n, a.Place, field, CodeSyntax, "has no fraction; the right choice has 100, the others 0")
			return false
		case fraction > 0 && fraction < 100:
			r.reject(n, a.Place, field, CodeUnsupported, "is partly right (%g %%); only one choice may be right", fraction)
			return false
		case fraction == 100 && it.Answer != "":
			r.reject(n, a.Place, field, CodeUnsupported, "is the second right choice; only one is taken")
			return false
		case fraction == 100:
			it.Answer = sat.Letter(i)
		}
		text, why := moodleText(a), moodleText(a.first("feedback"))
		if text.marked() || why.marked() {
			r.note(n, a.Place, field, CodeLoss, SeverityLoss, "loses its italics, bold and the like; only passage and question keep them")
		}
		r.dropped(n, a.Place, field, text)
		it.Choices = append(it.Choices, sat.Choice{ID: sat.Letter(i), Text: text.plain(), Why: why.plain()})
	}
	return true
}

// moodleText reads an element that holds a text in one of Moodle's formats.
func moodleText(n node) document {
	text := n.first("text").content()
	switch n.attr("format") {
	case "plain_text":
		return giftText(text, "plain")
	case "html":
		return giftText(text, "html")
	}
	return giftText(text, "moodle")
}
