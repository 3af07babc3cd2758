package eval

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sampleReport is a comparison of two runs over six items of our own.
func sampleReport(t *testing.T) (Report, *Dataset) {
	t.Helper()
	d := sampleItems(t)
	a := mustRun(t, d, knows(d, "ferry-1", "ferry-2"), func(s *Spec) { s.Model.Name = "sat-test" })
	b := mustRun(t, d, knows(d, "ferry-1", "glass-1", "glass-2", "ferry-3"), nil)
	a.Header.Model.Name = "base <b>|x"
	list, err := Compare(a, b)
	require.NoError(t, err)
	condition, err := ParseCondition("delta > 0.1")
	require.NoError(t, err)
	return Report{Runs: []*Run{a, b}, Comparisons: list, Conditions: []Condition{condition}}, d
}

func TestGoldenReports(t *testing.T) {
	r, _ := sampleReport(t)
	single := Report{Runs: r.Runs[1:]}
	likelihood := Report{Runs: []*Run{likelihoodRun(t)}}
	for _, c := range []struct {
		report Report
		format string
		folder string
	}{{r, ExportMarkdown, "compare"}, {r, ExportHTML, "compare"}, {r, ExportJUnit, "compare"}, {r, ExportCSV, "compare"},
		{single, ExportLMEval, "letter"}, {likelihood, ExportLMEval, "likelihood"}} {
		files, err := c.report.Export(c.format)
		require.NoError(t, err)
		again, err := c.report.Export(c.format)
		require.NoError(t, err)
		assert.Equal(t, files, again, "the same bytes each time")
		for _, f := range files {
			path := filepath.Join("testdata", "golden", c.folder, f.Name)
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, f.Data, 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(f.Data), path)
		}
	}
}

func likelihoodRun(t *testing.T) *Run {
	runner := &Runner{Scorer: &continuer{}, Now: clock()}
	spec := sampleSpec(t, sampleItems(t))
	spec.Asked.Method = MethodLikelihood
	run, err := runner.Run(t.Context(), spec)
	require.NoError(t, err)
	return run
}

func TestTextsStayOutUnlessAskedFor(t *testing.T) {
	r, d := sampleReport(t)
	for _, run := range r.Runs {
		for i := range run.Records {
			run.Records[i].Raw = "B) " + d.Items[0].Choices[1].Text
		}
	}
	var err error
	r.Comparisons, err = Compare(r.Runs[0], r.Runs[1])
	require.NoError(t, err)
	r.JUnitItems = true
	for _, format := range []string{ExportHTML, ExportMarkdown, ExportCSV, ExportJUnit, ExportLMEval} {
		one := r
		if format == ExportLMEval {
			one = Report{Runs: r.Runs[1:]}
		}
		files, err := one.Export(format)
		require.NoError(t, err)
		for _, f := range files {
			for _, it := range d.Items {
				for _, text := range []string{it.Question, it.PassageLines[0], it.Choices[1].Text} {
					assert.NotContains(t, string(f.Data), text, f.Name)
				}
			}
		}
		if format == ExportJUnit {
			continue
		}
		one.Texts = d
		files, err = one.Export(format)
		require.NoError(t, err)
		all := ""
		for _, f := range files {
			all += string(f.Data)
		}
		assert.Contains(t, all, thirdParty, format)
		assert.Contains(t, all, d.Items[0].Choices[1].Text, format)
	}
	r.Texts = manyItems(4, 2)
	_, err = r.Export(ExportHTML)
	assert.Equal(t, ExitConfig, ExitCode(err), "texts of another file")
}

func TestHTMLStandsAlone(t *testing.T) {
	r, d := sampleReport(t)
	r.Texts = d
	files, err := r.Export(ExportHTML)
	require.NoError(t, err)
	page := string(files[0].Data)
	assert.NotRegexp(t, `(?i)<script|javascript:|https?://|//[a-z]|\ssrc=|\shref=|@import|url\(|\sstyle=|\son[a-z]+=`, page)
	assert.Regexp(t, `default-src &#39;none&#39;; style-src &#39;sha256-[A-Za-z0-9+/&#;]+=*&#39;`, page)
	assert.NotContains(t, page, "base <b>", "names are escaped")
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)[1]
	assert.Equal(t, pageStyle, style, "the hash in the policy is of these bytes")
	assert.Contains(t, page, "Reliability: share right against confidence")
	assert.Contains(t, page, "no detectable difference")
	for _, f := range r.Runs[0].Header.facts() {
		assert.Contains(t, page, f.Name)
	}
	assert.Contains(t, page, d.SHA256, "a figure stands with its data")
}

func TestJUnit(t *testing.T) {
	r, _ := sampleReport(t)
	r.JUnitItems = true
	files, err := r.Export(ExportJUnit)
	require.NoError(t, err)
	var suites junitSuites
	require.NoError(t, xml.Unmarshal(files[0].Data, &suites))
	require.Len(t, suites.Suites, 3)
	assert.Equal(t, 7, suites.Suites[0].Tests, "one bound and six items")
	compare := suites.Suites[2]
	assert.Equal(t, 1, compare.Failures)
	assert.Contains(t, compare.Cases[1].Failure.Text, "measured 0.3333")
}

func TestCSV(t *testing.T) {
	r, d := sampleReport(t)
	r.Texts = d
	r.Runs[0].Records[0].Raw = "=HYPERLINK(1)"
	files, err := r.Export(ExportCSV)
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(files[0].Data)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 13)
	assert.Equal(t, "'=HYPERLINK(1)", rows[1][len(rows[1])-3])
	assert.Len(t, rows[1], len(rows[0]))
}

func TestLMEvalSamples(t *testing.T) {
	d := sampleItems(t)
	run := likelihoodRun(t)
	files, err := Report{Runs: []*Run{run}, Texts: d}.Export(ExportLMEval)
	require.NoError(t, err)
	require.Len(t, files, 2)
	assert.Regexp(t, `^samples_agieval_sat_en_2026-11-22T10-00-00\.000000\.jsonl$`, files[1].Name)
	var sample map[string]any
	require.NoError(t, json.Unmarshal([]byte(strings.SplitN(string(files[1].Data), "\n", 2)[0]), &sample))
	for _, name := range []string{"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
		"target_hash", "acc", "acc_norm"} {
		assert.Contains(t, sample, name)
	}
	arguments := sample["arguments"].(map[string]any)["gen_args_3"].(map[string]any)
	assert.Equal(t, sample["prompt_hash"], digest(arguments["arg_0"].(string)))
	assert.Equal(t, " (D)"+d.Items[0].Choices[3].Text, arguments["arg_1"])
	assert.Equal(t, "[1]", sample["target"])

	var results map[string]any
	require.NoError(t, json.Unmarshal(files[0].Data, &results))
	for _, name := range []string{"results", "configs", "versions", "n-shot", "n-samples", "config", "git_hash", "date", "task_hashes"} {
		assert.Contains(t, results, name)
	}

	run.Header.Complete = false
	_, err = Report{Runs: []*Run{run}}.Export(ExportLMEval)
	assert.Equal(t, ExitIncomplete, ExitCode(err), "an unfinished run has no accuracy")
}

func TestLMEvalTask(t *testing.T) {
	d := sampleItems(t)
	run := mustRun(t, d, byContent, nil)
	_, err := Report{Runs: []*Run{run}}.Export(ExportLMEvalTask)
	assert.Equal(t, ExitUsage, ExitCode(err))
	files, err := Report{Runs: []*Run{run}, Texts: d}.Export(ExportLMEvalTask)
	require.NoError(t, err)
	require.Len(t, files, 3)
	lines := strings.Split(strings.TrimSpace(string(files[0].Data)), "\n")
	require.Len(t, lines, 6)
	var doc lmDoc
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &doc))
	assert.Equal(t, d.Items[0].document(), doc)
	assert.Contains(t, string(files[1].Data), "output_type: multiple_choice")
	assert.Contains(t, string(files[2].Data), `regex_pattern: "^\\s*\\(?([A-D])\\b"`)
}

func TestExportRefuses(t *testing.T) {
	_, err := Report{}.Export(ExportHTML)
	assert.Equal(t, ExitUsage, ExitCode(err))
	r, _ := sampleReport(t)
	_, err = r.Export("pdf")
	assert.Equal(t, ExitUsage, ExitCode(err))
	_, err = r.Export(ExportLMEval)
	assert.Equal(t, ExitUsage, ExitCode(err))
}

// An unfinished run, a single item and a run without scores are printed too, and none of it as an accuracy.
func TestReportsOfPoorRuns(t *testing.T) {
	poor := fixture(Record{Key: "A", Letter: ""}, Record{Key: "B", Letter: "B", LatencyMS: 12})
	poor.Header.Complete = false
	empty := fixture()
	for _, run := range []*Run{poor, empty} {
		for _, format := range []string{ExportHTML, ExportMarkdown, ExportCSV, ExportJUnit} {
			files, err := Report{Runs: []*Run{run}}.Export(format)
			require.NoError(t, err)
			assert.NotContains(t, string(files[0].Data), "NaN")
			if format != ExportCSV {
				assert.Contains(t, string(files[0].Data), "no letter accuracy", format)
			}
		}
	}
	assert.Equal(t, sat.Demo, gated(t, GateInput{Run: empty}).Quality)
}
