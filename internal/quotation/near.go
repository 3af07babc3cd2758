package quotation

// word is a run of letters or digits with the place of its first and last character.
type word struct {
	text string
	Span
}

// split gives the words of a folded text: characters that stood side by side in the original.
func split(letters string, places []int) []word {
	var words []word
	for from := 0; from < len(letters); {
		to := from + 1
		for to < len(letters) && places[to]-places[to-1] <= 1 {
			to++
		}
		words = append(words, word{letters[from:to], Span{places[from], places[to-1] + 1}})
		from = to
	}
	return words
}

// maxWords bounds the words of a quotation that are compared one by one.
const maxWords = 400

// nearest gives the best share of the quote's words that stand in order in a window of the passage as long as the quote,
// and that window. Windows that share too few words in any order are not looked at closely.
func (s *Source) nearest(quote []word) (best float64, span Span) {
	n := len(quote)
	if n == 0 || n > maxWords || len(s.words) == 0 {
		return 0, Span{}
	}
	wanted := make(map[string]int, n)
	for _, w := range quote {
		wanted[w.text]++
	}
	size := min(n, len(s.words))
	shared := 0
	for end, w := range s.words {
		if wanted[w.text]--; wanted[w.text] >= 0 {
			shared++
		}
		start := end - size
		if start >= 0 {
			out := s.words[start].text
			if wanted[out]++; wanted[out] > 0 {
				shared--
			}
		}
		if end < size-1 || float64(shared)/float64(n) <= best {
			continue
		}
		window := s.words[end-size+1 : end+1]
		if score := float64(inCommon(quote, window)) / float64(n); score > best {
			best, span = score, Span{window[0].Start, window[len(window)-1].End}
		}
	}
	return best, span
}

// inCommon gives the length of the longest sequence of words that both hold in this order.
func inCommon(a, b []word) int {
	row := make([]int, len(b)+1)
	for _, w := range a {
		diagonal := 0
		for j, v := range b {
			above := row[j+1]
			if w.text == v.text {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}
