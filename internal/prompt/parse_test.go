package prompt_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"sattutor/internal/prompt"
)

// rivers are the choices of the parser's table.
func rivers() []string {
	return []string{"The river froze", "A silent acknowledgement", "The bridge", "The bridge over the river", "It's uncertain"}
}

// The original took the text behind the last line feed, so that a trailing one was an empty answer and a reason after
// the letter was the answer.
func TestS11ParserTable(t *testing.T) {
	const a, b, c, d, e, ambiguous, none = 0, 1, 2, 3, 4, -1, -2
	for _, row := range []struct {
		text string
		want int
	}{
		{"B", b},
		{"B\n", b},
		{"\n\nB\n\n", b},
		{" B ", b},
		{"b", b},
		{"B)", b},
		{"b) a silent acknowledgement", b},
		{"(B)", b},
		{"(b) it is so", b},
		{"[B]", b},
		{"B.", b},
		{"B:", b},
		{"B - A silent acknowledgement", b},
		{"B) A silent acknowledgement", b},
		{"B) A silent acknowledgement\n", b},
		{"B. A silent acknowledgement.", b},
		{"B) A silent acknowledgement\nBecause nobody speaks.", b},
		{"B\nThe keeper says nothing.", b},
		{"**B**", b},
		{"**B) A silent acknowledgement**", b},
		{"`B`", b},
		{"# B", b},
		{"> B) A silent acknowledgement", b},
		{"- B) A silent acknowledgement", b},
		{"* B", b},
		{`\boxed{B}`, b},
		{`$\boxed{\text{B}}$`, b},
		{"assistant\nB", b},
		{"assistant: B", b},
		{"Assistant:\n\nB) A silent acknowledgement", b},
		{"<|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|>", b},
		{"<|im_start|>assistant\nB<|im_end|>", b},
		{"Answer: B", b},
		{"ANSWER: B", b},
		{"Answer:\nB", b},
		{"Answer - B", b},
		{"The answer is B", b},
		{"The answer is B.", b},
		{"The answer is: B)", b},
		{"The answer is (B).", b},
		{"The correct answer is B) A silent acknowledgement.", b},
		{"The correct answer is option B", b},
		{"Final answer: B", b},
		{"**Answer:** B", b},
		{"My answer is B.", b},
		{"I think B is correct.", b},
		{"Option B is the best answer because of line 3.", b},
		{"The answer is A silent acknowledgement.", b},
		{"Answer: A silent acknowledgement", b},
		{"A silent acknowledgement", b},
		{"a silent acknowledgement.", b},
		{`"A silent acknowledgement"`, b},
		{"“A silent acknowledgement.”", b},
		{"I would say a silent acknowledgement, given the end.", b},
		{"The bridge over the river", d},
		{"It must be the bridge over the river here.", d},
		{"It must be the bridge here.", c},
		{"It’s uncertain", e},
		{"E) It’s uncertain", e},
		{"A", a},
		{"A) The river froze", a},
		{"Ａ", a},
		{"A or B? The answer is B.", b},
		{"A) says too much.\nB) says too little.\nThe answer is B.", b},
		{"A) The river froze\nB) A silent acknowledgement", ambiguous},
		{"A\nB", ambiguous},
		{"B) The river froze", ambiguous},
		{"The answer is B. No, the answer is C.", b}, // one statement a line: the first
		{"The answer is B.\nThe answer is C.", ambiguous},
		{"The river froze, or a silent acknowledgement.", ambiguous},
		{"", none},
		{"\n\n", none},
		{"I do not know.", none},
		{"F) something else", none},
		{"A man crosses.", none},
		{"Because it is cold.", none},
		{"The bridges", none},
		{"1", none},
		{"ABCD", none},
		{"the answer is unclear", none},
		{"\x00\x01", none},
	} {
		position, outcome := prompt.ParseAnswer(row.text, rivers())
		switch row.want {
		case ambiguous:
			assert.Equal(t, prompt.Ambiguous, outcome, "%q", row.text)
		case none:
			assert.Equal(t, prompt.None, outcome, "%q", row.text)
		default:
			assert.Equal(t, prompt.OK, outcome, "%q", row.text)
			assert.Equal(t, row.want, position, "%q", row.text)
		}
		if outcome != prompt.OK {
			assert.Equal(t, -1, position)
		}
	}
}

func TestParserKnowsOnlyTheOfferedLetters(t *testing.T) {
	_, outcome := prompt.ParseAnswer("D) no such choice", []string{"x", "y"})
	assert.Equal(t, prompt.None, outcome)
	_, outcome = prompt.ParseAnswer("C", nil)
	assert.Equal(t, prompt.None, outcome)
}

func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{"B) A silent acknowledgement", "Answer: (C)", "**D**", "<|eot_id|>A", "a\nb\nc", "\xff\xfe B", "The answer is", "\\boxed{A}"} {
		f.Add(s, "The bridge")
	}
	f.Fuzz(func(t *testing.T, text, choice string) {
		choices := append(rivers(), choice)[:4]
		position, outcome := prompt.ParseAnswer(text, choices)
		if (outcome == prompt.OK) != (position >= 0) || position >= len(choices) {
			t.Fatalf("%q: position %d, outcome %s", text, position, outcome)
		}
		again, _ := prompt.ParseAnswer(strings.TrimSpace(text)+"\n", choices)
		if utf8.ValidString(text) && again != position {
			t.Fatalf("%q: %d, and with a line feed behind it %d", text, position, again)
		}
	})
}

// Whatever the order of the choices, the same text names the same choice.
func TestParserFollowsTheText(t *testing.T) {
	choices := rivers()
	for i, c := range choices {
		for shift := range choices {
			turned := append(append([]string{}, choices[shift:]...), choices[:shift]...)
			position, outcome := prompt.ParseAnswer("It says: "+c, turned)
			assert.Equal(t, prompt.OK, outcome, c)
			assert.Equal(t, choices[i], turned[position])
		}
	}
}
