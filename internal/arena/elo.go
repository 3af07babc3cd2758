package arena

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// The constants of Open WebUI's leaderboard.
const (
	eloStart = 1000
	eloK     = 32
)

// Rating is one thumb: a model's answer was rated up or down beside the answers of others.
type Rating struct {
	Model  string
	Up     bool
	Beside []string
}

// Standing is one model's place after all ratings.
type Standing struct {
	Model  string  `json:"model"`
	Rating float64 `json:"rating"`
	Won    int     `json:"won"`
	Lost   int     `json:"lost"`
}

// Rounded gives the rating as Open WebUI prints it: half to even.
func (s Standing) Rounded() int { return int(math.RoundToEven(s.Rating)) }

// Elo replays ratings in their order as Open WebUI's leaderboard does: from 1000, K 32, one game for each answer
// beside the rated one, a model against itself included. The best comes first.
func Elo(ratings []Rating) []Standing {
	table := map[string]*Standing{}
	of := func(model string) *Standing {
		if table[model] == nil {
			table[model] = &Standing{Model: model, Rating: eloStart}
		}
		return table[model]
	}
	for _, r := range ratings {
		for _, opponent := range r.Beside {
			rated, other := of(r.Model), of(opponent)
			won := 0.0
			if r.Up {
				won = 1
				rated.Won, other.Lost = rated.Won+1, other.Lost+1
			} else {
				rated.Lost, other.Won = rated.Lost+1, other.Won+1
			}
			gain := eloK * (won - 1/(1+math.Pow(10, (other.Rating-rated.Rating)/400)))
			rated.Rating += gain
			other.Rating -= gain
		}
	}
	standings := make([]Standing, 0, len(table))
	for _, s := range table {
		standings = append(standings, *s)
	}
	slices.SortFunc(standings, func(a, b Standing) int {
		return cmp.Or(-cmp.Compare(a.Rating, b.Rating), strings.Compare(a.Model, b.Model))
	})
	return standings
}

// FeedbackRatings gives the thumbs of exported feedback as Open WebUI's leaderboard takes them: by time, those with a
// model and a clear rating, blind or not.
func FeedbackRatings(feedback []Feedback) []Rating {
	sorted := slices.SortedStableFunc(slices.Values(feedback), func(a, b Feedback) int {
		return cmp.Compare(a.CreatedAt, b.CreatedAt)
	})
	var ratings []Rating
	for _, f := range sorted {
		if f.Model != "" && f.Rating != 0 {
			ratings = append(ratings, Rating{Model: f.Model, Up: f.Rating > 0, Beside: f.Siblings})
		}
	}
	return ratings
}

// VoteRatings gives the decisive votes as thumbs up for the preferred answer.
func VoteRatings(votes []Vote) []Rating {
	var ratings []Rating
	for _, v := range votes {
		switch v.Winner {
		case A:
			ratings = append(ratings, Rating{Model: v.ModelA, Up: true, Beside: []string{v.ModelB}})
		case B:
			ratings = append(ratings, Rating{Model: v.ModelB, Up: true, Beside: []string{v.ModelA}})
		}
	}
	return ratings
}
