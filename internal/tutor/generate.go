package tutor

import (
	"context"

	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

// mostTokens bounds a written answer: a letter and the text of a choice.
const mostTokens = 64

// byText lets the model write its answer and looks for one of the choices in it. Such an answer has no scores.
func (a *asked) byText(ctx context.Context) error {
	if a.answer.Method != sat.MethodGenerate {
		a.answer.Method, a.prior = sat.MethodGenerate, nil
	}
	a.answer.PriorID, a.answer.Temperature = "", 0 // there are no scores
	a.answer.Mode = sat.Fast
	end := a.step(ctx, BuildPrompt)
	messages, err := prompt.Answer(a.answer.Template, a.question)
	end(a.came("", 0))
	if err != nil {
		return err
	}
	a.answer.PromptHash = prompt.Hash(messages)
	resp, err := a.complete(ctx, messages, mostTokens, nil)
	if err != nil {
		return err
	}
	a.answer.Raw = resp.Text
	end = a.step(ctx, ParseAnswer)
	i, outcome := prompt.ParseAnswer(resp.Text, a.question.Choices)
	end(a.came(outcome, 0))
	switch outcome {
	case prompt.OK:
		a.choose(i)
		return nil
	case prompt.Ambiguous:
		return sat.Errorf(sat.BadOutput, "The model named two choices at once. Ask again, or choose another model.")
	default:
		return sat.Errorf(sat.BadOutput, "The model wrote something that is none of the choices. Ask again, or choose another model.")
	}
}
