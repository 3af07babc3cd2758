// Package prompt turns a question into the messages that a model reads, and a model's output into one of the choices.
//
// It is the only place that knows the bytes of a prompt: serving, evaluation and the export for training call it. The
// way down: [Canonical] cleans and validates a question, [Answer] and [Option] render it by a template, a file below
// templates/ whose name is its version. The way up: [ReadLetters] and [ReadOption] take a model's scores from the
// log-probabilities of its first token, [Decide] makes a choice of them, and [ParseAnswer] reads generated text.
// [ParseBlock] splits a question that was pasted whole.
package prompt

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"

	"sattutor/internal/engine"
	"sattutor/internal/sat"
)

// The templates. A changed byte is a new file with a new name.
const (
	AnswerV1         = "answer_v1"          // the layout that the adapter was trained on
	AnswerLinesV1    = "answer_lines_v1"    // the same with line numbers, and cited lines repeated under the question
	AnswerOriginalV1 = "answer_original_v1" // the original's mistake: the choices as a Python list; measured, never served
	OptionV1         = "option_v1"          // one choice, to be judged with Yes or No
)

// system is the first message of every prompt, as in training.
const system = "You are a helpful AI assistant developed by Meta. Respond safely and accurately."

//go:embed templates/*.tmpl
var files embed.FS

// templates gives the texts by name, without the line feed that ends each file.
var templates = sync.OnceValue(func() map[string]string {
	texts := map[string]string{}
	for _, name := range Templates() {
		text, err := files.ReadFile("templates/" + name + ".tmpl")
		if err != nil {
			panic(err) // the file is part of this program
		}
		texts[name] = strings.TrimSuffix(string(text), "\n")
	}
	return texts
})

// Templates lists the names of all templates.
func Templates() []string { return []string{AnswerV1, AnswerLinesV1, AnswerOriginalV1, OptionV1} }

// Served tells whether answers to students may be asked by the template.
func Served(template string) bool { return template != AnswerOriginalV1 && templates()[template] != "" }

// Answer renders the whole question by a template that asks for one of the choices. The question must be canonical.
func Answer(template string, q sat.Question) ([]engine.Message, error) {
	switch template {
	case AnswerV1:
		return messages(template, slot{"{passage}", closed(q.Passage)}, slot{"{question}", q.Stem}, slot{"{choices}", labelled(q)}), nil
	case AnswerLinesV1:
		numbered, lines := number(q.Passage)
		return messages(template, slot{"{numbered_passage}", numbered}, slot{"{question}", q.Stem},
			slot{"{cited_lines}", cited(q.Stem, lines)}, slot{"{choices}", labelled(q)}), nil
	case AnswerOriginalV1:
		return messages(template, slot{"{passage}", closed(q.Passage)}, slot{"{question}", q.Stem},
			slot{"{choices_literal}", pythonList(q)}), nil
	}
	return nil, unknown(template, "a whole question")
}

// Option renders the proposal of the choice at position i by a template that asks for Yes or No.
func Option(template string, q sat.Question, i int) ([]engine.Message, error) {
	if template != OptionV1 {
		return nil, unknown(template, "one proposed answer")
	}
	return messages(template, slot{"{passage}", closed(q.Passage)}, slot{"{question}", q.Stem}, slot{"{choice}", q.Choices[i]}), nil
}

// slot is a place in a template, by its name in braces, and the text that goes there.
type slot struct{ name, text string }

// messages fills in the slots, which stand in the template in this order, once each.
func messages(template string, slots ...slot) []engine.Message {
	rest := templates()[template]
	size := len(rest)
	for _, s := range slots {
		size += len(s.text)
	}
	var b strings.Builder
	b.Grow(size)
	for _, s := range slots {
		before, after, _ := strings.Cut(rest, s.name)
		b.WriteString(before)
		b.WriteString(s.text)
		rest = after
	}
	b.WriteString(rest)
	return []engine.Message{{Role: engine.System, Content: system}, {Role: engine.User, Content: b.String()}}
}

func unknown(template, what string) error {
	return sat.Errorf(sat.Invalid, "The template %q does not lay out %s; there are %s.", template, what, strings.Join(Templates(), ", "))
}

// Target gives the assistant message of the training record: "B) text of the choice".
func Target(q sat.Question, i int) engine.Message {
	return engine.Message{Role: engine.Assistant, Content: q.Labelled(i)}
}

// Hash is the identity of rendered prompts: SHA-256 over role and content of each message, length before text, in
// hexadecimal digits.
func Hash(prompts ...[]engine.Message) string {
	h := sha256.New()
	b := make([]byte, 0, 1<<10) // a prompt goes through it in pieces, which is cheaper than a copy of the whole
	for _, prompt := range prompts {
		for _, m := range prompt {
			b = append(append(b[:0], m.Role...), ' ')
			b = append(strconv.AppendInt(b, int64(len(m.Content)), 10), '\n')
			for rest := m.Content; rest != ""; b = b[:0] {
				n := min(len(rest), cap(b)-len(b))
				_, _ = h.Write(append(b, rest[:n]...))
				rest = rest[n:]
			}
			_, _ = h.Write(append(b, '\n'))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TemplateHash is the identity of a template: SHA-256 over the system message, a line feed and the template's bytes.
// It is "" for an unknown name.
func TemplateHash(template string) string {
	text, ok := templates()[template]
	if !ok {
		return ""
	}
	sum := sha256.Sum256([]byte(system + "\n" + text))
	return hex.EncodeToString(sum[:])
}
