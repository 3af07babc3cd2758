package eval

import (
	"context"
	"fmt"
	"strings"

	"sattutor/internal/sat"
)

// Options says how one question is to be answered. A zero field leaves the choice to the model's record.
type Options struct {
	Model        string
	Mode         sat.Mode
	Method       sat.Method // letter, option or generate
	Template     string
	Uncalibrated bool // give the scores without letter prior and temperature
}

// Answerer answers questions: the tutor in this process, or a client of the backend.
//
// It gives a *sat.Error with code BadOutput where the model's output holds no answer, beside an answer that holds what is
// known in spite of that, and with Unavailable, Timeout or RateLimited where asking again may help. It is safe for concurrent use.
type Answerer interface {
	Answer(ctx context.Context, q sat.Question, o Options) (sat.Answer, error)
}

// MethodLikelihood is lm-eval's way of answering: the option whose whole text is the likeliest continuation wins. Only a
// [Scorer] can do it.
const MethodLikelihood sat.Method = "likelihood"

// Scorer gives the log-probability of texts that continue a text, as engines with prompt log-probabilities can.
type Scorer interface {
	// LogLikelihoods gives, for each continuation, the sum of its tokens' log-probabilities after the context, in
	// nats. The tokens of a continuation are those that tok(context + continuation) adds to tok(context).
	LogLikelihoods(ctx context.Context, model, text string, continuations []string) ([]float64, error)
}

// noPassage stands where the passage stood when a run asks without it: the questions stay valid for every target.
const noPassage = "(The passage is left out.)"

// shown gives the question as an ablation shows it, its choices turned by r places.
func (it Item) shown(a Ablation, r int) sat.Question {
	q := it.ask()
	switch {
	case a.NoPassage:
		q.Passage = noPassage
	case a.NumberedLines && len(it.PassageLines) > 0:
		q.Passage = numberedLines(it.PassageLines)
	}
	turned := make([]string, len(q.Choices))
	for j := range turned {
		turned[j] = q.Choices[(j+r)%len(turned)]
	}
	q.Choices = turned
	return q
}

// numberedLines prints every fifth number in the left margin, as the paper test does.
func numberedLines(lines []string) string {
	numbered, n := make([]string, len(lines)), 0
	for i, line := range lines {
		numbered[i] = line
		if line == "" || passageHead.MatchString(line) {
			continue
		}
		n++
		margin := "   "
		if n%numberStep == 0 {
			margin = fmt.Sprintf("%-3d", n)
		}
		numbered[i] = margin + " " + line
	}
	return strings.Join(numbered, "\n")
}

// warmUp is a question that makes the engine read the passage and is not counted.
func warmUp(passage string) sat.Question {
	return sat.Question{Passage: passage, Stem: "What is this passage about?",
		Choices: []string{"A person.", "A place.", "A thing.", "An event."}}
}
