// Package retrieval finds what belongs together: the lines of a passage that speak to a choice, and questions that are
// like another one.
//
// [Rank] and [Library] compare words (BM25); [Vectors] compares embeddings. All of it is exact, works in memory and gives
// the same result for the same input. [Finder] does this for a whole bank, by whichever of the two can be had, and keeps
// the bank's vectors: they are made in the background and stored. What is found is for study, hints and review; it never
// goes into the prompt of an answer.
package retrieval

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

// Parameters of BM25, as usually set.
const (
	saturation = 1.2  // k1: how soon a repeated word stops counting
	lengthNorm = 0.75 // b: how much a long text is held back
)

// Hit is a text that was found.
type Hit struct {
	At    int // its position among the texts
	Score float64
}

// index holds texts by their words.
type index struct {
	postings map[string][]posting
	lengths  []int
	total    int
}

type posting struct{ at, count int }

func newIndex(texts []string) *index {
	ix := &index{postings: map[string][]posting{}, lengths: make([]int, len(texts))}
	for i, text := range texts {
		counts := map[string]int{}
		for _, w := range terms(text) {
			counts[w]++
			ix.lengths[i]++
		}
		ix.total += ix.lengths[i]
		for w, n := range counts {
			ix.postings[w] = append(ix.postings[w], posting{i, n})
		}
	}
	return ix
}

// search gives the n best texts for a query, those that share no word left out. Equal scores keep the texts' order.
func (ix *index) search(query string, n int) []Hit {
	mean := float64(ix.total) / float64(max(len(ix.lengths), 1))
	scores := map[int]float64{}
	asked := terms(query)
	slices.Sort(asked) // floating-point sums depend on their order
	for _, w := range slices.Compact(asked) {
		found := ix.postings[w]
		holding := float64(len(found))
		rarity := math.Log(1 + (float64(len(ix.lengths))-holding+0.5)/(holding+0.5))
		for _, p := range found {
			count := float64(p.count)
			weight := count * (saturation + 1) / (count + saturation*(1-lengthNorm+lengthNorm*float64(ix.lengths[p.at])/mean))
			scores[p.at] += rarity * weight
		}
	}
	return best(scores, n)
}

func best(scores map[int]float64, n int) []Hit {
	hits := make([]Hit, 0, len(scores))
	for at, score := range scores {
		hits = append(hits, Hit{at, score})
	}
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.At, b.At)) })
	return hits[:min(n, len(hits))]
}

// Rank gives the n texts that answer best to a query, best first; texts that share no word with it are left out.
func Rank(texts []string, query string, n int) []Hit { return newIndex(texts).search(query, n) }

// terms gives the words of a text that say what it is about, without endings.
func terms(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’'
	})
	kept := words[:0]
	for _, w := range words {
		w, _, _ = strings.Cut(strings.ReplaceAll(w, "’", "'"), "'")
		if w != "" && !strings.Contains(common, " "+w+" ") {
			kept = append(kept, stem(w))
		}
	}
	return kept
}

// common are words that stand everywhere, and those of which questions are made.
const common = " a an and are as at be been but by can could did do does for from had has have he her hers him his how i if in into is it " +
	"its just me most my no nor not of on or our she should so than that the their them then there these they this those to too up " +
	"us was we were what when where which while who whom whose why will with would you your " +
	"according answer author author's based best choice describe describes following indicate indicates line lines mainly main passage " +
	"passages primarily primary purpose question sentence serve serves statement suggest suggests text texts used "

// stem takes common endings off a word, so that "walked" finds "walks".
func stem(w string) string {
	for _, ending := range []string{"ingly", "edly", "ness", "ies", "ing", "ed", "ly", "es", "s", "e"} {
		base, found := strings.CutSuffix(w, ending)
		if !found || len(base) < 3 || ending == "s" && strings.HasSuffix(base, "s") {
			continue
		}
		if ending == "ies" {
			return base + "y"
		}
		if n := len(base); n > 3 && base[n-1] == base[n-2] && base[n-1] < 0x80 { // stopped → stop
			base = base[:n-1]
		}
		return base
	}
	return w
}
