package tutor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/sat"
)

func hello(text string) sat.Chat {
	return sat.Chat{Model: "sat-base", Turns: []sat.Turn{{Speaker: sat.SpeakerUser, Text: text}}}
}

func TestChatArrivesInPieces(t *testing.T) {
	e := &enginetest.Scripted{}
	m := letterModel("sat-base")
	m.TemplateArgs = map[string]string{"date_string": "11 Jun 2025"}
	tutor := newTutor(t, e, nil, m)
	var pieces []string
	reply, err := tutor.Chat(t.Context(), hello("hello\r\nthere"), func(text string) error {
		pieces = append(pieces, text)
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, len(pieces), 3)
	assert.Equal(t, strings.Join(pieces, ""), reply.Text)
	assert.Equal(t, []string{"sat-base", "stop"}, []string{reply.Model, reply.Finish})
	assert.Positive(t, reply.Usage.Prompt)
	req := e.Requests()[e.Calls()-1]
	assert.Equal(t, "hello\nthere", req.Messages[0].Content)
	assert.Equal(t, m.TemplateArgs, req.TemplateArgs)
	assert.Equal(t, sat.DefaultReply, req.MaxTokens)
}

func TestChatRefuses(t *testing.T) {
	e := &enginetest.Scripted{}
	tutor := newTutor(t, e, nil, letterModel("sat-base"))
	before := e.Calls()
	long := hello("x")
	long.Turns = append(make([]sat.Turn, sat.MaxTurns), long.Turns...)
	deaf := hello("x")
	deaf.Turns[0].Speaker = sat.SpeakerAssistant
	hot := hello("x")
	hot.Temperature = 2.5
	many := hello("x")
	many.ReplyTokens = sat.MaxReply + 1
	for field, chat := range map[string]sat.Chat{"messages": {}, "messages#1": long, "messages#2": deaf, "messages#3": hello(""), "temperature": hot,
		"max_tokens": many, "messages[0]": hello("<|eot_id|>"), "model": {Model: "other", Turns: hello("x").Turns}} {
		_, err := tutor.Chat(t.Context(), chat, func(string) error { return nil })
		var refused *sat.Error
		require.ErrorAs(t, err, &refused, field)
		if field != "model" {
			assert.Equal(t, sat.Invalid, refused.Code)
			require.NotEmpty(t, refused.Fields)
			want, _, _ := strings.Cut(field, "#")
			assert.Equal(t, want, refused.Fields[0].Field)
		}
	}
	assert.Equal(t, before, e.Calls())
}

func TestChatFailuresHaveTheirCodes(t *testing.T) {
	e := &enginetest.Scripted{}
	tutor := newTutor(t, e, nil, letterModel("sat-base"))
	e.Fail(&engine.Error{Kind: engine.TooLarge, Tokens: 5000, Limit: 4096}, 1)
	_, err := tutor.Chat(t.Context(), hello("x"), func(string) error { return nil })
	assert.Equal(t, sat.TooLarge, sat.CodeOf(err))
	assert.ErrorContains(t, err, "conversation")
	e.Fail(&engine.Error{Kind: engine.Unavailable}, 1)
	_, err = tutor.Chat(t.Context(), hello("x"), func(string) error { return nil })
	assert.Equal(t, sat.Unavailable, sat.CodeOf(err))

	stop := errors.New("the reader left")
	_, err = tutor.Chat(t.Context(), hello("x"), func(string) error { return stop })
	assert.Equal(t, stop, err)
}

func TestChatWaitsInTheLineOfTheQuestions(t *testing.T) {
	e := &enginetest.Scripted{}
	tutor := newTutor(t, e, func(o *Options) { o.Gate = closed{} }, letterModel("sat-base"))
	_, err := tutor.Chat(context.Background(), hello("x"), func(string) error { return nil })
	assert.Equal(t, sat.Unavailable, sat.CodeOf(err))
}

func TestChatNeedsAProbedModel(t *testing.T) {
	tutor := New(Options{Engine: &enginetest.Scripted{}, Models: records{letterModel("sat-base")}})
	_, err := tutor.Chat(t.Context(), hello("x"), func(string) error { return nil })
	assert.Equal(t, sat.Unavailable, sat.CodeOf(err))
}
