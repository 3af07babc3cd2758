package frontend

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/apiclient"
	"sattutor/internal/sat"
)

// failure is a reason for no answer, and how a student is told.
type failure struct {
	name   string
	answer http.HandlerFunc
	status int
	words  []string
}

func failures() []failure {
	unavailable := func(reason, message string, after time.Duration) http.HandlerFunc {
		return refuseWith(503, &sat.Error{Code: sat.Unavailable, Reason: reason, Message: message, RetryAfter: after})
	}
	return []failure{
		{"starting", unavailable("engine-not-ready", "The engine at http://10.0.0.7:8000 is starting.", 40*time.Second), 503, []string{
			"The reading model is still loading (about 40 s). Your text is kept; this page will answer by itself.",
			"The reading model is still loading (about 40 s). Your text is kept; ask again in 40 s."}},
		{"restarting", unavailable("draining", "stop", 0), 503, []string{"The tutor is restarting. Your text is kept; this page will answer by itself.",
			"The tutor is restarting. Your text is kept; ask again in a moment."}},
		{"busy", unavailable("overloaded", "Thirty questions are ahead of yours; try again in 12 s.", 12*time.Second), 503, []string{
			"The tutor is busy", "Thirty questions are ahead of yours; try again in 12 s. Nothing was lost."}},
		{"timeout", refuseWith(504, &sat.Error{Code: sat.Timeout, Message: "late"}), 504, []string{
			"The answer took too long", "Your text is kept; ask again, or shorten the passage."}},
		{"too long", refuseWith(413, &sat.Error{Code: sat.TooLarge,
			Message: "Passage and question are 2,310 tokens; this model reads 2,048. Shorten the passage by about 800 characters."}), 413, []string{
			"Too long for this model", "Passage and question are 2,310 tokens; this model reads 2,048. Shorten the passage by about 800 characters. Nothing was lost."}},
		{"invalid", refuseWith(422, &sat.Error{Code: sat.Invalid, Message: "The question has 4 problems.", Fields: []sat.FieldError{
			{Field: "text", Message: "has 20341 characters; at most 20000 are allowed"}, {Field: "question", Message: "is empty; give the question"},
			{Field: "choices[2]", Message: "says the same as choices[0]; each choice must differ"}, {Field: "model", Message: "is not served"}}}), 422, []string{
			"The passage has 20,341 characters; at most 20,000 are allowed.", "The question is empty.",
			"Choice C says the same as choice A; each choice must differ.", "model: is not served.", "Nothing was lost."}},
		{"no choices", refuseWith(422, &sat.Error{Code: sat.Invalid, Message: "The question has 1 problem.", Fields: []sat.FieldError{
			{Field: "choices", Message: "has 0 entries; give 2 to 5"}}}), 422, []string{"Fill in at least two choices, beginning with A."}},
		{"bad output", refuseWith(502, &sat.Error{Code: sat.BadOutput, Message: "the model said 42"}), 502, []string{
			"The model gave no usable answer", "Your text is kept"}},
		{"quota", refuseWith(429, &sat.Error{Code: sat.RateLimited, Message: "quota", RetryAfter: 9 * time.Second}), 429, []string{
			"Try again in 9 s. Nothing was lost."}},
		{"internal", refuseWith(500, &sat.Error{Code: sat.Internal, Message: "dial tcp 10.0.0.7:8000: secret"}), 500, []string{
			"Something went wrong on our side", "Request backend-request-7"}},
		{"a key is wanted", refuseWith(401, &sat.Error{Code: sat.Unauthorized, Message: "no key"}), 500, []string{"Something went wrong on our side"}},
		{"not ours", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<h1>nginx 10.0.0.7</h1>", 500) }, 500, []string{"Something went wrong on our side"}},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, 500, []string{"Something went wrong on our side"}},
	}
}

// holdsInput checks that a page shows the form of question as it was typed.
func holdsInput(t *testing.T, p page) {
	t.Helper()
	for _, want := range []string{">\nThe lamp burned\nlate.</textarea>", ">\nWhat burned?</textarea>", ">\nthe pier</textarea>",
		">\nthe lamp</textarea>", ">\nthe ledger</textarea>", ">\nthe wall</textarea>"} {
		assert.Contains(t, p.body, want)
	}
}

// TestS15EveryFailureIsToldInWords is also the proof that no failure loses the input.
func TestS15EveryFailureIsToldInWords(t *testing.T) {
	for _, f := range failures() {
		t.Run(f.name, func(t *testing.T) {
			s := newSite(t)
			s.backend.setAnswer(f.answer)
			p := s.post(t, "/ask", question("ask"))
			assert.Equal(t, f.status, p.StatusCode)
			assert.Equal(t, f.status == 503 || f.status == 429, p.Header.Get("Retry-After") != "")
			for _, want := range f.words {
				assert.Contains(t, p.words(), want)
			}
			for _, secret := range []string{"10.0.0.7", "nginx", "secret", "dial", s.backend.server.URL, "the model said"} {
				assert.NotContains(t, p.body, secret)
			}
			holdsInput(t, p)
		})
	}
}

func TestInvalidFieldsAreMarkedAndTheFirstIsFocused(t *testing.T) {
	s := newSite(t)
	s.backend.setAnswer(refuseWith(422, &sat.Error{Code: sat.Invalid, Message: "x", Fields: []sat.FieldError{
		{Field: "choices[1]", Message: "is empty; give the text of this choice"}, {Field: "question", Message: "is empty; give the question"}}}))
	p := s.post(t, "/ask", question("ask"))
	assert.Regexp(t, `<textarea id="question"[^>]*aria-describedby="question-error"[^>]*aria-invalid="true"`, p.body)
	assert.Regexp(t, `<textarea id="choice-1"[^>]*aria-invalid="true"`, p.body)
	assert.Equal(t, 1, strings.Count(p.body, " autofocus"), "one focus a page")
	assert.Contains(t, p.words(), "The question is empty.")
	assert.Less(t, strings.Index(p.words(), "• "), 0)
	order := mainPart.FindString(p.body)
	order = order[strings.Index(order, `data-state="invalid"`):]
	assert.Less(t, strings.Index(order, `href="#question"`), strings.Index(order, `href="#choice-1"`), "the list follows the form")
}

func TestUnreachableBackend(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Timeout = func() time.Duration { return 300 * time.Millisecond } })
	s.backend.server.Close()
	p := s.post(t, "/ask", question("ask"))
	assert.Equal(t, http.StatusServiceUnavailable, p.StatusCode)
	assert.Contains(t, p.words(), "The tutor’s server cannot be reached")
	assert.NotContains(t, p.body, s.backend.server.URL)
	holdsInput(t, p)
}

// TestS13ASlowEngineIsToldInTime: a hanging backend ends at the deadline, in words, with the input kept.
func TestS13ASlowEngineIsToldInTime(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Timeout = func() time.Duration { return time.Second } })
	left := make(chan struct{})
	s.backend.setAnswer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); close(left) })
	p := s.post(t, "/ask", question("ask"))
	assert.Equal(t, http.StatusGatewayTimeout, p.StatusCode)
	assert.Contains(t, p.words(), "The answer took too long")
	holdsInput(t, p)
	select {
	case <-left:
	case <-time.After(20 * time.Second):
		t.Fatal("the backend was never told")
	}
}

// TestS13AStudentWhoLeavesFreesTheBackend: the backend's call ends when the browser goes away.
func TestS13AStudentWhoLeavesFreesTheBackend(t *testing.T) {
	s := newSite(t)
	arrived, freed := make(chan struct{}), make(chan struct{})
	s.backend.setAnswer(func(_ http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done(); close(freed) })
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-arrived; leave() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/ask", strings.NewReader(question("ask").Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err = s.Client().Transport.RoundTrip(r)
	require.ErrorIs(t, err, context.Canceled)
	select {
	case <-freed:
	case <-time.After(5 * time.Second):
		t.Fatal("the backend was never told")
	}
}

// TestX3PagesAreServedAtTheSameTime: thirty questions are in flight together.
func TestX3PagesAreServedAtTheSameTime(t *testing.T) {
	s := newSite(t)
	const class = 30
	var inside atomic.Int32
	all := make(chan struct{})
	s.backend.setAnswer(func(w http.ResponseWriter, _ *http.Request) {
		if inside.Add(1) == class {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(10 * time.Second):
		}
		reply(w, answerB(api.MCQRequest{Choices: []string{"a", "b"}}))
	})
	var wg sync.WaitGroup
	for range class {
		wg.Go(func() { assert.Equal(t, http.StatusOK, s.post(t, "/ask", question("ask")).StatusCode) })
	}
	wg.Wait()
	assert.EqualValues(t, class, inside.Load())
}

// TestS25ClearEmptiesEverything, the answer included.
func TestS25ClearEmptiesEverything(t *testing.T) {
	s := newSite(t)
	answered := s.post(t, "/ask", question("ask"))
	require.Contains(t, answered.body, `data-state="answered"`)
	require.Contains(t, answered.body, `href="/ask?sample=none" id="clear"`)
	p := s.get(t, "/ask?sample=none")
	assert.Equal(t, 8, strings.Count(p.body, ">\n</textarea>"), "block, passage, question, five choices")
	assert.NotContains(t, p.body, `data-state="answered"`)
	assert.NotContains(t, p.body, ">\nA</textarea>")
	assert.Contains(t, p.body, `placeholder="Paste the passage here. Its line breaks are kept."`)
}

func TestTheQuestionArrivesAsTyped(t *testing.T) {
	s := newSite(t)
	p := s.post(t, "/ask", question("ask"))
	assert.Equal(t, http.StatusOK, p.StatusCode)
	require.Len(t, s.backend.questions(), 1)
	assert.Equal(t, api.MCQRequest{Text: "The lamp burned\nlate.", Question: "What burned?",
		Choices: []string{"the pier", "the lamp", "the ledger", "the wall"}}, s.backend.questions()[0].MCQRequest)
	holdsInput(t, p)
	for _, want := range []string{"Tutor’s answer: B) the lamp", "62 % sure · no record", "0.11", "0.62", "0.19", "0.08",
		"Demonstration model. Its answers are near chance; use it to see how things work. Get a better one", "0.3 s", "01J9ZK4T7QX5W2", "Copy as curl"} {
		assert.Contains(t, p.words(), want)
	}
	assert.Equal(t, 6, strings.Count(p.body, `class="full"`), "dots of ten")
}

func TestAnAnswerFromTrainingSaysSo(t *testing.T) {
	s := newSite(t)
	const notice = "Seen in training. The model was trained on this passage"
	assert.NotContains(t, s.post(t, "/ask", question("ask")).words(), notice)
	s.backend.setAnswer(func(w http.ResponseWriter, _ *http.Request) {
		a := answerB(api.MCQRequest{Choices: []string{"the pier", "the lamp", "the ledger", "the wall"}})
		a.Seen = true
		reply(w, a)
	})
	assert.Contains(t, s.post(t, "/ask", question("ask")).words(), notice)
}

func TestAFifthChoiceOnDemand(t *testing.T) {
	s := newSite(t)
	assert.Regexp(t, `id="choice-4-row" hidden`, s.get(t, "/ask").body)
	added := s.post(t, "/ask", question("add"))
	assert.Contains(t, added.body, `id="choice-4-row">`)
	holdsInput(t, added)
	form := question("ask")
	form["choice"][4] = "the oil"
	answered := s.post(t, "/ask", form)
	assert.Contains(t, answered.body, `id="choice-4-row">`)
	assert.Equal(t, []string{"the pier", "the lamp", "the ledger", "the wall", "the oil"}, s.backend.questions()[0].Choices)
}

func TestAPastedBlockIsSplit(t *testing.T) {
	s := newSite(t)
	form := question("split")
	form.Set("block", "Passage.\r\n\r\nQuestion?\r\nA) one\r\nB) two")
	p := s.post(t, "/ask", form)
	assert.Equal(t, []string{"Passage.\n\nQuestion?\nA) one\nB) two"}, s.backend.blocks)
	for _, want := range []string{">\nA split passage.</textarea>", ">\nWhich one?</textarea>", ">\ngrey</textarea>"} {
		assert.Contains(t, p.body, want)
	}
	assert.Contains(t, p.words(), "Look through the fields, then ask the tutor.")

	s.backend.setSplit(refuseWith(422, &sat.Error{Code: sat.Invalid, Message: "No choices were found.", Fields: []sat.FieldError{
		{Field: "block", Message: "no line begins with A)"}}}))
	p = s.post(t, "/ask", form)
	assert.Equal(t, http.StatusUnprocessableEntity, p.StatusCode)
	assert.Contains(t, p.words(), "The text cannot be split: no line begins with A).")
	assert.Contains(t, p.body, ">\nPassage.\n\nQuestion?\nA) one\nB) two</textarea>")
	assert.Contains(t, p.body, `<details class="whole" open>`)
	holdsInput(t, p)

	s.backend.setSplit(refuseWith(503, &sat.Error{Code: sat.Unavailable, Reason: "draining"}))
	assert.Equal(t, http.StatusServiceUnavailable, s.post(t, "/ask", form).StatusCode)

	empty := s.post(t, "/ask", question("split"))
	assert.Equal(t, http.StatusUnprocessableEntity, empty.StatusCode)
	assert.Contains(t, empty.words(), "The box is empty.")
	holdsInput(t, empty)
}

func TestAWholeQuestionInThePassageIsNoticed(t *testing.T) {
	s := newSite(t)
	s.backend.setAnswer(refuseWith(422, &sat.Error{Code: sat.Invalid, Fields: []sat.FieldError{{Field: "question", Message: "is empty; give the question"}}}))
	whole := "Text.\n\nWhich?\nA) one\nB) two"
	p := s.post(t, "/ask", url.Values{"do": {"ask"}, "text": {whole}})
	assert.Contains(t, p.words(), "This looks like a whole question with its choices.")
	s.post(t, "/ask", url.Values{"do": {"split"}, "text": {whole}})
	assert.Equal(t, []string{whole}, s.backend.blocks)
	s.post(t, "/ask", url.Values{"do": {"ask"}, "block": {whole}})
	assert.Equal(t, []string{whole, whole}, s.backend.blocks, "the box alone is split before anything is asked")
}

func TestSamplesFollowEachOther(t *testing.T) {
	s := newSite(t)
	first := s.get(t, "/ask")
	assert.Contains(t, first.words(), "This is a sample of our own: “The harbour lamp”.")
	for _, sample := range s.pages.samples {
		p := s.get(t, "/ask?sample="+sample.ID)
		assert.Contains(t, html.UnescapeString(p.body), sample.Choices[0])
		assert.NotContains(t, html.UnescapeString(p.body), sample.Why, "the key is no part of the form")
	}
	assert.Contains(t, first.body, `href="/ask?sample=`+s.pages.samples[1].ID+`" id="sample"`)
	assert.Equal(t, http.StatusNotFound, s.get(t, "/ask?sample=none-such").StatusCode)
}

// TestTheCurlCommandIsOneTheShellReads runs it with a curl that prints its last argument.
func TestTheCurlCommandIsOneTheShellReads(t *testing.T) {
	want := api.AnswerRequest{MCQRequest: api.MCQRequest{Text: "It's a $(touch x) `id` \"q\" \\ <b>&\nline", Question: "'?", Choices: []string{"'", "''"}}}
	command, err := curl("http://localhost:8090/", want)
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `curl() { printf '%s\n' "$2" >&2; for last; do :; done; printf '%s' "$last"; }; `+command).Output()
	require.NoError(t, err)
	var got api.AnswerRequest
	require.NoError(t, json.Unmarshal(out, &got))
	assert.Equal(t, want, got)
	assert.Contains(t, command, "curl -s 'http://localhost:8090/api/v1/answers'")
}

func TestRequestIDsAreShared(t *testing.T) {
	s := newSite(t)
	var got string
	s.backend.setAnswer(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get(api.HeaderRequestID)
		reply(w, answerB(api.MCQRequest{Choices: []string{"a", "b"}}))
	})
	p := s.post(t, "/ask", question("ask"), header(api.HeaderRequestID, "abc-1"))
	assert.Equal(t, "abc-1", got)
	assert.Equal(t, "abc-1", p.Header.Get(api.HeaderRequestID))
}

var _ Backend = (*apiclient.Client)(nil)
