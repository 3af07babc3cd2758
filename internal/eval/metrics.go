package eval

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// Summary is everything that one run says.
type Summary struct {
	Accuracy Measured
	LMAcc    *Measured // by lm-eval's definition; nil where it was not asked
	LMNorm   *Measured
	Exact    *Measured // by the original's rule; method generate only

	Unparsed int // of Answered
	Failed   int
	Answered int // items with an answer, right, wrong or unparsed

	Letters     []string       // "A", "B", …
	Predicted   map[string]int // histogram of the letters given
	Keys        map[string]int // histogram of the keys
	Confusion   map[string]map[string]int
	Recalls     []float64 // by letter; NaN for a letter that is no key
	RStd        float64   // 100 times the standard deviation of the recalls
	Bias        string    // a sentence where one letter swallows the others; "" otherwise
	Consistency float64   // over rotations; NaN without

	Scored       int // items with probabilities
	ECE          float64
	Brier        float64
	NLL          float64
	Bins         [10]stats.Bin
	LowMass      int // letter mass below 0.9
	Clipped      int
	Tied         int
	TextDisagree int // the letter from the scores is not the one in the text; see [Summary.TextCompared]
	TextCompared int

	PassAny, PassAll, Flipped int // with repeats: items right at least once, always, and with changing letters
	Repeats                   int

	Cost       Cost
	Breakdowns []Breakdown
}

// Cost is what the answers took.
type Cost struct {
	P50, P95, P99    float64 // ms, nearest rank
	ColdP50, WarmP50 float64 // ms; NaN where there is no such request
	Tokens           Tokens
	ItemsPerSecond   float64
	Concurrency      int
}

// Breakdown is a run cut by one property of its items.
type Breakdown struct {
	By    string
	Cells []Cell
}

// Cell is one value of the property. Below [SmallCell] items it says nothing and is shown in grey, without an interval.
type Cell struct {
	Name string
	K, N int
}

// SmallCell is the number of items below which a cell makes no claim.
const SmallCell = 8

// Small says whether the cell is too small to make a claim.
func (c Cell) Small() bool { return c.N < SmallCell }

// Interval gives the cell's Wilson interval.
func (c Cell) Interval() stats.Interval { return stats.Wilson(c.K, c.N) }

const lowMass = 0.9

// Summarise counts a run. It asks nothing and reads nothing but the run.
func Summarise(run *Run) Summary {
	s := Summary{Accuracy: measure(run, "letter accuracy", func(r Record) bool { return r.Correct }), Letters: run.letters(),
		Predicted: map[string]int{}, Keys: map[string]int{}, Confusion: map[string]map[string]int{}, Repeats: run.Header.repeats(),
		Consistency: math.NaN()}
	var answered []Record
	for _, r := range run.first() {
		if r.Outcome == Failed {
			s.Failed++
			continue
		}
		answered = append(answered, r)
		s.count(r)
	}
	s.Answered = len(answered)
	s.definitions(run, answered)
	s.letterBias(answered)
	s.probabilities(answered)
	s.repeated(run)
	s.Cost = cost(run)
	s.Breakdowns = breakdowns(answered)
	return s
}

func (s *Summary) count(r Record) {
	given := r.Letter
	if given == "" {
		given = "–"
		s.Unparsed++
	}
	s.Predicted[given]++
	s.Keys[r.Key]++
	if s.Confusion[r.Key] == nil {
		s.Confusion[r.Key] = map[string]int{}
	}
	s.Confusion[r.Key][given]++
	s.LowMass += int(indicator(r.Method == sat.MethodLetter && r.LetterMass < lowMass))
	s.Clipped += int(indicator(r.Clipped))
	s.Tied += int(indicator(r.Tied))
	if scored := r.probabilities(); r.Raw != "" && scored != nil && r.Letter != "" {
		s.TextCompared++
		s.TextDisagree += int(indicator(sat.Letter(stats.ArgMax(scored)) != r.Letter))
	}
}

// definitions adds the accuracies by other people's rules, where every answered item has them.
func (s *Summary) definitions(run *Run, answered []Record) {
	all := func(has func(Record) bool) bool {
		return len(answered) > 0 && !slices.ContainsFunc(answered, func(r Record) bool { return !has(r) })
	}
	if all(func(r Record) bool { return r.Likelihood != nil }) {
		acc := measure(run, "lm-eval acc", func(r Record) bool { return r.Correct })
		norm := measure(run, "lm-eval acc_norm", func(r Record) bool { return r.Likelihood != nil && r.Likelihood.AccNorm })
		s.LMAcc, s.LMNorm = &acc, &norm
	}
	if all(func(r Record) bool { return r.OrigExact != nil }) {
		exact := measure(run, "orig_exact", func(r Record) bool { return r.OrigExact != nil && *r.OrigExact })
		s.Exact = &exact
	}
}

// letterBias fills in recalls, RStd, consistency and the sentence about a favoured letter.
func (s *Summary) letterBias(answered []Record) {
	var known []float64
	for _, letter := range s.Letters {
		recall := math.NaN()
		if n := s.Keys[letter]; n > 0 {
			recall = float64(s.Confusion[letter][letter]) / float64(n)
			known = append(known, recall)
		}
		s.Recalls = append(s.Recalls, recall)
	}
	s.RStd = stats.RStd(known)
	var consistency []float64
	for _, r := range answered {
		if len(r.Chosen) > 1 {
			consistency = append(consistency, stats.Consistency(r.Chosen))
		}
	}
	if len(consistency) > 0 {
		s.Consistency = mean(consistency)
	}
	for _, letter := range s.Letters {
		if share := float64(s.Predicted[letter]) / float64(max(1, len(answered))); share >= favoured && len(answered) >= SmallCell {
			s.Bias = biasSentence(letter, s.Predicted[letter], len(answered), s.Keys[letter], s.RStd, stats.MaxRStd(len(known)))
		}
	}
}

func (s *Summary) probabilities(answered []Record) {
	var confidence []float64
	var right []bool
	var p [][]float64
	var keys []int
	for _, r := range answered {
		scores := r.probabilities()
		if scores == nil || r.key() >= len(scores) {
			continue
		}
		p, keys = append(p, scores), append(keys, r.key())
		confidence, right = append(confidence, r.Confidence), append(right, r.Correct)
	}
	s.Scored = len(p)
	s.ECE, s.Bins = stats.ECE(confidence, right), stats.Reliability(confidence, right)
	s.Brier, s.NLL = stats.Brier(p, keys), stats.NLL(p, keys)
}

func (s *Summary) repeated(run *Run) {
	if s.Repeats < 2 {
		return
	}
	type fate struct {
		right, wrong bool
		letters      map[string]bool
	}
	fates := map[string]*fate{}
	for _, r := range run.Records {
		f := fates[r.ID]
		if f == nil {
			f = &fate{letters: map[string]bool{}}
			fates[r.ID] = f
		}
		f.right, f.wrong = f.right || r.Correct, f.wrong || !r.Correct
		f.letters[r.Letter] = true
	}
	for _, f := range fates {
		s.PassAny += int(indicator(f.right))
		s.PassAll += int(indicator(f.right && !f.wrong))
		s.Flipped += int(indicator(len(f.letters) > 1))
	}
}

// coldShare is the share of cached prompt tokens below which a request counts as having met a cold passage.
const coldShare = 0.5

func cost(run *Run) Cost {
	var all, cold, warm []float64
	c := Cost{Concurrency: run.Header.Concurrency, ColdP50: math.NaN(), WarmP50: math.NaN()}
	for _, r := range run.Records {
		if r.Outcome == Failed {
			continue
		}
		all = append(all, r.LatencyMS)
		if float64(r.Tokens.Cached) < coldShare*float64(r.Tokens.Prompt) {
			cold = append(cold, r.LatencyMS)
		} else {
			warm = append(warm, r.LatencyMS)
		}
		c.Tokens.Prompt += r.Tokens.Prompt
		c.Tokens.Cached += r.Tokens.Cached
		c.Tokens.Completion += r.Tokens.Completion
	}
	if len(all) == 0 {
		return c
	}
	c.P50, c.P95, c.P99 = stats.NearestRank(all, .5), stats.NearestRank(all, .95), stats.NearestRank(all, .99)
	c.ColdP50, c.WarmP50 = stats.NearestRank(cold, .5), stats.NearestRank(warm, .5)
	if run.Header.WallSeconds > 0 {
		c.ItemsPerSecond = float64(len(all)) / run.Header.WallSeconds
	}
	return c
}

// breakdowns cuts the answers by each property that some item has.
func breakdowns(answered []Record) []Breakdown {
	one := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	var cuts []Breakdown
	for _, by := range []struct {
		name   string
		values func(Record) []string
	}{
		{"skill", func(r Record) []string { return one(r.Skill) }},
		{"requires", func(r Record) []string { return r.Requires }},
		{"genre", func(r Record) []string { return one(r.Genre) }},
		{"key letter", func(r Record) []string { return one(r.Key) }},
		{"split", func(r Record) []string { return one(r.Split) }},
		{"passage", func(r Record) []string { return one(r.PassageID) }},
	} {
		if cells := cells(answered, by.values); len(cells) > 0 {
			cuts = append(cuts, Breakdown{by.name, cells})
		}
	}
	return cuts
}

func cells(answered []Record, values func(Record) []string) []Cell {
	counts := map[string]*Cell{}
	for _, r := range answered {
		for _, name := range values(r) {
			if counts[name] == nil {
				counts[name] = &Cell{Name: name}
			}
			counts[name].N++
			counts[name].K += int(indicator(r.Correct))
		}
	}
	list := make([]Cell, 0, len(counts))
	for _, c := range counts {
		list = append(list, *c)
	}
	sort.Slice(list, func(a, b int) bool { return list[a].Name < list[b].Name })
	return list
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// favoured is the share of answers from which one letter counts as swallowing the others.
const favoured = 0.6

func biasSentence(letter string, given, n, key int, rstd, most float64) string {
	what, so := fmt.Sprintf("It says %s in %d of %d answers", letter, given, n), "much of what is measured is the share of this key"
	if given == n {
		what, so = "It always says "+letter, "what is measured is the share of this key, not reading"
	}
	return fmt.Sprintf("%s; %s is the key of %d. RStd is %.1f of at most %.1f: %s.", what, letter, key, rstd, most, so)
}
