package tutor

import (
	"context"

	"sattutor/internal/engine"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

// leastMass is the letters' share of the probability below which the model did not want to answer with a letter.
const leastMass = 0.5

// byLetter reads the choice from the log-probabilities of the letters at the first token: once in fast mode, once for
// each rotation of the choices in careful mode. A model that wants to say something else is asked to write instead.
func (a *asked) byLetter(ctx context.Context) error {
	rotations := 1
	if a.answer.Mode == sat.Careful {
		rotations = len(a.question.Choices)
	}
	prompts := make([][]engine.Message, rotations)
	scores := make([]prompt.Scores, rotations)
	for r := range rotations {
		end := a.step(ctx, BuildPrompt)
		messages, err := prompt.Answer(a.answer.Template, rotated(a.question, r))
		end(a.came("", 0))
		if err != nil {
			return err
		}
		resp, err := a.complete(ctx, messages, 1, a.words.letters[:len(a.question.Choices)])
		if err != nil {
			return err
		}
		end = a.step(ctx, ParseAnswer)
		score, ok := prompt.ReadLetters(resp.First, a.words.letters[:len(a.question.Choices)])
		end(a.came(read(ok), score.Mass))
		if !ok {
			return a.byText(ctx)
		}
		prompts[r], scores[r] = messages, score
	}
	score := scores[0]
	if rotations > 1 {
		score = prompt.Average(scores)
	}
	if score.Mass < leastMass {
		return a.byText(ctx)
	}
	a.answer.PromptHash = prompt.Hash(prompts...)
	a.decide(score)
	return nil
}

// rotated gives the question whose choice at position j is the one at (j + r) mod k.
func rotated(q sat.Question, r int) sat.Question {
	if r == 0 {
		return q
	}
	q.Choices = append(append(make([]string, 0, len(q.Choices)), q.Choices[r:]...), q.Choices[:r]...)
	return q
}
