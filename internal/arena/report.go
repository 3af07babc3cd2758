package arena

import (
	"math"
	"slices"
	"strings"

	"sattutor/internal/stats"
)

// Share is k of n with its 95 % Wilson interval.
type Share struct {
	K int `json:"k"`
	N int `json:"n"`
	stats.Interval
}

func share(k, n int) Share { return Share{k, n, stats.Wilson(k, n)} }

// Rate gives k/n, and NaN of nothing.
func (s Share) Rate() float64 { return float64(s.K) / float64(s.N) }

// PairReport is what the votes say of two models. Won and Lost are seen from Model.
type PairReport struct {
	Model   string `json:"model"`
	Against string `json:"against"`
	Votes   int    `json:"votes"`
	Won     int    `json:"won"`
	Lost    int    `json:"lost"`
	Ties    int    `json:"ties"`
	BothBad int    `json:"both_bad"`

	WinRate     Share            `json:"win_rate"`    // of the decisive votes
	Clustered   *stats.Interval  `json:"clustered"`   // the same share when whole questions are drawn (bootstrap); nil for few
	SignTest    stats.PairedTest `json:"sign_test"`   // exact and mid-p, two-sided
	Strength    float64          `json:"strength"`    // Bradley–Terry, on the scale of Elo: 400·log10(won/lost)
	StrengthCI  *stats.Interval  `json:"strength_ci"` // from the bootstrap of Clustered; nil for few
	FirstRating Share            `json:"first_rating"`
	LeftSide    Share            `json:"left_side"` // decisive votes for the left answer, whoever gave it

	Right           Share `json:"right"`            // Model's answers that were right, where the key is known
	AgainstRight    Share `json:"against_right"`    // the same for Against
	PreferredWrong  Share `json:"preferred_wrong"`  // of the decisive votes with exactly one right answer
	WithKey         int   `json:"with_key"`         // votes whose question's key is known
	NeededDecisive  int   `json:"needed_decisive"`  // decisive votes that tell 65 % from 50 % with 80 % power
	DistinctAsked   int   `json:"distinct_asked"`   // questions
	DistinctPersons int   `json:"distinct_persons"` // evaluators
}

// bootstrapSeed makes a report of the same votes the same report.
const bootstrapSeed = 7

// leastClusters is the number of questions from which a bootstrap over questions is worth printing.
const leastClusters = 10

// worthTelling is the win rate whose detection sizes an arena.
const worthTelling = 0.65

// Summarise reports every pair of models that was voted on, in the order of their names; in each the later name is
// the Model and the earlier the one it stands against, as sat-lora against sat-base.
func Summarise(votes []Vote) []PairReport {
	byPair := map[[2]string][]Vote{}
	for _, v := range votes {
		if v.ModelA == v.ModelB || !v.Winner.Valid() {
			continue
		}
		names := [2]string{min(v.ModelA, v.ModelB), max(v.ModelA, v.ModelB)}
		byPair[names] = append(byPair[names], v)
	}
	reports := make([]PairReport, 0, len(byPair))
	for names, cast := range byPair {
		reports = append(reports, summarise(names[1], names[0], cast))
	}
	slices.SortFunc(reports, func(a, b PairReport) int {
		return strings.Compare(a.Against+"\x00"+a.Model, b.Against+"\x00"+b.Model)
	})
	return reports
}

func summarise(model, against string, votes []Vote) PairReport {
	t := tally{PairReport: PairReport{Model: model, Against: against, Votes: len(votes)}}
	for _, v := range votes {
		t.add(v)
	}
	r := t.PairReport
	r.WinRate = share(r.Won, r.Won+r.Lost)
	r.SignTest = stats.McNemar(r.Won, r.Lost)
	r.Strength = strength(float64(r.Won), float64(r.Lost))
	if groups := stats.Clusters(t.questions, t.values); len(groups) >= leastClusters {
		drawn := stats.Bootstrap(groups, stats.Draws, bootstrapSeed)
		n := float64(r.Won + r.Lost)
		r.Clustered = &drawn
		r.StrengthCI = &stats.Interval{Low: strength(n*drawn.Low, n*(1-drawn.Low)), High: strength(n*drawn.High, n*(1-drawn.High))}
	}
	r.FirstRating = share(t.firstWon, t.firstN)
	r.LeftSide = share(t.left, r.Won+r.Lost)
	r.Right, r.AgainstRight = share(t.right, t.rightN), share(t.againstRight, t.againstN)
	r.PreferredWrong = share(t.preferredWrong, t.oneRight)
	r.NeededDecisive = int(math.Ceil(stats.NeededItems(1, 2*worthTelling-1)))
	r.DistinctAsked, r.DistinctPersons = distinct(votes, func(v Vote) string { return v.QuestionID }), distinct(votes, func(v Vote) string { return v.Evaluator })
	return r
}

// strength gives 400·log10(w/l), the difference of two Bradley–Terry strengths on the scale of Elo. Where one side has
// no vote, half a vote is added to both, so that the figure stays finite; 0 without votes.
func strength(w, l float64) float64 {
	if w <= 0 || l <= 0 {
		w, l = w+0.5, l+0.5
	}
	return 400 * math.Log10(w/l)
}

// tally counts the votes of one pair.
type tally struct {
	PairReport
	questions []string // of the decisive votes
	values    []float64
	firstWon  int
	firstN    int
	left      int

	right, rightN, againstRight, againstN int
	preferredWrong, oneRight              int
}

func (t *tally) add(v Vote) {
	mine, other := v.CorrectA, v.CorrectB
	side := A
	if v.ModelB == t.Model {
		side, mine, other = B, v.CorrectB, v.CorrectA
	}
	switch v.Winner {
	case Tie:
		t.Ties++
	case BothBad:
		t.BothBad++
	default:
		won := indicator(v.Winner == side)
		t.Won, t.Lost = t.Won+won, t.Lost+1-won
		t.left += indicator(v.Winner == A)
		t.questions, t.values = append(t.questions, v.QuestionID), append(t.values, float64(won))
	}
	first := v.Winner
	if v.First != "" {
		first = v.First
	}
	if first.Decisive() {
		t.firstN++
		t.firstWon += indicator(first == side)
	}
	t.judge(v, side, mine, other)
}

// judge counts what the key says.
func (t *tally) judge(v Vote, side Winner, mine, other *bool) {
	t.WithKey += indicator(v.Key != "")
	if mine != nil {
		t.rightN++
		t.right += indicator(*mine)
	}
	if other != nil {
		t.againstN++
		t.againstRight += indicator(*other)
	}
	if mine == nil || other == nil || *mine == *other || !v.Winner.Decisive() {
		return
	}
	t.oneRight++
	preferredMine := v.Winner == side
	t.preferredWrong += indicator(preferredMine != *mine)
}

func indicator(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func distinct(votes []Vote, key func(Vote) string) int {
	seen := map[string]bool{}
	for _, v := range votes {
		seen[key(v)] = true
	}
	return len(seen)
}
