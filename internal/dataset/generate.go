package dataset

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"sattutor/internal/eval"
	"sattutor/internal/sat"
)

// The stems of the items that are made by rule. Several to a kind, so that a model learns the task and not a sentence.
var (
	openingStems = []string{
		"Which sentence best introduces the passage?",
		"Which choice most likely comes directly before the passage?",
		"Which choice best states what the passage goes on to develop?",
	}
	nextStems = []string{
		"Which sentence most logically follows the passage?",
		"Which choice best continues the passage?",
		"With which sentence would the author most likely go on?",
	}
	statedStems = []string{
		"According to the passage, which of the following is true?",
		"Which choice is supported by the passage?",
		"The passage indicates which of the following?",
		"Which statement agrees with the passage?",
	}
	missingStem = "The passage continues: %s Which word most logically fills the blank?"
)

const blank = "____"

// Generate makes items by rule from the text of a book in the public domain: the sentence that opens a passage, the one
// that follows it, what it states and what it does not, and a word that a following sentence lacks. Wrong choices come
// from the same book. The same name, text and seed give the same items. The items carry no licence: the text has it.
func Generate(name, book string, seed uint64) []eval.Item {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	g := generator{name: name, rng: rand.New(rand.NewPCG(seed, h.Sum64()))}
	text := paragraphs(book)
	g.learn(text)
	var items []eval.Item
	for i, w := range windows(text, g.size) {
		items = append(items, g.items(i, w)...)
	}
	return items
}

// generator makes the items of one book.
type generator struct {
	name   string
	rng    *rand.Rand
	all    []string            // every sentence of the book that can stand by itself
	words  map[string]int      // how often each word occurs, as written
	shapes map[string][]string // words that can stand for one another
}

var wordPattern = regexp.MustCompile(`[A-Za-z][a-z]+(?:-[a-z]+)*`)

// learn takes the book's sentences and words.
func (g *generator) learn(text []string) {
	g.words, g.shapes = map[string]int{}, map[string][]string{}
	for _, p := range text {
		parts := sentences(p)
		if !running(parts) {
			continue
		}
		for _, s := range parts {
			if standsAlone(s) {
				g.all = append(g.all, s)
			}
			for _, w := range wordPattern.FindAllString(s, -1) {
				g.words[w]++
			}
		}
	}
	for w, n := range g.words {
		if s := g.shape(w); s != "" && n >= 2 {
			g.shapes[s] = append(g.shapes[s], w)
		}
	}
	for _, list := range g.shapes {
		slices.Sort(list)
	}
}

// shape groups words by what they look like: names, and lower-case words by their ending; "" for words that carry little.
func (g *generator) shape(w string) string {
	lower := strings.ToLower(w)
	switch {
	case unicode.IsUpper(rune(w[0])) && g.words[lower] == 0 && len(w) >= 3:
		return "Name"
	case len(w) < 5 || w != lower:
		return ""
	case g.words[w] > 400: // words of grammar
		return ""
	}
	return fmt.Sprintf("%s %t", w[len(w)-2:], g.words[w] > 12)
}

// size draws the length of the next passage: short ones are commoner.
func (g *generator) size() int {
	share := g.rng.Float64()
	return shortestWindow + int(share*share*(longestWindow-shortestWindow-700))
}

func (g *generator) items(n int, w window) []eval.Item {
	var items []eval.Item
	add := func(kind, stem, key string, wrong []string) {
		choices := append([]string{key}, wrong...)
		if len(wrong) != 3 || !distinct(choices) {
			return
		}
		item := eval.Item{Schema: eval.ItemSchema, ID: fmt.Sprintf("%s-%05d-%s", g.name, n, kind), Source: "prose:" + g.name, SourceRow: n,
			SourceSHA256: digest([]byte(w.passage)), PassageID: eval.PassageID(w.passage), Passage: w.passage, Question: stem}
		for to, from := range g.rng.Perm(len(choices)) {
			item.Choices = append(item.Choices, eval.Choice{Label: sat.Letter(to), Text: choices[from]})
			if from == 0 {
				item.Answer = sat.Letter(to)
			}
		}
		items = append(items, item)
	}
	if standsAlone(w.first) {
		add("opening", g.pick(openingStems), w.first, g.foreign(w, w.first, 3))
	}
	if standsAlone(w.next) {
		add("next", g.pick(nextStems), w.next, g.foreign(w, w.next, 3))
	}
	g.stated(w, add)
	if sentence, word, others := g.gap(w); word != "" {
		add("word", fmt.Sprintf(missingStem, sentence), word, others)
	}
	return items
}

// stated makes two items on what the passage says. Wrong choices are sentences of it with a word changed, and sentences
// of other parts of the book.
func (g *generator) stated(w window, add func(kind, stem, key string, wrong []string)) {
	var usable []string
	for _, s := range w.inside {
		if standsAlone(s) {
			usable = append(usable, s)
		}
	}
	if len(usable) < 5 {
		return
	}
	for i := range 2 {
		g.rng.Shuffle(len(usable), func(a, b int) { usable[a], usable[b] = usable[b], usable[a] })
		altered := 1 + 2*i // the second item has altered sentences alone
		var wrong []string
		for _, s := range usable[1:] {
			if other := g.alter(s); other != "" && len(wrong) < altered {
				wrong = append(wrong, other)
			}
		}
		wrong = append(wrong, g.foreign(w, usable[0], 3-len(wrong))...)
		add(fmt.Sprintf("stated-%d", i+1), g.pick(statedStems), usable[0], wrong)
	}
}

// alter changes one or two words of a sentence for others of the same shape; "" where none can be.
func (g *generator) alter(sentence string) string {
	at := wordPattern.FindAllStringIndex(sentence, -1)
	g.rng.Shuffle(len(at), func(a, b int) { at[a], at[b] = at[b], at[a] })
	for _, span := range at {
		word := sentence[span[0]:span[1]]
		if span[0] == 0 {
			continue
		}
		if others := g.like(word, sentence, 1); len(others) == 1 {
			return sentence[:span[0]] + others[0] + sentence[span[1]:]
		}
	}
	return ""
}

// like draws words of the same shape that the text does not hold.
func (g *generator) like(word, text string, n int) []string {
	list := g.shapes[g.shape(word)]
	if len(list) < 4*n+4 {
		return nil
	}
	var out []string
	for range 20 * n {
		other := list[g.rng.IntN(len(list))]
		if other != word && !slices.Contains(out, other) && !strings.Contains(text, other) {
			if out = append(out, other); len(out) == n {
				return out
			}
		}
	}
	return nil
}

// gap takes a word out of the sentence after the passage: one that the passage holds too. The wrong words are of the
// passage where it has enough of that shape, else of the book.
func (g *generator) gap(w window) (sentence, word string, others []string) {
	source := w.next
	if len(w.after) > len(source) {
		source = w.after
	}
	if len(source) > 300 {
		return "", "", nil
	}
	at := wordPattern.FindAllStringIndex(source, -1)
	g.rng.Shuffle(len(at), func(a, b int) { at[a], at[b] = at[b], at[a] })
	for _, span := range at {
		word := source[span[0]:span[1]]
		shape := g.shape(word)
		if shape == "" || span[0] == 0 || strings.Count(source, word) != 1 || !strings.Contains(w.passage, word) {
			continue
		}
		var near []string
		for _, other := range wordPattern.FindAllString(w.passage, -1) {
			if other != word && g.shape(other) != "" && (g.shape(other) == "Name") == (shape == "Name") &&
				!slices.Contains(near, other) && !strings.Contains(source, other) {
				near = append(near, other)
			}
		}
		if len(near) < 3 {
			near = g.like(word, source, 3)
		}
		if len(near) < 3 {
			continue
		}
		g.rng.Shuffle(len(near), func(a, b int) { near[a], near[b] = near[b], near[a] })
		return source[:span[0]] + blank + source[span[1]:], word, near[:3]
	}
	return "", "", nil
}

// foreign draws sentences from elsewhere in the book that are about as long as the key.
func (g *generator) foreign(w window, key string, n int) []string {
	if n <= 0 || len(g.all) < 200 {
		return nil
	}
	var pool []string
	for range 60 {
		s := g.all[g.rng.IntN(len(g.all))]
		if s != key && s != w.first && s != w.next && s != w.after && !slices.Contains(w.inside, s) && !slices.Contains(pool, s) {
			pool = append(pool, s)
		}
	}
	slices.SortStableFunc(pool, func(a, b string) int { return abs(len(a)-len(key)) - abs(len(b)-len(key)) })
	if len(pool) < n {
		return nil
	}
	return pool[:n]
}

func (g *generator) pick(list []string) string { return list[g.rng.IntN(len(list))] }

// standsAlone tells whether a sentence can be a choice.
func standsAlone(s string) bool {
	return len(s) >= 40 && len(s) <= 260 && startsWell.MatchString(s) && strings.Count(s, "“") == strings.Count(s, "”") &&
		strings.Count(s, `"`)%2 == 0 && !strings.ContainsAny(s, "[]{}*|<>")
}

func distinct(choices []string) bool {
	seen := map[string]bool{}
	for _, c := range choices {
		key := sat.Fold(c)
		if seen[key] {
			return false
		}
		seen[key] = true
	}
	return true
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
