package questionbank

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"sattutor/internal/sat"
)

// one reads the only item of a file.
func one(t *testing.T, format Format, file string) (sat.Item, *Reading) {
	r := Read([]byte(file), ReadOptions{Format: format, Framework: sat.Digital, Skill: sat.Inferences})
	require.Len(t, r.Entries, 1, fmt.Sprint(r.Findings))
	return r.Entries[0].Item, r
}

// found gives code and place of the findings with a severity.
func found(r *Reading, s Severity) []string {
	var all []string
	for _, f := range r.Findings {
		if f.Severity == s {
			all = append(all, fmt.Sprintf("%s %d %s", f.Code, f.Line, f.Field))
		}
	}
	return all
}

func lines(it sat.Item) []string { return it.Passages[0].Lines }

func texts3(it sat.Item) []string {
	var all []string
	for _, c := range it.Choices {
		all = append(all, c.Text)
	}
	return all
}

func TestForeignGIFT(t *testing.T) {
	t.Run("plain, with a description before", func(t *testing.T) {
		it, r := one(t, GIFT, "The lamp burned.\nThe pier too.\n\n// a remark\n::Q1::What burned?{\n=The lamp#yes\n~The sea\n~%0%The sky # no\n}\n")
		assert.Equal(t, []string{"The lamp burned.", "", "The pier too."}, lines(it))
		assert.Equal(t, "What burned?", it.Question)
		assert.Equal(t, []string{"The lamp", "The sea", "The sky"}, texts3(it))
		assert.Equal(t, "A", it.Answer)
		assert.Equal(t, "yes", it.Choices[0].Why)
		assert.Regexp(t, "^x-[0-9a-f]{12}$", it.ID)
		assert.Empty(t, found(r, SeverityError))
	})
	t.Run("HTML paragraphs, weights, a gap", func(t *testing.T) {
		it, _ := one(t, GIFT, `::n::[html]<p>First <b>line</b></p><p>What is {~%100%this ~%-50%that} here?</p>`)
		assert.Equal(t, []string{"First line"}, lines(it))
		assert.Equal(t, "What is _____ here?", it.Question)
		assert.Equal(t, "A", it.Answer)
		assert.Equal(t, []sat.Mark{{In: sat.InPassage, PassageID: it.Passages[0].ID, Start: 6, End: 10, Kind: sat.Strong}}, it.Marks)
	})
	t.Run("escapes", func(t *testing.T) {
		it, _ := one(t, GIFT, `p\n\nq \{1\} \: \= {=a \~ b ~\#c}`)
		assert.Equal(t, "q {1} : =", it.Question)
		assert.Equal(t, []string{"a ~ b", "#c"}, texts3(it))
	})
	for name, body := range map[string]string{"essay": "{}", "true or false": "{TRUE}", "number": "{#3:1}", "matching": "{=a -> b =c -> d}",
		"short answer": "{=a =b}", "partly right": "{~%50%a ~%50%b}", "two right": "{=a =b ~c}", "no end": "{=a ~b"} {
		t.Run(name, func(t *testing.T) {
			r := Read([]byte("p\n\n\nq "+body), ReadOptions{Format: GIFT})
			assert.Empty(t, r.Items())
			require.Len(t, found(r, SeverityError), 1)
			assert.Contains(t, found(r, SeverityError)[0], " 4 ")
		})
	}
	r := Read([]byte("$CATEGORY: x\n\np\n\nq {=a ~b}\n\nq2 {=c ~d}"), ReadOptions{Format: GIFT, Framework: sat.Paper, Skill: sat.Inferences})
	assert.Len(t, r.Entries, 2)
	assert.Equal(t, "p", r.Entries[1].Item.Passages[0].Text(), "a description holds for all behind it")
	assert.Equal(t, []string{"loss 1 "}, found(r, SeverityLoss))
}

func TestForeignMoodle(t *testing.T) {
	const question = `<quiz>
<question type="category"><category><text>x</text></category></question>
<question type="description"><name><text>d</text></name><questiontext format="html"><text><![CDATA[<p>The lamp<br>burned.</p><p>So did the pier.</p>]]></text></questiontext></question>
<question type="multichoice"><name><text>Question One</text></name>
<questiontext format="html"><text>&lt;p&gt;What &lt;i&gt;burned&lt;/i&gt;?&lt;/p&gt;</text><file name="a.png">xx</file></questiontext>
<hint><text>look</text></hint><single>true</single>
<answer fraction="0"><text>A. The sea</text></answer><answer fraction="100.0000"><text>B. The lamp</text><feedback><text>yes</text></feedback></answer>
<tags><tag><text>Reading comprehension</text></tag><tag><text>skill:CID</text></tag></tags></question></quiz>`
	it, r := one(t, Moodle, question)
	assert.Equal(t, []string{"The lamp", "burned.", "", "So did the pier."}, lines(it))
	assert.Equal(t, "What burned?", it.Question)
	assert.Equal(t, []string{"The sea", "The lamp"}, texts3(it), "labels go if all choices carry their own")
	assert.Equal(t, "B", it.Answer)
	assert.Equal(t, []string{"Reading_comprehension"}, it.Tags)
	assert.Equal(t, sat.CentralIdeas, it.Skill)
	assert.Equal(t, []string{"loss 4 question", "loss 4 "}, found(r, SeverityLoss))
	for _, bad := range []string{`<question type="essay"/>`, `<question type="multichoice"><single>false</single></question>`,
		`<question type="multichoice"><answer fraction="50"><text>x</text></answer></question>`,
		`<question type="multichoice"><answer fraction="100"/><answer fraction="100"/></question>`} {
		r := Read([]byte("<quiz>\n"+bad+"</quiz>"), ReadOptions{Format: Moodle})
		require.Len(t, found(r, SeverityError), 1, bad)
		assert.Contains(t, found(r, SeverityError)[0], "unsupported 2")
	}
}

func TestForeignAiken(t *testing.T) {
	it, _ := one(t, Aiken, "The lamp burned. / What burned?\nA. The lamp\nB. The sea\n\nANSWER: A\n")
	assert.Equal(t, []string{"The lamp burned."}, lines(it))
	it, _ = one(t, Aiken, "The lamp burned.\nWhat burned?\nA) The lamp\nB) The sea\nANSWER: B")
	assert.Equal(t, "What burned?", it.Question)
	assert.Equal(t, []string{"The lamp burned."}, lines(it))
	r := Read([]byte("What burned?\nA) x\nB) y\nANSWER: D\n\nq?\nA) x\nand more\nANSWER: a\n"), ReadOptions{Format: Aiken, Framework: sat.Digital, Skill: sat.Inferences})
	assert.Equal(t, []string{"L01 1 passages[0].lines", "L01 4 answer", "syntax 8 ", "syntax 9 answer"}, found(r, SeverityError))
}

func TestForeignBlocks(t *testing.T) {
	const text = "SAT READING COMPREHENSION TEST\n\nThis passage is from a letter.\n\n 1 The lamp burned\n 2 all night, and\n 3 nobody slept.\n\n\n\n" +
		"Question 12:\nWhat does \"lamp\" (line 1)\nmean?\nA) A light\nthat burns\nB) A fish\n\nAnswer: B) A fish\n"
	r := Read([]byte(text), ReadOptions{Format: Auto, Skill: sat.WordsInContext})
	require.Len(t, r.Entries, 1)
	it := r.Entries[0].Item
	assert.Equal(t, sat.Paper, it.Framework)
	assert.Equal(t, "This passage is from a letter.", it.Passages[0].Attribution)
	assert.Equal(t, []string{"The lamp burned", "all night, and", "nobody slept."}, lines(it), "printed numbers go")
	assert.Equal(t, `What does "lamp" (line 1) mean?`, it.Question)
	assert.Equal(t, []string{"A light that burns", "A fish"}, texts3(it))
	assert.Equal(t, "B", it.Answer)
	it, _ = one(t, BlocksJSONL, `{"text":"SAT READING COMPREHENSION TEST\n\nOnly a passage\nof two lines\n\n\n\nQuestion 1:\nq\nA) x\nB) y\n\nAnswer:","answer":"A","requires_line":true}`)
	assert.Equal(t, []string{"Only a passage", "of two lines"}, lines(it))
	assert.Empty(t, it.Passages[0].Attribution)
	assert.True(t, it.Needs(sat.NeedsLine))
}

func TestForeignCSV(t *testing.T) {
	const file = "question,answer,a,b,passage,colour\n\"What,\nnow?\",a,'=SUM(A1),'-2,\"One\nTwo\",red\nq,C,x,y,p,\nq,\"A\n"
	r := Read([]byte(file), ReadOptions{Framework: sat.Digital, Skill: sat.Inferences})
	assert.Equal(t, CSV, r.Format)
	require.Len(t, r.Entries, 2)
	it := r.Entries[0].Item
	assert.Equal(t, "What, now?", it.Question)
	assert.Equal(t, []string{"=SUM(A1)", "-2"}, texts3(it))
	assert.Equal(t, "A", it.Answer)
	assert.Equal(t, []string{"unknown_field 1 colour"}, found(r, SeverityLoss))
	assert.Equal(t, []string{"L01 5 answer", "syntax 6 "}, found(r, SeverityError))
	r = Read([]byte("passage,question\nx,y\n"), ReadOptions{Format: CSV})
	assert.Equal(t, []string{"header 1 "}, found(r, SeverityError))
	file2, _, err := Write([]sat.Item{it}, CSV, WriteOptions{})
	require.NoError(t, err)
	assert.Contains(t, string(file2), ",'=SUM(A1),'-2,", "no spreadsheet may read a formula")
}

func TestForeignQTI(t *testing.T) {
	const item = `<qti-assessment-item xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" identifier="Item 7" title="x">
<qti-response-declaration identifier="R" cardinality="single"><qti-correct-response><qti-value>c2</qti-value></qti-correct-response></qti-response-declaration>
<qti-item-body><p>The lamp<br/>burned.</p><qti-choice-interaction response-identifier="R" max-choices="1"><qti-prompt>What <em>burned</em>?</qti-prompt>
<qti-simple-choice identifier="c1">The sea</qti-simple-choice><qti-simple-choice identifier="c2">The lamp</qti-simple-choice>
</qti-choice-interaction></qti-item-body></qti-assessment-item>`
	it, _ := one(t, Auto, item)
	assert.Equal(t, "item-7", it.ID)
	assert.Equal(t, []string{"The lamp", "burned."}, lines(it))
	assert.Equal(t, "What burned?", it.Question)
	assert.Equal(t, "B", it.Answer)
	assert.Equal(t, []sat.Mark{{In: sat.InQuestion, Start: 5, End: 11, Kind: sat.Emphasis}}, it.Marks)
	for _, bad := range []string{`<qti-item-body><qti-text-entry-interaction/></qti-item-body>`, `<qti-item-body/>`,
		`<qti-item-body><qti-choice-interaction max-choices="0"/></qti-item-body>`} {
		r := Read([]byte("<qti-assessment-item>\n"+bad+"</qti-assessment-item>"), ReadOptions{Format: QTI})
		assert.Len(t, found(r, SeverityError), 1, bad)
	}
}

func TestForeignJSONL(t *testing.T) {
	file, _, err := Write([]sat.Item{ferry()}, JSONL, WriteOptions{})
	require.NoError(t, err)
	body := string(file[:len(file)-2])
	for _, c := range []struct{ name, line, want string }{
		{"twice", body + `,"id":"x"}`, "syntax 1 id"},
		{"capitals", `{"V":1}`, "unknown_field 1 V"},
		{"no version", `{"id":"x"}`, "syntax 1 v"},
		{"later version", `{"v":2}`, "unsupported 1 v"},
		{"wrong kind", `{"v":1,"tags":"x"}`, "syntax 1 tags"},
		{"two objects", `{"v":1} {"v":1}`, "syntax 1 "},
		{"no object", `[1]`, "syntax 1 "},
		{"cut off", `{"v":1,"id":`, "syntax 1 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Read([]byte(c.line), ReadOptions{Format: JSONL})
			assert.Equal(t, []string{c.want}, found(r, SeverityError))
		})
	}
	r := Read([]byte(body+`,"colour":"red"}`), ReadOptions{Format: JSONL})
	assert.Equal(t, []string{"unknown_field 1 colour"}, found(r, SeverityLoss))
	assert.Len(t, r.Items(), 1)
	spoilt := ferry()
	spoilt.Choices[2].Text = ""
	line := marshal(jsonItem{1, spoilt})
	r = Read(append(append(file, '\n'), line...), ReadOptions{Format: JSONL})
	for _, f := range r.Findings {
		if f.Field == "choices[2].text" {
			assert.Equal(t, 3, f.Line)
			assert.Greater(t, f.Column, 700, "the column is that of the field")
		}
	}
	assert.Equal(t, []string{"duplicate_id 3 id", "L01 3 choices[2].text"}, found(r, SeverityError))
}

func TestForeignWorkbooks(t *testing.T) {
	f := excelize.NewFile()
	rows := [][]any{{"passage", "question", "a", "b", "answer"}, {"p one", "q?", "x", "y", "A"}, {"p two", "q?", "x", 45000, "A"}, {"p three", "q?", "x", "y", "A"}, {"p four", "q?", "x", "y", "A"}}
	for i, row := range rows {
		require.NoError(t, f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row))
	}
	style, err := f.NewStyle(&excelize.Style{NumFmt: 14})
	require.NoError(t, err)
	require.NoError(t, f.SetCellStyle("Sheet1", "D3", "D3", style))
	require.NoError(t, f.SetCellFormula("Sheet1", "C4", `="x"&1`))
	require.NoError(t, f.MergeCell("Sheet1", "C5", "D5"))
	_, err = f.NewSheet("other")
	require.NoError(t, err)
	out, err := f.WriteToBuffer()
	require.NoError(t, err)
	r := Read(out.Bytes(), ReadOptions{Framework: sat.Digital, Skill: sat.Inferences})
	assert.Equal(t, XLSX, r.Format)
	assert.Len(t, r.Items(), 1)
	var cells []string
	for _, x := range r.Findings {
		if x.Severity == SeverityError {
			cells = append(cells, x.Cell+" "+string(x.Code))
		}
	}
	assert.Equal(t, []string{"D3 unsupported", "C4 unsupported", "C5 unsupported"}, cells)
	assert.Equal(t, []string{"loss 0 "}, found(r, SeverityLoss))
}

func TestOneIDForTwoThings(t *testing.T) {
	second := ferry()
	other := ferry()
	other.ID, other.Passages = "other", []sat.Passage{{ID: "ferry-low-water", Lines: []string{"Something else."}}}
	other.Explanation.Quotes = nil
	file := append(append(marshal(jsonItem{1, ferry()}), '\n'), marshal(jsonItem{1, second})...)
	file = append(append(file, '\n'), marshal(jsonItem{1, other})...)
	r := Read(file, ReadOptions{})
	assert.Len(t, r.Items(), 1)
	assert.Equal(t, []string{"duplicate_id 2 id", "duplicate_id 3 passages[0].id"}, found(r, SeverityError)[:2])
}
