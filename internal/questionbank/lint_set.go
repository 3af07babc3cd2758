package questionbank

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"unicode/utf8"

	"sattutor/internal/sat"
)

// Bounds of a set, and the size from which a set is one.
const (
	setSize     = 20
	letterMost  = 0.40
	letterLeast = 0.10
	keyLongest  = 0.35
	sameShare   = 0.5 // of the sequences of eight words
	gramWords   = 8
)

// balance judges the keys of a set: L11, and L08 for all of them together.
func balance(items []sat.Item) []Finding {
	var keyed []sat.Item
	for _, it := range items {
		if it.Key() >= 0 && len(it.Choices) == 4 {
			keyed = append(keyed, it)
		}
	}
	n := len(keyed)
	if n < setSize {
		return nil
	}
	var found []Finding
	letters, longest := make([]int, 4), 0
	for _, it := range keyed {
		letters[it.Key()]++
		if longestChoice(it) == it.Key() {
			longest++
		}
	}
	for i, k := range letters {
		if share := float64(k) / float64(n); share > letterMost || share < letterLeast {
			found = append(found, Finding{Code: L11, Severity: SeverityWarning, Field: "answer", Message: fmt.Sprintf(
				"%s is the key of %d of the %d questions (%.0f %%); between 10 and 40 %% cannot be guessed", sat.Letter(i), k, n, 100*share)})
		}
	}
	if share := float64(longest) / float64(n); share > keyLongest {
		found = append(found, Finding{Code: L08, Severity: SeverityWarning, Field: "choices", Message: fmt.Sprintf(
			"the key is the longest choice in %d of the %d questions (%.0f %%); at most 35 %% are no cue", longest, n, 100*share)})
	}
	return found
}

// longestChoice gives the position of the one longest choice, -1 if two share the length.
func longestChoice(it sat.Item) int {
	best, at := -1, -1
	for i, c := range it.Choices {
		switch n := utf8.RuneCountInString(c.Text); {
		case n > best:
			best, at = n, i
		case n == best:
			at = -1
		}
	}
	return at
}

// sketchSize bounds what is kept of a text for comparing: the least hashes of its word sequences. Below that number the
// comparison is exact.
const sketchSize = 128

// sketch gives the least hashes of a text's sequences of eight words, in order; nil for a text with fewer words.
func sketch(text string) []uint64 {
	words := strings.Fields(strings.ToLower(text))
	if len(words) < gramWords {
		return nil
	}
	var hashes []uint64
	for i := range len(words) - gramWords + 1 {
		h := fnv.New64a()
		for _, w := range words[i : i+gramWords] {
			_, _ = h.Write([]byte(w))
			_, _ = h.Write([]byte{' '})
		}
		hashes = append(hashes, h.Sum64())
	}
	slices.Sort(hashes)
	hashes = slices.Compact(hashes)
	return slices.Clone(hashes[:min(sketchSize, len(hashes))])
}

// alike gives the share of word sequences that two sketched texts have in common.
func alike(a, b []uint64) float64 {
	union, both := 0, 0
	for i, j := 0, 0; union < sketchSize && (i < len(a) || j < len(b)); union++ {
		switch {
		case j == len(b) || i < len(a) && a[i] < b[j]:
			i++
		case i == len(a) || b[j] < a[i]:
			j++
		default:
			i, j, both = i+1, j+1, both+1
		}
	}
	if union == 0 {
		return 0
	}
	return float64(both) / float64(union)
}

// nearest finds, for each text, the first text before it that is nearly the same; -1 for none. Texts of one group are
// not compared.
func nearest(texts []string, group []string) []int {
	sketches := make([][]uint64, len(texts))
	holders := map[uint64][]int{} // the few first texts that hold a sequence
	twin := make([]int, len(texts))
	for i, text := range texts {
		twin[i] = -1
		sketches[i] = sketch(text)
		for _, h := range sketches[i] {
			for _, j := range holders[h] {
				if twin[i] < 0 && group[i] != group[j] && alike(sketches[i], sketches[j]) >= sameShare {
					twin[i] = j
				}
			}
			if twin[i] >= 0 {
				break
			}
		}
		for _, h := range sketches[i] {
			if len(holders[h]) < 4 {
				holders[h] = append(holders[h], i)
			}
		}
	}
	return twin
}

// twins warns of questions that are nearly the same: L12.
func twins(items []sat.Item, verdicts [][]Finding) {
	asked, ids := make([]string, len(items)), make([]string, len(items))
	for i, it := range items {
		asked[i], ids[i] = askedText(it), it.ID
	}
	for i, j := range nearest(asked, ids) {
		if j >= 0 {
			verdicts[i] = append(verdicts[i], asksTheSame(items[j].ID))
		}
	}
}

// splits warns of passages that stand in two splits: L13.
func splits(items []sat.Item, verdicts [][]Finding) {
	var passages, group []string
	var owner []int
	for i, it := range items {
		for _, p := range it.Passages {
			passages, group, owner = append(passages, p.Text()), append(group, string(it.Split)), append(owner, i)
		}
	}
	for i, j := range nearest(passages, group) {
		if j >= 0 && group[i] != group[j] {
			verdicts[owner[i]] = append(verdicts[owner[i]], otherSplit(items[owner[i]].Split, items[owner[j]].ID, items[owner[j]].Split))
		}
	}
}
