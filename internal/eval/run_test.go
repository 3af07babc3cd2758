package eval

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

func TestRunKeepsEverything(t *testing.T) {
	d := sampleItems(t)
	runner, asked := newRunner(knows(d, "ferry-1", "glass-1", "glass-2"))
	var lines []string
	runner.Progress = func(p Progress) { lines = append(lines, p.String()) }
	spec := sampleSpec(t, d)
	run, err := runner.Run(t.Context(), spec)
	require.NoError(t, err)

	again, err := Load(spec.Dir)
	require.NoError(t, err)
	assert.Equal(t, run.Header, again.Header)
	assert.Equal(t, run.Records, again.Records)
	h := run.Header
	assert.True(t, h.Complete)
	assert.Equal(t, "Test-1B", h.Model.Base)
	assert.Equal(t, "answer_v1", h.Asked.Template)
	assert.Equal(t, sat.MethodLetter, h.Asked.Method)
	assert.Equal(t, "clean", h.Contamination.Verdict)
	assert.Equal(t, 6, h.Data.N)
	assert.Equal(t, 2, h.Data.Clusters)
	assert.Equal(t, Baselines{Chance: 0.25, Constant: 2, ConstantLetter: "A", Shortest: 0, Longest: 0}, h.Baselines)

	r := run.Records[0]
	assert.Equal(t, "ferry-1", r.ID)
	assert.Equal(t, Correct, r.Outcome)
	assert.Equal(t, "B", r.Letter)
	assert.InDelta(t, 0.9, r.Scores["B"], 1e-12)
	assert.Equal(t, Tokens{900, 800, 1}, r.Tokens)
	assert.Len(t, r.DocHash, 64)

	const warm = "What is this passage about?"
	assert.Equal(t, []string{warm, warm, d.Items[0].Question, d.Items[1].Question, d.Items[3].Question, warm, d.Items[2].Question,
		d.Items[4].Question, d.Items[5].Question}, asked.stems(), "one look at the target, then each passage is warmed before its first item")
	assert.Equal(t, "sat-test 0/6 · begun", lines[0], "the first answer may take long")
	require.Len(t, lines, 7)
	assert.Equal(t, "sat-test 6/6 · 3 right so far (18.8–81.2 %) · p50 100ms · 0s left", lines[6])
}

func TestTwoRunsAreIdentical(t *testing.T) {
	d := manyItems(24, 5)
	a, b := mustRun(t, d, byContent, nil), mustRun(t, d, byContent, func(s *Spec) { s.Concurrency = 1 })
	assert.Equal(t, a.Records, b.Records)
	c := mustRun(t, d, byContent, func(s *Spec) { s.Concurrency = 4 })
	for i := range c.Records {
		assert.Equal(t, a.Records[i].Scores, c.Records[i].Scores)
		assert.Equal(t, a.Records[i].PromptHash, c.Records[i].PromptHash)
	}
}

// A kill after any number of samples, and in the middle of a line, loses nothing and changes nothing.
func TestResumeAfterAKill(t *testing.T) {
	d := sampleItems(t)
	whole := mustRun(t, d, byContent, nil)
	data, err := os.ReadFile(filepath.Join(whole.Dir, samplesFile))
	require.NoError(t, err)
	lines := strings.SplitAfter(string(data), "\n")
	for kept := range 6 {
		runner, asked := newRunner(byContent)
		spec := sampleSpec(t, d)
		spec.Resume = true
		require.NoError(t, os.MkdirAll(spec.Dir, 0o755))
		h := whole.Header
		h.Complete = false
		require.NoError(t, writeHeader(spec.Dir, h))
		torn := strings.Join(lines[:kept], "") + `{"id":"` + strings.Repeat("x", 5000)
		require.NoError(t, os.WriteFile(filepath.Join(spec.Dir, samplesFile), []byte(torn), 0o600))

		run, err := runner.Run(t.Context(), spec)
		require.NoError(t, err)
		after, err := os.ReadFile(filepath.Join(spec.Dir, samplesFile))
		require.NoError(t, err)
		assert.Equal(t, 6, strings.Count(string(after), "\n"))
		assert.True(t, strings.HasSuffix(string(after), "\n"), "nothing is left of the torn line")
		for i := range run.Records {
			run.Records[i].LatencyMS = whole.Records[i].LatencyMS
		}
		assert.Equal(t, whole.Records, run.Records)
		if kept == 1 {
			const warm = "What is this passage about?"
			assert.Equal(t, []string{warm, warm, d.Items[0].Question, d.Items[1].Question}, asked.stems()[:4],
				"the item before is asked again, so that the engine's cache is as it was")
		}
	}
}

func TestResumeRefusesAnotherRun(t *testing.T) {
	d := sampleItems(t)
	runner, _ := newRunner(byContent)
	spec := sampleSpec(t, d)
	_, err := runner.Run(t.Context(), spec)
	require.NoError(t, err)
	_, err = runner.Run(t.Context(), spec)
	assert.Equal(t, ExitConfig, ExitCode(err))
	assert.ErrorContains(t, err, "--resume")
	spec.Resume = true
	_, err = runner.Run(t.Context(), spec)
	assert.NoError(t, err, "a finished run may be resumed")
	spec.Hardware = "another machine"
	_, err = runner.Run(t.Context(), spec)
	assert.NoError(t, err, "elsewhere, too")
	spec.Code = "v1"
	_, err = runner.Run(t.Context(), spec)
	assert.ErrorContains(t, err, "differs in code")
	spec.Code = "v0-test"
	spec.Asked.TemplateHash = "other"
	_, err = runner.Run(t.Context(), spec)
	assert.Equal(t, ExitConfig, ExitCode(err))
	assert.ErrorContains(t, err, "differs in asked")
}

func TestInterruptionKeepsWhatIsFinished(t *testing.T) {
	d := sampleItems(t)
	ctx, cancel := context.WithCancel(t.Context())
	runner, _ := newRunner(byContent)
	runner.Progress = func(p Progress) {
		if p.Done == 2 {
			cancel()
		}
	}
	spec := sampleSpec(t, d)
	run, err := runner.Run(ctx, spec)
	assert.Equal(t, ExitInterrupted, ExitCode(err))
	assert.Len(t, run.Records, 2)
	assert.False(t, run.Header.Complete)
	assert.Contains(t, Summarise(run).Accuracy.String(), "no letter accuracy: the run is incomplete")
	spec.Resume, runner.Progress = true, nil
	run, err = runner.Run(t.Context(), spec)
	require.NoError(t, err)
	assert.Len(t, run.Records, 6)
}

func TestFailuresAreAskedAgainThenMakeTheRunIncomplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sampleItems(t)
		busy := map[string]int{d.Items[0].Question: 2, d.Items[2].Question: 100}
		rule := func(q sat.Question, o Options) (sat.Answer, error) {
			if busy[q.Stem] > 0 {
				busy[q.Stem]--
				return sat.Answer{}, &sat.Error{Code: sat.Unavailable, Message: "busy", RetryAfter: 7 * time.Second, Err: errBroken}
			}
			return byContent(q, o)
		}
		runner, _ := newRunner(rule)
		spec := sampleSpec(t, d)
		began := time.Now()
		run, err := runner.Run(t.Context(), spec)
		assert.Equal(t, ExitIncomplete, ExitCode(err))
		assert.Equal(t, 28*time.Second, time.Since(began), "each waits as long as the target asked for")
		assert.Equal(t, 3, run.Records[0].Attempt)
		failed := run.Records[2]
		assert.Equal(t, Failed, failed.Outcome)
		assert.Equal(t, "unavailable: busy", failed.Error, "no cause, which may hold anything")
		assert.False(t, run.Header.Complete)

		busy[d.Items[2].Question] = 0
		spec.Resume = true
		run, err = runner.Run(t.Context(), spec)
		require.NoError(t, err)
		assert.True(t, run.Header.Complete)
		assert.Len(t, run.Records, 6, "the newest record of an item counts")
	})
}

func TestAnEngineThatStaysAwayStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := manyItems(40, 4)
		asked := 0
		runner, _ := newRunner(func(q sat.Question, o Options) (sat.Answer, error) {
			if asked++; asked > 3 {
				return sat.Answer{}, sat.Errorf(sat.Internal, "gone")
			}
			return byContent(q, o)
		})
		run, err := runner.Run(t.Context(), sampleSpec(t, d))
		assert.Equal(t, ExitIncomplete, ExitCode(err))
		assert.ErrorContains(t, err, "5 items in a row")
		assert.Less(t, len(run.Records), 10)
	})
}

func TestFirstContact(t *testing.T) {
	for code, want := range map[sat.Code]Exit{sat.Unavailable: ExitUnreachable, sat.NotFound: ExitUnreachable, sat.TooLarge: ExitConfig} {
		runner, _ := newRunner(func(sat.Question, Options) (sat.Answer, error) { return sat.Answer{}, sat.Errorf(code, "no") })
		spec := sampleSpec(t, sampleItems(t))
		_, err := runner.Run(t.Context(), spec)
		assert.Equal(t, want, ExitCode(err), code)
		assert.NoDirExists(t, spec.Dir, "nothing is left of a run that never began")
	}
}

func TestUnparsedCountsAsWrong(t *testing.T) {
	d := sampleItems(t)
	run := mustRun(t, d, func(q sat.Question, o Options) (sat.Answer, error) {
		if q.Stem == d.Items[0].Question {
			return sat.Answer{}, sat.Errorf(sat.BadOutput, "no letter")
		}
		return knows(d, "ferry-1", "ferry-2")(q, o)
	}, nil)
	s := Summarise(run)
	k, n := s.Accuracy.Counts()
	assert.Equal(t, []int{1, 6, 1}, []int{k, n, s.Unparsed})
	assert.Contains(t, s.Accuracy.String(), "1 without a readable answer counted as wrong")
}

func TestAnotherModelBehindTheAddressStopsTheRun(t *testing.T) {
	asked := 0
	runner, _ := newRunner(func(q sat.Question, o Options) (sat.Answer, error) {
		a, err := byContent(q, o)
		if asked++; asked > 4 {
			a.Precision = "bf16"
		}
		return a, err
	})
	_, err := runner.Run(t.Context(), sampleSpec(t, sampleItems(t)))
	assert.Equal(t, ExitConfig, ExitCode(err))
	assert.ErrorContains(t, err, "the precision is q4_1, but an answer came from bf16")
}

func TestContaminationIsRefused(t *testing.T) {
	d := sampleItems(t)
	f := Fingerprint([]string{d.Items[0].Passage})
	path := filepath.Join(t.TempDir(), "fingerprints.bin")
	require.NoError(t, os.WriteFile(path, f.Bytes(), 0o600))
	fromFile, err := ReadFingerprints(path)
	require.NoError(t, err)
	assert.Equal(t, f.Bytes(), fromFile.Bytes())
	assert.Equal(t, SamePassage, f.Check(d.Items[0].Passage))
	assert.Equal(t, SomeOverlap, fromFile.Check(strings.ToUpper(d.Items[0].Passage)))
	assert.Equal(t, NoOverlap, f.Check(d.Items[2].Passage))

	runner, _ := newRunner(byContent)
	spec := sampleSpec(t, d)
	spec.Fingerprints = fromFile
	_, err = runner.Run(t.Context(), spec)
	assert.Equal(t, ExitContaminated, ExitCode(err))
	assert.ErrorContains(t, err, "contaminated 3 of 6")
	assert.NoDirExists(t, spec.Dir)
	spec.AllowContaminated = true
	run, err := runner.Run(t.Context(), spec)
	require.NoError(t, err)
	assert.Contains(t, Summarise(run).String(), "contaminated 3 of 6")

	spec = sampleSpec(t, d)
	spec.Model.Adapter = "sat-lora"
	_, err = runner.Run(t.Context(), spec)
	assert.ErrorContains(t, err, "unknown")

	require.NoError(t, os.WriteFile(path, []byte("short"), 0o600))
	_, err = ReadFingerprints(path)
	assert.Equal(t, ExitData, ExitCode(err))
	_, err = ReadFingerprints(path + "x")
	assert.Equal(t, ExitNoFile, ExitCode(err))
}

func TestRotations(t *testing.T) {
	d := sampleItems(t)
	run := mustRun(t, d, always(0), func(s *Spec) { s.Ablation.Rotate = 4 })
	for _, r := range run.Records {
		assert.Equal(t, []int{0, 1, 2, 3}, r.Chosen, "position A holds another content each time")
		assert.InDelta(t, 0.25, r.Scores["C"], 1e-12)
		assert.Equal(t, 3600, r.Tokens.Prompt)
	}
	s := Summarise(run)
	assert.Zero(t, s.Consistency)
	assert.True(t, run.Header.Asked.Uncalibrated)

	run = mustRun(t, d, byContent, func(s *Spec) { s.Ablation.Rotate = 4 })
	plain := mustRun(t, d, byContent, nil)
	assert.EqualValues(t, 1, Summarise(run).Consistency)
	for i := range run.Records {
		assert.Equal(t, plain.Records[i].Letter, run.Records[i].Letter)
		for letter, p := range plain.Records[i].Scores {
			assert.InDelta(t, p, run.Records[i].Scores[letter], 1e-9)
		}
	}
}

// Permuting the choices of every item leaves answers by content as they were.
func TestPermutedChoicesLeaveAnswersByContent(t *testing.T) {
	d := sampleItems(t)
	plain := mustRun(t, d, byContent, nil)
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.Permutation([]int{0, 1, 2, 3}).Draw(rt, "order")
		permuted := &Dataset{Path: d.Path, SHA256: d.SHA256, Format: d.Format}
		for _, it := range d.Items {
			texts := make([]string, 4)
			for to, from := range order {
				texts[to] = it.Choices[from].Text
				if sat.Letter(from) == it.Answer {
					defer func(i int) { permuted.Items[i].Answer = sat.Letter(to) }(len(permuted.Items))
				}
			}
			it.Choices = labelled(texts)
			permuted.Items = append(permuted.Items, it)
		}
		run := mustRun(t, permuted, byContent, nil)
		for i, r := range run.Records {
			before, _ := sat.LetterIndex(plain.Records[i].Letter)
			after, _ := sat.LetterIndex(r.Letter)
			if order[after] != before {
				rt.Fatalf("%s: content %d became %d", r.ID, before, order[after])
			}
		}
	})
}

func TestAblationsChangeWhatIsShown(t *testing.T) {
	d := sampleItems(t)
	runner, asked := newRunner(byContent)
	spec := sampleSpec(t, d)
	spec.Ablation.NoPassage = true
	_, err := runner.Run(t.Context(), spec)
	require.NoError(t, err)
	for _, q := range asked.asked {
		assert.Equal(t, noPassage, q.Passage)
		assert.NoError(t, q.Validate())
	}
	assert.Len(t, asked.asked, 7, "without a passage there is nothing to warm")

	q := d.Items[0].shown(Ablation{NumberedLines: true}, 0)
	lines := strings.Split(q.Passage, "\n")
	assert.Equal(t, "    For eleven years Hester Pruitt had worked the ferry", lines[0])
	assert.Equal(t, "5   and stand there, doing nothing. Her brother supposed", lines[4])
}

func TestRepeats(t *testing.T) {
	d := sampleItems(t)
	count := map[string]int{}
	run := mustRun(t, d, func(q sat.Question, o Options) (sat.Answer, error) {
		count[q.Stem]++
		if q.Stem == d.Items[1].Question && count[q.Stem] > 1 {
			return always(2)(q, o)
		}
		return knows(d, "ferry-1", "ferry-2")(q, o)
	}, func(s *Spec) { s.Ablation.Repeat = 3 })
	require.Len(t, run.Records, 18)
	s := Summarise(run)
	assert.Equal(t, []int{2, 1, 1, 3}, []int{s.PassAny, s.PassAll, s.Flipped, s.Repeats})
	_, n := s.Accuracy.Counts()
	assert.Equal(t, 6, n, "accuracy is of the first asking")
}

func TestRunEachModel(t *testing.T) {
	d := sampleItems(t)
	runner, _ := newRunner(func(q sat.Question, o Options) (sat.Answer, error) {
		if o.Model == "absent" {
			return sat.Answer{}, sat.Errorf(sat.NotFound, "no such model")
		}
		a, err := byContent(q, o)
		a.Model = o.Model
		return a, err
	})
	spec := sampleSpec(t, d)
	named := func(model string) Spec {
		one := spec
		one.Model = ModelInfo{Name: model}
		return one
	}
	runs, err := runner.RunEach(t.Context(), []Spec{named("a/1"), named("absent"), named("b")})
	assert.Equal(t, ExitUnreachable, ExitCode(err))
	require.Len(t, runs, 2)
	assert.Equal(t, filepath.Join(spec.Dir, "a_1"), runs[0].Dir)
	assert.DirExists(t, filepath.Join(spec.Dir, "b"))
}

func TestRunRefusesNonsense(t *testing.T) {
	for name, change := range map[string]func(*Spec, *Runner){
		"no item":           func(s *Spec, _ *Runner) { s.Selection.Items = nil },
		"no model":          func(s *Spec, _ *Runner) { s.Model.Name = "" },
		"no target":         func(_ *Spec, r *Runner) { r.Answerer = nil },
		"no scorer":         func(s *Spec, _ *Runner) { s.Asked.Method = MethodLikelihood },
		"many rotations":    func(s *Spec, _ *Runner) { s.Ablation.Rotate = 6 },
		"cold temperature":  func(s *Spec, _ *Runner) { s.Asked.Temperature = -1 },
		"rotate, no scores": func(s *Spec, r *Runner) { s.Ablation.Rotate = 4; r.Answerer = &scripted{rule: generated("A) x")} },
	} {
		runner, _ := newRunner(byContent)
		spec := sampleSpec(t, sampleItems(t))
		change(&spec, runner)
		_, err := runner.Run(t.Context(), spec)
		assert.Contains(t, []Exit{ExitUsage, ExitConfig}, ExitCode(err), name)
	}
}

// generated gives a rule that answers by a text.
func generated(raw string) func(sat.Question, Options) (sat.Answer, error) {
	return func(q sat.Question, o Options) (sat.Answer, error) {
		a, err := always(0)(q, o)
		a.Method, a.Raw, a.Scores, a.Confidence, a.Margin, a.LetterMass = sat.MethodGenerate, raw, nil, 0, 0, 0
		return a, err
	}
}

func TestLoadRefusesForeignFolders(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir)
	assert.Equal(t, ExitNoFile, ExitCode(err))
	require.NoError(t, os.WriteFile(filepath.Join(dir, headerFile), []byte(`{"schema":"x"}`), 0o600))
	_, err = Load(dir)
	assert.Equal(t, ExitData, ExitCode(err))
	h, err := json.Marshal(Header{Schema: RunSchema})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, headerFile), h, 0o600))
	run, err := Load(dir)
	require.NoError(t, err)
	assert.Empty(t, run.Records)
	require.NoError(t, os.WriteFile(filepath.Join(dir, samplesFile), []byte("{}\nnonsense\n"), 0o600))
	_, err = Load(dir)
	assert.ErrorContains(t, err, "samples.jsonl:2")
}

func TestProgressSaysHowFarItIs(t *testing.T) {
	i := stats.Wilson(22, 40)
	s := Progress{Model: "m", Done: 40, Total: 133, Correct: 22, P50: 260 * time.Millisecond, Left: 24 * time.Second}.String()
	assert.Equal(t, "m 40/133 · 22 right so far (39.8–69.3 %) · p50 260ms · 24s left", s)
	assert.InDelta(t, 0.398, i.Low, 5e-4)
}
