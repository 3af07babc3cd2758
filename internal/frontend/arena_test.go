package frontend

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// arenaStandIn is the blind comparison of a stand-in: pairs of sat-lora, which says B, and sat-base, which says C. The
// key is B, and nobody's own question has one.
type arenaStandIn struct {
	mu     sync.Mutex
	pairs  map[string]*api.Pair
	votes  []api.VoteRequest
	refuse http.HandlerFunc // of new pairs; nil for none
	shown  []api.ArenaComparison
}

func (a *arenaStandIn) set(refuse http.HandlerFunc, shown ...api.ArenaComparison) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuse, a.shown = refuse, shown
}

func (a *arenaStandIn) voted() []api.VoteRequest {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]api.VoteRequest(nil), a.votes...)
}

func (a *arenaStandIn) register(mux *http.ServeMux) {
	a.pairs = map[string]*api.Pair{}
	mux.HandleFunc("POST /api/v1/arena/pairs", a.create)
	mux.HandleFunc("GET /api/v1/arena/pairs/{id}", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if p := a.pairs[r.PathValue("id")]; p != nil {
			reply(w, p)
			return
		}
		refuseWith(http.StatusNotFound, &sat.Error{Code: sat.NotFound, Message: "There is no such pair."})(w, r)
	})
	mux.HandleFunc("POST /api/v1/arena/votes", a.vote)
	mux.HandleFunc("GET /api/v1/arena/summary", func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		n := len(a.votes)
		if a.shown != nil {
			n = 24
		}
		reply(w, api.ArenaSummary{Votes: n, Needed: sat.ArenaPatience, Comparisons: a.shown})
	})
}

func (a *arenaStandIn) create(w http.ResponseWriter, r *http.Request) {
	var q api.PairRequest
	_ = json.NewDecoder(r.Body).Decode(&q)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse != nil {
		a.refuse(w, r)
		return
	}
	p := &api.Pair{ID: fmt.Sprintf("pair-%d", len(a.pairs)+1), Question: api.MCQRequest(q), PassedOver: 1}
	if q.Text == "" {
		samples, _ := loadSamples()
		p.Question = samples[0].request()
	}
	p.A, p.B = api.PairAnswer{Letter: "B", Text: p.Question.Choices[1]}, api.PairAnswer{Letter: "C", Text: p.Question.Choices[2]}
	a.pairs[p.ID] = p
	reply(w, p)
}

func (a *arenaStandIn) vote(w http.ResponseWriter, r *http.Request) {
	var v api.VoteRequest
	_ = json.NewDecoder(r.Body).Decode(&v)
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.pairs[v.PairID]
	switch {
	case p == nil:
		refuseWith(http.StatusNotFound, &sat.Error{Code: sat.NotFound, Message: "There is no such pair."})(w, r)
	case p.Revealed != nil:
		refuseWith(http.StatusConflict, &sat.Error{Code: sat.Conflict, Message: "This pair has a vote already."})(w, r)
	case v.Winner != "a" && v.Winner != "b" && v.Winner != "tie" && v.Winner != "both_bad":
		refuseWith(http.StatusUnprocessableEntity, &sat.Error{Code: sat.Invalid, Message: "The vote breaks a rule.",
			Fields: []sat.FieldError{{Field: "winner", Message: "is none of a, b, tie, both_bad"}}})(w, r)
	default:
		a.votes = append(a.votes, v)
		right, wrong := true, false
		p.Revealed = &api.PairReveal{Winner: v.Winner, Key: "B", CorrectA: &right, CorrectB: &wrong,
			A: api.PairModel{Name: "sat-lora", Base: "Llama-3.2-3B-Instruct", Adapter: "SAT"}, B: api.PairModel{Name: "sat-base", Base: "Llama-3.2-3B-Instruct"}}
		if strings.HasPrefix(p.Question.Text, "Own") {
			p.Revealed.Key, p.Revealed.CorrectA, p.Revealed.CorrectB = "", nil, nil
		}
		reply(w, p)
	}
}

// follow sends a form and gives the page that the reply leads to.
func (s *site) follow(t *testing.T, path string, values url.Values) (string, page) {
	t.Helper()
	p := s.post(t, path, values)
	require.Equal(t, http.StatusSeeOther, p.StatusCode, p.words())
	to := p.Header.Get("Location")
	return to, s.get(t, to)
}

func TestArenaFromPairToVote(t *testing.T) {
	s := newSite(t)
	first := s.get(t, "/arena")
	assert.Contains(t, first.words(), "0 votes so far. How they fall is shown after 20")
	at, shown := s.follow(t, "/arena", url.Values{"do": {"next"}})
	assert.Equal(t, "/arena/pair-1", at)
	for _, want := range []string{"Which answer is better?", "Answer 1", "Answer 2", "late that winter", "1 question was passed over"} {
		assert.Contains(t, shown.words(), want)
	}
	main := mainPart.FindString(shown.body)
	for _, secret := range []string{"sat-lora", "sat-base", "Llama", "key says", `class="key"`} {
		assert.NotContains(t, main, secret, "nothing is told before the vote")
	}

	at, told := s.follow(t, at, url.Values{"winner": {"b"}, "reason": {"overreach", "unsure"}, "comment": {"too\r\nbold"}})
	assert.Equal(t, "/arena/pair-1", at)
	for _, want := range []string{"You preferred answer 2.", "The key says B.", "You preferred the wrong answer.",
		"From Llama-3.2-3B-Instruct with SAT, served as sat-lora.", "Agrees with the key", "Differs from the key", "Next question", "1 vote so far."} {
		assert.Contains(t, told.words(), want)
	}
	assert.NotContains(t, told.body, `name="winner"`)
	assert.Equal(t, []api.VoteRequest{{PairID: "pair-1", Winner: "b", Reasons: []string{"overreach", "unsure"}, Comment: "too\nbold"}}, s.backend.arena.voted())

	_, again := s.follow(t, at, url.Values{"winner": {"a"}})
	assert.Contains(t, again.words(), "You preferred answer 2.", "the first vote stands")
}

func TestArenaVerdicts(t *testing.T) {
	for winner, want := range map[string][]string{"a": {"You preferred answer 1.", "The answer you preferred agrees with it."},
		"tie": {"You called it a tie.", "The key says B."}, "both_bad": {"You found both bad.", "The key says B."}} {
		s := newSite(t)
		at, _ := s.follow(t, "/arena", url.Values{"do": {"next"}})
		_, told := s.follow(t, at, url.Values{"winner": {winner}})
		for _, w := range want {
			assert.Contains(t, told.words(), w)
		}
		assert.NotContains(t, told.words(), "wrong answer")
	}
}

func TestArenaOnAnOwnQuestion(t *testing.T) {
	s := newSite(t)
	s.backend.setSplit(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, api.MCQRequest{Text: "Own text.", Question: "Which?", Choices: []string{"x", "y", "z"}})
	})
	at, shown := s.follow(t, "/arena", url.Values{"do": {"own"}, "block": {"Own text.\r\n\r\nWhich?\r\nA) x\r\nB) y\r\nC) z"}})
	assert.Contains(t, shown.words(), "Own text.")
	_, told := s.follow(t, at, url.Values{"winner": {"a"}})
	assert.Contains(t, told.words(), "No key is known for this question.")
	assert.NotContains(t, told.words(), "Agrees with the key")

	s.backend.setSplit(refuseWith(http.StatusUnprocessableEntity, &sat.Error{Code: sat.Invalid, Message: "no",
		Fields: []sat.FieldError{{Field: "block", Message: "has no choices"}}}))
	p := s.post(t, "/arena", url.Values{"do": {"own"}, "block": {"half a question"}})
	assert.Equal(t, http.StatusUnprocessableEntity, p.StatusCode)
	assert.Contains(t, p.words(), "The question cannot be asked yet")
	assert.Contains(t, p.body, "half a question", "nothing that was typed is lost")
}

func TestArenaTellsWhyThereIsNoPair(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		status int
		err    *sat.Error
		says   string
	}{
		{409, &sat.Error{Code: sat.Conflict, Message: "A comparison needs two models, and the engine serves only sat-base now."}, "serves only sat-base"},
		{503, &sat.Error{Code: sat.Unavailable, Reason: "engine-not-ready", Message: "x"}, "still loading"},
		{504, &sat.Error{Code: sat.Timeout, Message: "x"}, "took too long"},
	} {
		s.backend.arena.set(refuseWith(c.status, c.err))
		p := s.post(t, "/arena", url.Values{"do": {"next"}})
		assert.Equal(t, c.status, p.StatusCode)
		assert.Contains(t, p.words(), c.says)
	}
	assert.Equal(t, http.StatusNotFound, s.get(t, "/arena/nowhere").StatusCode)
	assert.Equal(t, http.StatusNotFound, s.post(t, "/arena/nowhere", url.Values{"winner": {"a"}}).StatusCode)
	s.backend.arena.set(nil)
	at, _ := s.follow(t, "/arena", url.Values{"do": {"next"}})
	assert.Equal(t, http.StatusUnprocessableEntity, s.post(t, at, url.Values{"winner": {"left"}}).StatusCode)
}

func TestArenaShowsTheResultWithItsNumbers(t *testing.T) {
	s := newSite(t)
	s.backend.arena.set(nil, comparison())
	assert.Contains(t, s.get(t, "/arena").words(), "sat-lora against sat-base: 14 won, 6 lost, 3 ties, 1 both bad · preferred in 14 of 20 (48–86 %) "+
		"of the decided, sign test p = 0.115 · the wrong answer preferred in 3 of 12 (9–53 %).")
}

func comparison() api.ArenaComparison {
	return api.ArenaComparison{Model: "sat-lora", Against: "sat-base", Won: 14, Lost: 6, Ties: 3, BothBad: 1, P: 0.1153,
		WinRate: api.Estimate{K: 14, N: 20, Low: 0.481, High: 0.855}, PreferredWrong: api.Estimate{K: 3, N: 12, Low: 0.089, High: 0.532}}
}

func TestArenaKeepsHostileTextAsText(t *testing.T) {
	s := newSite(t)
	s.backend.setSplit(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, api.MCQRequest{Text: "<script>alert(1)</script>", Question: "<b>?", Choices: []string{"<i>", `"><img src=x onerror=alert(1)>`, "z"}})
	})
	_, shown := s.follow(t, "/arena", url.Values{"do": {"own"}, "block": {"x"}})
	assert.NotContains(t, shown.body, "<script>alert")
	assert.NotContains(t, shown.body, "<img")
	assert.Contains(t, shown.words(), "<script>alert(1)</script>")
}

func TestBrowserVotesByKeyAlone(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	press := func(key string) step { return chromedp.KeyEvent(key) }
	b.do(chromedp.Navigate(s.URL+"/arena"), press("n"), visible(".ballot"), click(".chips label"), click("#comment"), press("1"))
	assert.Equal(t, "1", b.value("#comment"), "a key in the comment is text")
	b.do(click("h1"), press("2"), visible(".verdict"))
	assert.Equal(t, "You preferred answer 2.", b.text("h1"))
	require.Len(t, s.backend.arena.voted(), 1)
	assert.Equal(t, []string{"supported"}, s.backend.arena.voted()[0].Reasons)
	b.do(until(`document.activeElement.textContent.trim() === "Next question"`), press("\r"), visible(".ballot"))
	assert.True(t, strings.HasSuffix(b.location(), "/arena/pair-2"), b.location())
}

func TestBrowserVotesWithoutScripts(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s)
	b.withoutScripts()
	b.do(chromedp.Navigate(s.URL+"/arena"), click("button[value=next]"), visible(".ballot"), click("button[value=tie]"), visible(".verdict"))
	require.Len(t, s.backend.arena.voted(), 1)
	assert.Equal(t, "tie", s.backend.arena.voted()[0].Winner)
}
