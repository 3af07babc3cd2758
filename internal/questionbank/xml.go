package questionbank

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of XML.
const (
	maxXMLDepth = 64
	maxXMLText  = 1 << 20
	maxXMLNodes = 20_000   // of one question
	maxXMLTag   = 64 << 10 // bytes of one tag with its attributes
)

// node is an element of XML, or a text when it has no name.
type node struct {
	Place
	name     string // without its namespace
	attrs    []xml.Attr
	children []node
	text     string
}

// xmlFault says why XML is not read, and where.
type xmlFault struct {
	Place
	code    Code
	message string
}

func (f *xmlFault) Error() string { return f.message }

// xmlReader reads XML element by element. Document types are refused, and with them every entity of somebody's own.
type xmlReader struct {
	dec   *xml.Decoder
	depth int
	nodes int
	flaw  error // known before reading
}

func newXMLReader(data []byte) *xmlReader {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.Strict = true
	x := &xmlReader{dec: dec}
	if at := longTag(data); at >= 0 {
		x.flaw = x.fault(placeIn(data, at), CodeLimit, "a tag of more than %d bytes", maxXMLTag)
	}
	return x
}

// longTag finds a tag with more attributes than anybody writes, -1 for none: the decoder would take them all in at once.
func longTag(data []byte) int {
	for at := 0; ; {
		next := bytes.IndexByte(data[at:], '<')
		if next < 0 {
			return -1
		}
		at += next
		if bytes.HasPrefix(data[at:], []byte("<!")) {
			at++
			continue
		}
		end := bytes.IndexByte(data[at:], '>')
		if end > maxXMLTag || end < 0 && len(data)-at > maxXMLTag {
			return at
		}
		at++
	}
}

func (x *xmlReader) place() Place {
	line, column := x.dec.InputPos()
	return placed(line, column)
}

func (x *xmlReader) fault(at Place, code Code, format string, args ...any) error {
	return &xmlFault{at, code, fmt.Sprintf(format, args...)}
}

// token gives the next token, io.EOF at the end.
func (x *xmlReader) token() (xml.Token, Place, error) {
	at := x.place()
	if x.flaw != nil {
		return nil, at, x.flaw
	}
	t, err := x.dec.Token()
	if errors.Is(err, io.EOF) {
		return nil, at, io.EOF
	}
	if err != nil {
		return nil, at, x.fault(x.place(), CodeSyntax, "the XML is not well formed: %v", err)
	}
	switch t := t.(type) {
	case xml.Directive:
		return nil, at, x.fault(at, CodeUnsupported, "the file has a document type (<!…>); take that line out")
	case xml.CharData:
		if len(t) > maxXMLText {
			return nil, at, x.fault(at, CodeLimit, "a text of %d bytes; at most %d are taken", len(t), maxXMLText)
		}
	case xml.StartElement:
		if x.depth++; x.depth > maxXMLDepth {
			return nil, at, x.fault(at, CodeLimit, "elements nested more than %d deep", maxXMLDepth)
		}
	case xml.EndElement:
		x.depth--
	}
	return t, at, nil
}

// element reads the rest of an element that has begun.
func (x *xmlReader) element(start xml.StartElement, at Place) (node, error) {
	n := node{Place: at, name: start.Name.Local, attrs: start.Attr}
	size := 0
	for {
		t, at, err := x.token()
		if errors.Is(err, io.EOF) {
			return n, x.fault(at, CodeSyntax, "the file ends inside of <%s>", n.name)
		}
		if err != nil {
			return n, err
		}
		if x.nodes++; x.nodes > maxXMLNodes {
			return n, x.fault(at, CodeLimit, "a question of more than %d elements", maxXMLNodes)
		}
		switch t := t.(type) {
		case xml.StartElement:
			child, err := x.element(t, at)
			if err != nil {
				return n, err
			}
			n.children = append(n.children, child)
		case xml.CharData:
			if size += len(t); size > maxXMLText {
				return n, x.fault(at, CodeLimit, "more than %d bytes of text in <%s>", maxXMLText, n.name)
			}
			n.children = append(n.children, node{Place: at, text: string(t)})
		case xml.EndElement:
			return n, nil
		}
	}
}

// attr gives an attribute, "" if there is none.
func (n node) attr(name string) string {
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// all gives the children with a name.
func (n node) all(name string) []node {
	var found []node
	for _, c := range n.children {
		if c.name == name {
			found = append(found, c)
		}
	}
	return found
}

// first gives the first child with a name; the zero node if there is none.
func (n node) first(name string) node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return node{}
}

// find gives the first element below n with a name.
func (n node) find(name string) (node, bool) {
	for _, c := range n.children {
		if c.name == name {
			return c, true
		}
		if deep, ok := c.find(name); ok {
			return deep, true
		}
	}
	return node{}, false
}

// content gives all text below n.
func (n node) content() string {
	if n.name == "" {
		return n.text
	}
	var b strings.Builder
	for _, c := range n.children {
		b.WriteString(c.content())
	}
	return b.String()
}

// html gives what stands in n as HTML.
func (n node) html() string {
	var b strings.Builder
	for _, c := range n.children {
		c.writeHTML(&b)
	}
	return b.String()
}

func (n node) writeHTML(b *strings.Builder) {
	name := n.name
	if name == "" {
		b.WriteString(escape(n.text))
		return
	}
	if name == "span" && n.attr("class") == "qti-underline" {
		name = "u"
	}
	b.WriteString("<" + name)
	for _, a := range n.attrs {
		b.WriteString(" " + a.Name.Local + "=" + quoted(a.Value))
	}
	b.WriteString(">")
	if name == "br" {
		return
	}
	for _, c := range n.children {
		c.writeHTML(b)
	}
	b.WriteString("</" + name + ">")
}
