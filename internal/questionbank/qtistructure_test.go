package questionbank

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// qtiElement is an element with its attributes and children.
type qtiElement struct {
	XMLName  xml.Name
	Attrs    []xml.Attr   `xml:",any,attr"`
	Children []qtiElement `xml:",any"`
	Text     string       `xml:",chardata"`
}

func (n qtiElement) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// all gives the elements of a name at any depth, this one included.
func (n qtiElement) all(name string) (list []qtiElement) {
	if n.XMLName.Local == name {
		list = append(list, n)
	}
	for _, c := range n.Children {
		list = append(list, c.all(name)...)
	}
	return list
}

// itemOrder is the order in which QTI 3.0 wants the parts of an item.
var itemOrder = []string{"qti-response-declaration", "qti-outcome-declaration", "qti-assessment-stimulus-ref", "qti-item-body",
	"qti-response-processing", "qti-modal-feedback"}

// TestQTIHangsTogether checks what no schema does: that every name that is used is declared once, and every file that is
// named is there. The schemas of 1EdTech are lenient about attributes too.
func TestQTIHangsTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pack, _, err := Write(anyBank().Draw(t, "bank"), QTI, WriteOptions{})
		require.NoError(t, err)
		files := qtiFiles(t, pack)
		manifest := files[manifestName]
		delete(files, manifestName)
		known := map[string]bool{}
		for _, r := range manifest.all("resource") {
			id, href := r.attr("identifier"), r.attr("href")
			require.False(t, known[id], "%s is there twice", id)
			known[id] = true
			require.Contains(t, files, href)
			require.Equal(t, id, files[href].attr("identifier"))
			require.Equal(t, href, r.all("file")[0].attr("href"))
			require.NotEmpty(t, r.attr("type"))
		}
		require.Len(t, known, len(files), "every file is a resource")
		for _, d := range manifest.all("dependency") {
			require.True(t, known[d.attr("identifierref")])
		}
		for _, item := range files {
			if item.XMLName.Local == "qti-assessment-item" {
				requireItem(t, item)
			}
		}
	})
}

func qtiFiles(t *rapid.T, pack []byte) map[string]qtiElement {
	z, err := zip.NewReader(bytes.NewReader(pack), int64(len(pack)))
	require.NoError(t, err)
	files := map[string]qtiElement{}
	for _, f := range z.File {
		in, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(in)
		require.NoError(t, err)
		var root qtiElement
		require.NoError(t, xml.Unmarshal(content, &root), f.Name)
		files[f.Name] = root
	}
	return files
}

func requireItem(t *rapid.T, item qtiElement) {
	for _, name := range []string{"identifier", "title", "adaptive", "time-dependent"} {
		require.NotEmpty(t, item.attr(name), name)
	}
	at := 0
	for _, c := range item.Children {
		next := slices.Index(itemOrder, c.XMLName.Local)
		require.GreaterOrEqual(t, next, at, "%s is out of order", c.XMLName.Local)
		at = next
	}
	declared := map[string]bool{}
	for _, d := range append(item.all("qti-response-declaration"), item.all("qti-outcome-declaration")...) {
		require.False(t, declared[d.attr("identifier")])
		declared[d.attr("identifier")] = true
		require.NotEmpty(t, d.attr("cardinality"))
		require.NotEmpty(t, d.attr("base-type"))
	}
	interactions := item.all("qti-choice-interaction")
	require.Len(t, interactions, 1)
	require.True(t, declared[interactions[0].attr("response-identifier")])
	require.Equal(t, "1", interactions[0].attr("max-choices"))
	choices := map[string]bool{}
	for _, c := range item.all("qti-simple-choice") {
		require.False(t, choices[c.attr("identifier")])
		choices[c.attr("identifier")] = true
	}
	require.True(t, choices[item.all("qti-correct-response")[0].all("qti-value")[0].Text], "the key is a choice")
	for _, name := range []string{"qti-variable", "qti-correct", "qti-set-outcome-value"} {
		for _, n := range item.all(name) {
			require.True(t, declared[n.attr("identifier")], "%s %s", name, n.attr("identifier"))
		}
	}
	for _, f := range item.all("qti-modal-feedback") {
		require.True(t, declared[f.attr("outcome-identifier")])
		require.True(t, f.attr("outcome-identifier") == "SOLUTION" || choices[f.attr("identifier")])
	}
}
