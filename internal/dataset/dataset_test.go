package dataset_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/dataset"
	"sattutor/internal/eval"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

const bank = "../questionbank/shipped/items.jsonl"

func options(t *testing.T, method dataset.Method) dataset.Options {
	return dataset.Options{Sources: []dataset.Source{{Kind: dataset.KindItems, Path: bank}}, Method: method, Seed: 7, ValShare: 0.2,
		Out: t.TempDir(), Date: "11 Jun 2025", Version: "test", Now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)}
}

func lines(t *testing.T, path string) []dataset.Record {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var records []dataset.Record
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var r dataset.Record
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &r))
		records = append(records, r)
	}
	return records
}

// items reads the bank by id as it is put to the tutor.
func items(t *testing.T) map[string]sat.Question {
	t.Helper()
	set, err := eval.Read(bank, eval.FormatItems, nil)
	require.NoError(t, err)
	asked := map[string]sat.Question{}
	for _, it := range set.Items {
		q := sat.Question{Passage: it.Passage, Stem: it.Question}
		for _, c := range it.Choices {
			q.Choices = append(q.Choices, c.Text)
		}
		asked[it.ID], err = prompt.Canonical(q)
		require.NoError(t, err)
	}
	return asked
}

func TestTrainingTextIsTheServedPromptAndTheTarget(t *testing.T) {
	asked := items(t)
	for _, method := range []dataset.Method{dataset.LetterText, dataset.Letter} {
		o := options(t, method)
		_, err := dataset.Build(context.Background(), o)
		require.NoError(t, err)
		for _, r := range lines(t, filepath.Join(o.Out, dataset.TrainFile)) {
			served, err := prompt.Answer(prompt.AnswerV1, asked[r.ID])
			require.NoError(t, err)
			assert.Equal(t, served, r.Prompt)
			key, _ := sat.LetterIndex(r.Answer)
			want := map[dataset.Method]string{dataset.Letter: r.Answer, dataset.LetterText: prompt.Target(asked[r.ID], key).Content}[method]
			assert.Equal(t, want, r.Completion[0].Content)
			assert.Equal(t, dataset.Span{End: len(want)}, r.Learnt)
			assert.Equal(t, map[string]string{"date_string": "11 Jun 2025"}, r.ChatTemplateKwargs)
		}
	}
}

func TestAnOptionIsOneRecordAndOneOfAGroupIsRight(t *testing.T) {
	asked, o := items(t), options(t, dataset.Option)
	m, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	records := lines(t, filepath.Join(o.Out, dataset.TrainFile))
	assert.Len(t, records, m.Splits["train"].Records)
	right := map[string]int{}
	for i, r := range records {
		choice := i % 4
		served, err := prompt.Option(prompt.OptionV1, asked[r.Group], choice)
		require.NoError(t, err)
		assert.Equal(t, served, r.Prompt)
		assert.Equal(t, r.Answer == sat.Letter(choice), *r.Label == 1)
		assert.Equal(t, map[int]string{0: "No", 1: "Yes"}[*r.Label], r.Completion[0].Content)
		right[r.Group] += *r.Label
	}
	for group, n := range right {
		assert.Equal(t, 1, n, group)
	}
}

func TestNoPassageIsInTwoSplits(t *testing.T) {
	o := options(t, dataset.Letter)
	m, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	require.Equal(t, dataset.Permissive, m.Licence)
	split := map[string]string{}
	for _, file := range []string{dataset.TrainFile, dataset.ValFile} {
		for _, r := range lines(t, filepath.Join(o.Out, file)) {
			if other, seen := split[r.PassageID]; seen {
				assert.Equal(t, other, r.Split, r.PassageID)
			}
			split[r.PassageID] = r.Split
		}
	}
	assert.Positive(t, m.Splits["val"].Questions)
	assert.Greater(t, m.Splits["train"].Questions, m.Splits["val"].Questions)
}

// TestTheTestSplitIsAskedAndNeverLearnt: it is a data file of the evaluator, and clean by the data set's own fingerprints.
func TestTheTestSplitIsAskedAndNeverLearnt(t *testing.T) {
	o := options(t, dataset.Option)
	o.TestShare = 0.2
	m, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	held, err := eval.Read(filepath.Join(o.Out, dataset.TestFile), eval.FormatItems, nil)
	require.NoError(t, err)
	require.Len(t, held.Items, m.Splits["test"].Questions)
	assert.Equal(t, m.Files[dataset.TestFile].SHA256, held.SHA256)
	prints, err := eval.ReadFingerprints(filepath.Join(o.Out, dataset.FingerprintFile))
	require.NoError(t, err)
	asked := items(t)
	for _, it := range held.Items {
		assert.Equal(t, eval.NoOverlap, prints.Check(it.Passage), it.ID)
		assert.Contains(t, asked, it.ID)
	}
	for _, file := range []string{dataset.TrainFile, dataset.ValFile} {
		for _, r := range lines(t, filepath.Join(o.Out, file)) {
			for _, it := range held.Items {
				assert.NotEqual(t, it.ID, r.Group)
			}
		}
	}
	before := m.Files[dataset.ValFile]
	o.TestShare = 0
	m, err = dataset.Build(context.Background(), o)
	require.NoError(t, err)
	assert.Equal(t, before, m.Files[dataset.ValFile], "the validation split is the same with and without a test split")
	assert.NoFileExists(t, filepath.Join(o.Out, dataset.TestFile), "an earlier build leaves nothing behind")
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	var sums []map[string]dataset.FileSum
	for range 2 {
		o := options(t, dataset.Option)
		o.Permute = 2
		m, err := dataset.Build(context.Background(), o)
		require.NoError(t, err)
		sums = append(sums, m.Files)
	}
	assert.Equal(t, sums[0], sums[1])
}

func TestAReorderedQuestionKeepsItsKeyText(t *testing.T) {
	asked, o := items(t), options(t, dataset.LetterText)
	o.Permute, o.ValShare = 3, 0
	_, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	set, err := eval.Read(bank, eval.FormatItems, nil)
	require.NoError(t, err)
	keys := map[string]string{}
	for _, it := range set.Items {
		i, _ := sat.LetterIndex(it.Answer)
		keys[it.ID] = asked[it.ID].Choices[i]
	}
	moved := 0
	for _, r := range lines(t, filepath.Join(o.Out, dataset.TrainFile)) {
		id, _, _ := strings.Cut(r.ID, "~")
		assert.Equal(t, r.Answer+") "+keys[id], r.Completion[0].Content)
		assert.Contains(t, r.Prompt[1].Content, "\n"+r.Completion[0].Content+"\n")
		if strings.HasSuffix(r.ID, "~1") && !strings.HasPrefix(asked[id].Choices[0], keys[id]) == (r.Answer == "A") {
			moved++
		}
	}
	assert.Positive(t, moved)
}

// write puts items of one passage each into a file.
func write(t *testing.T, name, licence string, passages ...string) dataset.Source {
	t.Helper()
	var list []eval.Item
	for i, p := range passages {
		it := eval.Item{ID: fmt.Sprintf("%s-%d", name, i), Passage: p, Question: "What?", Answer: "A", Licence: licence}
		for j, text := range []string{"this", "that"} {
			it.Choices = append(it.Choices, eval.Choice{Label: sat.Letter(j), Text: text})
		}
		list = append(list, it)
	}
	data, err := eval.MarshalItems(list)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name+".jsonl")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return dataset.Source{Kind: dataset.KindItems, Path: path}
}

const seen = "one two three four five six seven eight nine ten eleven twelve thirteen of a row"

func TestAPassageOfTheEvaluationIsLeftOut(t *testing.T) {
	o := options(t, dataset.Letter)
	o.Sources = []dataset.Source{write(t, "train", "CC0-1.0", "Before it. "+seen+" and after it.", "Quite another story, told by nobody at all.")}
	o.Exclude = []dataset.Source{write(t, "pool", "", seen)}
	m, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	assert.Equal(t, 1, m.Splits["train"].Questions)
	assert.Equal(t, []string{"train-0"}, m.Dropped["shares 13 words in a row with evaluation data (items)"].IDs)

	prints, err := eval.ReadFingerprints(filepath.Join(o.Out, dataset.FingerprintFile))
	require.NoError(t, err)
	assert.Equal(t, eval.NoOverlap, prints.Check(seen))

	o.Strict = true
	_, err = dataset.Build(context.Background(), o)
	assert.Equal(t, eval.ExitContaminated, eval.ExitCode(err))
	assert.ErrorContains(t, err, "train-0")
}

func TestFingerprintsKnowTheTrainingPassages(t *testing.T) {
	o := options(t, dataset.Letter)
	o.Sources, o.ValShare = []dataset.Source{write(t, "train", "CC0-1.0", seen)}, 0
	_, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	prints, err := eval.ReadFingerprints(filepath.Join(o.Out, dataset.FingerprintFile))
	require.NoError(t, err)
	assert.Equal(t, eval.SomeOverlap, prints.Check("It says "+seen+"."))
}

func TestPassagesThatShareWordsAreInOneSplit(t *testing.T) {
	o := options(t, dataset.Letter)
	var passages []string
	for i := range 12 {
		passages = append(passages, fmt.Sprintf("Number %s %s", strings.Repeat("x", i+1), seen))
	}
	o.Sources, o.ValShare = []dataset.Source{write(t, "near", "CC0-1.0", passages...)}, 0.5
	m, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	assert.Equal(t, 12, m.Splits["train"].Questions)
	assert.Nil(t, m.Splits["val"])
}

func TestAGivenValidationSplitIsSevered(t *testing.T) {
	o := options(t, dataset.Letter)
	o.Sources = []dataset.Source{write(t, "train", "CC0-1.0", "A "+seen, "Something else that is told elsewhere.")}
	o.Val = []dataset.Source{write(t, "val", "CC0-1.0", "B "+seen)}
	m, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	assert.Equal(t, 1, m.Splits["train"].Questions)
	assert.Equal(t, 1, m.Splits["val"].Questions)
	assert.Equal(t, 1, m.Dropped["its passage, or one like it, is in the validation split"].Count)
}

// The blind test is never an input, and what a source tunes by is not learnt.
func TestTheSplitsOfASourceAreKept(t *testing.T) {
	practise := "Something else that is told elsewhere, at length, and by another person altogether."
	source := write(t, "bank", "CC0-1.0", practise, "To tune by: a story of a bridge and of those who built it.", "A blind "+seen,
		"Held out of everything.", "The same words: "+seen, "Held out of everything.", "To tune by: a story of a bridge and of those who built it.")
	set, err := eval.Read(source.Path, eval.FormatItems, nil)
	require.NoError(t, err)
	for i, split := range []sat.Split{sat.ForTraining, sat.ForTuning, sat.ForTest, sat.ForHoldout, sat.ForPractice, sat.ForPractice, sat.ForPractice} {
		set.Items[i].Split = string(split)
		set.Items[i].Question = fmt.Sprint("Question ", i, "?")
	}
	data, err := eval.MarshalItems(set.Items)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(source.Path, data, 0o600))
	o := options(t, dataset.Letter)
	o.Sources, o.ValShare = []dataset.Source{source}, 0
	m, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	assert.Equal(t, []string{"bank-0"}, questions(t, o.Out, dataset.TrainFile))
	assert.ElementsMatch(t, []string{"bank-1", "bank-6"}, questions(t, o.Out, dataset.ValFile), "with what stands on the same passage")
	assert.Equal(t, []string{"bank-2"}, m.Dropped["kept for measuring: its split is test"].IDs)
	assert.Equal(t, []string{"bank-3"}, m.Dropped["kept for measuring: its split is holdout"].IDs)
	assert.Equal(t, []string{"bank-4"}, m.Dropped["shares 13 words in a row with evaluation data (test)"].IDs)
	assert.Equal(t, []string{"bank-5"}, m.Dropped["its passage is kept for measuring: holdout"].IDs, "too short for a sequence of 13 words")
	o.Strict = true
	_, err = dataset.Build(context.Background(), o)
	assert.Equal(t, eval.ExitContaminated, eval.ExitCode(err))
}

// questions names the questions of a file, each once.
func questions(t *testing.T, dir, name string) (ids []string) {
	for _, r := range lines(t, filepath.Join(dir, name)) {
		if !slices.Contains(ids, r.Group) {
			ids = append(ids, r.Group)
		}
	}
	return ids
}

func TestTheStrictestLicenceIsTheLabel(t *testing.T) {
	tests := []struct {
		name, licence, want string
	}{
		{"free", "CC0-1.0", dataset.Permissive},
		{"a name", "public domain (published 1853)", dataset.Permissive},
		{"research", "non-commercial research only", dataset.ResearchOnly},
		{"by-nc", "CC-BY-NC-SA-4.0", dataset.ResearchOnly},
		{"anything else", "College Board", dataset.UserSupplied},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { assert.Equal(t, test.want, dataset.Label(test.licence)) })
	}
	o := options(t, dataset.Letter)
	o.Sources = append(o.Sources, write(t, "mine", "non-commercial research only", "Some story of theirs."), write(t, "bare", "", "No licence here."))
	m, err := dataset.Build(context.Background(), o)
	require.NoError(t, err)
	assert.Equal(t, dataset.ResearchOnly, m.Licence)
	assert.Equal(t, []string{"bare-0"}, m.Dropped["without a licence"].IDs)
	assert.Contains(t, m.Page(), "without a licence")

	o.Sources = o.Sources[len(o.Sources)-1:]
	o.Out = t.TempDir()
	_, err = dataset.Build(context.Background(), o)
	assert.ErrorContains(t, err, "1 without a licence")
	assert.ErrorContains(t, err, "--source 'KIND:PATH#LICENCE'", "the remedy")
}

func TestOptionsAreChecked(t *testing.T) {
	tests := []struct {
		name   string
		change func(*dataset.Options)
		want   string
	}{
		{"method", func(o *dataset.Options) { o.Method = "guess" }, "letter_text, letter or option"},
		{"template", func(o *dataset.Options) { o.Template = "nope" }, "answer_v1"},
		{"template of another method", func(o *dataset.Options) { o.Template = prompt.OptionV1 }, "does not suit"},
		{"no source", func(o *dataset.Options) { o.Sources = nil }, "--source"},
		{"no folder", func(o *dataset.Options) { o.Out = "" }, "--out"},
		{"share", func(o *dataset.Options) { o.ValShare = 1 }, "less than 1"},
		{"shares", func(o *dataset.Options) { o.ValShare, o.TestShare = 0.5, 0.5 }, "less than 1"},
		{"test share beside a validation source", func(o *dataset.Options) { o.TestShare, o.Val = 0.1, o.Sources }, "--exclude"},
		{"no file", func(o *dataset.Options) { o.Sources[0].Path += ".gone" }, "there is no"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, dataset.Letter)
			test.change(&o)
			_, err := dataset.Build(context.Background(), o)
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestSources(t *testing.T) {
	s, err := dataset.ParseSource("prose:books/cranford.txt#public domain")
	require.NoError(t, err)
	assert.Equal(t, dataset.Source{Kind: dataset.KindProse, Path: "books/cranford.txt", Licence: "public domain"}, s)
	s, err = dataset.ParseSource("tests:mine.txt")
	require.NoError(t, err)
	assert.Equal(t, dataset.UserSupplied, s.Licence)
	for _, wrong := range []string{"", "race", "race:", "poems:x"} {
		_, err := dataset.ParseSource(wrong)
		assert.Equal(t, eval.ExitUsage, eval.ExitCode(err), wrong)
	}
}
