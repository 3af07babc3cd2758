package backend

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
	"sattutor/internal/modelregistry"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
	"sattutor/internal/tutor"
)

// newGateway gives a server on the product's own path, with a scripted engine at its end.
func newGateway(t testing.TB, change func(*Options)) (*Server, *enginetest.Scripted) {
	t.Helper()
	scripted := &enginetest.Scripted{}
	registry := modelregistry.New(modelregistry.Options{Default: "sat-lora"})
	asking := tutor.New(tutor.Options{Engine: scripted, Models: registry})
	found, err := asking.Probe(t.Context())
	require.NoError(t, err)
	served := make([]sat.Served, len(found))
	for i, f := range found {
		served[i] = f.Served
	}
	registry.SetServed(served)
	opts := Options{Answers: asking, Chats: asking, Models: registry, Parse: prompt.ParseBlock, NewID: func() string { return "id1" }}
	if change != nil {
		change(&opts)
	}
	s, err := New(opts)
	require.NoError(t, err)
	return s, scripted
}

// upstream is one recorded request of a real Open WebUI.
type upstream struct {
	Method  string
	Path    string
	Headers [][2]string
	Body    json.RawMessage
}

func recordedRequest(t testing.TB, name string) upstream {
	t.Helper()
	raw, err := os.ReadFile("testdata/openwebui/upstream-" + name + ".json")
	require.NoError(t, err)
	var u upstream
	require.NoError(t, json.Unmarshal(raw, &u))
	return u
}

// send replays a recorded request over a real connection, as the backend would get it.
func (u upstream) send(t testing.TB, h http.Handler) (*http.Response, string) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), u.Method, server.URL+u.Path, strings.NewReader(string(u.Body)))
	require.NoError(t, err)
	for _, header := range u.Headers {
		if !slices.Contains([]string{"Host", "Content-Length", "Accept-Encoding"}, header[0]) {
			req.Header.Set(header[0], header[1])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

// events reads a stream: its chunks, and whether it ended as streams do.
func events(t testing.TB, body string) (chunks []api.ChatChunk, done bool) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(body))
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			assert.Empty(t, lines.Text())
			continue
		}
		if data == "[DONE]" {
			done = true
			continue
		}
		var c api.ChatChunk
		require.NoError(t, json.Unmarshal([]byte(data), &c), data)
		chunks = append(chunks, c)
	}
	return chunks, done
}

// said gives the text of a stream.
func said(chunks []api.ChatChunk) string {
	var text strings.Builder
	for _, c := range chunks {
		for _, choice := range c.Choices {
			if choice.Delta.Content != nil {
				text.WriteString(*choice.Delta.Content)
			}
		}
	}
	return text.String()
}

// letters counts the engine calls that asked for one letter of a question.
func letters(requests []engine.Request) (n int) {
	for _, r := range requests {
		if strings.Contains(r.Messages[len(r.Messages)-1].Content, "\n\nRespond with ONLY the letter") {
			n++
		}
	}
	return n
}

func TestRecordedQuestionsOfOpenWebUI(t *testing.T) {
	for name, want := range map[string]struct{ model, passage, question, choice string }{
		"arena-pair-left":  {"sat-base", "The river slowly reshaped the valley.", "Main idea?", "gradual"},
		"arena-pair-right": {"sat-lora", "The river slowly reshaped the valley.", "Main idea?", "gradual"},
		"chat-ui-pasted": {"sat-lora", "In 1916, the poet's _early_ work—long considered \"minor\"—was re-read by critics who found it ______ : " +
			"at once playful & severe. <i>Nota bene</i> 5 * 3 * 2 # hash.",
			"Which choice completes the text with the most logical and precise word or phrase?", "imitative"},
		"chat-ui-suggestion": {"sat-base", "The river slowly reshaped the valley.", "Which choice best states the main idea?", "Change can be gradual."},
	} {
		t.Run(name, func(t *testing.T) {
			s, scripted := newGateway(t, nil)
			scripted.Rule = enginetest.ByLetter("C")
			before := scripted.Calls()
			resp, body := recordedRequest(t, name).send(t, s)
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
			chunks, done := events(t, body)
			require.Len(t, chunks, 4, "role, text, end, counts")
			assert.True(t, done)
			assert.Equal(t, "Answer: C) "+want.choice, said(chunks))
			assert.Equal(t, sat.SpeakerAssistant, chunks[0].Choices[0].Delta.Role)
			assert.Equal(t, "stop", *chunks[2].Choices[0].FinishReason)
			require.NotNil(t, chunks[3].Usage)
			assert.Empty(t, chunks[3].Choices)
			assert.Positive(t, chunks[3].Usage.PromptTokens)
			assert.Equal(t, chunks[3].Usage.PromptTokens+chunks[3].Usage.CompletionTokens, chunks[3].Usage.TotalTokens)

			calls := scripted.Requests()[before:]
			require.Len(t, calls, 1)
			assert.Equal(t, want.model, calls[0].Model)
			q := sat.Question{Passage: want.passage, Stem: want.question}
			content := calls[0].Messages[1].Content
			assert.Contains(t, content, "### Passage:\n"+q.Passage+"\n\n### Question:\n"+q.Stem+"\n\n### Choices:\nA) ")
			assert.Equal(t, 1, letters(calls))
		})
	}
}

func TestRecordedPlainQuestion(t *testing.T) {
	s, scripted := newGateway(t, nil)
	scripted.Rule = enginetest.ByLetter("D")
	resp, body := recordedRequest(t, "chat-api-nonstream").send(t, s)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	var reply api.ChatReply
	require.NoError(t, json.Unmarshal([]byte(body), &reply))
	assert.Equal(t, "Answer: D) 4", reply.Choices[0].Message.Content)
	assert.Equal(t, []string{"chat.completion", "sat-base", "stop", "chatcmpl-id1"},
		[]string{reply.Object, reply.Model, reply.Choices[0].FinishReason, reply.ID})
	assert.Contains(t, body, `"logprobs":null`)
	assert.Positive(t, reply.Usage.LatencyMS)
}

// What is no question is a conversation: no tools, the messages as they were, the reply in pieces.
func TestRecordedConversations(t *testing.T) {
	for name, want := range map[string][]string{
		"chat-api-stream":            {"hi"},
		"chat-ui-second-turn":        {"MT one", "Answer: C\n\nEvidence: \"the river slowly reshaped the valley\" supports choice C.", "MT two"},
		"chat-ui-default-with-tools": {"naive question"},
	} {
		t.Run(name, func(t *testing.T) {
			s, scripted := newGateway(t, nil)
			before := scripted.Calls()
			resp, body := recordedRequest(t, name).send(t, s)
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			chunks, done := events(t, body)
			assert.True(t, done)
			assert.Contains(t, said(chunks), "this is a text of a test engine.")
			assert.Greater(t, len(chunks), 5, "the text comes in pieces")
			calls := scripted.Requests()[before:]
			require.Len(t, calls, 1)
			var texts []string
			for _, m := range calls[0].Messages {
				texts = append(texts, m.Content)
			}
			assert.Equal(t, want, texts)
			assert.Equal(t, sat.DefaultReply, calls[0].MaxTokens)
			assert.Equal(t, 0, letters(calls))
		})
	}
}

func TestSecondTurnIsAnsweredFromItsOwnMessage(t *testing.T) {
	s, scripted := newGateway(t, nil)
	body := `{"model":"sat-base","messages":[{"role":"user","content":"Passage: a\nQuestion: b?\nA) 1\nB) 2"},
		{"role":"assistant","content":"Answer: B) 2, says the other column"},
		{"role":"user","content":"Passage: c\nQuestion: d?\nA) 3\nB) 4"}]}`
	before := scripted.Calls()
	resp, _ := call(t, s, http.MethodPost, "/v1/chat/completions", body)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	for _, c := range scripted.Requests()[before:] {
		for _, m := range c.Messages {
			assert.NotContains(t, m.Content, "other column")
		}
	}
}

// Calls that Open WebUI makes for itself cost no engine.
func TestRecordedTasksReachNoEngine(t *testing.T) {
	for _, name := range []string{"task-title", "task-tags", "task-follow_up"} {
		u := recordedRequest(t, name)
		for _, bare := range []bool{false, true} {
			if bare { // known by their message alone
				u.Headers = slices.DeleteFunc(slices.Clone(u.Headers), func(h [2]string) bool { return h[0] == "X-OWUI-Task" })
			}
			s, scripted := newGateway(t, nil)
			before := scripted.Calls()
			resp, body := u.send(t, s)
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			var reply api.ChatReply
			require.NoError(t, json.Unmarshal([]byte(body), &reply))
			assert.True(t, json.Valid([]byte(reply.Choices[0].Message.Content)), "its parsers want JSON")
			assert.Equal(t, before, scripted.Calls())
		}
	}
}

func TestEveryRecordingIsReplayed(t *testing.T) {
	files, err := filepath.Glob("testdata/openwebui/*.json")
	require.NoError(t, err)
	assert.Len(t, files, 12)
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			s, _ := newGateway(t, nil)
			name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "upstream-"), ".json")
			resp, body := recordedRequest(t, name).send(t, s)
			assert.Equal(t, http.StatusOK, resp.StatusCode, body)
		})
	}
}

// The same question has one prompt and one letter, whichever door it came by.
func TestEveryDoorLeadsToTheSameAnswer(t *testing.T) {
	s, scripted := newGateway(t, nil)
	ask := func(path, body string) (string, string) {
		t.Helper()
		before := scripted.Calls()
		resp, reply := call(t, s, http.MethodPost, path, body)
		require.Equal(t, http.StatusOK, resp.StatusCode, reply)
		calls := scripted.Requests()[before:]
		require.Len(t, calls, 1)
		return prompt.Hash(calls[0].Messages), reply
	}
	const question = `"text":"The lamp burned late.\n\nNobody came.","question":"What burned?","choices":["A) The lamp","B) The pier","C) The sea","D) The sky"]`
	wantHash, submitted := ask("/submit_mcq", "{"+question+"}")
	hash, record := ask("/api/v1/answers", "{"+question+"}")
	assert.Equal(t, wantHash, hash)
	var answer api.Answer
	require.NoError(t, json.Unmarshal([]byte(record), &answer))
	assert.Equal(t, wantHash, answer.PromptHash)
	assert.JSONEq(t, `{"answer":"`+answer.Letter+") "+answer.Text+`"}`, submitted)

	for name, message := range map[string]string{
		"labelled": "Passage: The lamp burned late.\n\nNobody came.\n\nQuestion: What burned?\n\nA) The lamp\nB) The pier\nC) The sea\nD) The sky",
		"pasted":   "Passage: The lamp burned late.\nNobody came.\nQuestion: What burned?\nA) The lamp\nB) The pier\nC) The sea\nD) The sky",
		"card":     "Passage: The lamp burned late.\n  \nNobody came.\n  \nQuestion: What burned?\n  \nA) The lamp\nB) The pier\nC) The sea\nD) The sky",
		"upper":    "PASSAGE:\nThe lamp burned late.\nNobody came.\n\nQUESTION: What burned?\nCHOICES:\n(A) The lamp\n(B) The pier\n(C) The sea\n(D) The sky",
		"inline":   "Passage: The lamp burned late.\nNobody came.\nQuestion: What burned? A) The lamp B) The pier C) The sea D) The sky",
		"json":     "{" + question + "}",
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(api.ChatRequest{Messages: []api.ChatMessage{{Role: "user", Content: message}}})
			require.NoError(t, err)
			hash, reply := ask("/v1/chat/completions", string(body))
			assert.Equal(t, wantHash, hash)
			assert.Contains(t, reply, "Answer: "+answer.Letter+") "+answer.Text)
		})
	}
}

func TestGatewayModels(t *testing.T) {
	s, _ := newGateway(t, nil)
	resp, body := recordedRequest(t, "models-with-user-headers").send(t, s)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var list api.GatewayModels
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	require.Len(t, list.Data, 2)
	assert.Equal(t, []string{"sat-base", "sat-lora"}, []string{list.Data[0].ID, list.Data[1].ID})
	assert.Equal(t, []string{"list", "model", "sattutor"}, []string{list.Object, list.Data[0].Object, list.Data[0].OwnedBy})
	assert.NotZero(t, list.Data[0].Created)

	resp, body = call(t, s, http.MethodGet, "/v1/models/sat-lora", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, body, `"id":"sat-lora"`)
	resp, body = call(t, s, http.MethodGet, "/v1/models/none", "")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	assert.Equal(t, "model_not_found", faultIn(t, resp, body).Code)
}

// faultIn reads an error in OpenAI's shape.
func faultIn(t testing.TB, resp *http.Response, body string) api.GatewayFault {
	t.Helper()
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"), "body: %s", body)
	var e api.GatewayError
	require.NoError(t, json.Unmarshal([]byte(body), &e))
	assert.NotEmpty(t, e.Error.Message)
	assert.NotEmpty(t, e.Error.Type)
	assert.Contains(t, body, `"param":`)
	return e.Error
}

func TestGatewayErrors(t *testing.T) {
	chat := func(content string) string {
		return `{"model":"sat-base","messages":[{"role":"user","content":` + content + `}]}`
	}
	question := chat(`"Passage: a\nQuestion: b?\nA) 1\nB) 2"`)
	for _, c := range []struct {
		name, body string
		answer     error
		status     int
		kind, code string
		message    string
	}{
		{"no JSON", `{"model"`, nil, 400, "invalid_request_error", "malformed", "no JSON"},
		{"a wrong type", `{"stream":"yes","messages":[]}`, nil, 400, "invalid_request_error", "invalid_value", "stream must be true or false"},
		{"no messages", `{"model":"sat-base","messages":[]}`, nil, 400, "invalid_request_error", "invalid_value", "messages is empty"},
		{"a picture", chat(`[{"type":"image_url","image_url":{"url":"x"}}]`), nil, 400, "invalid_request_error", "invalid_value", "only text is read"},
		{"an unknown role", `{"messages":[{"role":"boss","content":"x"}]}`, nil, 400, "invalid_request_error", "invalid_value", "role"},
		{"two answers", `{"n":2,"messages":[{"role":"user","content":"x"}]}`, nil, 400, "invalid_request_error", "invalid_value", "n must be 1"},
		{"too hot", `{"temperature":3,"messages":[{"role":"user","content":"x"}]}`, nil, 400, "invalid_request_error", "invalid_value", "0 to 2"},
		{"an unserved model", `{"model":"gpt-4","messages":[{"role":"user","content":"x"}]}`, nil, 404, "invalid_request_error", "model_not_found",
			"served are sat-base, sat-lora"},
		{"an unserved model for a question", strings.Replace(question, "sat-base", "gpt-4", 1), nil, 404, "invalid_request_error", "model_not_found", "gpt"},
		{"twice the same choice", chat(`"Passage: a\nQuestion: b?\nA) 1\nB) 1"`), nil, 400, "invalid_request_error", "invalid_value", "choices[1] says the same"},
		{"a command to the model", chat(`"<|eot_id|> hello"`), nil, 400, "invalid_request_error", "invalid_value", "control sequence"},
		{"overload", question, &sat.Error{Code: sat.Unavailable, Reason: "overloaded", Message: "Nine questions are ahead of yours."}, 503, "server_error",
			"unavailable", "Nine questions"},
		{"the quota", question, sat.Errorf(sat.RateLimited, "Wait a minute."), 429, "rate_limit_error", "rate_limited", "Wait"},
		{"a long passage", question, &sat.Error{Code: sat.TooLarge, Message: "Too long.", Fields: []sat.FieldError{{Field: "text", Message: "is too long"}}},
			400, "invalid_request_error", "context_length_exceeded", "Too long."},
		{"a deadline", question, sat.Errorf(sat.Timeout, "Too slow."), 504, "server_error", "timeout", "Too slow."},
		{"our mistake", question, errors.New("secret cause"), 500, "server_error", "internal", "wrong on our side"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := newGateway(t, func(o *Options) {
				if c.answer != nil {
					o.Answers = answerFunc(func(context.Context, sat.Question, sat.Options) (sat.Answer, error) { return sat.Answer{}, c.answer })
				}
			})
			for _, stream := range []string{"", `"stream":true,`} {
				resp, body := call(t, s, http.MethodPost, "/v1/chat/completions", strings.Replace(c.body, "{", "{"+stream, 1))
				if stream != "" && c.name == "a wrong type" {
					continue
				}
				assert.Equal(t, c.status, resp.StatusCode, body)
				fault := faultIn(t, resp, body)
				assert.Equal(t, []string{c.kind, c.code}, []string{fault.Type, fault.Code})
				if c.message != "gpt" {
					assert.Contains(t, fault.Message, c.message)
				}
				assert.NotContains(t, body, "secret cause")
			}
		})
	}
	s, _ := newGateway(t, nil)
	resp, body := call(t, s, http.MethodPost, "/v1/embeddings", `{}`)
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	faultIn(t, resp, body)
	resp, body = call(t, s, http.MethodPost, "/v1/chat/completions", `{"messages":[{"role":"user","content":"`+strings.Repeat("x", MaxBody)+`"}]}`)
	assert.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
	faultIn(t, resp, body)
}

func TestGatewayKey(t *testing.T) {
	s, _ := newGateway(t, func(o *Options) { o.GatewayKey = "k-123" })
	for header, want := range map[string]int{"": 401, "Bearer wrong": 401, "Bearer ": 401, "k-123": 200, "Bearer k-123": 200} {
		for _, path := range []string{"/v1/models", "/v1/models/sat-base"} {
			resp, body := call(t, s, http.MethodGet, path, "", "Authorization", header)
			assert.Equal(t, want, resp.StatusCode, "%q", header)
			if want == http.StatusUnauthorized {
				fault := faultIn(t, resp, body)
				assert.Equal(t, "invalid_api_key", fault.Code)
				assert.NotContains(t, body, "k-123")
			}
		}
		resp, _ := call(t, s, http.MethodPost, "/v1/chat/completions", `no JSON`, "Authorization", header)
		assert.Equal(t, map[int]int{401: 401, 200: 400}[want], resp.StatusCode, "the key comes before the body")
	}
	resp, _ := call(t, s, http.MethodGet, "/api/v1/models", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode, "the key is the gateway's alone")
}

func TestConversationLimits(t *testing.T) {
	s, scripted := newGateway(t, nil)
	for field, want := range map[string]int{`"max_tokens":7`: 7, `"max_completion_tokens":9,"max_tokens":7`: 9, `"max_tokens":100000`: sat.MaxReply, `"user":"x"`: sat.DefaultReply} {
		resp, body := call(t, s, http.MethodPost, "/v1/chat/completions", `{"temperature":0.5,"seed":3,`+field+`,
			"tools":[{"type":"function"}],"messages":[{"role":"developer","content":"be short"},{"role":"tool","content":"x"},{"role":"user","content":[{"type":"text","text":"hi"}]}]}`)
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		req := scripted.Requests()[scripted.Calls()-1]
		assert.Equal(t, want, req.MaxTokens, field)
		assert.Equal(t, []engine.Message{{Role: engine.System, Content: "be short"}, {Role: engine.User, Content: "hi"}}, req.Messages)
		assert.InDelta(t, 0.5, req.Temperature, 0)
		assert.Equal(t, int64(3), req.Seed)
		if want == 7 {
			assert.Contains(t, body, `"finish_reason":"length"`)
		}
	}
	resp, _ := call(t, s, http.MethodPost, "/v1/chat/completions", `{"max_tokens":0,"messages":[{"role":"user","content":"hi"}]}`)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
}

// chatFunc is a Chatter.
type chatFunc func(ctx context.Context, chat sat.Chat, each func(string) error) (sat.Continuation, error)

func (f chatFunc) Chat(ctx context.Context, chat sat.Chat, each func(string) error) (sat.Continuation, error) {
	return f(ctx, chat, each)
}

func TestAStreamThatBreaksOffSaysSo(t *testing.T) {
	s, _ := newGateway(t, func(o *Options) {
		o.Chats = chatFunc(func(_ context.Context, _ sat.Chat, each func(string) error) (sat.Continuation, error) {
			if err := each("half a "); err != nil {
				return sat.Continuation{}, err
			}
			return sat.Continuation{}, sat.Errorf(sat.Timeout, "The model did not answer in time.")
		})
	})
	resp, body := call(t, s, http.MethodPost, "/v1/chat/completions", `{"stream":true,"messages":[{"role":"user","content":"hi"}]}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, body, "half a ")
	assert.Contains(t, body, `data: {"error":{"message":"The model did not answer in time.","type":"server_error","param":null,"code":"timeout"}}`)
	assert.True(t, strings.HasSuffix(body, "data: [DONE]\n\n"))

	resp, body = call(t, s, http.MethodPost, "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}]}`)
	assert.Equal(t, http.StatusGatewayTimeout, resp.StatusCode)
	faultIn(t, resp, body)
}

func TestStopButtonFreesTheEngine(t *testing.T) {
	ended := make(chan error, 1)
	s, _ := newGateway(t, func(o *Options) {
		o.Chats = chatFunc(func(ctx context.Context, _ sat.Chat, each func(string) error) (sat.Continuation, error) {
			if err := each("one "); err != nil {
				return sat.Continuation{}, err
			}
			<-ctx.Done()
			ended <- ctx.Err()
			return sat.Continuation{}, ctx.Err()
		})
	})
	server := httptest.NewServer(s)
	defer server.Close()
	ctx, stop := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/v1/chat/completions",
		strings.NewReader(`{"stream":true,"messages":[{"role":"user","content":"hi"}]}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_, err = bufio.NewReader(resp.Body).ReadString('\n')
	require.NoError(t, err)
	stop()
	_ = resp.Body.Close()
	assert.ErrorIs(t, <-ended, context.Canceled)
}

func TestQuestionsAloneWithoutAChatter(t *testing.T) {
	s, _ := newGateway(t, func(o *Options) { o.Chats = nil })
	resp, body := call(t, s, http.MethodPost, "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}]}`)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, faultIn(t, resp, body).Message, "holds no question")
}
