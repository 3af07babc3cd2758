package tutor

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine/enginetest"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

func TestStepsAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		engine *enginetest.Scripted
		model  sat.Model
		mode   sat.Mode
		want   []string
	}{
		"letter":  {&enginetest.Scripted{}, letterModel("sat-base"), sat.Fast, []string{"prompt.build letter", "answer.parse letter ok"}},
		"careful": {&enginetest.Scripted{}, letterModel("sat-base"), sat.Careful, repeat(4, "prompt.build letter", "answer.parse letter ok")},
		"option":  {&enginetest.Scripted{}, optionModel("sat-base"), sat.Fast, repeat(4, "prompt.build option", "answer.parse option ok")},
		"falls back": {&enginetest.Scripted{Reply: first(map[string]float64{"x": 0.9}, "no idea")}, letterModel("sat-base"), sat.Fast,
			[]string{"prompt.build letter", "answer.parse letter none", "prompt.build generate", "answer.parse generate none"}},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			asking := newTutor(t, c.engine, func(o *Options) {
				o.Step = func(_ context.Context, name string) func(Step) {
					return func(s Step) {
						line := name + " " + string(s.Method)
						if s.Outcome != "" {
							line += " " + string(s.Outcome)
						}
						assert.NotEmpty(t, s.Template)
						told = append(told, line)
					}
				}
			}, c.model)
			_, err := asking.Answer(t.Context(), lamp(), sat.Options{Mode: c.mode})
			if name != "falls back" {
				require.NoError(t, err)
			}
			assert.Equal(t, c.want, told)
		})
	}
}

func repeat(n int, steps ...string) (list []string) {
	for range n {
		list = append(list, steps...)
	}
	return list
}

func TestStepsThatNobodyHearsOfCostNothing(t *testing.T) {
	a := &asked{tutor: New(Options{})}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		a.step(t.Context(), BuildPrompt)(a.came(prompt.OK, 1))
	}))
}
