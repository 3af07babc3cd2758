//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/dataset"
	"sattutor/internal/engine"
	"sattutor/internal/engine/llamacpp"
)

// tokensPath holds records with the tokens that the engine makes of them. The trainer's tests hold its own tokens
// against the same file.
const tokensPath = "../../internal/dataset/testdata/tokens.json"

// tokenised is a record as the engine reads it.
type tokenised struct {
	Prompt             []engine.Message  `json:"prompt"`
	Completion         []engine.Message  `json:"completion"`
	ChatTemplateKwargs map[string]string `json:"chat_template_kwargs"`
	ID                 string            `json:"id"`
	Method             dataset.Method    `json:"method"`
	Text               string            `json:"text"`         // of the prompt, by the chat template
	Tokens             []int             `json:"tokens"`       // of prompt and completion
	FirstLearnt        int               `json:"first_learnt"` // the first token that is trained on
}

// server is a llama-server, asked as an engine's neighbours ask it.
type server struct {
	t    *testing.T
	root string
	key  string
}

func (s server) ask(path string, body, into any) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(s.t, err)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.root+path, bytes.NewReader(raw))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(s.t, http.StatusOK, resp.StatusCode, path)
	require.NoError(s.t, json.NewDecoder(resp.Body).Decode(into))
}

// text gives what the engine's chat template makes of messages; of a last message by the assistant, its beginning.
func (s server) text(messages []engine.Message, kwargs map[string]string) string {
	var reply struct{ Prompt string }
	s.ask("/apply-template", map[string]any{"messages": messages, "chat_template_kwargs": kwargs}, &reply)
	return reply.Prompt
}

// piece is one token with its text, which JSON gives as numbers where it is no UTF-8.
type piece struct {
	ID    int `json:"id"`
	Piece any `json:"piece"`
}

func (s server) pieces(text string, special bool) []piece {
	var reply struct{ Tokens []piece }
	s.ask("/tokenize", map[string]any{"content": text, "add_special": special, "parse_special": true, "with_pieces": true}, &reply)
	return reply.Tokens
}

// TestTheEngineReadsWhatIsTrained: by the real chat template and tokenizer, a record's prompt is what the engine is asked,
// to the byte and to the number of tokens, and what is learnt begins with the answer's first token.
func TestTheEngineReadsWhatIsTrained(t *testing.T) {
	home := engineHome(t)
	runtime, err := llamacpp.Find(t.Context(), llamacpp.FindOptions{Home: home})
	require.NoError(t, err)
	model, err := llamacpp.DefaultModel(t.Context(), home)
	require.NoError(t, err)
	supervisor, err := llamacpp.Start(runtime, []llamacpp.Spec{{Name: "sat-base", ModelPath: model}}, llamacpp.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, supervisor.Close(t.Context())) })
	require.NoError(t, supervisor.WaitReady(t.Context()))
	at := supervisor.Endpoints()[0]
	s := server{t, strings.TrimSuffix(at.BaseURL, "/v1"), at.Key}

	var all []string
	for _, method := range []dataset.Method{dataset.Option, dataset.Letter, dataset.LetterText} {
		for _, r := range someRecords(t, method) {
			line, err := json.Marshal(s.read(r))
			require.NoError(t, err)
			all = append(all, string(line))
		}
	}
	text := "[\n" + strings.Join(all, ",\n") + "\n]\n"
	if *update {
		require.NoError(t, os.WriteFile(tokensPath, []byte(text), 0o644))
	}
	held, err := os.ReadFile(tokensPath)
	require.NoError(t, err)
	assert.Equal(t, string(held), text, "go test ./cmd/sat -run TestTheEngineReads -update, and run the trainer's tests")
}

// read lets the engine tokenise a record and checks what training relies on.
func (s server) read(r dataset.Record) tokenised {
	t := s.t
	t.Helper()
	asked := s.text(r.Prompt, r.ChatTemplateKwargs)
	full := s.text(append(r.Prompt[:len(r.Prompt):len(r.Prompt)], r.Completion...), r.ChatTemplateKwargs)
	require.Equal(t, asked+r.Completion[0].Content, full, "the target stands behind the served prompt")

	prompt, whole := s.pieces(asked, false), s.pieces(full, false)
	require.Greater(t, len(whole), len(prompt))
	require.Equal(t, prompt, whole[:len(prompt)], "the answer changes no token of the prompt")
	learnt := ""
	for _, p := range whole[len(prompt):] {
		text, ok := p.Piece.(string)
		require.True(t, ok)
		learnt += text
	}
	require.Equal(t, r.Completion[0].Content[r.Learnt.Start:r.Learnt.End], learnt, "learnt is the answer and nothing else")

	var reply struct {
		Usage struct {
			Prompt int `json:"prompt_tokens"`
		}
	}
	s.ask("/v1/chat/completions", map[string]any{"model": "sat-base", "messages": r.Prompt, "chat_template_kwargs": r.ChatTemplateKwargs, "max_tokens": 1}, &reply)
	require.Equal(t, len(prompt), reply.Usage.Prompt, "served are as many tokens as trained: no second beginning of text")
	one := tokenised{Prompt: r.Prompt, Completion: r.Completion, ChatTemplateKwargs: r.ChatTemplateKwargs, ID: r.ID, Method: r.Method,
		Text: asked, FirstLearnt: len(prompt)}
	for _, p := range whole {
		one.Tokens = append(one.Tokens, p.ID)
	}
	return one
}

// someRecords are three of the bank's shortest questions by that method.
func someRecords(t *testing.T, method dataset.Method) []dataset.Record {
	t.Helper()
	out := t.TempDir()
	_, err := dataset.Build(t.Context(), dataset.Options{Sources: []dataset.Source{{Kind: dataset.KindItems, Path: "../../internal/questionbank/shipped/items.jsonl"}},
		Method: method, Seed: 7, MaxChars: 620, Out: out, Date: "11 Jun 2025", Version: setup.Version(), Now: time.Now()})
	require.NoError(t, err)
	raw, err := os.ReadFile(filepath.Join(out, dataset.TrainFile))
	require.NoError(t, err)
	var records []dataset.Record
	for line := range strings.Lines(string(raw)) {
		var r dataset.Record
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		if records = append(records, r); len(records) == 3 {
			return records
		}
	}
	require.Fail(t, "the bank has fewer short questions")
	return nil
}
