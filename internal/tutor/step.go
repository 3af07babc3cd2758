package tutor

import (
	"context"

	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

// Steps hears of the steps of a question that are no engine call, [BuildPrompt] and [ParseAnswer]: at the beginning of
// each, and what came of it at its end. Nothing that a person wrote is told.
type Steps func(ctx context.Context, name string) (end func(Step))

// The steps.
const (
	BuildPrompt = "prompt.build"
	ParseAnswer = "answer.parse"
)

// Step is what came of one step.
type Step struct {
	Template string         // of the prompt
	Method   sat.Method     // by which the answer is read
	Outcome  prompt.Outcome // of reading an answer; "" of a prompt
	Mass     float64        // share of the probability that the offered answers got, where scores were read
}

// silent ends a step that nobody hears of.
func silent(Step) {}

// step tells that a step begins; end takes what [asked.came] gives.
func (a *asked) step(ctx context.Context, name string) (end func(Step)) {
	if a.tutor.opts.Step == nil {
		return silent
	}
	return a.tutor.opts.Step(ctx, name)
}

func (a *asked) came(outcome prompt.Outcome, mass float64) Step {
	return Step{Template: a.answer.Template, Method: a.answer.Method, Outcome: outcome, Mass: mass}
}

// read is the outcome of reading scores.
func read(ok bool) prompt.Outcome {
	if ok {
		return prompt.OK
	}
	return prompt.None
}
