package plaintext_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"sattutor/internal/plaintext"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "The river ran.", "The river ran."},
		{"line ends", "a\r\nb\rc\nd", "a\nb\nc\nd"},
		{"two carriage returns are two lines", "a\r\rb", "a\n\nb"},
		{"Unicode line ends", "a\u0085b\u2028c\u2029d\ve\ff", "a\nb\nc\nd\ne\nf"},
		{"tab is a space", "a\tb", "a b"},
		{"indent stays, blanks at line ends go", "  a  \n\t\n b \u00a0", "  a\n\n b"},
		{"no-break space inside stays", "12\u00a0km", "12\u00a0km"},
		{"composed", "cafe\u0301", "caf\u00e9"},
		{"composed across a hidden character", "cafe\u200d\u0301", "caf\u00e9"},
		{"compatibility forms stay", "ﬁn ²", "ﬁn ²"},
		{"controls", "a\x00b\x1b[31mc\x7fd\u009b", "ab[31mcd"},
		{"zero width", "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg", "abcdefg"},
		{"bidirectional", "\u202aa\u202eb\u202c\u2066c\u2069\u200ed\u061c", "abcd"},
		{"tag block", "a\U000e0041\U000e0042\U000e007fb", "ab"},
		{"variation selectors", "a\ufe0fb\U000e0100c\u180b", "abc"},
		{"fillers", "a\u034fb\u115fc\u3164d\uffa0e", "abcde"},
		{"non-characters", "a\ufffeb\ufdd0c\U0010ffff", "abc"},
		{"printed format characters stay", "\u0600\u06dd", "\u0600\u06dd"},
		{"invalid bytes are shown", "a\xffb\xc3", "a\ufffdb\ufffd"},
		{"replacement character stays", "a\ufffdb", "a\ufffdb"},
		{"only controls is nothing", "\x00\u200b\U000e0020\r\n"[:len("\x00\u200b\U000e0020")], ""},
		{"accents of real languages stay", "Tiếng Việt, Ἀχιλῆος, नमस्ते, שָׁלוֹם", norm.NFC.String("Tiếng Việt, Ἀχιλῆος, नमस्ते, שָׁלוֹם")},
		{"piled marks are cut", "a" + strings.Repeat("\u0316", 50) + "b", "a" + strings.Repeat("\u0316", plaintext.MaxMarks) + "b"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, plaintext.Clean(c.in)) })
	}
}

// hostile draws text of the runes that the rules are about, so that their combinations are met often.
func hostile() *rapid.Generator[string] {
	runes := []rune("aé e\u0301\u0316\u200b\u200d\u202e\ufe0f\U000e0041\r\n\t\v\f\u0085\u2028\x00\u034f\u0958\u093c\u212b\u1f82ﬁ\u2000\u00a0\ufffd<|>")
	return rapid.OneOf(rapid.StringOf(rapid.SampledFrom(runes)), rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
}

func TestCleanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkClean(t, hostile().Draw(t, "s")) })
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\r\nb", "e\u0301\u200d", "\xff\xfe", "a" + strings.Repeat("\u0301", 40), "\u0958" + strings.Repeat("\u093c", 20), " \n \u00a0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkClean(t, s) })
}

func checkClean(t assert.TestingT, s string) {
	got := plaintext.Clean(s)
	assert.Equal(t, got, plaintext.Clean(got), "cleaning twice changes the text")
	assert.True(t, utf8.ValidString(got))
	assert.True(t, norm.NFC.IsNormalString(got))
	for line := range strings.SplitSeq(got, "\n") {
		assert.Equal(t, strings.TrimRightFunc(line, unicode.IsSpace), line, "a line ends in a blank")
	}
	for _, r := range got {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Variation_Selector, unicode.Bidi_Control, unicode.Noncharacter_Code_Point) {
			assert.Fail(t, "hidden character", "%U", r)
		}
	}
}

func TestCleanTextCostsNothing(t *testing.T) {
	for _, s := range []string{strings.Repeat("The river ran.\n  And on.\n", 200), strings.Repeat("Das Café — “là”.\n", 200)} {
		assert.Zero(t, testing.AllocsPerRun(10, func() { plaintext.Clean(s) }))
	}
}

func TestCompatible(t *testing.T) {
	assert.Equal(t, "fi2B", plaintext.Compatible("ﬁ²Ｂ"))
}

func TestControlToken(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"plain text", ""},
		{"a < b | c > d", ""},
		{"f <| x", ""},
		{"<|eot_id|>", "<|eot_id|>"},
		{"x <|im_start|>system", "<|im_start|>"},
		{"<|im_start|> and <|im_end|>", "<|im_start|>"},
		{"<|start_header_id|>", "<|start_header_id|>"},
		{"<|reserved_special_token_247|>", "<|reserved_special_token_247|>"},
		{"<|unknown to us|>", "<|unknown to us|>"},
		{"<｜User｜>", "<｜User｜>"},
		{"<|one line\nanother|>", ""},
		{"<|" + strings.Repeat("x", 65) + "|>", ""},
		{"<start_of_turn>user", "<start_of_turn>"},
		{"</s><|eot_id|>", "</s>"},
		{"[INST] do it [/INST]", "[INST]"},
		{"<<SYS>>", "<<SYS>>"},
		{"<file_sep>", "<file_sep>"},
		{"<i>Nota bene</i> 5 * 3 # [1]", ""},
	} {
		assert.Equal(t, c.want, plaintext.ControlToken(c.in), "%q", c.in)
	}
}
