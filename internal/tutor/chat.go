package tutor

import (
	"context"
	"errors"
	"fmt"

	"sattutor/internal/engine"
	"sattutor/internal/plaintext"
	"sattutor/internal/sat"
)

// Chat lets a model continue an ordinary conversation and hands over each piece of its text as it arrives. It waits in
// the same line as the questions. Errors are *[sat.Error], but for those of each, which come back as they are.
func (t *Tutor) Chat(ctx context.Context, chat sat.Chat, each func(text string) error) (sat.Continuation, error) {
	model, err := t.admit(chat)
	if err != nil {
		return sat.Continuation{}, err
	}
	if t.opts.Gate != nil {
		leave, err := t.opts.Gate.Enter(ctx)
		if err != nil {
			return sat.Continuation{}, coded(ctx, err)
		}
		defer leave()
	}
	var stopped error
	resp, err := t.opts.Engine.Stream(ctx, requestFor(chat, model), func(text string) error {
		stopped = each(text)
		return stopped
	})
	switch {
	case stopped != nil:
		return sat.Continuation{}, stopped
	case err != nil:
		return sat.Continuation{}, codedChat(ctx, err)
	}
	return sat.Continuation{Model: model.Name, Text: resp.Text, Finish: resp.FinishReason,
		Usage: sat.Usage{Prompt: resp.Usage.Prompt, Cached: resp.Usage.Cached, Completion: resp.Usage.Completion}}, nil
}

// admit checks a conversation and finds its model.
func (t *Tutor) admit(chat sat.Chat) (sat.Model, error) {
	if err := chat.Validate(); err != nil {
		return sat.Model{}, err
	}
	for i, turn := range chat.Turns {
		if plaintext.ControlToken(turn.Text) != "" {
			return sat.Model{}, invalid(fmt.Sprintf("messages[%d]", i),
				"holds a control sequence of a chat template, such as <|name|>; remove it or write it in words")
		}
	}
	model, err := t.opts.Models.Resolve(chat.Model)
	if err != nil {
		return sat.Model{}, err
	}
	if _, known := t.words.of(model.Name); !known {
		return sat.Model{}, notReady()
	}
	return model, nil
}

// requestFor gives the engine's request.
func requestFor(chat sat.Chat, model sat.Model) engine.Request {
	messages := make([]engine.Message, len(chat.Turns))
	for i, turn := range chat.Turns {
		messages[i] = engine.Message{Role: engine.Role(turn.Speaker), Content: plaintext.Clean(turn.Text)}
	}
	tokens := chat.ReplyTokens
	if tokens == 0 {
		tokens = sat.DefaultReply
	}
	return engine.Request{Model: model.Name, Adapter: model.Adapter, Messages: messages, MaxTokens: tokens, Temperature: chat.Temperature,
		Seed: chat.Seed, TemplateArgs: model.TemplateArgs}
}

// codedChat words an engine's failure for a conversation, which has no passage to be shortened.
func codedChat(ctx context.Context, err error) error {
	var failed *engine.Error
	if errors.As(err, &failed) && failed.Kind == engine.TooLarge {
		return &sat.Error{Code: sat.TooLarge, Message: "The conversation is longer than this model can read. Begin a new one.", Err: err,
			Fields: []sat.FieldError{{Field: "messages", Message: "is too long for this model"}}}
	}
	return coded(ctx, err)
}
