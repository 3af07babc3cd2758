package frontend

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// Arena is what the page /arena asks of the backend's API; errors are *[sat.Error].
type Arena interface {
	CreatePair(ctx context.Context, q api.PairRequest) (api.Pair, error)
	Pair(ctx context.Context, id string) (api.Pair, error)
	Vote(ctx context.Context, v api.VoteRequest) (api.Pair, error)
	ArenaSummary(ctx context.Context) (api.ArenaSummary, error)
}

// arenaPage is the page /arena, with or without a pair.
type arenaPage struct {
	Page
	Pair   *pairView // nil on the page itself
	Result resultView
	Block  field
	Notice *notice
}

// pairView is a pair as the page shows it.
type pairView struct {
	ID         string
	Lines      []line
	Question   string
	Choices    []exampleChoice
	Answers    [2]pairAnswer
	Same       bool // both models gave the same answer
	PassedOver string
	Voted      bool
	Verdict    []string // sentences after the vote
	Reasons    []reasonChip
}

// pairAnswer is one of the two answers.
type pairAnswer struct {
	Number       int
	Letter, Text string
	Model        string // after the vote
	Preferred    bool
	Right, Wrong bool // after the vote, where the key is known
}

// reasonChip is a reason that can be ticked.
type reasonChip struct{ Value, Label string }

// resultView is how the evaluator's votes fall.
type resultView struct {
	Count string   // "7 votes so far"
	Rows  []string // a sentence for each two models
	Wait  string   // why there are no rows yet
}

// arena is GET /arena.
func (s *Server) arena(w http.ResponseWriter, r *http.Request) error {
	return render(w, http.StatusOK, s.views.arena, s.arenaPage(r, ""))
}

func (s *Server) arenaPage(r *http.Request, block string) *arenaPage {
	page := &arenaPage{Page: s.page(r, "Compare two models")}
	page.Block = field{ID: idBlock, Name: "block", Label: "Whole question", Value: block, Rows: 8,
		Placeholder: "The passage …\n\nThe question?\nA) …\nB) …\nC) …\nD) …"}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	if summary, err := s.opts.Backend.ArenaSummary(ctx); err == nil {
		page.Result = resultOf(summary)
	}
	return page
}

// createPair is POST /arena: two answers to a question of the bank, or to the evaluator's own.
func (s *Server) createPair(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	var q api.PairRequest
	block := lineFeeds(r.PostForm.Get("block"))
	if r.PostForm.Get("do") == "own" {
		own, err := s.opts.Backend.ParseQuestion(ctx, block)
		if err != nil {
			return s.refuseArena(w, r, block, err)
		}
		q = api.PairRequest(own)
	}
	pair, err := s.opts.Backend.CreatePair(ctx, q)
	if err != nil {
		return s.refuseArena(w, r, block, err)
	}
	http.Redirect(w, r, "/arena/"+pair.ID, http.StatusSeeOther)
	return nil
}

// showPair is GET /arena/{id}.
func (s *Server) showPair(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := s.backendContext(r)
	defer cancel()
	pair, err := s.opts.Backend.Pair(ctx, chi.URLParam(r, "id"))
	if sat.CodeOf(err) == sat.NotFound {
		return errNotFound
	}
	if err != nil {
		return s.refuseArena(w, r, "", err)
	}
	page := s.arenaPage(r, "")
	page.Pair = pairOf(pair)
	return render(w, http.StatusOK, s.views.arena, page)
}

// vote is POST /arena/{id}. A second vote shows what the first one said.
func (s *Server) vote(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, cancel := s.backendContext(r)
	defer cancel()
	id := chi.URLParam(r, "id")
	_, err := s.opts.Backend.Vote(ctx, api.VoteRequest{PairID: id, Winner: r.PostForm.Get("winner"), Reasons: r.PostForm["reason"],
		Comment: lineFeeds(r.PostForm.Get("comment"))})
	switch sat.CodeOf(err) {
	case "", sat.Conflict:
		http.Redirect(w, r, "/arena/"+id, http.StatusSeeOther)
		return nil
	case sat.NotFound:
		return errNotFound
	}
	return s.refuseArena(w, r, "", err)
}

// refuseArena shows the page with the reason in place of a pair.
func (s *Server) refuseArena(w http.ResponseWriter, r *http.Request, block string, err error) error {
	if left(r) {
		return err
	}
	page := s.arenaPage(r, block)
	n := noticeOf(err)
	if e := conflictOf(err); e != nil {
		n = &notice{Kind: "conflict", Tone: "note", Title: "Nothing to compare just now", Still: e.Message, status: http.StatusConflict}
	}
	if sat.CodeOf(err) == sat.Invalid {
		n.Title, n.Still = "The question cannot be asked yet", "It needs a passage, a question, and choices that begin with A), B) and so on. Nothing was lost."
	}
	n.Auto = false
	page.Notice = n
	s.noteFailure(r, n, err)
	n.setRetryAfter(w)
	return render(w, n.status, s.views.arena, page)
}

// pairOf makes the view of a pair.
func pairOf(p api.Pair) *pairView {
	v := &pairView{ID: p.ID, Question: p.Question.Question, Same: p.A.Letter == p.B.Letter, Voted: p.Revealed != nil,
		Answers: [2]pairAnswer{{Number: 1, Letter: p.A.Letter, Text: p.A.Text}, {Number: 2, Letter: p.B.Letter, Text: p.B.Text}},
		Reasons: []reasonChip{{"supported", "The better one has support in the passage"}, {"overreach", "The worse one goes beyond the passage"},
			{"misread", "The worse one misreads the passage"}, {"unsure", "I am not sure myself"}}}
	for i, text := range strings.Split(p.Question.Text, "\n") {
		l := line{Parts: []part{{Text: text}}}
		if (i+1)%numberEvery == 0 {
			l.Number = i + 1
		}
		v.Lines = append(v.Lines, l)
	}
	key := ""
	if p.Revealed != nil {
		key = p.Revealed.Key
		v.reveal(p.Revealed)
	}
	for i, text := range p.Question.Choices {
		v.Choices = append(v.Choices, exampleChoice{sat.Letter(i), text, sat.Letter(i) == key})
	}
	if p.PassedOver > 0 {
		v.PassedOver = fmt.Sprintf("%d %s passed over, because both models gave the same answer.", p.PassedOver,
			count(p.PassedOver, "question was", "questions were"))
	}
	return v
}

// reveal adds what is told after the vote.
func (v *pairView) reveal(r *api.PairReveal) {
	models, right := [2]api.PairModel{r.A, r.B}, [2]*bool{r.CorrectA, r.CorrectB}
	for i := range v.Answers {
		a := &v.Answers[i]
		a.Model = modelName(models[i].Name, models[i].Base, models[i].Adapter)
		if models[i].Base != "" {
			a.Model += ", served as " + models[i].Name
		}
		a.Preferred = r.Winner == [2]string{"a", "b"}[i]
		a.Right, a.Wrong = right[i] != nil && *right[i], right[i] != nil && !*right[i]
	}
	switch r.Winner {
	case "tie":
		v.Verdict = append(v.Verdict, "You called it a tie.")
	case "both_bad":
		v.Verdict = append(v.Verdict, "You found both bad.")
	case "a":
		v.Verdict = append(v.Verdict, "You preferred answer 1.")
	default:
		v.Verdict = append(v.Verdict, "You preferred answer 2.")
	}
	if r.Key == "" {
		v.Verdict = append(v.Verdict, "No key is known for this question.")
		return
	}
	v.Verdict = append(v.Verdict, "The key says "+r.Key+".")
	first, second := v.Answers[0], v.Answers[1]
	switch {
	case first.Right == second.Right:
	case first.Preferred && first.Right, second.Preferred && second.Right:
		v.Verdict = append(v.Verdict, "The answer you preferred agrees with it.")
	case first.Preferred, second.Preferred:
		v.Verdict = append(v.Verdict, "You preferred the wrong answer.")
	}
}

// resultOf words how votes fall.
func resultOf(s api.ArenaSummary) resultView {
	v := resultView{Count: fmt.Sprintf("%d %s so far.", s.Votes, count(s.Votes, "vote", "votes"))}
	if s.Votes < s.Needed {
		v.Wait = fmt.Sprintf("How they fall is shown after %d, so that it does not steer you.", s.Needed)
	}
	for _, c := range s.Comparisons {
		row := fmt.Sprintf("%s against %s: %d won, %d lost, %d ties, %d both bad", c.Model, c.Against, c.Won, c.Lost, c.Ties, c.BothBad)
		if c.WinRate.N > 0 {
			row += fmt.Sprintf(" · preferred in %s of the decided, sign test p = %.3f", shareOf(c.WinRate), c.P)
		}
		if c.PreferredWrong.N > 0 {
			row += " · the wrong answer preferred in " + shareOf(c.PreferredWrong)
		}
		v.Rows = append(v.Rows, row+".")
	}
	return v
}

// shareOf words a share with its n and interval: "14 of 20 (48–85 %)".
func shareOf(e api.Estimate) string {
	return fmt.Sprintf("%d of %d (%.0f–%.0f %%)", e.K, e.N, math.Round(100*e.Low), math.Round(100*e.High))
}

// conflictOf gives the error where the state of things does not allow what was asked, nil for any other.
func conflictOf(err error) *sat.Error {
	var e *sat.Error
	if errors.As(err, &e) && e.Code == sat.Conflict {
		return e
	}
	return nil
}
