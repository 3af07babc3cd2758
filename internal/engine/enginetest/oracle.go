package enginetest

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"

	"sattutor/internal/engine"
)

// Asked is a question as a test engine finds it in the last message of a prompt. A prompt without the product's
// headings is an Asked without choices.
type Asked struct {
	Model    string
	Passage  string
	Question string
	Choices  []string // without their letters; one where a proposed answer is to be judged
	Judge    bool     // the prompt proposes one answer and wants Yes or No
}

// ByKey gives a rule that answers by a key: question to the text of its right choice. It fits Options.Rule.
func ByKey(key map[string]string) func(Asked) string {
	return func(a Asked) string { return key[a.Question] }
}

// ByLetter gives a rule that always answers the choice with that letter, "A" to "E". It fits Options.Rule.
func ByLetter(letter string) func(Asked) string {
	return func(a Asked) string {
		if i := int(letter[0] - 'A'); !a.Judge && i >= 0 && i < len(a.Choices) {
			return a.Choices[i]
		}
		return ""
	}
}

// oracle is a model without weights: it likes each choice as much as a hash says, and the one that its rule names
// more than all others. What it likes depends on the texts alone, not on their order, and differs between models.
type oracle struct {
	seed uint64
	rule func(Asked) string // the text of the right choice, or "" to leave it to the hash
}

// The parts of the product's prompts that a test engine reads.
const (
	headPassage  = "### Passage:\n"
	headQuestion = "\n\n### Question:\n"
	headChoices  = "\n\n### Choices:\n"
	headProposed = "\n\n### Proposed answer:\n"
)

// read finds the question in the last message.
func read(model string, messages []engine.Message) Asked {
	a := Asked{Model: model}
	if len(messages) == 0 {
		return a
	}
	text := messages[len(messages)-1].Content
	_, text, _ = strings.Cut(text, headPassage)
	a.Passage, text, _ = strings.Cut(text, headQuestion)
	if question, rest, ok := strings.Cut(text, headProposed); ok {
		proposed, _, _ := strings.Cut(rest, "\n\n")
		a.Question, a.Choices, a.Judge = question, []string{proposed}, true
		return a
	}
	question, rest, _ := strings.Cut(text, headChoices)
	block, _, _ := strings.Cut(rest, "\n\n")
	a.Question = question
	for line := range strings.SplitSeq(block, "\n") {
		if label, choice, ok := strings.Cut(line, ") "); ok && len(label) == 1 {
			a.Choices = append(a.Choices, choice)
		}
	}
	return a
}

// liking is a logit for one choice: uniform in ±2, and 6 more for the one that the rule names.
func (o *oracle) liking(a Asked, choice string) float64 {
	logit := 4*o.hash(a.Model, a.Passage, a.Question, choice) - 2
	if o.rule != nil && o.rule(a) == choice {
		logit += 6
	}
	return logit
}

// hash maps texts to [0, 1).
func (o *oracle) hash(texts ...string) float64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.LittleEndian, o.seed)
	for _, t := range texts {
		_, _ = h.Write([]byte(t))
		_, _ = h.Write([]byte{0})
	}
	x := h.Sum64() // FNV's high bits move little with the last bytes
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}

// Candidates outside of what a prompt asks for; with mass 0.02 in all they keep the letters' mass below 1.
var filler = []string{"The", "I", "Answer", "Choose", "It"}

// candidates is the distribution over the first token, best first.
func (o *oracle) candidates(a Asked) []engine.Token {
	const wanted = 0.98
	logits := map[string]float64{}
	switch {
	case a.Judge:
		logits["Yes"], logits["No"] = o.liking(a, a.Choices[0]), 0
	case len(a.Choices) > 0:
		for i, c := range a.Choices {
			logits[string(rune('A'+i))] = o.liking(a, c)
		}
	default:
		for _, word := range []string{"Hello", "A", "B", "C", "D", "Yes", "No"} {
			logits[word] = 2 * o.hash(a.Model, a.Passage, word)
		}
	}
	var sum float64
	words := slices.Sorted(maps.Keys(logits)) // in one order, so that the same question gets the same bits
	for _, text := range words {
		sum += math.Exp(logits[text])
	}
	var tokens []engine.Token
	for _, text := range words {
		l := logits[text]
		tokens = append(tokens, engine.Token{ID: tokenID(text), Text: text, Logprob: math.Log(wanted) + l - math.Log(sum)})
	}
	for _, text := range filler {
		each := (1 - wanted) / float64(len(filler))
		tokens = append(tokens, engine.Token{ID: tokenID(text), Text: text, Logprob: math.Log(each)})
	}
	slices.SortFunc(tokens, func(x, y engine.Token) int {
		return cmp.Or(cmp.Compare(y.Logprob, x.Logprob), cmp.Compare(x.ID, y.ID))
	})
	return tokens
}

// unlikely is the log-probability of every token that is no candidate.
const unlikely = -20.0

// logprobs gives the sampled token and then those of ids, as vLLM orders them.
func logprobs(candidates []engine.Token, ids []int) []engine.Token {
	tokens := candidates[:1:1]
	for _, id := range ids {
		i := slices.IndexFunc(candidates, func(t engine.Token) bool { return t.ID == id })
		switch {
		case i > 0:
			tokens = append(tokens, candidates[i])
		case i < 0:
			tokens = append(tokens, engine.Token{ID: id, Text: tokenText(id), Logprob: unlikely})
		}
	}
	return tokens
}

// text is the whole answer that the best candidate begins.
func (o *oracle) text(a Asked, best engine.Token) string {
	if i := int(best.Text[0] - 'A'); len(best.Text) == 1 && !a.Judge && i < len(a.Choices) {
		return best.Text + ") " + a.Choices[i]
	}
	if len(a.Choices) > 0 {
		return best.Text
	}
	return best.Text + " there, this is a text of a test engine."
}
