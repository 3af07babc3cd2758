package retrieval

import (
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// Match is an item that is like another one.
type Match struct {
	ItemID string
	Score  float64
}

// Library finds the items that are like another by their words.
type Library struct {
	items []sat.Item
	index *index
}

// NewLibrary takes items in.
func NewLibrary(items []sat.Item) *Library {
	texts := make([]string, len(items))
	for i, it := range items {
		texts[i] = Text(it)
	}
	return &Library{items: items, index: newIndex(texts)}
}

// Similar gives the n items that are most like one, best first: without itself, and without those on its own passage,
// which are like it for no other reason.
func (l *Library) Similar(it sat.Item, n int) []Match {
	var found []Match
	for _, hit := range l.index.search(Text(it), len(l.items)) {
		other := l.items[hit.At]
		if len(found) < n && other.ID != it.ID && !sharePassage(it, other) {
			found = append(found, Match{other.ID, hit.Score})
		}
	}
	return found
}

func sharePassage(a, b sat.Item) bool {
	return slices.ContainsFunc(a.Passages, func(p sat.Passage) bool {
		return slices.ContainsFunc(b.Passages, func(q sat.Passage) bool { return p.ID == q.ID })
	})
}

// Text gives the words by which an item is compared: what it asks before what it asks about. It holds no key.
func Text(it sat.Item) string {
	parts := []string{it.Question}
	for _, c := range it.Choices {
		parts = append(parts, c.Text)
	}
	for _, p := range it.Passages {
		parts = append(parts, p.Title, p.Text())
	}
	return strings.Join(parts, "\n")
}
