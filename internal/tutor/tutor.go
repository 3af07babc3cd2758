// Package tutor answers questions: the whole path from a question to the tutor's answer.
//
// The tour: [Tutor.Ask] cleans the question, resolves the model, waits for a place at the engine and asks by the
// model's method: letter.go reads one token's log-probabilities, option.go judges each choice by itself, generate.go
// reads written text; step.go tells whoever traces of the steps. probe.go learns what an engine serves and which tokens its letters are. What an engine cannot do
// becomes a coded error in errors.go.
package tutor

import (
	"context"
	"time"

	"sattutor/internal/engine"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

// Models resolves a served name, "" being the default model, to the record by which it is asked. Errors are
// *[sat.Error].
type Models interface {
	Resolve(name string) (sat.Model, error)
}

// Gate admits questions to the engine; errors are *[engine.Error].
type Gate interface {
	Enter(ctx context.Context) (leave func(), err error)
}

// Seen tells whether a model was trained on a passage.
type Seen func(m sat.Model, passage string) bool

// Recorder hears of every question that came to its end.
type Recorder interface {
	Ended(ctx context.Context, e Ended)
}

// Ended is a question that came to its end, with an answer or with an error.
type Ended struct {
	Question sat.Question // canonical; as typed where it broke a rule
	Answer   sat.Answer   // where Err is nil
	Model    sat.Model    // the zero value where the question ended before one was chosen
	Err      error        // a *[sat.Error]; nil with an answer
	Took     time.Duration
	Waited   time.Duration // of Took, for a place at the engine
}

// Options are what a Tutor is made of. Engine and Models must not be nil.
type Options struct {
	Engine engine.Engine
	Models Models
	Gate   Gate             // nil admits everybody
	Record Recorder         // nil for none
	Seen   Seen             // nil where nothing is known of what models were trained on
	Step   Steps            // nil for none
	Seed   int64            // sent with every request
	Now    func() time.Time // nil for time.Now
}

// Tutor answers questions. It is safe for concurrent use and made by New.
type Tutor struct {
	opts  Options
	words vocabulary
}

// New gives a tutor that has not yet asked its engine anything; Probe comes before the first question.
func New(opts Options) *Tutor {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Tutor{opts: opts}
}

// Wish is how a question is to be answered. The zero value of a field leaves it to the model's record.
type Wish struct {
	sat.Options
	Method       sat.Method
	Template     string
	Uncalibrated bool // scores without letter prior and temperature
}

// Answer answers as the model's record says. Errors are *[sat.Error].
func (t *Tutor) Answer(ctx context.Context, q sat.Question, opts sat.Options) (sat.Answer, error) {
	return t.Ask(ctx, q, Wish{Options: opts})
}

// Ask answers in the way that is wished for. Errors are *[sat.Error]; beside one with code BadOutput the answer holds all
// but the choice: what the model wrote, and what that cost.
func (t *Tutor) Ask(ctx context.Context, q sat.Question, wish Wish) (sat.Answer, error) {
	asked := &asked{tutor: t, began: t.opts.Now()}
	err := asked.prepare(q, wish)
	if err == nil {
		err = asked.run(ctx)
	}
	asked.answer.Total = t.opts.Now().Sub(asked.began)
	if err != nil {
		err = coded(ctx, err)
	} else if t.opts.Seen != nil {
		asked.answer.Seen = t.opts.Seen(asked.model, asked.question.Passage)
	}
	if t.opts.Record != nil {
		t.opts.Record.Ended(ctx, Ended{Question: asked.question, Answer: asked.answer, Model: asked.model, Err: err,
			Took: asked.answer.Total, Waited: asked.waited})
	}
	if err != nil && sat.CodeOf(err) != sat.BadOutput {
		return sat.Answer{}, err
	}
	return asked.answer, err
}

// asked is one question on its way.
type asked struct {
	tutor    *Tutor
	began    time.Time
	waited   time.Duration
	question sat.Question
	wish     Wish
	model    sat.Model
	words    words
	answer   sat.Answer

	prior []float64
}

// prepare cleans the question and settles how it is asked.
func (a *asked) prepare(q sat.Question, wish Wish) (err error) {
	a.question, a.wish = q, wish
	if a.question, err = prompt.Canonical(q); err != nil {
		return err
	}
	if err := wish.check(); err != nil {
		return err
	}
	return a.resolve()
}

// resolve finds the model, and settles how it is asked.
func (a *asked) resolve() (err error) {
	if a.model, err = a.tutor.opts.Models.Resolve(a.wish.Model); err != nil {
		return err
	}
	var known bool
	if a.words, known = a.tutor.words.of(a.model.Name); !known {
		return notReady()
	}
	a.settle(a.wish)
	return nil
}

// check refuses wishes that cannot be met.
func (w Wish) check() error {
	switch w.Mode {
	case "", sat.Fast, sat.Careful:
	default:
		return invalid("mode", "is none of fast, careful")
	}
	switch w.Method {
	case "", sat.MethodLetter, sat.MethodOption, sat.MethodGenerate:
	default:
		return invalid("method", "is none of letter, option, generate")
	}
	return nil
}

// settle begins the answer's record with all that is known before the engine is asked.
func (a *asked) settle(wish Wish) {
	m := a.model
	a.answer = sat.Answer{
		Mode: wish.Mode, Method: m.Method, Template: m.Template,
		Model: m.Name, Base: m.Base, Adapter: m.Adapter, AdapterSHA256: m.AdapterSHA256, Precision: m.Precision,
		Seed: a.tutor.opts.Seed, Quality: m.Quality, QualityNote: m.QualityNote,
	}
	if a.answer.Mode == "" {
		a.answer.Mode = sat.Fast
	}
	if wish.Method != "" && wish.Method != m.Method {
		a.answer.Method, a.answer.Template = wish.Method, defaultTemplate(wish.Method)
	}
	if wish.Template != "" {
		a.answer.Template = wish.Template
	}
	if a.words.letters == nil && a.answer.Method != sat.MethodGenerate {
		a.answer.Method, a.answer.Template = sat.MethodGenerate, prompt.AnswerV1
	}
	if !wish.Uncalibrated && a.answer.Method == m.Method && a.answer.Template == m.Template {
		a.prior, a.answer.PriorID, a.answer.Temperature = m.Prior, m.PriorID, m.Temperature
	}
}

// defaultTemplate is the one of a method that a model's record does not name.
func defaultTemplate(m sat.Method) string {
	if m == sat.MethodOption {
		return prompt.OptionV1
	}
	return prompt.AnswerV1
}

// run waits for a place at the engine and asks it.
func (a *asked) run(ctx context.Context) error {
	if err := a.fits(ctx); err != nil {
		return err
	}
	if gate := a.tutor.opts.Gate; gate != nil {
		arrived := a.tutor.opts.Now()
		leave, err := gate.Enter(ctx)
		a.waited = a.tutor.opts.Now().Sub(arrived)
		if err != nil {
			return err
		}
		defer leave()
		if err := a.resolve(); err != nil { // another adapter may have taken the name while the question waited
			return err
		}
	}
	switch a.answer.Method {
	case sat.MethodLetter:
		return a.byLetter(ctx)
	case sat.MethodOption:
		return a.byOption(ctx)
	default:
		return a.byText(ctx)
	}
}

// complete makes one engine call and adds what it cost to the answer.
func (a *asked) complete(ctx context.Context, messages []engine.Message, tokens int, ids []int) (engine.Response, error) {
	began := a.tutor.opts.Now()
	resp, err := a.tutor.opts.Engine.Complete(ctx, engine.Request{
		Model: a.model.Name, Adapter: a.model.Adapter, Messages: messages, MaxTokens: tokens, Seed: a.answer.Seed,
		LogprobIDs: ids, TemplateArgs: a.model.TemplateArgs,
	})
	a.answer.Engine += a.tutor.opts.Now().Sub(began)
	a.answer.Usage.Prompt += resp.Usage.Prompt
	a.answer.Usage.Cached += resp.Usage.Cached
	a.answer.Usage.Completion += resp.Usage.Completion
	return resp, err
}

// decide completes the answer from scores over the choices.
func (a *asked) decide(s prompt.Scores) {
	d := prompt.Decide(s.Log, a.prior, a.answer.Temperature)
	a.choose(d.Best)
	a.answer.Scores, a.answer.Confidence, a.answer.Margin, a.answer.Tied = d.Probabilities, d.Probabilities[d.Best], d.Margin, d.Tied
	a.answer.LetterMass, a.answer.Clipped = s.Mass, s.Clipped
}

// choose takes the choice at position i.
func (a *asked) choose(i int) {
	a.answer.Letter, a.answer.Text = sat.Letter(i), a.question.Choices[i]
}
