package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// LMEvalTask is the name of lm-eval's task whose prompts method likelihood repeats, in version 0.4.13.
const LMEvalTask = "agieval_sat_en"

// lmDoc is a document as lm-eval sees it.
type lmDoc struct {
	Query   string   `json:"query"`
	Choices []string `json:"choices"`
	Gold    []int    `json:"gold"`
}

// document gives the raw row in lm-eval's form.
func (it Item) document() lmDoc {
	raw := it.source()
	return lmDoc{Query: raw.Passage + "Q: " + raw.Question + " Answer Choices: " + strings.Join(raw.Options, " ") +
		"\nA: Among A through D, the answer is", Choices: raw.Options, Gold: []int{it.key()}}
}

// hash gives lm-eval's doc_hash: over the JSON with an indent of two, nothing escaped that JSON does not demand.
func (d lmDoc) hash() string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return ""
	}
	return digest(pythonJSON(strings.TrimSuffix(out.String(), "\n")))
}

// pythonJSON undoes the escapes that Go's encoder makes and Python's does not: the two line separators.
func pythonJSON(s string) string {
	return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029", `\u007f`, "\u007f").Replace(s)
}

// promptHash gives lm-eval's prompt_hash, over the context that all continuations share.
func (d lmDoc) promptHash() string { return digest(d.Query) }

// targetHash gives lm-eval's target_hash, over the gold list as Python prints it.
func (d lmDoc) targetHash() string {
	return digest(strings.ReplaceAll(fmt.Sprint(d.Gold), " ", ", "))
}

// likelihood asks by lm-eval's definition: the whole option text, its label included, after the raw row; ties go to the
// lowest index; the normalised form divides by the option's length in code points.
func (s *session) likelihood(ctx context.Context, it Item, record *Record) error {
	doc := it.document()
	continuations := make([]string, len(doc.Choices))
	for i, choice := range doc.Choices {
		continuations[i] = " " + choice
	}
	ll, err := s.runner.Scorer.LogLikelihoods(ctx, s.spec.Model.Name, doc.Query, continuations)
	if err != nil {
		return err
	}
	if len(ll) != len(doc.Choices) {
		return sat.Errorf(sat.BadOutput, "the engine scored %d of %d options", len(ll), len(doc.Choices))
	}
	normed := make([]float64, len(ll))
	for i := range ll {
		normed[i] = ll[i] / float64(utf8.RuneCountInString(doc.Choices[i]))
	}
	best, bestNorm := stats.ArgMax(ll), stats.ArgMax(normed)
	record.Letter, record.PromptHash, record.Method = sat.Letter(best), doc.promptHash(), MethodLikelihood
	p := stats.Softmax(ll, 1)
	record.setScores(p)
	record.Confidence, record.Margin = p[best], margin(p)
	record.Likelihood = &Likelihood{LL: ll, NormLetter: sat.Letter(bestNorm), AccNorm: slices.Contains(doc.Gold, bestNorm)}
	return nil
}

var (
	originalAnswer = regexp.MustCompile(`(?m)^([A-D])\)\s*([^\n\(]+)`)
	firstLetter    = regexp.MustCompile(`\b([A-D])\b`)
	endTokens      = strings.NewReplacer("<|eot_id|>", "", "<|end_of_text|>", "")
)

// originalSays gives what the original's parser took out of a generated text: the first line of the form "X) …" up to
// any bracket, else the first line that does not begin in bold.
func originalSays(raw string) string {
	text := strings.TrimSpace(raw)
	if m := originalAnswer.FindStringSubmatch(text); m != nil {
		return strings.TrimSpace(endTokens.Replace(m[1] + ") " + strings.TrimSpace(m[2])))
	}
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "**") {
			return strings.TrimSpace(endTokens.Replace(line))
		}
	}
	return ""
}

// origExact judges a generated answer by the original's rule, for comparison with its figures only: the first letter and
// the whole choice line must be the key's.
func (r *Record) origExact(it Item, a sat.Answer) {
	if a.Method != sat.MethodGenerate {
		return
	}
	says := originalSays(a.Raw)
	letter := firstLetter.FindString(strings.ToUpper(says))
	right := letter == it.Answer && says == it.ask().Labelled(it.key())
	r.OrigExact = &right
}
