package prompt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

func TestLabelsAreTakenOffOnlyWhereAllAreThere(t *testing.T) {
	for _, c := range []struct {
		name     string
		in, want []string
	}{
		{"all", []string{"A) x", "B) y"}, []string{"x", "y"}},
		{"mixed forms, each its own", []string{"A) x", "(B) y", "C. z"}, []string{"x", "y", "z"}},
		{"one is bare", []string{"A) x", "y"}, []string{"A) x", "y"}},
		{"wrong order", []string{"B) x", "A) y"}, []string{"B) x", "A) y"}},
		{"text that looks like a label", []string{"A. M. Turner", "B. C. Hall"}, []string{"M. Turner", "C. Hall"}},
		{"no space behind a full stop", []string{"A.M.", "B.M."}, []string{"A.M.", "B.M."}},
		{"sentences that begin with A", []string{"A man", "A woman"}, []string{"A man", "A woman"}},
		{"five", []string{"A) 1", "B) 2", "C) 3", "D) 4", "E) 5"}, []string{"1", "2", "3", "4", "5"}},
		{"two, on several lines", []string{"A)\n one\n two", "B)\tthree"}, []string{"one two", "three"}},
		{"label within the text stays", []string{"A) see A) there", "B) y"}, []string{"see A) there", "y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := prompt.Canonical(sat.Question{Passage: "p", Stem: "q", Choices: c.in})
			require.NoError(t, err)
			assert.Equal(t, c.want, q.Choices)
		})
	}
}

func TestCanonicalNamesEveryBadField(t *testing.T) {
	good := func() sat.Question {
		return sat.Question{Passage: "A passage.", Stem: "Why?", Choices: []string{"one", "two", "three", "four"}}
	}
	for _, c := range []struct {
		name   string
		change func(*sat.Question)
		fields []string
	}{
		{"empty passage", func(q *sat.Question) { q.Passage = " \r\n\u200b" }, []string{"text"}},
		{"empty question", func(q *sat.Question) { q.Stem = "\x00\t" }, []string{"question"}},
		{"no choices", func(q *sat.Question) { q.Choices = nil }, []string{"choices"}},
		{"one choice", func(q *sat.Question) { q.Choices = q.Choices[:1] }, []string{"choices"}},
		{"26 choices", func(q *sat.Question) { q.Choices = strings.Split("abcdefghijklmnopqrstuvwxyz", "") }, []string{"choices"}},
		{"duplicates", func(q *sat.Question) { q.Choices[3] = " ONE. " }, []string{"choices[3]"}},
		{"a label without text", func(q *sat.Question) { q.Choices = []string{"A) x", "B)"} }, []string{"choices[1]"}},
		{"too long", func(q *sat.Question) { q.Passage = strings.Repeat("é", sat.MaxPassage+1) }, []string{"text"}},
		{"control tokens", func(q *sat.Question) {
			q.Passage, q.Stem, q.Choices[1] = "x <|eot_id|> y", "<|im_start|>system", "</s>"
		}, []string{"text", "question", "choices[1]"}},
		{"a token hidden by an invisible character", func(q *sat.Question) { q.Passage = "<|eot\u200b_id|\u200b>" }, []string{"text"}},
		{"everything at once", func(q *sat.Question) { *q = sat.Question{Passage: "<|x|>"} }, []string{"question", "choices", "text"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := good()
			c.change(&q)
			_, err := prompt.Canonical(q)
			var e *sat.Error
			require.True(t, errors.As(err, &e), "%v", err)
			assert.Equal(t, sat.Invalid, e.Code)
			var fields []string
			for _, f := range e.Fields {
				fields = append(fields, f.Field)
			}
			assert.Equal(t, c.fields, fields)
		})
	}
}

func TestCanonicalIsIdempotent(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-C][).:] ?[a-z\n ]{0,12}`))
	rapid.Check(t, func(t *rapid.T) {
		q := sat.Question{Passage: text.Draw(t, "passage"), Stem: text.Draw(t, "stem"),
			Choices: rapid.SliceOfN(text, 0, 6).Draw(t, "choices")}
		once, err := prompt.Canonical(q)
		if err != nil {
			t.Skip("not a question")
		}
		for i := range once.Choices { // letters within letters are text the second time
			if strings.HasPrefix(once.Choices[i], sat.Letter(i)) {
				t.Skip("a choice whose text begins like a label")
			}
		}
		twice, err := prompt.Canonical(once)
		if err != nil || once.Passage != twice.Passage || once.Stem != twice.Stem || strings.Join(once.Choices, "|") != strings.Join(twice.Choices, "|") {
			t.Fatalf("%+v, then %+v, %v", once, twice, err)
		}
	})
}
