package enginetest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sattutor/internal/engine"
	"sattutor/internal/engine/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post sends a body and gives status and decoded reply.
func post(t testing.TB, url, body string) (int, map[string]any) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer func() { _ = resp.Body.Close() }()
	var reply map[string]any
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	_ = json.Unmarshal(text, &reply)
	return resp.StatusCode, reply
}

// question gives a body that asks a question, with more members.
func question(more string) string {
	messages, _ := json.Marshal(enginetest.SampleQuestion())
	return fmt.Sprintf(`{"messages":%s,"model":"sat-base","max_tokens":1%s}`, messages, more)
}

// members lists the keys of a decoded JSON value, nested ones with their path.
func members(prefix string, value any, into map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			into[prefix+name] = true
			members(prefix+name+".", inner, into)
		}
	case []any:
		for _, inner := range v {
			members(prefix, inner, into)
		}
	}
}

func TestFakeRefusesAsRecorded(t *testing.T) {
	_, url := enginetest.Serve(t, enginetest.Options{Context: 2048})
	for _, name := range []string{"chat_unknown_model", "chat_top_logprobs_21", "chat_logprob_token_ids_129",
		"chat_letter_token_ids_no_logprobs_flag", "chat_invalid_json", "chat_n4_temp0"} {
		recorded := enginetest.Load(t, "vllm", name)[0]
		var sent string
		if json.Unmarshal(recorded.Request.Body, &sent) != nil {
			sent = string(recorded.Request.Body)
		}
		status, reply := post(t, url+"/v1/chat/completions", sent)
		assert.Equal(t, recorded.Response.Status, status, name)
		var want map[string]any
		require.NoError(t, json.Unmarshal(recorded.Text(), &want))
		got, ok := reply["error"].(map[string]any)
		require.True(t, ok, name)
		assert.Equal(t, want["error"].(map[string]any)["type"], got["type"], name)
		if name == "chat_unknown_model" || name == "chat_top_logprobs_21" || name == "chat_logprob_token_ids_129" {
			assert.Equal(t, want["error"], got, name)
		}
	}
}

func TestFakeRepliesWithMembersThatVLLMHas(t *testing.T) {
	_, url := enginetest.Serve(t, enginetest.Options{})
	recorded := enginetest.Load(t, "vllm", "chat_letter_token_ids_and_top20")[0]
	var real any
	require.NoError(t, json.Unmarshal(recorded.Text(), &real))
	known := map[string]bool{}
	members("", real, known)
	status, reply := post(t, url+"/v1/chat/completions", question(`,"logprobs":true,"top_logprobs":20,`+
		`"logprob_token_ids":[49,50,51,52],"return_tokens_as_token_ids":true,"totally_unknown":1,"temperature":0`))
	require.Equal(t, http.StatusOK, status)
	ours := map[string]bool{}
	members("", reply, ours)
	for name := range ours {
		assert.True(t, known[name], "vLLM has no member %s", name)
	}
	assert.True(t, ours["choices.logprobs.content.top_logprobs.token"])
}

// topLogprobs gives the candidates of the first position by name.
func topLogprobs(t testing.TB, reply map[string]any) map[string]float64 {
	t.Helper()
	choice := reply["choices"].([]any)[0].(map[string]any)
	position := choice["logprobs"].(map[string]any)["content"].([]any)[0].(map[string]any)
	named := map[string]float64{}
	for _, c := range position["top_logprobs"].([]any) {
		named[c.(map[string]any)["token"].(string)] = c.(map[string]any)["logprob"].(float64)
	}
	return named
}

func TestFakeLogprobs(t *testing.T) {
	_, url := enginetest.Serve(t, enginetest.Options{})
	ask := func(more string) map[string]float64 {
		status, reply := post(t, url+"/v1/chat/completions", question(`,"temperature":0,"logprobs":true`+more))
		require.Equal(t, http.StatusOK, status)
		return topLogprobs(t, reply)
	}
	plain := ask(`,"logprob_token_ids":[49,50,51,52]`)
	assert.Len(t, plain, 4)
	named := ask(`,"logprob_token_ids":[49,50,51,52],"return_tokens_as_token_ids":true`)
	assert.Equal(t, plain["B"], named["token_id:50"])
	assert.Len(t, ask(`,"logprob_token_ids":[7]`), 2, "the sampled token comes with those asked for")
	assert.Len(t, ask(`,"top_logprobs":3`), 3)
	structured := ask(`,"top_logprobs":20,"structured_outputs":{"choice":["A","B","C","D"]}`)
	var mass float64
	for _, letter := range []string{"A", "B", "C", "D"} {
		mass += math.Exp(structured[letter])
		assert.Greater(t, structured[letter], plain[letter])
	}
	assert.InDelta(t, 1, mass, 1e-9)
	assert.EqualValues(t, -9999, structured["The"])
}

// answer asks a scripted engine and gives the whole text.
func answer(t testing.TB, s *enginetest.Scripted, model string, messages []engine.Message) string {
	t.Helper()
	resp, err := s.Complete(t.Context(), engine.Request{Model: model, Messages: messages, MaxTokens: 64})
	require.NoError(t, err)
	return resp.Text
}

func TestAnswersFollowTheContentNotTheOrder(t *testing.T) {
	for seed := range 20 {
		choices := []string{"one", "two", "three", "four"}
		layout := func(choices []string) []engine.Message {
			text := fmt.Sprintf("x\n\n### Passage:\nPassage %d.\n\n### Question:\nWhich?\n\n### Choices:\n", seed)
			for i, c := range choices {
				text += fmt.Sprintf("%c) %s\n", 'A'+i, c)
			}
			return []engine.Message{{Role: engine.User, Content: text + "\nRespond."}}
		}
		s := &enginetest.Scripted{}
		_, straight, _ := strings.Cut(answer(t, s, "sat-base", layout(choices)), ") ")
		_, turned, _ := strings.Cut(answer(t, s, "sat-base", layout([]string{"three", "four", "one", "two"})), ") ")
		assert.Contains(t, choices, straight)
		assert.Equal(t, straight, turned)
	}
}

func TestRules(t *testing.T) {
	byLetter := &enginetest.Scripted{Rule: enginetest.ByLetter("C")}
	assert.Equal(t, "C) To sell the eleven sacks", answer(t, byLetter, "sat-base", enginetest.SampleQuestion()))
	byKey := &enginetest.Scripted{Rule: enginetest.ByKey(map[string]string{"Why does she leave the mill?": "To find a new ledger"})}
	assert.Equal(t, "D) To find a new ledger", answer(t, byKey, "sat-lora", enginetest.SampleQuestion()))
	// option by option, the right one is liked most
	odds := map[string]float64{}
	for _, choice := range []string{"To light the road for the cart", "To find a new ledger"} {
		resp, err := byKey.Complete(t.Context(), engine.Request{Model: "sat-base", MaxTokens: 1, LogprobIDs: []int{10539, 2}, Messages: []engine.Message{{
			Role: engine.User, Content: "Read.\n\n### Passage:\nP.\n\n### Question:\nWhy does she leave the mill?\n\n### Proposed answer:\n" +
				choice + "\n\nIs the proposed answer correct? Reply Yes or No."}}})
		require.NoError(t, err)
		for _, token := range resp.First {
			if token.ID == 10539 {
				odds[choice] = token.Logprob
			}
		}
	}
	assert.Greater(t, odds["To find a new ledger"], odds["To light the road for the cart"])
}

func TestSlotsAreFirstComeFirstServed(t *testing.T) {
	v, url := enginetest.Serve(t, enginetest.Options{Slots: 1, Queue: 2, Time: 200 * time.Millisecond})
	var calls sync.WaitGroup
	statuses := make(chan int, 4)
	for range 4 {
		calls.Go(func() {
			status, _ := post(t, url+"/v1/chat/completions", question(""))
			statuses <- status
		})
	}
	calls.Wait()
	close(statuses)
	tally := map[int]int{}
	for status := range statuses {
		tally[status]++
	}
	assert.Equal(t, map[int]int{http.StatusOK: 3, http.StatusServiceUnavailable: 1}, tally, "one computes, two wait, one is refused")
	c := v.Counts()
	assert.Equal(t, 4, c.NoTemperature, "an absent temperature is counted")
	assert.Equal(t, [4]int{4, 1, 3, 0}, [4]int{c.Calls, c.Distinct, c.Answered, c.InFlight})
}

// serve answers a chat without a network, so that its time is that of a synctest bubble.
func serve(ctx context.Context, v *enginetest.VLLM, body string) int {
	w := httptest.NewRecorder()
	v.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(body)))
	return w.Code
}

func TestDisconnectFreesTheSlot(t *testing.T) {
	for _, ignore := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			v := enginetest.NewVLLM(enginetest.Options{Slots: 1, Time: time.Minute, IgnoreDisconnect: ignore})
			ctx, cancel := context.WithCancel(t.Context())
			go serve(ctx, v, question(""))
			synctest.Wait()
			require.Equal(t, 1, v.Counts().Computing)
			cancel()
			synctest.Wait()
			assert.Equal(t, ignore, v.Counts().Computing == 1, "ignore-disconnect %t", ignore)
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Zero(t, v.Counts().Computing)
			assert.Equal(t, 1, v.Counts().Abandoned)
		})
	}
}

func TestPrefixCache(t *testing.T) {
	v, url := enginetest.Serve(t, enginetest.Options{})
	ask := func(model, content string) int {
		body, _ := json.Marshal(map[string]any{"model": model, "max_tokens": 1,
			"messages": []engine.Message{{Role: engine.User, Content: content}}})
		_, reply := post(t, url+"/v1/chat/completions", string(body))
		usage := reply["usage"].(map[string]any)
		return int(usage["prompt_tokens_details"].(map[string]any)["cached_tokens"].(float64))
	}
	passage := strings.Repeat("word ", 100)
	assert.Zero(t, ask("sat-base", passage+"first question"), "cold")
	warm := ask("sat-base", passage+"second question")
	assert.Greater(t, warm, 80)
	assert.Zero(t, warm%16, "whole blocks")
	assert.Zero(t, ask("sat-lora", passage+"first question"), "base and adapter share none")
	assert.Equal(t, warm, v.Counts().CachedTokens)
}

func TestAdminPortAndHeaders(t *testing.T) {
	v, url := enginetest.Serve(t, enginetest.Options{Key: "secret"})
	status, _ := post(t, url+"/admin/fault", `{"kind":"500","times":2}`)
	require.Equal(t, http.StatusNoContent, status)
	chat := func(key, fault string) int {
		req, _ := http.NewRequest(http.MethodPost, url+"/v1/chat/completions", strings.NewReader(question("")))
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("X-Fault", fault)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer http.DefaultClient.CloseIdleConnections()
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusUnauthorized, chat("wrong", ""))
	assert.Equal(t, []int{500, 500, 200}, []int{chat("secret", ""), chat("secret", ""), chat("secret", "")})
	assert.Equal(t, http.StatusTooManyRequests, chat("secret", "429"))
	post(t, url+"/admin/fault", `{"kind":"loading","ms":60000}`)
	assert.Equal(t, http.StatusServiceUnavailable, chat("secret", ""))
	post(t, url+"/admin/fault", `{}`)
	assert.Equal(t, http.StatusOK, chat("secret", ""))
	resp, err := http.Get(url + "/admin/counts")
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer func() { _ = resp.Body.Close() }()
	var counts enginetest.Counts
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&counts))
	assert.Equal(t, v.Counts(), counts)
	status, _ = post(t, url+"/admin/fault", `nonsense`)
	assert.Equal(t, http.StatusBadRequest, status)
}

func TestTimeModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := enginetest.NewVLLM(enginetest.Options{Modelled: true, Seed: 7})
		took := func() time.Duration {
			begin := time.Now()
			require.Equal(t, http.StatusOK, serve(t.Context(), v, question("")))
			return time.Since(begin)
		}
		cold := took()
		assert.Greater(t, cold, 40*time.Millisecond, "20 ms and 0.35 ms for each of about 110 tokens")
		assert.Less(t, took(), cold, "a warm prefix costs less")
	})
}
