package enginetest

import (
	"hash/fnv"
	"regexp"
	"strings"
)

// vocabulary is the size that the recorded servers name.
const vocabulary = 49152

// pieces cuts text about as finely as the tokenizers of small models: a control token, a word with the space before
// it, or one other character.
var pieces = regexp.MustCompile(`<\|[^|]*\|>| ?[A-Za-z]+| ?[0-9]|(?s:.)`)

// known are the ids that tests rely on: those of SmolLM2, as recorded. Single ASCII characters are computed.
var known = map[string]int{" A": 330, " B": 389, " C": 340, " D": 422, "Yes": 10539, " Yes": 9230, "The": 504,
	"Answer": 21350, "Choose": 21197, "Hello": 19556}

// tokenize gives the ids of text.
func tokenize(text string) []int {
	ids := []int{}
	for _, piece := range pieces.FindAllString(text, -1) {
		ids = append(ids, tokenID(piece))
	}
	return ids
}

// split cuts text into the pieces that tokenize counts.
func split(text string) []string { return pieces.FindAllString(text, -1) }

func tokenID(piece string) int {
	if id, ok := known[piece]; ok {
		return id
	}
	if len(piece) == 1 && piece[0] > ' ' && piece[0] < 0x7f {
		return int(piece[0]) - 16 // "A" is 49
	}
	if strings.HasPrefix(piece, "<|") {
		return 1
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(piece))
	return 1000 + int(h.Sum32()%(vocabulary-1000))
}

// tokenText is the text of an id, for those that are no hash.
func tokenText(id int) string {
	for text, i := range known {
		if i == id {
			return text
		}
	}
	if id > 16 && id < 0x7f-16 {
		return string(rune(id + 16))
	}
	return "?"
}
