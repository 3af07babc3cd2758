package prompt

import (
	"math"

	"sattutor/internal/engine"
	"sattutor/internal/stats"
)

// Scores are what a model thinks of the choices, by position, before any calibration.
type Scores struct {
	Log     []float64 // unnormalised scores in nats: a softmax makes probabilities of them
	Mass    float64   // probability that the model gave to what was asked for: all letters, or Yes and No on average
	Clipped bool      // a token was missing from the engine's list and got an upper bound
}

// ReadLetters takes the log-probabilities of the letters, whose token ids are given by position, from the candidates
// of the first token. A letter that is missing gets the smallest listed value, an upper bound. ok is false where no
// letter is listed at all.
func ReadLetters(first []engine.Token, ids []int) (s Scores, ok bool) {
	s.Log = make([]float64, len(ids))
	for i, id := range ids {
		var found bool
		s.Log[i], found = logprob(first, id)
		if found {
			ok = true
			s.Mass += math.Exp(s.Log[i])
		} else {
			s.Clipped = true
		}
	}
	return s, ok
}

// ReadOption takes the score of one proposed answer, ln p(Yes) − ln p(No), from the candidates of the first token, with
// the probability of both together. ok is false where neither is listed.
func ReadOption(first []engine.Token, yes, no int) (score, mass float64, clipped, ok bool) {
	y, foundYes := logprob(first, yes)
	n, foundNo := logprob(first, no)
	if foundYes {
		mass += math.Exp(y)
	}
	if foundNo {
		mass += math.Exp(n)
	}
	return y - n, mass, !foundYes || !foundNo, foundYes || foundNo
}

// logprob finds the log-probability of a token, or the smallest listed one in its place.
func logprob(first []engine.Token, id int) (value float64, found bool) {
	least := 0.0
	for _, t := range first {
		if t.ID == id {
			return t.Logprob, true
		}
		least = min(least, t.Logprob)
	}
	return least, false
}

// Average combines the scores of the k cyclic rotations of k choices: P(i) = mean over r of p^(r) at the place where
// content i stood, (i − r) mod k. Row r showed content (j + r) mod k at position j. The result is ln P by content.
func Average(rotations []Scores) Scores {
	k := len(rotations)
	average := Scores{Log: make([]float64, k)}
	for r, s := range rotations {
		p := stats.Softmax(s.Log, 1)
		for i := range average.Log {
			average.Log[i] += p[((i-r)%k+k)%k] / float64(k)
		}
		average.Mass += s.Mass / float64(k)
		average.Clipped = average.Clipped || s.Clipped
	}
	for i, p := range average.Log {
		average.Log[i] = math.Log(p)
	}
	return average
}

// Decision is the choice that scores come to.
type Decision struct {
	Best          int       // position of the winner, the first of equal ones
	Probabilities []float64 // of each choice
	Margin        float64   // probability of the winner less that of the second
	Tied          bool      // two choices share the best score
}

// priorFloor keeps the logarithm of a probability finite, as in PriDe's reference implementation.
const priorFloor = 1e-10

// Decide makes probabilities of scores: p = stats.Softmax(s/T), where s = ln(p₀ + 1e-10) − ln(prior + 1e-10) with p₀ the
// softmax of the raw scores (PriDe, Zheng and others, ICLR 2024), or the raw scores without a prior. A prior of another
// length than the scores says nothing about them and is left out. A temperature of 0 counts as 1.
func Decide(scores, prior []float64, temperature float64) Decision {
	if len(prior) == len(scores) && len(prior) > 0 {
		p := stats.Softmax(scores, 1)
		for k := range p {
			p[k] = math.Log(p[k]+priorFloor) - math.Log(prior[k]+priorFloor)
		}
		scores = p
	}
	if temperature == 0 {
		temperature = 1
	}
	d := Decision{Probabilities: stats.Softmax(scores, temperature)}
	second := -1
	for k := 1; k < len(scores); k++ {
		switch {
		case scores[k] > scores[d.Best]:
			d.Best, second, d.Tied = k, d.Best, false
		case second < 0 || scores[k] > scores[second]:
			second = k
		}
		d.Tied = d.Tied || k != d.Best && scores[k] == scores[d.Best]
	}
	if second >= 0 {
		d.Margin = d.Probabilities[d.Best] - d.Probabilities[second]
	}
	return d
}
