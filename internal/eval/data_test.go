package eval

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sampleItems(t testing.TB) *Dataset {
	t.Helper()
	d, err := Read("testdata/items.jsonl", FormatItems, nil)
	require.NoError(t, err)
	return d
}

func TestReadBankItems(t *testing.T) {
	d := sampleItems(t)
	require.Len(t, d.Items, 6)
	it := d.Items[0]
	assert.Equal(t, "ferry-1", it.ID)
	assert.Equal(t, "ferry", it.PassageID)
	assert.Equal(t, "B", it.Answer)
	assert.Equal(t, 1, it.key())
	assert.Equal(t, "INF", it.Skill)
	assert.Len(t, it.PassageLines, 6)
	assert.Equal(t, "Habit gives way to attention.", it.Solution)
	assert.Equal(t, strings.Join(it.PassageLines, "\n"), it.Passage)
	assert.Equal(t, "(A)"+it.Choices[0].Text, it.Raw.Options[0])
}

func TestItemsSurviveTheirOwnForm(t *testing.T) {
	d := sampleItems(t)
	data, err := MarshalItems(d.Items)
	require.NoError(t, err)
	again, err := Parse("again.jsonl", FormatItems, data)
	require.NoError(t, err)
	assert.Equal(t, d.Items, again.Items)
}

func TestQuestionsOfRACEWithEqualChoicesAreLeftOut(t *testing.T) {
	const row = `{"id":"race-test-high-7","passage":"The lamp burned.","questions":[` +
		`{"question":"What burned?","choices":["the sea"," The  sea","the lamp","the pier"],"answer":"C"},` +
		`{"question":"What was lit?","choices":["the sea","the sky","the lamp","the pier"],"answer":"C"}]}`
	d, err := Parse("race-test.jsonl", FormatRACE, []byte(row))
	require.NoError(t, err)
	s, err := d.Select(Selected{})
	require.NoError(t, err)
	require.Len(t, s.Items, 1, "nobody can answer the first, and a run over it would never be complete")
	assert.Equal(t, "race-test-high-7-2", s.Items[0].ID)
	assert.Equal(t, []string{"1 of 2 items are left out: broken, or without their graphic"}, s.Remarks)
}

func TestSampleDrawsWholePassages(t *testing.T) {
	d := &Dataset{}
	for i := range 300 {
		d.Items = append(d.Items, Item{ID: fmt.Sprint(i), PassageID: fmt.Sprint(i % 60)})
	}
	draw := func(seed uint64) Selection {
		s, err := d.Select(Selected{Sample: 42, Seed: seed})
		require.NoError(t, err)
		return s
	}
	first := draw(1)
	assert.Len(t, first.Items, 45, "nine passages of five questions")
	for i, it := range first.Items {
		assert.Equal(t, first.Items[i-i%5].PassageID, it.PassageID)
	}
	assert.False(t, first.Partial, "a draw stands for the whole")
	assert.Equal(t, "all, 45 drawn by passage with seed 1", first.Pool)
	assert.Equal(t, first, draw(1))
	assert.NotEqual(t, first.Items, draw(2).Items)

	all, err := d.Select(Selected{Sample: 300})
	require.NoError(t, err)
	assert.Equal(t, "all", all.Pool)
}

func TestSelectGroupsByPassage(t *testing.T) {
	s, err := sampleItems(t).Select(Selected{})
	require.NoError(t, err)
	assert.Equal(t, []string{"ferry-1", "ferry-2", "ferry-3", "glass-1", "glass-2", "glass-3"}, ids(s.Items))
	assert.False(t, s.Partial)

	s, err = sampleItems(t).Select(Selected{Limit: 2})
	require.NoError(t, err)
	assert.True(t, s.Partial)
	assert.Len(t, s.Items, 2)

	s, err = sampleItems(t).Select(Selected{IDs: []string{"glass-2", "ferry-1"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"ferry-1", "glass-2"}, ids(s.Items))

	for _, wrong := range []Selected{{Pool: "none"}, {IDs: []string{"absent"}}} {
		_, err = sampleItems(t).Select(wrong)
		assert.Equal(t, ExitUsage, ExitCode(err))
	}
	_, err = sampleItems(t).Select(Selected{Pool: "dev-133"})
	assert.Equal(t, ExitConfig, ExitCode(err), "a pool belongs to its file")
}

func ids(items []Item) []string {
	var list []string
	for _, it := range items {
		list = append(list, it.ID)
	}
	return list
}

func TestEveryDataErrorNamesLineAndField(t *testing.T) {
	good := `{"v":1,"id":"a","passages":[{"id":"p","lines":["x"]}],"question":"q?","choices":[{"id":"A","text":"1"},{"id":"B","text":"2"}],"answer":"A"}`
	for _, c := range []struct {
		name   string
		format Format
		data   string
		want   string
	}{
		{"not JSON", FormatItems, good + "\n{", "f:2 is no JSON object"},
		{"wrong type", FormatItems, `{"v":1,"id":7}`, "f:1: id has the wrong type"},
		{"unknown version", FormatItems, `{"v":2}`, "f:1: v is 2"},
		{"unknown schema", FormatItems, `{"schema":"x"}`, "f:1: schema is not"},
		{"no passage", FormatItems, strings.Replace(good, `"lines":["x"]`, `"lines":[]`, 1), "f:1: passage is empty"},
		{"no key", FormatItems, strings.Replace(good, `"answer":"A"`, `"answer":"C"`, 1), "f:1: answer names none"},
		{"wrong label", FormatItems, strings.Replace(good, `"id":"B"`, `"id":"C"`, 1), "f:1: choices[1].label must be"},
		{"control character", FormatItems, strings.Replace(good, `"q?"`, `"q\u0007?"`, 1), "f:1: question has a control character at position 1"},
		{"twice", FormatItems, good + "\n" + good, "f holds the id a twice"},
		{"nothing", FormatItems, "\n", "f holds no item"},
		{"option without letter", FormatAGIEval, `{"passage":"p","question":"q","options":["(A)x","y"],"label":"A"}`, "f:1: options [1] does not begin"},
		{"no options", FormatAGIEval, `{"passage":"p","question":"q","label":"A"}`, "f:1: options is missing"},
		{"CSV without a column", FormatCSV, "passage,question,a,b\n", "f:1: answer is missing from the header"},
		{"CSV key", FormatCSV, "passage,question,a,b,answer\np,q,1,2,D\n", "f:2: answer names none"},
		{"CSV ragged", FormatCSV, "passage,question,a,b,answer\np,q\n", "f:2"},
		{"RACE without id", FormatRACE, `{"passage":"p","questions":[]}`, "f:1: id is missing"},
		{"RACE key", FormatRACE, `{"id":"r","passage":"p","questions":[{"question":"q","choices":["1","2"],"answer":"E"}]}`, "f:1: questions[0].answer names none"},
		{"block without title", FormatBlocks, "hello", "f:1 has no line"},
		{"block without question", FormatBlocks, "\n" + blockTitle + "\nx\n", `f:2: text has no line "Question n:"`},
		{"block order", FormatBlocks, blockTitle + "\nI\n\np\n\nQuestion 1:\nq\nA) 1\nC) 2\nAnswer: A", "f:1: choices do not carry"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("dir/f", c.format, []byte(c.data))
			require.Error(t, err)
			assert.Equal(t, ExitData, ExitCode(err))
			assert.Contains(t, err.Error(), c.want)
		})
	}
}

func TestReadFiles(t *testing.T) {
	dir := t.TempDir()
	_, err := Read(filepath.Join(dir, "absent"), FormatItems, nil)
	assert.Equal(t, ExitNoFile, ExitCode(err))

	data, err := os.ReadFile("testdata/items.jsonl")
	require.NoError(t, err)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	path := filepath.Join(dir, "items.jsonl.gz")
	require.NoError(t, os.WriteFile(path, zipped.Bytes(), 0o600))
	d, err := Read(path, FormatItems, nil)
	require.NoError(t, err)
	assert.Len(t, d.Items, 6)

	_, err = Parse("x.xz", FormatRACE, []byte{0xfd, '7', 'z', 'X', 'Z', 0})
	assert.ErrorContains(t, err, "xz -dk")
	_, err = Parse("x", "yaml", nil)
	assert.Equal(t, ExitUsage, ExitCode(err))
}

func TestReadRACE(t *testing.T) {
	d, err := Parse("race", FormatRACE, []byte(`{"id":"race-dev-high-1","passage":"One.\nTwo.","questions":[{"question":"q1","choices":["a","b","c","d"],"answer":"D"},{"question":"q2","choices":["a","b","c","d"],"answer":"A"}]}`))
	require.NoError(t, err)
	require.Len(t, d.Items, 2)
	assert.Equal(t, "race-dev-high-1-2", d.Items[1].ID)
	assert.Equal(t, d.Items[0].PassageID, d.Items[1].PassageID)
	assert.Equal(t, "high", d.Items[0].Split)
	assert.Equal(t, 3, d.Items[0].key())
}

func TestReadCSV(t *testing.T) {
	text := "\uFEFFid,passage_id,passage,question,a,b,c,d,answer,skill,requires\r\n" +
		"x-1,p,\"line one\r\nline two\",\"'=why?\",1,2,3,,b,main_idea,line|table\r\n" +
		",,\"first\n%%\nsecond\",q,1,2,3,4,D,,\r\n"
	d, err := Parse("c.csv", FormatCSV, []byte(text))
	require.NoError(t, err)
	require.Len(t, d.Items, 2)
	a, b := d.Items[0], d.Items[1]
	assert.Equal(t, "line one\nline two", a.Passage)
	assert.Equal(t, "=why?", a.Question, "the guard of a formula is taken off")
	assert.Len(t, a.Choices, 3)
	assert.Equal(t, "B", a.Answer)
	assert.Equal(t, "CID", a.Skill)
	assert.Equal(t, []string{"line", "table"}, a.Requires)
	assert.Equal(t, "row-0002", b.ID)
	assert.True(t, b.Paired)
	assert.Equal(t, "Passage 1\nfirst\nPassage 2\nsecond", b.Passage)
}

const ferryBlock = blockTitle + `

Written for this project in the manner of 1870s fiction.

%s


Question 3:
Based on the text, why does Hester
go down to the landing?
A) She is counting
   what she will lose.
B) She has begun to notice.
C) She hopes.
D) She waits.

Answer:`

func TestReadBlocks(t *testing.T) {
	lines := []string{"For eleven years", "  Hester worked the ferry", "without remarking", "on the river.", "It was only when", "the engineers came",
		"that she began", "to walk", "down", "to the landing"}
	numbered := make([]string, len(lines))
	for i, line := range lines {
		margin := "   "
		if (i+1)%5 == 0 {
			margin = fmt.Sprintf("%-3d", i+1)
		}
		numbered[i] = margin + line
	}
	plain := fmt.Sprintf(ferryBlock, strings.Join(lines, "\n")) + " B\n"
	fromMargin := fmt.Sprintf(ferryBlock, strings.Join(numbered, "\n")) + " C) She hopes.\n"
	d, err := Parse("blocks.txt", FormatBlocks, []byte(plain+"\r\n"+fromMargin))
	require.NoError(t, err)
	require.Len(t, d.Items, 2)
	it := d.Items[0]
	assert.Equal(t, lines, it.PassageLines, "the introduction is no part of the passage")
	assert.Equal(t, "Based on the text, why does Hester go down to the landing?", it.Question)
	assert.Equal(t, "She is counting what she will lose.", it.Choices[0].Text)
	assert.Equal(t, "B", it.Answer)
	assert.Equal(t, "C", d.Items[1].Answer)
	assert.Equal(t, "It was only when", d.Items[1].PassageLines[4], "printed numbers go")
	assert.Equal(t, "to the landing", d.Items[1].PassageLines[9])

	jsonl := fmt.Sprintf(`{"id":12,"text":%q,"answer":"D","requires_line":true}`, fmt.Sprintf(ferryBlock, "Passage 1\none\n\nPassage 2\ntwo\n\nQuestion 1:\nAn older one?\nA) x"))
	d, err = Parse("blocks.jsonl", FormatBlocks, []byte(jsonl))
	require.NoError(t, err)
	assert.Equal(t, "12", d.Items[0].ID)
	assert.Equal(t, "D", d.Items[0].Answer)
	assert.Len(t, d.Items[0].Choices, 4, "the last question of a block counts")
	assert.True(t, d.Items[0].Paired)
	assert.Equal(t, []string{"line"}, d.Items[0].Requires)
}

func FuzzReaders(f *testing.F) {
	for i, seed := range []string{`{"v":1,"id":"a"}`, `{"passage":"$x^2$","options":["(A)1"]}`, blockTitle + "\nQuestion 1:\nA) x\nAnswer: A",
		"passage,question,a,b,answer\np,q,1,2,A\n", `{"id":"r","questions":[{}]}`} {
		f.Add(i, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		formats := Formats()
		d, err := Parse("f", formats[uint(which)%uint(len(formats))], data)
		if err != nil {
			if ExitCode(err) != ExitData {
				t.Fatalf("exit %d: %v", ExitCode(err), err)
			}
			return
		}
		for _, it := range d.Items {
			if field, message := it.complaint(); field != "" {
				t.Fatalf("%s %s", field, message)
			}
		}
	})
}
