package questionbank

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sattutor/internal/quotation"
	"sattutor/internal/sat"
)

func readQTI(r *reader) {
	if !bytes.HasPrefix(r.data, []byte("PK\x03\x04")) {
		q := qtiReader{reader: r}
		q.item("", r.data, nil)
		return
	}
	a, err := openArchive(r.data, MaxPlain)
	if err != nil {
		r.broken(Place{}, CodeLimit, "%v", err)
		return
	}
	q := qtiReader{reader: r, archive: a, stimuli: map[string]document{}}
	for _, f := range q.files() {
		data, err := a.read(f.href)
		if err != nil {
			r.broken(Place{}, CodeSyntax, "%v", err)
			return
		}
		q.item(f.href, data, f.keywords)
		if r.Broken {
			return
		}
	}
}

// qtiReader reads the items of a package, and each passage once.
type qtiReader struct {
	*reader
	archive *archive
	stimuli map[string]document // by path
}

// qtiFile is an item as the manifest lists it.
type qtiFile struct {
	href     string
	keywords []string
}

// files gives the items in the order of the manifest; without one, every XML file.
func (q *qtiReader) files() []qtiFile {
	var files []qtiFile
	data, err := q.archive.read(manifestName)
	if err != nil {
		q.note(0, Place{}, "", CodeLoss, SeverityWarning, "the package has no %s; all its items are read, without their keywords", manifestName)
		for _, name := range slices.Sorted(maps.Keys(q.archive.files)) {
			if strings.HasSuffix(name, ".xml") && !strings.HasPrefix(name, "passages/") {
				files = append(files, qtiFile{href: name})
			}
		}
		return files
	}
	x := newXMLReader(data)
	for {
		t, at, err := x.token()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			q.brokenXML(err)
			return nil
		}
		start, begins := t.(xml.StartElement)
		if !begins || start.Name.Local != "resource" {
			continue
		}
		x.nodes = 0
		resource, err := x.element(start, at)
		if err != nil {
			q.brokenXML(err)
			return nil
		}
		if strings.Contains(resource.attr("type"), "item") {
			f := qtiFile{href: resource.attr("href")}
			for _, k := range keywords(resource) {
				f.keywords = append(f.keywords, strings.TrimSpace(k.content()))
			}
			files = append(files, f)
		}
	}
}

// keywords gives the keyword elements of a resource.
func keywords(n node) []node {
	var found []node
	for _, c := range n.children {
		if c.name == "keyword" {
			found = append(found, c)
		} else {
			found = append(found, keywords(c)...)
		}
	}
	return found
}

// root reads the one element of a file.
func (q *qtiReader) root(data []byte) (node, error) {
	x := newXMLReader(data)
	for {
		t, at, err := x.token()
		if errors.Is(err, io.EOF) {
			return node{}, x.fault(at, CodeSyntax, "the file holds no XML element")
		}
		if err != nil {
			return node{}, err
		}
		if start, begins := t.(xml.StartElement); begins {
			return x.element(start, at)
		}
	}
}

// item reads one item; href is its path in the package.
func (q *qtiReader) item(href string, data []byte, keywords []string) {
	n := q.next()
	if n == 0 {
		return
	}
	refuse := func(at Place, code Code, format string, args ...any) {
		q.reject(n, at, href, code, format, args...)
	}
	if !utf8.Valid(data) {
		refuse(Place{}, CodeEncoding, "the file is not in UTF-8")
		return
	}
	root, err := q.root(data)
	var fault *xmlFault
	switch {
	case errors.As(err, &fault):
		refuse(fault.Place, fault.code, "%s", fault.message)
		return
	case root.name != "qti-assessment-item":
		refuse(root.Place, CodeUnsupported, "is <%s>; only items of QTI 3.0 are taken", shortened(root.name))
		return
	case root.attr("adaptive") == "true" || len(root.all("qti-template-declaration")) > 0:
		refuse(root.Place, CodeUnsupported, "is adaptive or made from a template; only fixed questions are taken")
		return
	}
	interaction, code, why := choiceInteraction(root)
	if why != "" {
		refuse(root.Place, code, "%s", why)
		return
	}
	it, ok := q.stem(n, href, root, interaction)
	if !ok {
		return
	}
	foreign := qtiID(root.attr("identifier"), itemPrefix, &it.ID)
	for _, k := range keywords {
		if name, value, found := strings.Cut(strings.TrimPrefix(k, "sat:"), "="); !strings.HasPrefix(k, "sat:") || !found || !(property{name, value}).set(&it) {
			readTag(&it, k)
		}
	}
	if foreign != "" && sat.ValidTag("qti:"+foreign) {
		it.Tags = append(it.Tags, "qti:"+foreign)
	}
	q.choices(n, root, interaction, &it)
	q.feedback(n, root, &it)
	q.entry(n, root.Place, it)
}

// qtiID takes an identifier as an id; what it was, if it was not ours, is given back.
func qtiID(identifier, prefix string, id *string) (foreign string) {
	if own, found := strings.CutPrefix(identifier, prefix); found && sat.ValidID(own) {
		*id = own
		return ""
	}
	*id = readID(identifier)
	return identifier
}

// choiceInteraction gives the one interaction of an item, or says why the item is not taken.
func choiceInteraction(root node) (found node, code Code, why string) {
	body := root.first("qti-item-body")
	interactions := 0
	var walk func(n node)
	walk = func(n node) {
		for _, c := range n.children {
			if strings.HasSuffix(c.name, "-interaction") {
				interactions++
				found = c
			}
			walk(c)
		}
	}
	walk(body)
	switch {
	case interactions == 0:
		return found, CodeUnsupported, "asks nothing that can be answered"
	case interactions > 1:
		return found, CodeUnsupported, "asks several things; only one choice is taken"
	case found.name != "qti-choice-interaction":
		return found, CodeUnsupported, "is answered by <" + shortened(found.name) + ">; only choices are taken"
	case found.attr("max-choices") != "1":
		return found, CodeUnsupported, "allows several choices; only one is taken"
	}
	return found, "", ""
}

// stem gives passages and question.
func (q *qtiReader) stem(n int, href string, root, interaction node) (sat.Item, bool) {
	var it sat.Item
	for i, ref := range root.all("qti-assessment-stimulus-ref") {
		if i == sat.MaxPassages {
			q.reject(n, ref.Place, "passages", CodeUnsupported, "has more than two passages")
			return it, false
		}
		name := path.Join(path.Dir(href), ref.attr("href"))
		d, err := q.stimulus(name)
		if err != nil {
			q.reject(n, ref.Place, "passages", CodeSyntax, "the passage %q cannot be read: %v", shortened(ref.attr("href")), err)
			return it, false
		}
		d.passage(&it, 0)
	}
	before := parseHTML(beforeInteraction(root.first("qti-item-body")).html())
	prompt := parseHTML("<p>" + interaction.first("qti-prompt").html() + "</p>")
	q.dropped(n, root.Place, "question", before)
	q.dropped(n, root.Place, "question", prompt)
	prompt.blocks = append(before.blocks, prompt.blocks...)
	if len(it.Passages) == 0 {
		return prompt.item(nil), true
	}
	it.Question, it.Marks = appendBlocks(prompt.blocks, sat.InQuestion, "", it.Marks)
	return it, true
}

// beforeInteraction gives a body without its interaction.
func beforeInteraction(n node) node {
	var kept []node
	for _, c := range n.children {
		if !strings.HasSuffix(c.name, "-interaction") {
			kept = append(kept, beforeInteraction(c))
		}
	}
	n.children = kept
	return n
}

// stimulus reads a passage, from inside the package only.
func (q *qtiReader) stimulus(name string) (document, error) {
	if q.archive == nil {
		return document{}, errors.New("it is in another file; import the whole package")
	}
	if d, read := q.stimuli[name]; read {
		return d, nil
	}
	data, err := q.archive.read(name)
	if err != nil {
		return document{}, err
	}
	if !utf8.Valid(data) {
		return document{}, errors.New("it is not in UTF-8")
	}
	root, err := q.root(data)
	if err != nil {
		return document{}, err
	}
	d := parseHTML(root.first("qti-stimulus-body").html())
	p := sat.Passage{Title: root.attr("title")}
	qtiID(root.attr("identifier"), passagePrefix, &p.ID)
	if div, found := root.find("div"); found {
		if same := div.attr("data-sat-passage"); same != "" { // the passage once more, with other marks
			qtiID(same, passagePrefix, &p.ID)
		}
		p.LineStart, _ = strconv.Atoi(div.attr("data-sat-line-start"))
	}
	if len(d.passages) == 0 { // foreign: all of the body is the passage
		for i := range d.blocks {
			d.blocks[i].passage = 1
		}
		d.blocks = slices.DeleteFunc(d.blocks, func(b block) bool { return b.lines == nil })
	}
	d.passages = []sat.Passage{p}
	q.stimuli[name] = d
	return d, nil
}

func (q *qtiReader) choices(n int, root, interaction node, it *sat.Item) {
	right := map[string]bool{}
	for _, declaration := range root.all("qti-response-declaration") {
		if declaration.attr("identifier") == interaction.attr("response-identifier") {
			for _, v := range declaration.first("qti-correct-response").all("qti-value") {
				right[strings.TrimSpace(v.content())] = true
			}
		}
	}
	if len(right) > 1 {
		q.reject(n, root.Place, "answer", CodeUnsupported, "has several right choices; only one is taken")
	}
	for i, c := range interaction.all("qti-simple-choice")[:min(len(interaction.all("qti-simple-choice")), 26)] {
		d := parseHTML(c.html())
		it.Choices = append(it.Choices, sat.Choice{ID: sat.Letter(i), Text: d.plain(), Why: whyOf(root, c)})
		q.dropped(n, c.Place, "choices["+strconv.Itoa(i)+"]", d)
		if right[c.attr("identifier")] {
			it.Answer = sat.Letter(i)
		}
	}
}

// whyOf gives the feedback of a choice: as modal feedback, or inside of the choice.
func whyOf(root, choice node) string {
	for _, f := range root.all("qti-modal-feedback") {
		if f.attr("outcome-identifier") != "SOLUTION" && f.attr("identifier") == choice.attr("identifier") {
			return strings.TrimSpace(f.content())
		}
	}
	return ""
}

// feedback reads the explanation and its quotes.
func (q *qtiReader) feedback(n int, root node, it *sat.Item) {
	for _, f := range root.all("qti-modal-feedback") {
		if f.attr("outcome-identifier") != "SOLUTION" {
			continue
		}
		var lines []string
		for _, c := range f.first("qti-content-body").children {
			switch {
			case c.name == "blockquote" && c.attr("data-sat-passage") != "":
				q.quote(n, c, it)
			case c.name != "" || strings.TrimSpace(c.text) != "":
				lines = append(lines, c.content())
			}
		}
		it.Explanation.Text = strings.Join(lines, "\n")
	}
}

func (q *qtiReader) quote(n int, c node, it *sat.Item) {
	quote := sat.Quote{PassageID: strings.TrimPrefix(c.attr("data-sat-passage"), passagePrefix)}
	for name, field := range map[string]*int{"start": &quote.Start, "end": &quote.End, "line-from": &quote.LineFrom, "line-to": &quote.LineTo} {
		*field, _ = strconv.Atoi(c.attr("data-sat-" + name))
	}
	it.Explanation.Quotes = append(it.Explanation.Quotes, quote)
	own := it.Quoted(quote)
	if match := quotation.In(own).Find(c.content()).Match; own != "" && match != quotation.Exact && match != quotation.TooShort {
		q.note(n, c.Place, "explanation.quotes", L06, SeverityError, "says “%s”, but the passage has “%s” at that place",
			shortened(c.content()), shortened(own))
	}
}
