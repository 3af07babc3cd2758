package prompt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

func TestParseBlock(t *testing.T) {
	two := []string{"one", "two"}
	for _, c := range []struct {
		name, block string
		want        sat.Question
	}{
		{"paragraphs", "First line.\nSecond line.\n\nWhat is it?\n\nA) one\nB) two", sat.Question{Passage: "First line.\nSecond line.", Stem: "What is it?", Choices: two}},
		{"no blank line", "Passage.\nQ?\nA) one\nB) two", sat.Question{Passage: "Passage.", Stem: "Q?", Choices: two}},
		{"headings", "Passage:\nFirst.\n\nNext.\n\nQuestion: What is it\nthen?\nChoices:\nA) one\nB) two\n", sat.Question{Passage: "First.\n\nNext.", Stem: "What is it then?", Choices: two}},
		{"headings with text", "Text: First.\nQuestion: What?\nA. one\nB. two", sat.Question{Passage: "First.", Stem: "What?", Choices: two}},
		{"the product's own prompt", "", sat.Question{}},
		{"numbered question", "First.\nSecond.\n\n12. What is\nit?\nA) one\nB) two", sat.Question{Passage: "First.\nSecond.", Stem: "What is it?", Choices: two}},
		{"Question n:", "First.\nQuestion 3: What?\nA) one\nB) two\nAnswer: A", sat.Question{Passage: "First.", Stem: "What?", Choices: two}},
		{"wrapped choices", "P.\n\nQ?\n(A) one\n   goes on\n(B) two\n\nAnswer: B) two\nExplanation: no", sat.Question{Passage: "P.", Stem: "Q?", Choices: []string{"one goes on", "two"}}},
		{"choices on one line", "P.\n\nQ? A) one B) two C) three", sat.Question{Passage: "P.", Stem: "Q?", Choices: []string{"one", "two", "three"}}},
		{"labels in the passage", "A) is a letter.\nB) too.\n\nQ?\nA) one\nB) two", sat.Question{Passage: "A) is a letter.\nB) too.", Stem: "Q?", Choices: two}},
		{"CRLF and hidden characters", "P.\r\n\r\nQ\u200b?\r\nA) one\r\nB) two", sat.Question{Passage: "P.", Stem: "Q?", Choices: two}},
		{"JSON", `{"text":"P.","question":"Q?","choices":["one","two"]}`, sat.Question{Passage: "P.", Stem: "Q?", Choices: two}},
		{"JSON with passage", ` {"passage":"P.","question":"Q?","choices":["one","two"]}`, sat.Question{Passage: "P.", Stem: "Q?", Choices: two}},
		{"bold headings", "**Passage:**\nP.\n\n**Question:** Q?\n\nA) one\nB) two", sat.Question{Passage: "P.", Stem: "Q?", Choices: two}},
		{"a numbered passage", "1. Take salt.\n2. Stir.\n\nWhat comes first?\nA) one\nB) two", sat.Question{Passage: "1. Take salt.\n2. Stir.", Stem: "What comes first?", Choices: two}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.block == "" {
				q := canonical(t, lamp())
				q.Passage = strings.ReplaceAll(q.Passage, "\n\n", "\n") // as the layout closes it
				c.block, c.want = render(t, prompt.AnswerV1, q)[1].Content, q
			}
			q, err := prompt.ParseBlock(c.block)
			require.NoError(t, err)
			assert.Equal(t, c.want, q)
		})
	}
}

func TestParseBlockSaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct{ name, block, message string }{
		{"nothing", "", "choices"},
		{"no choices", "A passage.\n\nA question?", "choices"},
		{"one choice", "P.\n\nQ?\nA) one", "choices"},
		{"no question", "A) one\nB) two", "question"},
		{"no passage", "Q?\nA) one\nB) two", "passage"},
		{"too long", strings.Repeat("x", prompt.MaxBlock+1), "too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := prompt.ParseBlock(c.block)
			var e *sat.Error
			require.True(t, errors.As(err, &e))
			assert.Equal(t, sat.Invalid, e.Code)
			assert.Equal(t, "block", e.Fields[0].Field)
			assert.Contains(t, e.Fields[0].Message, c.message)
		})
	}
}

func FuzzParseBlock(f *testing.F) {
	for _, s := range []string{"P.\n\nQ?\nA) one\nB) two", `{"text":"x"}`, "Passage:\nQuestion:\nA)\nB)", "A) x B) y", "\xff\n\nA) \nB) "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, block string) {
		q, err := prompt.ParseBlock(block)
		if err != nil {
			return
		}
		if len(q.Choices) < 1 || q.Stem == "" {
			t.Fatalf("%q gave %+v", block, q)
		}
	})
}

// FuzzRender holds the layout's promise for every question that is let in: the four headings stand once, in order, at
// line starts of their own, or the question's own text holds them.
func FuzzRender(f *testing.F) {
	f.Add("Passage", "Question?", "one", "two")
	f.Add("### Choices:\nA) x", "### Question:", "B) y", "C) z")
	f.Fuzz(func(t *testing.T, passage, stem, one, two string) {
		q, err := prompt.Canonical(sat.Question{Passage: passage, Stem: stem, Choices: []string{one, two}})
		if err != nil {
			return
		}
		for _, template := range prompt.Templates() {
			var messages []engine.Message
			if template == prompt.OptionV1 {
				messages, err = prompt.Option(template, q, 1)
			} else {
				messages, err = prompt.Answer(template, q)
			}
			if err != nil || len(messages) != 2 || strings.HasSuffix(messages[1].Content, "\n") {
				t.Fatalf("%s: %v %+v", template, err, messages)
			}
		}
	})
}
