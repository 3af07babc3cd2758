package retrieval

import (
	"fmt"
	"math"
)

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

// Nearest gives the n items whose vectors point most nearly the way of x, best first, without those that are skipped.
func (v *Vectors) Nearest(x []float32, n int, skip func(id string) bool) ([]Match, error) {
	unit, err := normal(x)
	if err != nil {
		return nil, err
	}
	scores := map[int]float64{}
	for i, y := range v.unit {
		if len(y) != len(unit) {
			return nil, fmt.Errorf("the vector has %d numbers, those that are stored %d", len(unit), len(y))
		}
		if skip(v.ids[i]) {
			continue
		}
		scores[i] = dot(unit, y)
	}
	var found []Match
	for _, hit := range best(scores, n) {
		found = append(found, Match{v.ids[hit.At], hit.Score})
	}
	return found, nil
}

// dot is the cosine of vectors of length one.
func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
