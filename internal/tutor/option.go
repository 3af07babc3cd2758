package tutor

import (
	"context"
	"errors"

	"sattutor/internal/engine"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

// byOption proposes each choice by itself and scores it by ln p(Yes) − ln p(No). The proposals go one after another, so
// that the passage is read once. The order of the choices cannot matter, so careful mode is the same.
func (a *asked) byOption(ctx context.Context) error {
	a.answer.Mode = sat.Fast
	choices := len(a.question.Choices)
	scores := prompt.Scores{Log: make([]float64, choices)}
	prompts := make([][]engine.Message, choices)
	for i := range choices {
		end := a.step(ctx, BuildPrompt)
		messages, err := prompt.Option(a.answer.Template, a.question, i)
		end(a.came("", 0))
		if err != nil {
			return err
		}
		resp, err := a.complete(ctx, messages, 1, a.words.yesNo)
		if err != nil {
			return err
		}
		end = a.step(ctx, ParseAnswer)
		score, mass, clipped, ok := prompt.ReadOption(resp.First, a.words.yesNo[0], a.words.yesNo[1])
		end(a.came(read(ok), mass))
		if !ok {
			return &engine.Error{Kind: engine.BadOutput, Err: errors.New("neither Yes nor No among the candidates")}
		}
		scores.Log[i] = score
		scores.Mass += mass / float64(choices)
		scores.Clipped = scores.Clipped || clipped
		prompts[i] = messages
	}
	a.answer.PromptHash = prompt.Hash(prompts...)
	a.decide(scores)
	return nil
}
