package questionbank

import (
	"archive/zip"
	"compress/flate"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// Names of QTI 3.0.
const (
	qtiSpace      = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
	manifestSpace = "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"
	lomSpace      = "http://ltsc.ieee.org/xsd/LOM"
	manifestName  = "imsmanifest.xml"
	itemPrefix    = "i_" // XML names must not begin with a digit
	passagePrefix = "p_"
)

func writeQTI(w *writer) error {
	if len(w.items) > MaxPackageItems {
		return sat.Errorf(sat.TooLarge, "A QTI package holds at most %d questions, these are %d; export them in parts.",
			MaxPackageItems, len(w.items))
	}
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestCompression) })
	var st stimuli
	names := make([][]string, len(w.items))
	for i, it := range w.items {
		for _, p := range it.Passages {
			names[i] = append(names[i], st.name(it, p))
		}
	}
	files := []property{{manifestName, manifest(w.items, names, st)}}
	for _, f := range st.files {
		files = append(files, property{stimulusPath(f.name), f.value})
	}
	for i, it := range w.items {
		files = append(files, property{itemPrefix + it.ID + ".xml", qtiItem(it, names[i])})
	}
	for i, f := range files {
		out, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate}) // no time: equal banks, equal files
		if err != nil {
			return err
		}
		if _, err := io.WriteString(out, xml.Header+f.value); err != nil {
			return err
		}
		w.step(max(i-len(files)+len(w.items)+1, 0))
	}
	return z.Close()
}

func manifest(items []sat.Item, names [][]string, st stimuli) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<manifest xmlns="%s" xmlns:imsmd="%s" identifier="sat-bank">`+"\n <metadata><schema>QTI Package</schema>"+
		"<schemaversion>3.0.0</schemaversion></metadata><organizations/><resources>\n", manifestSpace, lomSpace)
	for _, f := range st.files {
		fmt.Fprintf(&b, `  <resource identifier="%s" type="imsqti_stimulus_xmlv3p0" href="%s"><file href="%[2]s"/></resource>`+"\n",
			f.name, stimulusPath(f.name))
	}
	for i, it := range items {
		id := itemPrefix + it.ID
		fmt.Fprintf(&b, `  <resource identifier="%s" type="imsqti_item_xmlv3p0" href="%[1]s.xml">`+"\n   <metadata><imsmd:lom><imsmd:general>", id)
		for _, p := range properties(it) {
			fmt.Fprintf(&b, `<imsmd:keyword><imsmd:string language="en">sat:%s=%s</imsmd:string></imsmd:keyword>`, p.name, escape(p.value))
		}
		fmt.Fprintf(&b, "</imsmd:general></imsmd:lom></metadata>\n   <file href=\"%s.xml\"/>", id)
		for _, name := range names[i] {
			fmt.Fprintf(&b, `<dependency identifierref="%s"/>`, name)
		}
		b.WriteString("\n  </resource>\n")
	}
	b.WriteString(" </resources></manifest>\n")
	return b.String()
}

// stimuli are the passages of a package. A passage that questions mark in different ways has a file for each way.
type stimuli struct {
	names map[string]string // by passage and marks
	files []property        // by name, in the order of the items
}

// name gives the identifier of the file that has a passage as an item marks it, and writes the file if there is none yet.
func (s *stimuli) name(it sat.Item, p sat.Passage) string {
	lines := markedLines(it, p, true)
	key := string(marshal([]any{p, lines}))
	if name, written := s.names[key]; written {
		return name
	}
	name := passagePrefix + p.ID
	for n := 2; slices.ContainsFunc(s.files, func(f property) bool { return f.name == name }); n++ {
		name = fmt.Sprintf("%s%s_M%d", passagePrefix, p.ID, n) // no id has a capital letter
	}
	if s.names == nil {
		s.names = map[string]string{}
	}
	s.names[key] = name
	s.files = append(s.files, property{name, stimulus(name, p, lines)})
	return name
}

func stimulusPath(name string) string { return "passages/" + name + ".xml" }

// stimulus gives a passage, whose lines are given as markup, as a file of its own.
func stimulus(name string, p sat.Passage, lines []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<qti-assessment-stimulus xmlns="%s" identifier="%s" title=%s xml:lang="en">`+"\n <qti-stimulus-body><div class=\"sat-passage\"",
		qtiSpace, name, quoted(p.Title))
	if name != passagePrefix+p.ID {
		fmt.Fprintf(&b, ` data-sat-passage="%s%s"`, passagePrefix, p.ID)
	}
	if p.LineStart > 0 {
		fmt.Fprintf(&b, ` data-sat-line-start="%d"`, p.LineStart)
	}
	b.WriteString(">")
	if p.Attribution != "" {
		b.WriteString(`<p class="sat-attribution">` + escape(p.Attribution) + "</p>")
	}
	numbers, _ := p.Numbers(1)
	for i, line := range lines {
		if p.Lines[i] != "" {
			lines[i] = fmt.Sprintf(`<span data-sat-line="%d">%s</span>`, numbers[i], line)
		}
	}
	b.WriteString(`<p class="sat-lines">` + strings.Join(lines, "<br/>") + "</p></div></qti-stimulus-body>\n</qti-assessment-stimulus>\n")
	return b.String()
}

// qtiItem gives an item, whose passages are in the stimuli of these names.
func qtiItem(it sat.Item, names []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<qti-assessment-item xmlns="%s" identifier="%s%s" title="%[3]s" adaptive="false" time-dependent="false" xml:lang="en">`+"\n",
		qtiSpace, itemPrefix, it.ID)
	fmt.Fprintf(&b, ` <qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="identifier"><qti-correct-response>`+
		"<qti-value>%s</qti-value></qti-correct-response></qti-response-declaration>\n", it.Answer)
	b.WriteString(` <qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"><qti-default-value>` +
		"<qti-value>0</qti-value></qti-default-value></qti-outcome-declaration>\n" +
		` <qti-outcome-declaration identifier="FEEDBACK" cardinality="single" base-type="identifier"/>` + "\n" +
		` <qti-outcome-declaration identifier="SOLUTION" cardinality="single" base-type="identifier"/>` + "\n")
	for _, name := range names {
		fmt.Fprintf(&b, ` <qti-assessment-stimulus-ref identifier="%s" href="%s"/>`+"\n", name, stimulusPath(name))
	}
	b.WriteString(` <qti-item-body><qti-choice-interaction response-identifier="RESPONSE" shuffle="false" max-choices="1">` +
		"\n  <qti-prompt>" + markedQuestion(it, true) + "</qti-prompt>\n")
	for _, c := range it.Choices {
		fmt.Fprintf(&b, `  <qti-simple-choice identifier="%s">%s</qti-simple-choice>`+"\n", c.ID, escape(c.Text))
	}
	b.WriteString(" </qti-choice-interaction></qti-item-body>\n" + qtiProcessing)
	for _, c := range it.Choices {
		if c.Why != "" {
			feedback(&b, "FEEDBACK", c.ID, "<p>"+escape(c.Why)+"</p>")
		}
	}
	if !it.Explanation.IsZero() {
		feedback(&b, "SOLUTION", "shown", qtiExplanation(it))
	}
	b.WriteString("</qti-assessment-item>\n")
	return b.String()
}

// qtiProcessing scores the answer, and shows its feedback and the explanation.
const qtiProcessing = ` <qti-response-processing>
  <qti-response-condition><qti-response-if><qti-match><qti-variable identifier="RESPONSE"/><qti-correct identifier="RESPONSE"/></qti-match>` +
	`<qti-set-outcome-value identifier="SCORE"><qti-base-value base-type="float">1</qti-base-value></qti-set-outcome-value></qti-response-if></qti-response-condition>
  <qti-set-outcome-value identifier="FEEDBACK"><qti-variable identifier="RESPONSE"/></qti-set-outcome-value>
  <qti-set-outcome-value identifier="SOLUTION"><qti-base-value base-type="identifier">shown</qti-base-value></qti-set-outcome-value>
 </qti-response-processing>
`

func feedback(b *strings.Builder, outcome, id, body string) {
	fmt.Fprintf(b, ` <qti-modal-feedback outcome-identifier="%s" identifier="%s" show-hide="show"><qti-content-body>%s</qti-content-body></qti-modal-feedback>`+"\n",
		outcome, id, body)
}

func qtiExplanation(it sat.Item) string {
	var b strings.Builder
	if it.Explanation.Text != "" {
		for line := range strings.SplitSeq(it.Explanation.Text, "\n") {
			b.WriteString("<p>" + escape(line) + "</p>")
		}
	}
	for _, q := range it.Explanation.Quotes {
		fmt.Fprintf(&b, `<blockquote data-sat-passage="%s%s" data-sat-start="%d" data-sat-end="%d" data-sat-line-from="%d" data-sat-line-to="%d"><p>%s</p></blockquote>`,
			passagePrefix, q.PassageID, q.Start, q.End, q.LineFrom, q.LineTo, escape(strings.ReplaceAll(it.Quoted(q), "\n", " ")))
	}
	return b.String()
}
