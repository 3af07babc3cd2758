package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/eval"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
)

const (
	evaluationPath = "../../evaluation/README.md"
	shippedAdapter = "sat-lora@857b4311" // served unless somebody chose another
	freeAdapter    = "sat-lora@f0ac5415" // comes along for those who may not use the other
)

// kept loads a run whose answers are in the repository.
func kept(t *testing.T, name string) *eval.Run {
	t.Helper()
	run, err := eval.Load(filepath.Join("../../evaluation/runs", name))
	require.NoError(t, err)
	return run
}

// paired compares two kept runs.
func paired(t *testing.T, a, b string) eval.Comparison {
	t.Helper()
	list, err := eval.Compare(kept(t, a), kept(t, b))
	require.NoError(t, err)
	return list[0]
}

// learnt says what a shipped adapter was trained on.
func learnt(t *testing.T, id string) *eval.Learnt {
	t.Helper()
	e, err := modelregistry.FindAdapter(nil, id)
	require.NoError(t, err)
	return &eval.Learnt{Sources: e.SourceKinds(), Licence: e.Licence.Label}
}

// judged is what the gate says of a shipped adapter by the kept runs.
func judged(t *testing.T, id string) eval.GateResult {
	t.Helper()
	result, err := eval.Gate(eval.GateInput{Run: kept(t, "with/"+id), NoPassage: kept(t, "without/"+id), Race: kept(t, "race/"+id), Learnt: learnt(t, id)})
	require.NoError(t, err)
	return result
}

var accuracyLine = regexp.MustCompile(`accuracy (\S+ %): (\d+ of \d+) right, 95 % interval (\S+) %–(\S+ %), SE by passage (\S+ points)`)

// runRow is a run's line of the table.
func runRow(t *testing.T, name string) string {
	t.Helper()
	s := eval.Summarise(kept(t, name))
	m := accuracyLine.FindStringSubmatch(s.Accuracy.String())
	require.NotNil(t, m, s.Accuracy.String())
	return fmt.Sprintf("| `%s` | %s, %s | %s–%s | %s | %.3f |\n", name, m[2], m[1], m[3], m[4], m[5], s.ECE)
}

var sentenceOf = regexp.MustCompile(`exact p (?:= )?(< [0-9.]+[0-9]|[0-9.]+[0-9])`)

// comparisonRow is a comparison's line of the table.
func comparisonRow(t *testing.T, a, b string) string {
	t.Helper()
	c := paired(t, a, b)
	p := sentenceOf.FindStringSubmatch(c.Sentence())
	require.NotNil(t, p, c.Sentence())
	return fmt.Sprintf("| `%s` against `%s` | %d, %d | %s | %+.1f points | %+.1f to %+.1f | %s |\n", b, a, c.Test.B, c.Test.C, p[1],
		100*c.Delta, 100*c.ByPassage.Low, 100*c.ByPassage.High, c.Verdict)
}

// figures are the tables of evaluation/README.md that the kept runs decide.
func figures(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("| run | right | 95 % interval (Wilson) | standard error by passage | ECE |\n|---|---|---|---|---|\n")
	for _, name := range []string{"with/sat-base", "with/" + shippedAdapter, "with/" + freeAdapter,
		"without/sat-base", "without/" + shippedAdapter, "without/" + freeAdapter,
		"race/sat-base", "race/" + shippedAdapter, "race/" + freeAdapter,
		"with/sat-lora@c6e1fdaf", "with/sat-lora@ee0cfd59", "without/sat-lora@ee0cfd59"} {
		out.WriteString(runRow(t, name))
	}
	out.WriteString("\n| comparison | gained, lost | exact p | difference | 95 % interval by passage | verdict |\n|---|---|---|---|---|---|\n")
	for _, pair := range [][2]string{
		{"with/sat-base", "with/" + shippedAdapter}, {"without/" + shippedAdapter, "with/" + shippedAdapter},
		{"without/sat-base", "without/" + shippedAdapter}, {"race/sat-base", "race/" + shippedAdapter},
		{"with/sat-base", "with/" + freeAdapter}, {"without/" + freeAdapter, "with/" + freeAdapter},
		{"without/sat-base", "without/" + freeAdapter}, {"race/sat-base", "race/" + freeAdapter},
		{"with/" + freeAdapter, "with/" + shippedAdapter}, {"with/sat-lora@c6e1fdaf", "with/" + freeAdapter},
		{"with/sat-base", "with/sat-lora@c6e1fdaf"}, {"with/sat-lora@ee0cfd59", "with/" + shippedAdapter},
	} {
		out.WriteString(comparisonRow(t, pair[0], pair[1]))
	}
	for _, id := range []string{shippedAdapter, freeAdapter} {
		result := judged(t, id)
		fmt.Fprintf(&out, "\n| the gate for `%s`: %s | measured | bound | |\n|---|---|---|---|\n", id, result.Quality)
		for _, c := range result.Checks {
			fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", c.Name, c.Measured, c.Bound, passedWord(c.Passed))
		}
	}
	return out.String()
}

func TestEvaluationReadmeIsWhatTheRunsSay(t *testing.T) {
	const begin, end = "<!-- runs -->\n", "<!-- /runs -->"
	raw, err := os.ReadFile(evaluationPath)
	require.NoError(t, err)
	text, want := string(raw), figures(t)
	if *update {
		text = strings.Replace(text, begin+between(t, text, begin, end)+end, begin+want+end, 1)
		require.NoError(t, os.WriteFile(evaluationPath, []byte(text), 0o644))
	}
	assert.Equal(t, want, between(t, text, begin, end), "go test ./cmd/sat -run EvaluationReadme -update")
}

// told are the figures of a shipped adapter that texts name, computed from the kept runs.
type told struct {
	base, lora, blind      int
	race, raceBase         string
	better, passage, drawn eval.Comparison
}

func toldOf(t *testing.T, id string) (f told) {
	t.Helper()
	share := func(name string) (right int, words string) {
		m := accuracyLine.FindStringSubmatch(eval.Summarise(kept(t, name)).Accuracy.String())
		require.NotNil(t, m)
		_, err := fmt.Sscanf(m[2], "%d of", &right)
		require.NoError(t, err)
		return right, fmt.Sprintf("%s (%s, %s–%s)", m[2], m[1], m[3], m[4])
	}
	f.base, _ = share("with/sat-base")
	f.lora, _ = share("with/" + id)
	f.blind, _ = share("without/" + id)
	_, f.race = share("race/" + id)
	_, f.raceBase = share("race/sat-base")
	f.better, f.passage = paired(t, "with/sat-base", "with/"+id), paired(t, "without/"+id, "with/"+id)
	f.drawn = paired(t, "race/sat-base", "race/"+id)
	return f
}

// TestFiguresInWordsAreTheRuns: what texts say of the shipped adapters, computed again from the answers.
func TestFiguresInWordsAreTheRuns(t *testing.T) {
	difference := func(c eval.Comparison) string {
		return fmt.Sprintf("%+.1f points, 95 %% interval by passage %+.1f to %+.1f", 100*c.Delta, 100*c.ByPassage.Low, 100*c.ByPassage.High)
	}
	for _, id := range []string{shippedAdapter, freeAdapter} {
		f := toldOf(t, id)
		for file, words := range map[string][]string{
			evaluationPath: {fmt.Sprintf("%d questions gained, %d lost", f.better.Test.B, f.better.Test.C), difference(f.better),
				fmt.Sprintf("%d with, %d without", f.lora, f.blind), difference(f.passage), f.race, f.raceBase,
				fmt.Sprintf("%d gained, %d lost", f.drawn.Test.B, f.drawn.Test.C), difference(f.drawn)},
			readmePath: {fmt.Sprintf("%d of 133", f.lora), fmt.Sprintf("%d of 133", f.base), fmt.Sprintf("%+.1f points", 100*f.better.Delta)},
		} {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			text := strings.Join(strings.Fields(string(raw)), " ")
			for _, w := range words {
				assert.Contains(t, text, w, "%s, of %s", file, id)
			}
		}
	}
}

// TestShippedRecordsAreTheRuns: what pages and the API say of the shipped adapters is what their answers give.
func TestShippedRecordsAreTheRuns(t *testing.T) {
	for _, id := range []string{shippedAdapter, freeAdapter} {
		t.Run(id, func(t *testing.T) {
			e, err := modelregistry.FindAdapter(nil, id)
			require.NoError(t, err)
			f, note, result := toldOf(t, id), e.Gate, judged(t, id)
			measured := result.Evaluation
			measured.Verdict, measured.Passed = note.Evaluation.Verdict, note.Evaluation.Passed
			assert.InDelta(t, measured.Low, note.Evaluation.Low, 5e-5)
			assert.InDelta(t, measured.High, note.Evaluation.High, 5e-5)
			assert.InDelta(t, measured.ECE, note.Evaluation.ECE, 5e-4)
			measured.Low, measured.High, measured.ECE = note.Evaluation.Low, note.Evaluation.High, note.Evaluation.ECE
			assert.Equal(t, measured, note.Evaluation)
			assert.Equal(t, result.Quality, note.Quality)
			assert.Equal(t, sat.Demo, note.Quality)
			assert.Equal(t, result.Shown && f.better.NonRegression, note.Passed)
			assert.True(t, note.Passed, "what comes along is visibly better than guessing")
			assert.Contains(t, note.Sentence, fmt.Sprintf("right on %d of 133", f.lora))
			assert.Contains(t, note.Sentence, fmt.Sprintf("on %d without their passage; its base on %d, and 54 are needed", f.blind, f.base))
			assert.Contains(t, result.Checks[1].Bound, "≥ 54 of 133")
			p := sentenceOf.FindStringSubmatch(f.better.Sentence())[1]
			assert.Equal(t, fmt.Sprintf("sat-base: %d against %d of 133, exact p %s", f.base, f.lora, p), note.Against)
			assert.Contains(t, note.Evaluation.Verdict, fmt.Sprintf("by %.1f points (95 %% interval by passage %+.1f to %+.1f, exact p %s)",
				100*f.better.Delta, 100*f.better.ByPassage.Low, 100*f.better.ByPassage.High, p))
			assert.Contains(t, note.Evaluation.Verdict, fmt.Sprintf("%.1f points better with the passage than without", 100*f.passage.Delta))
		})
	}
}

// TestTheBasesRecordIsItsRun: the base model's record too.
func TestTheBasesRecordIsItsRun(t *testing.T) {
	catalogue, err := modelregistry.Catalogue()
	require.NoError(t, err)
	i := slices.IndexFunc(catalogue, func(m modelregistry.Manifest) bool { return m.Name == "smollm2-135m" })
	require.Len(t, catalogue[i].Evaluations, 1)
	result, err := eval.Gate(eval.GateInput{Run: kept(t, "with/sat-base")})
	require.NoError(t, err)
	held, measured := catalogue[i].Evaluations[0], result.Evaluation
	assert.False(t, result.Shown)
	assert.InDelta(t, measured.Low, held.Low, 5e-5)
	assert.InDelta(t, measured.High, held.High, 5e-5)
	assert.InDelta(t, measured.ECE, held.ECE, 5e-4)
	blind := accuracyLine.FindStringSubmatch(eval.Summarise(kept(t, "without/sat-base")).Accuracy.String())
	assert.Equal(t, "No better than guessing: 54 are needed. Without the passage it has "+strings.TrimSuffix(blind[2], " of 133")+".", held.Verdict)
	measured.Low, measured.High, measured.ECE, measured.Verdict = held.Low, held.High, held.ECE, held.Verdict
	assert.Equal(t, measured, held)
}

// TestKeptRunsHoldNoTexts: ids, letters, scores and hashes alone.
func TestKeptRunsHoldNoTexts(t *testing.T) {
	headers, err := filepath.Glob("../../evaluation/runs/*/*/run.json")
	require.NoError(t, err)
	require.NotEmpty(t, headers)
	for _, header := range headers {
		run, err := eval.Load(filepath.Dir(header))
		require.NoError(t, err)
		assert.True(t, run.Header.Complete, header)
		assert.Len(t, run.Records, run.Header.Data.N, header)
		for _, r := range run.Records {
			require.Empty(t, r.Raw, "%s: %s", header, r.ID)
			require.Regexp(t, `^(agieval-sat-en-\d{4}|race-test-(high|middle)-\d+-\d+)$`, r.ID)
			require.Len(t, r.DocHash+r.TargetHash+r.PromptHash, 3*64)
			require.Regexp(t, `^p-[0-9a-f]{12}$`, r.PassageID)
		}
		assert.NotContains(t, strings.Join(run.Header.Data.Remarks, " "), "/")
	}
}
