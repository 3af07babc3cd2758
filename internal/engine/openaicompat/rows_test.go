package openaicompat_test

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/engine/openaicompat"
)

// Each test is one row of the table of differences between vLLM and llama-server, on recorded replies where the row is
// about what a server says, and on the fake where it is about what the client does.

const smol = "smollm2-135m" // the model of most llama-server recordings

func TestRowUnknownFields(t *testing.T) {
	for server, names := range map[string][]string{
		"vllm":         {"models", "chat_unknown_field"},
		"llama-server": {"smollm2-135m.v1-models", "smollm2-135m.chat-letter-superset-body"},
	} {
		model := map[string]string{"vllm": "sat-lora", "llama-server": smol}[server]
		resp, err := replay(t, server, names...).Complete(t.Context(), letters(model))
		require.NoError(t, err, server)
		assert.NotEmpty(t, resp.Text, server)
	}
	// guided_choice is dead: the recorded reply to it is no choice, and the client never sends it.
	dead := enginetest.Load(t, "vllm", "chat_guided_choice_dead")[0]
	assert.Contains(t, string(dead.Text()), `"A) It was"`)
	client, v := fake(t, enginetest.Options{})
	_, err := client.Complete(t.Context(), letters("sat-base"))
	require.NoError(t, err)
	assert.NotContains(t, lastBody(t, v), "guided_choice")
}

func TestRowLetters(t *testing.T) {
	ids4 := []int{49, 52, 51, 50} // best first
	t.Run("vllm, ids as names", func(t *testing.T) {
		resp, err := replay(t, "vllm", "models", "chat_letter_token_ids_and_top20").Complete(t.Context(), letters("sat-lora"))
		require.NoError(t, err)
		assert.Equal(t, ids4, ids(resp.First))
		assert.Equal(t, engine.Token{ID: 49, Logprob: -0.027154920622706413}, resp.First[0])
	})
	t.Run("vllm, sample is no letter", func(t *testing.T) {
		resp, err := replay(t, "vllm", "models", "chat_repetition_penalty").Complete(t.Context(), letters("sat-lora"))
		require.NoError(t, err)
		assert.Len(t, resp.First, 5)
	})
	t.Run("names without ids", func(t *testing.T) {
		resp, err := replay(t, "vllm", "models", "chat_letter_token_ids").Complete(t.Context(), letters("sat-lora"))
		require.NoError(t, err)
		assert.Equal(t, []int{-1, -1, -1, -1}, ids(resp.First))
		assert.Equal(t, "A", resp.First[0].Text)
	})
	t.Run("llama-server, ids beside names", func(t *testing.T) {
		resp, err := replay(t, "llama-server", "smollm2-135m.v1-models", "smollm2-135m.chat-letter-cold").
			Complete(t.Context(), letters(smol))
		require.NoError(t, err)
		require.Len(t, resp.First, 20)
		assert.Equal(t, []int{49, 50, 51, 52}, ids(resp.First[:4]))
		assert.Equal(t, "A", resp.First[0].Text)
	})
	t.Run("caps of vllm are 400 with the parameter", func(t *testing.T) {
		for _, name := range []string{"chat_top_logprobs_21", "chat_logprob_token_ids_129", "chat_letter_token_ids_no_logprobs_flag"} {
			_, err := replay(t, "vllm", "models", name).Complete(t.Context(), letters("sat-lora"))
			e := kindOf(t, err, engine.Rejected)
			assert.Contains(t, e.Error(), "logprob", name)
		}
		client, v := fake(t, enginetest.Options{})
		req := letters("sat-base")
		req.LogprobIDs = slices.Repeat([]int{49}, 129)
		_, err := client.Complete(t.Context(), req)
		kindOf(t, err, engine.Rejected)
		assert.EqualValues(t, 20, lastBody(t, v)["top_logprobs"])
	})
	t.Run("llama-server is asked for 200", func(t *testing.T) {
		var sent map[string]any
		client := serverOf(t, "llama-server", func(body []byte) { _ = json.Unmarshal(body, &sent) },
			"smollm2-135m.v1-models", "smollm2-135m.chat-letter-cold")
		_, err := client.Complete(t.Context(), letters(smol))
		require.NoError(t, err)
		assert.EqualValues(t, 200, sent["top_logprobs"])
	})
}

func TestRowSemantics(t *testing.T) {
	first := func(name string) []engine.Token {
		resp, err := replay(t, "vllm", "models", name).Complete(t.Context(), letters("sat-lora"))
		require.NoError(t, err)
		return resp.First
	}
	free := first("chat_letter_token_ids_and_top20")
	assert.Equal(t, free, first("chat_allowed_token_ids"), "raw: an allow-list changes nothing")
	var mass float64
	for _, token := range first("chat_structured_choice_token_ids") {
		mass += math.Exp(token.Logprob)
	}
	assert.InDelta(t, 1, mass, 1e-6, "structured outputs renormalise over the choices")
	floor := first("chat_structured_choice")
	assert.EqualValues(t, -9999, floor[len(floor)-1].Logprob)
	client, v := fake(t, enginetest.Options{})
	_, err := client.Complete(t.Context(), letters("sat-base"))
	require.NoError(t, err)
	assert.NotContains(t, lastBody(t, v), "structured_outputs", "never mixed with logprob_token_ids")
}

func TestRowBareLetter(t *testing.T) {
	bare, err := replay(t, "vllm", "tokenize_superset_llamacpp").Tokenize(t.Context(), "sat-base", "A")
	require.NoError(t, err)
	spaced, err := replay(t, "vllm", "tokenize_space_A").Tokenize(t.Context(), "sat-base", " A")
	require.NoError(t, err)
	assert.NotEqual(t, bare, spaced)
	resp, err := replay(t, "llama-server", "smollm2-135m.v1-models", "smollm2-135m.chat-letter-cold").
		Complete(t.Context(), letters(smol))
	require.NoError(t, err)
	assert.Equal(t, bare, ids(resp.First)[:1], "after the chat header the bare letter is the likely one")
}

func TestRowTokenIDs(t *testing.T) {
	client, _ := fake(t, enginetest.Options{})
	for text, want := range map[string]int{"A": 49, "B": 50, "C": 51, "D": 52, " A": 330, " B": 389, " C": 340, " D": 422} {
		got, err := client.Tokenize(t.Context(), "sat-base", text)
		require.NoError(t, err)
		assert.Equal(t, []int{want}, got, "%q", text)
	}
	got, err := replay(t, "vllm", "tokenize_with_model_lora").Tokenize(t.Context(), "sat-lora", "B")
	require.NoError(t, err)
	assert.Equal(t, []int{50}, got)
}

func TestRowTokenize(t *testing.T) {
	for server, name := range map[string]string{"vllm": "tokenize_superset_llamacpp", "llama-server": "smollm2-135m.tokenize-superset"} {
		var sent map[string]any
		client := serverOf(t, server, func(body []byte) { _ = json.Unmarshal(body, &sent) }, name)
		got, err := client.Tokenize(t.Context(), "sat-base", "A")
		require.NoError(t, err, server)
		assert.Equal(t, []int{49}, got, server)
		assert.Equal(t, map[string]any{"model": "sat-base", "prompt": "A", "add_special_tokens": false, "content": "A",
			"add_special": false}, sent)
	}
	_, url := enginetest.Serve(t, enginetest.Options{Key: "another"})
	_, err := dial(t, url+"/v1").Tokenize(t.Context(), "sat-base", "A")
	assert.NoError(t, err, "/tokenize lies beside /v1, and is not covered by the key")
}

func TestRowModelName(t *testing.T) {
	_, err := replay(t, "vllm", "models", "chat_unknown_model").Complete(t.Context(), letters("sat-nope"))
	kindOf(t, err, engine.UnknownModel)
	_, err = replay(t, "vllm", "models", "chat_missing_model").Complete(t.Context(), letters("sat-lora"))
	kindOf(t, err, engine.UnknownModel) // the base answered
	_, err = replay(t, "llama-server", "smollm2-135m.v1-models", "smollm2-135m.chat-wrong-model").
		Complete(t.Context(), letters("no-such-model"))
	kindOf(t, err, engine.UnknownModel)
	_, err = replay(t, "llama-server", "smollm2-135m.v1-models", "router.chat-unknown-model").
		Complete(t.Context(), letters("nope"))
	kindOf(t, err, engine.UnknownModel)
	client, v := fake(t, enginetest.Options{})
	_, err = client.Complete(t.Context(), letters(""))
	kindOf(t, err, engine.Rejected)
	assert.Zero(t, v.Counts().Calls, "without a model nothing is sent")
}

func TestRowKey(t *testing.T) {
	for server, names := range map[string][]string{
		"vllm":         {"models", "chat_wrong_key"},
		"llama-server": {"smollm2-135m.v1-models", "lora.auth-wrong"},
	} {
		_, err := replay(t, server, names...).Complete(t.Context(), letters("sat-lora"))
		kindOf(t, err, engine.Unauthorized)
	}
	_, err := replay(t, "vllm", "models_no_key").Models(t.Context())
	kindOf(t, err, engine.Unauthorized)
	_, err = replay(t, "llama-server", "smollm2-135m.v1-models", "lora.auth-missing-chat").Complete(t.Context(), letters(smol))
	kindOf(t, err, engine.Unauthorized)
}

func TestRowTooLong(t *testing.T) {
	for _, c := range []struct {
		server, models, name, model string
		tokens, limit               int
	}{
		{"vllm", "models", "chat_too_long", "sat-lora", 2049, 2048},
		{"llama-server", "smollm2-135m.v1-models", "smollm2-135m.chat-context-overflow", smol, 20031, 4096},
	} {
		_, err := replay(t, c.server, c.models, c.name).Complete(t.Context(), letters(c.model))
		e := kindOf(t, err, engine.TooLarge)
		assert.Equal(t, [2]int{c.tokens, c.limit}, [2]int{e.Tokens, e.Limit}, c.server)
	}
	_, err := replay(t, "vllm", "models", "chat_stream_error_too_long").Stream(t.Context(), letters("sat-lora"), ignore)
	kindOf(t, err, engine.TooLarge)
}

func TestRowPromptAndMaxTokensOverLimit(t *testing.T) {
	resp, err := replay(t, "vllm", "models", "chat_prompt_plus_max_tokens_too_long").Complete(t.Context(), text("sat-lora", 2048))
	require.NoError(t, err)
	assert.Equal(t, "A) It was warm.", resp.Text)
	resp, err = replay(t, "llama-server", "smollm2-135m.v1-models", "smollm2-135m.chat-max-tokens-over-context").
		Complete(t.Context(), text(smol, 1_000_000))
	require.NoError(t, err)
	assert.NotEmpty(t, resp.Text)
	client, _ := fake(t, enginetest.Options{Context: 200})
	_, err = client.Complete(t.Context(), text("sat-base", 10_000))
	assert.NoError(t, err)
}

func TestRowBusy(t *testing.T) {
	_, err := replay(t, "vllm", "models", "overload_503").Complete(t.Context(), text("sat-base", 24))
	e := kindOf(t, err, engine.Overloaded)
	assert.Zero(t, e.RetryAfter, "vLLM sends no Retry-After")
	client, v := fake(t, enginetest.Options{Slots: 1, Queue: -1})
	v.Inject(enginetest.Fault{Kind: enginetest.FaultBusy})
	_, err = client.Complete(t.Context(), letters("sat-base"))
	kindOf(t, err, engine.Overloaded)
	assert.Equal(t, 1, v.Counts().Calls, "a refusal is not retried")
}

func TestRowLoading(t *testing.T) {
	client := replay(t, "llama-server", "loading.models", "loading.chat")
	_, err := client.Models(t.Context())
	kindOf(t, err, engine.Unavailable)
	_, err = client.Complete(t.Context(), letters(smol))
	kindOf(t, err, engine.Unavailable)
	_, err = replay(t, "llama-server", "smollm2-135m.v1-models", "loading.chat").Complete(t.Context(), letters(smol))
	kindOf(t, err, engine.Unavailable)
	// vLLM's port is closed until it is ready.
	_, err = dial(t, "http://127.0.0.1:1").Complete(t.Context(), letters("sat-base"))
	kindOf(t, err, engine.Unavailable)
}

func TestRowInvalidJSON(t *testing.T) {
	for _, c := range []struct {
		server, models, name string
		want                 engine.Kind
	}{
		{"vllm", "models", "chat_invalid_json", engine.Rejected},
		{"vllm", "models", "chat_wrong_type", engine.Rejected},
		{"llama-server", "smollm2-135m.v1-models", "smollm2-135m.error-bad-json", engine.Rejected},
		{"llama-server", "smollm2-135m.v1-models", "smollm2-135m.error-bad-role-type", engine.BadOutput},
	} {
		_, err := replay(t, c.server, c.models, c.name).Complete(t.Context(), letters("sat-lora"))
		e := kindOf(t, err, c.want)
		assert.NotContains(t, e.Error(), "input'", "what the server echoes of the request stays out of the log")
		assert.NotContains(t, e.Error(), "{b", "what the server echoes of the request stays out of the log")
	}
	for name, models := range map[string]string{"path_404": "vllm", "smollm2-135m.error-not-found": "llama-server"} {
		_, url := enginetest.Serve(t, enginetest.Options{})
		_, err := dial(t, url+"/nope").Models(t.Context())
		kindOf(t, err, engine.Rejected)
		assert.Contains(t, string(enginetest.Load(t, models, name)[0].Text()), "Not Found")
	}
}

func TestRowCachedTokens(t *testing.T) {
	resp, err := replay(t, "vllm", "models", "fp32head_letter_lora").Complete(t.Context(), letters("sat-lora"))
	require.NoError(t, err)
	assert.Equal(t, engine.Usage{Prompt: 157, Cached: 128, Completion: 1}, resp.Usage)
	resp, err = replay(t, "llama-server", "smollm2-135m.v1-models", "smollm2-135m.chat-letter-warm-same-passage").
		Complete(t.Context(), letters(smol))
	require.NoError(t, err)
	assert.Positive(t, resp.Usage.Cached)
	assert.Less(t, resp.Usage.Cached, resp.Usage.Prompt)
}

func TestRowSeveralAnswers(t *testing.T) {
	refused := enginetest.Load(t, "vllm", "chat_n4_temp0")[0]
	assert.Equal(t, http.StatusBadRequest, refused.Response.Status)
	client, v := fake(t, enginetest.Options{})
	_, err := client.Complete(t.Context(), letters("sat-base"))
	require.NoError(t, err)
	assert.NotContains(t, lastBody(t, v), "n")
}

func TestRowStream(t *testing.T) {
	for _, c := range []struct {
		server, models, name, model, text, finish string
		usage                                     engine.Usage
	}{
		{"vllm", "models", "chat_stream", "sat-lora", "A) It was warm.", "stop", engine.Usage{Prompt: 103, Completion: 7}},
		{"llama-server", "smollm2-135m.v1-models", "smollm2-135m.chat-stream", smol, "A) An", "length",
			engine.Usage{Prompt: 235, Cached: 234, Completion: 3}},
	} {
		var pieces []string
		resp, err := replay(t, c.server, c.models, c.name).Stream(t.Context(), text(c.model, 8), func(text string) error {
			pieces = append(pieces, text)
			return nil
		})
		require.NoError(t, err, c.server)
		assert.Equal(t, c.text, resp.Text, c.server)
		assert.Equal(t, c.text, strings.Join(pieces, ""), c.server)
		assert.NotContains(t, pieces, "", "the role event and the last one hold no text")
		assert.Equal(t, c.finish, resp.FinishReason, c.server)
		assert.Equal(t, c.usage, resp.Usage, c.server)
		assert.NotEmpty(t, resp.Fingerprint, c.server)
	}
	client, v := fake(t, enginetest.Options{})
	for fault, want := range map[enginetest.FaultKind]engine.Kind{
		enginetest.FaultDie:  engine.Unavailable, // 200, then an error event, then [DONE]
		enginetest.FaultStop: engine.BadOutput,
	} {
		v.Inject(enginetest.Fault{Kind: fault})
		var got string
		_, err := client.Stream(t.Context(), text("sat-base", 8), func(text string) error { got += text; return nil })
		kindOf(t, err, want)
		assert.Equal(t, "A)", got)
	}
	resp, err := replay(t, "vllm", "models", "chat_stream_logprobs").Stream(t.Context(), letters("sat-lora"), ignore)
	require.NoError(t, err)
	assert.Len(t, resp.First, 4, "candidates of the first position only")
}

func TestRowJSONSchema(t *testing.T) {
	schema := json.RawMessage(`{"type":"object","properties":{"letter":{"type":"string","enum":["A","B","C","D"]}}}`)
	req := text("sat-lora", 80)
	req.Schema = schema
	resp, err := replay(t, "vllm", "models", "chat_json_schema").Complete(t.Context(), req)
	require.NoError(t, err)
	assert.JSONEq(t, `{"letter":"A","reason":"B"}`, resp.Text, "white space is free")
	resp, err = replay(t, "vllm", "models", "chat_json_schema_truncated").Complete(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "length", resp.FinishReason, "to be checked before the text is parsed")
	assert.False(t, json.Valid([]byte(resp.Text)))
	req.Model = smol
	resp, err = replay(t, "llama-server", "smollm2-135m.v1-models", "smollm2-135m.chat-explain-json-schema").
		Complete(t.Context(), req)
	require.NoError(t, err)
	assert.True(t, json.Valid([]byte(resp.Text)))
}

func TestRowPromptLogprobs(t *testing.T) {
	client, v := fake(t, enginetest.Options{})
	_, err := client.Complete(t.Context(), letters("sat-base"))
	require.NoError(t, err)
	body := lastBody(t, v)
	assert.NotContains(t, body, "prompt_logprobs", "bypasses the prefix cache")
	assert.NotContains(t, body, "echo", "ignored by llama-server")
}

func TestRowHealth(t *testing.T) {
	client, v := fake(t, enginetest.Options{})
	v.Inject(enginetest.Fault{Kind: enginetest.FaultShutdown})
	_, err := client.Complete(t.Context(), letters("sat-base"))
	kindOf(t, err, engine.Unavailable) // although /health says 200 during a drain
	for server, name := range map[string]string{"vllm": "health", "llama-server": "smollm2-135m.health"} {
		assert.Equal(t, http.StatusOK, enginetest.Load(t, server, name)[0].Response.Status)
	}
}

func TestRowMetrics(t *testing.T) {
	names := regexp.MustCompile(`(?m)^(\w+:\w+)`)
	real := string(enginetest.Load(t, "vllm", "metrics_trimmed")[0].Text())
	_, url := enginetest.Serve(t, enginetest.Options{})
	resp, err := http.Get(url + "/metrics")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	ours, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	found := names.FindAllString(string(ours), -1)
	require.NotEmpty(t, found)
	for _, name := range found {
		assert.Contains(t, real, "\n"+name+"{", "the fake names no metric that vLLM lacks")
	}
	llama := string(enginetest.Load(t, "llama-server", "smollm2-135m.metrics")[0].Text())
	assert.Contains(t, llama, "llamacpp:")
}

func TestRowKeepAlive(t *testing.T) {
	client, v := fake(t, enginetest.Options{})
	_, err := client.Complete(t.Context(), letters("sat-base"))
	require.NoError(t, err)
	v.Inject(enginetest.Fault{Kind: enginetest.FaultReset})
	_, err = client.Complete(t.Context(), letters("sat-base"))
	require.NoError(t, err, "a reset before any byte is retried")
	assert.Equal(t, 3, v.Counts().Calls)
	assert.Less(t, openaicompat.IdleTimeout, 5*time.Second, "vLLM closes idle connections after 5.0 s")
}

func TestRowLeavingClient(t *testing.T) {
	client, v := fake(t, enginetest.Options{})
	leave(t, client, v)
}

func TestRowFingerprint(t *testing.T) {
	resp, err := replay(t, "vllm", "models", "chat_letter_token_ids").Complete(t.Context(), letters("sat-lora"))
	require.NoError(t, err)
	assert.Equal(t, "vllm-0.32.0-032c12a1", resp.Fingerprint)
	base, err := replay(t, "vllm", "models", "chat_base_same_prompt").Complete(t.Context(), letters("sat-base"))
	require.NoError(t, err)
	assert.Equal(t, resp.Fingerprint, base.Fingerprint, "it does not tell the adapter")
	resp, err = replay(t, "llama-server", "smollm2-135m.v1-models", "smollm2-135m.chat-letter-cold").Complete(t.Context(), letters(smol))
	require.NoError(t, err)
	assert.Equal(t, "b11434-unknown", resp.Fingerprint)
}

func TestRowModels(t *testing.T) {
	models, err := replay(t, "vllm", "models").Models(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []engine.Model{
		{ID: "sat-base", OwnedBy: "vllm", Root: "models/smollm2-135m", ContextTokens: 2048},
		{ID: "sat-lora", OwnedBy: "vllm", Parent: "sat-base", Root: "/adapters/sat-lora-test", ContextTokens: 2048},
	}, models, "an adapter has its base model's context")
	models, err = replay(t, "llama-server", "smollm2-135m.v1-models").Models(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []engine.Model{{ID: smol, OwnedBy: "llamacpp", ContextTokens: 4096}}, models)
}
