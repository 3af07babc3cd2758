package prompt_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// lamp is a question over a passage of our own, as a page sends it: with letters, and a blank line between paragraphs.
func lamp() sat.Question {
	return sat.Question{
		Passage: "The lamp in the harbour office burned late that winter.\r\nNobody asked the keeper why.\r\n\r\n" +
			"He wrote the names of ships that had not come,\nand beside each name a date.\nThe list was long.",
		Stem:    "In lines 3\u20134, what does the keeper write down?",
		Choices: []string{"A) The keeper's wages", "B) Ships that are late", "C) Letters to \"home\"", "D) The weather"},
	}
}

func canonical(t *testing.T, q sat.Question) sat.Question {
	t.Helper()
	q, err := prompt.Canonical(q)
	require.NoError(t, err)
	return q
}

// render lays the question out by a template of either kind.
func render(t *testing.T, template string, q sat.Question) []engine.Message {
	t.Helper()
	if template == prompt.OptionV1 {
		m, err := prompt.Option(template, q, 1)
		require.NoError(t, err)
		return m
	}
	m, err := prompt.Answer(template, q)
	require.NoError(t, err)
	return m
}

// The original showed the choices as a Python list although it was trained on one choice a line.
func TestS05TemplatesKeepTheirBytes(t *testing.T) {
	for _, template := range prompt.Templates() {
		t.Run(template, func(t *testing.T) {
			messages := render(t, template, canonical(t, lamp()))
			require.Len(t, messages, 2)
			assert.Equal(t, engine.System, messages[0].Role)
			assert.Equal(t, "You are a helpful AI assistant developed by Meta. Respond safely and accurately.", messages[0].Content)
			assert.Equal(t, engine.User, messages[1].Role)
			path := filepath.Join("testdata", template+".golden")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path, []byte(messages[1].Content), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), messages[1].Content)
		})
	}
	assert.False(t, prompt.Served(prompt.AnswerOriginalV1), "it measures what the mistake costs, and answers nobody")
	assert.True(t, prompt.Served(prompt.AnswerV1))
	assert.False(t, prompt.Served("answer_v9"))
}

// The layout is written out once more here, so that neither the template nor its golden file can drift.
func TestTrainedLayout(t *testing.T) {
	q := sat.Question{Passage: "One.\n\n\nTwo.", Stem: "Which?", Choices: []string{"first", "second", "third", "fourth"}}
	want := "Read the passage and answer the question.\n\n### Passage:\nOne.\nTwo.\n\n### Question:\nWhich?\n\n" +
		"### Choices:\nA) first\nB) second\nC) third\nD) fourth\n\nRespond with ONLY the letter and full text of the correct answer."
	assert.Equal(t, want, render(t, prompt.AnswerV1, canonical(t, q))[1].Content)
	wantOption := "Read the passage and decide whether the proposed answer is correct.\n\n### Passage:\nOne.\nTwo.\n\n### Question:\nWhich?\n\n" +
		"### Proposed answer:\nsecond\n\nIs the proposed answer correct? Reply Yes or No."
	assert.Equal(t, wantOption, render(t, prompt.OptionV1, canonical(t, q))[1].Content)
	assert.Equal(t, "B) second", prompt.Target(q, 1).Content)
}

// The original's chat template printed the day, so that answers changed at midnight.
func TestS06RenderingDoesNotKnowTheDay(t *testing.T) {
	hashes := map[string]bool{}
	for _, days := range []int{0, 400} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Duration(days) * 24 * time.Hour)
			for _, template := range prompt.Templates() {
				hashes[template+prompt.Hash(render(t, template, canonical(t, lamp())))] = true
			}
		})
	}
	assert.Len(t, hashes, len(prompt.Templates()))
}

func TestPrefixedAndBareChoicesGiveTheSameBytes(t *testing.T) {
	bare := lamp()
	bare.Choices = []string{"The keeper's wages", "Ships that are late", "Letters to \"home\"", "The weather"}
	for _, form := range []string{"A) ", "A. ", "(A) ", "A: ", "A)"} {
		q := lamp()
		for i := range q.Choices {
			q.Choices[i] = strings.Replace(form, "A", sat.Letter(i), 1) + bare.Choices[i]
		}
		assert.Equal(t, canonical(t, bare), canonical(t, q), form)
	}
}

func TestEveryQuestionOfAPassageSharesThePrefix(t *testing.T) {
	q := canonical(t, lamp())
	other := q
	other.Stem, other.Choices = "Who writes?", []string{"A clerk", "The keeper"}
	for _, template := range prompt.Templates() {
		a, b := render(t, template, q)[1].Content, render(t, template, other)[1].Content
		head, _, found := strings.Cut(a, "### Question:\n")
		require.True(t, found)
		assert.True(t, strings.HasPrefix(b, head), template)
	}
}

func TestUnfitTemplates(t *testing.T) {
	q := canonical(t, lamp())
	_, err := prompt.Answer(prompt.OptionV1, q)
	assert.ErrorContains(t, err, "answer_v1")
	_, err = prompt.Option(prompt.AnswerV1, q, 0)
	assert.Equal(t, sat.Invalid, sat.CodeOf(err))
	_, err = prompt.Answer("../../etc/passwd", q)
	assert.Error(t, err)
	assert.Empty(t, prompt.TemplateHash("nope"))
	assert.Len(t, prompt.TemplateHash(prompt.AnswerV1), 64)
}

func TestHashTellsPromptsApart(t *testing.T) {
	m := func(texts ...string) (list []engine.Message) {
		for _, text := range texts {
			list = append(list, engine.Message{Role: engine.User, Content: text})
		}
		return list
	}
	assert.NotEqual(t, prompt.Hash(m("a", "b")), prompt.Hash(m("ab")))
	assert.NotEqual(t, prompt.Hash(m("a\nuser 1\nb")), prompt.Hash(m("a", "b")))
	assert.Equal(t, prompt.Hash(m("a"), m("b")), prompt.Hash(m("a", "b")))
}

func TestPythonListIsPythons(t *testing.T) {
	q := sat.Question{Passage: "p", Stem: "q", Choices: []string{"it's", `say "x"`, `it's "x"`, `back\slash é`}}
	assert.Contains(t, render(t, prompt.AnswerOriginalV1, q)[1].Content,
		`["A) it's", 'B) say "x"', 'C) it\'s "x"', 'D) back\\slash é']`)
}

func TestCitedLines(t *testing.T) {
	lines := make([]string, 30)
	for i := range lines {
		lines[i] = "row"
	}
	passage := "first\n" + strings.Join(lines, "\n")
	for _, c := range []struct{ stem, want string }{
		{"In line 1, why?", "In line 1, why?\nLine 1: first"},
		{"Lines 1-2 show", "Lines 1-2 show\nLines 1 to 2: first row"},
		{"lines 1 to 2 and line 3", "lines 1 to 2 and line 3\nLines 1 to 2: first row\nLine 3: row"},
		{"line 99 is not there", "line 99 is not there"},
		{"lines 9–3 run backwards", "lines 9–3 run backwards"},
		{"lines 1–30 are too many", "lines 1–30 are too many"},
		{"an outline 5 of it", "an outline 5 of it"},
	} {
		q := sat.Question{Passage: passage, Stem: c.stem, Choices: []string{"x", "y"}}
		assert.Contains(t, render(t, prompt.AnswerLinesV1, q)[1].Content, "### Question:\n"+c.want+"\n\n### Choices")
	}
}
