package plaintext

import (
	"regexp"
	"strings"
)

// maxToken bounds the characters between the bars of a token: the longest that a published tokenizer has are under 40.
const maxToken = "64"

// bars matches the form of nearly all chat templates, with ASCII bars (Llama 3, ChatML, Phi, GLM) or full-width ones
// (DeepSeek).
var bars = regexp.MustCompile(`<[|｜][^\n]{0,` + maxToken + `}?[|｜]>`)

// named are the control tokens that have another form: Gemma's turns, the sentence ends of Llama 2 and Mistral with
// their instruction marks, and the file marks of SmolLM2.
var named = regexp.MustCompile(`</?s>|<(?:bos|eos|pad|unk|mask)>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|` +
	`<(?:repo_name|reponame|file_sep|filename|gh_stars|issue_(?:start|comment|closed)|` +
	`jupyter_(?:start|text|code|output|script)|empty_output)>`)

// ControlToken finds the first sequence in s that an engine's tokenizer may read as a control token of a chat template,
// such as <|eot_id|>, and so as the end of a turn or the start of another; "" when there is none. It expects the form
// that [Clean] gives: a hidden character inside such a sequence would hide it.
func ControlToken(s string) string {
	if strings.IndexByte(s, '<') < 0 && strings.IndexByte(s, '[') < 0 {
		return ""
	}
	found := bars.FindStringIndex(s)
	other := named.FindStringIndex(s)
	if found == nil || other != nil && other[0] < found[0] {
		found = other
	}
	if found == nil {
		return ""
	}
	return s[found[0]:found[1]]
}
