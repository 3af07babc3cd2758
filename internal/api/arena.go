package api

import "sattutor/internal/sat"

// PairRequest is the body of POST /api/v1/arena/pairs. Left empty, it asks for a question of the bank.
type PairRequest struct {
	Text     string   `json:"text,omitempty" doc:"The passage of a question of your own; nothing at all takes one of the bank."`
	Question string   `json:"question,omitempty"`
	Choices  []string `json:"choices,omitempty"`
}

// Pair is one question with two answers, whose models are told after the vote.
type Pair struct {
	ID         string      `json:"pair_id"`
	Question   MCQRequest  `json:"question"`
	A          PairAnswer  `json:"a"`
	B          PairAnswer  `json:"b"`
	PassedOver int         `json:"passed_over" doc:"Questions of the bank that were passed over, because both models gave the same answer."`
	Revealed   *PairReveal `json:"revealed,omitempty" doc:"Only after the vote."`
}

// PairAnswer is one of the two answers.
type PairAnswer struct {
	Letter string `json:"letter"`
	Text   string `json:"text"`
}

// PairReveal says whose answers they were, and what the key says.
type PairReveal struct {
	Winner   string    `json:"winner" enum:"a,b,tie,both_bad"`
	A        PairModel `json:"a"`
	B        PairModel `json:"b"`
	Key      string    `json:"key,omitempty" doc:"Letter of the right choice, where it is known."`
	CorrectA *bool     `json:"correct_a,omitempty"`
	CorrectB *bool     `json:"correct_b,omitempty"`
}

// PairModel names the model behind an answer.
type PairModel struct {
	Name    string `json:"name"`
	Base    string `json:"base,omitempty"`
	Adapter string `json:"adapter,omitempty"`
	Quality string `json:"quality,omitempty"`
}

// VoteRequest is the body of POST /api/v1/arena/votes.
type VoteRequest struct {
	PairID  string   `json:"pair_id"`
	Winner  string   `json:"winner" doc:"a, b, tie or both_bad."`
	Reasons []string `json:"reasons,omitempty" doc:"Of supported, overreach, misread, unsure."`
	Comment string   `json:"comment,omitempty" doc:"Up to 500 characters."`
}

// ArenaSummary is the body of GET /api/v1/arena/summary.
type ArenaSummary struct {
	Votes       int               `json:"votes"`
	Needed      int               `json:"needed" doc:"Votes before the comparisons are shown, so that they do not steer."`
	Comparisons []ArenaComparison `json:"comparisons"`
}

// ArenaComparison is what votes say of two models; won and lost are the model's.
type ArenaComparison struct {
	Model          string   `json:"model"`
	Against        string   `json:"against"`
	Won            int      `json:"won"`
	Lost           int      `json:"lost"`
	Ties           int      `json:"ties"`
	BothBad        int      `json:"both_bad"`
	WinRate        Estimate `json:"win_rate" doc:"Of the decisive votes, with the 95 % Wilson interval."`
	P              float64  `json:"p" doc:"Exact sign test, two-sided."`
	PreferredWrong Estimate `json:"preferred_wrong" doc:"Of the decisive votes where exactly one answer was right."`
}

// Estimate is k of n with its 95 % interval.
type Estimate struct {
	K    int     `json:"k"`
	N    int     `json:"n"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// FromPair gives the API's form of a pair.
func FromPair(p sat.BlindPair) Pair {
	answer := func(letter string) PairAnswer {
		a := PairAnswer{Letter: letter}
		if i, ok := sat.LetterIndex(letter); ok && i < len(p.Question.Choices) {
			a.Text = p.Question.Choices[i]
		}
		return a
	}
	out := Pair{ID: p.ID, Question: FromQuestion(p.Question), A: answer(p.Choices[0]), B: answer(p.Choices[1]), PassedOver: p.PassedOver}
	if r := p.Reveal; r != nil {
		out.Revealed = &PairReveal{Winner: r.Winner, A: pairModel(r.Models[0]), B: pairModel(r.Models[1]), Key: r.Key}
		if r.Key != "" {
			a, b := out.A.Letter == r.Key, out.B.Letter == r.Key
			out.Revealed.CorrectA, out.Revealed.CorrectB = &a, &b
		}
	}
	return out
}

func pairModel(m sat.Model) PairModel {
	return PairModel{Name: m.Name, Base: m.Base, Adapter: m.Adapter, Quality: string(m.Quality)}
}

// FromStanding gives the API's form of how somebody's votes fall.
func FromStanding(s sat.Standing) ArenaSummary {
	out := ArenaSummary{Votes: s.Votes, Needed: sat.ArenaPatience, Comparisons: []ArenaComparison{}}
	for _, c := range s.Comparisons {
		out.Comparisons = append(out.Comparisons, ArenaComparison{Model: c.Model, Against: c.Against, Won: c.Won, Lost: c.Lost, Ties: c.Ties,
			BothBad: c.BothBad, P: c.P, WinRate: Estimate(c.WinRate), PreferredWrong: Estimate(c.PreferredWrong)})
	}
	return out
}
