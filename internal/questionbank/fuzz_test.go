package questionbank

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// fuzz feeds a format's reader: nothing panics, every error has its place, and what is taken can be written and read
// again.
func fuzz(f *testing.F, format Format, seeds ...string) {
	file, _, err := Write(bank(), format, WriteOptions{})
	require.NoError(f, err)
	f.Add(file)
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, piece := range hostile {
		f.Add([]byte(piece))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		opts := ReadOptions{Format: format, Framework: sat.Digital, Skill: sat.Inferences}
		r := Read(data, opts)
		checkReading(t, r, "fuzzed")
		items := r.Items()
		file, _, err := Write(items, JSONL, WriteOptions{})
		require.NoError(t, err)
		if len(items) > 0 {
			again := Read(file, ReadOptions{Format: JSONL})
			require.Equal(t, items, again.Items(), "%v", again.Findings)
		}
		_, err = MakePlan(context.Background(), r, shelf(items), PlanOptions{})
		require.NoError(t, err)
	})
}

func FuzzJSONL(f *testing.F) {
	fuzz(f, JSONL, `{"v":1}`, `{"v":2}`, `{"v":1,"id":"a","id":"b"}`, `{"v":1,"passages":[{"lines":null}]}`, `{"ID":1}`, `[]`, `{"v":1,"marks":[{"start":-1}]}`)
}

func FuzzBlocksJSONL(f *testing.F) { fuzz(f, BlocksJSONL, `{"text":"","answer":"A"}`) }

func FuzzCSV(f *testing.F) {
	fuzz(f, CSV, "passage,question,a,b,answer\r\n\"a\n%%\nb\",q,x,y,A\r\n", "passage,passage\n", "question,answer,a,b,passage,e,why_e\n,,,,\n")
}

func FuzzGIFT(f *testing.F) {
	fuzz(f, GIFT, "passage\n\nq {=a ~b#c\n####d}", "::n::[html]<p>a</p><p>b</p>{~%100%a ~%-50%b}", "{}", "q {T}", "q {#1}", "q {=a -> b =c -> d}", "a {=b ~c} d", `\n\:\{ {=\~ ~\#}`)
}

func FuzzMoodle(f *testing.F) {
	fuzz(f, Moodle, `<quiz><question type="multichoice"><questiontext format="html"><text><![CDATA[<p>a</p><p>b</p>]]></text></questiontext>`+
		`<answer fraction="100"><text>x</text></answer><answer fraction="0"><text>y</text></answer></question></quiz>`, `<quiz><question type="essay"/></quiz>`)
}

func FuzzAiken(f *testing.F) {
	fuzz(f, Aiken, "p / q\nA. x\nB) y\nANSWER: B", "ANSWER: Z", "A) x\nANSWER: A")
}

func FuzzBlocks(f *testing.F) {
	fuzz(f, Blocks, blockHeader+"\n\nIntro\n\n 1 a\n 2 b\n\nPassage 2\nc\n\n\n\nQuestion 1: q\nA) x\ny\nB) z\nAnswer: B)")
}

// FuzzQTI feeds the XML of an item, which a package only wraps.
func FuzzQTI(f *testing.F) {
	fuzz(f, QTI, qtiItem(ferry(), []string{"p_ferry-low-water"}), `<qti-assessment-item><qti-item-body><p>a</p><qti-choice-interaction max-choices="1"><qti-prompt>q</qti-prompt>`+
		`<qti-simple-choice identifier="x">1</qti-simple-choice></qti-choice-interaction></qti-item-body></qti-assessment-item>`)
}

func FuzzXLSX(f *testing.F) { fuzz(f, XLSX) }
