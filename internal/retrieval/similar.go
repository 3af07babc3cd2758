package retrieval

import (
	"context"
	"fmt"
	"math"
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

// Embed turns texts into vectors, one each, all of one length.
type Embed func(ctx context.Context, texts []string) ([][]float32, error)

// embedAtOnce bounds the texts of one call.
const embedAtOnce = 32

// EmbedItems makes the vectors of items, to be stored.
func EmbedItems(ctx context.Context, embed Embed, items []sat.Item) ([][]float32, error) {
	var vectors [][]float32
	for at := 0; at < len(items); at += embedAtOnce {
		part := items[at:min(at+embedAtOnce, len(items))]
		texts := make([]string, len(part))
		for i, it := range part {
			texts[i] = Text(it)
		}
		made, err := embed(ctx, texts)
		if err != nil {
			return nil, fmt.Errorf("embed items: %w", err)
		}
		if len(made) != len(part) {
			return nil, fmt.Errorf("embed items: %d vectors for %d texts", len(made), len(part))
		}
		vectors = append(vectors, made...)
	}
	return vectors, nil
}

// Vectors finds the items that are like another by stored embeddings. It looks at every one of them: a bank is small
// enough, and what is found is exact.
type Vectors struct {
	ids  []string
	unit [][]float32
}

// NewVectors takes the vectors of items in. All must have one length, and none may be zero.
func NewVectors(ids []string, vectors [][]float32) (*Vectors, error) {
	if len(ids) != len(vectors) {
		return nil, fmt.Errorf("%d ids for %d vectors", len(ids), len(vectors))
	}
	v := &Vectors{ids: ids, unit: make([][]float32, len(vectors))}
	for i, x := range vectors {
		unit, err := normal(x)
		if err != nil {
			return nil, fmt.Errorf("the vector of %s: %w", ids[i], err)
		}
		if len(unit) != len(vectors[0]) {
			return nil, fmt.Errorf("the vector of %s has %d numbers, the first one %d", ids[i], len(unit), len(vectors[0]))
		}
		v.unit[i] = unit
	}
	return v, nil
}

// normal gives a vector of length one.
func normal(x []float32) ([]float32, error) {
	sum := 0.0
	for _, f := range x {
		sum += float64(f) * float64(f)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("it has no direction")
	}
	unit := make([]float32, len(x))
	for i, f := range x {
		unit[i] = float32(float64(f) / math.Sqrt(sum))
	}
	return unit, nil
}

// Nearest gives the n items whose vectors point most nearly the way of x, best first, without the item named.
func (v *Vectors) Nearest(x []float32, n int, without string) ([]Match, error) {
	unit, err := normal(x)
	if err != nil {
		return nil, err
	}
	scores := map[int]float64{}
	for i, y := range v.unit {
		if len(y) != len(unit) {
			return nil, fmt.Errorf("the vector has %d numbers, those that are stored %d", len(unit), len(y))
		}
		if v.ids[i] == without {
			continue
		}
		sum := 0.0
		for j := range y {
			sum += float64(unit[j]) * float64(y[j])
		}
		scores[i] = sum
	}
	var found []Match
	for _, hit := range best(scores, n) {
		found = append(found, Match{v.ids[hit.At], hit.Score})
	}
	return found, nil
}
