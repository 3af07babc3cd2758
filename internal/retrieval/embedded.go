package retrieval

import (
	"sattutor/internal/sat"
)

// embedded is the bank by its vectors, as it was after one change.
type embedded struct {
	change  string
	items   map[string]sat.StoredItem
	vectors *Vectors
	of      map[string][]float32 // by item
}

// similar finds by vectors, ok where the item has one.
func (e *embedded) similar(it sat.Item, n int) (sat.SimilarItems, bool) {
	x, ok := e.of[it.ID]
	if !ok {
		return sat.SimilarItems{}, false
	}
	matches, err := e.vectors.Nearest(x, n, func(id string) bool { return id == it.ID || sharePassage(it, e.items[id].Item) })
	return withItems(sat.ByEmbeddings, matches, e.items), err == nil
}

// shelved is a bank with the vectors that are stored of it.
type shelved struct {
	items   []sat.StoredItem
	vectors map[string]sat.ItemVector // by item
	length  int                       // of the vectors that the model makes now; 0 before it made one
}

func newShelved(items []sat.StoredItem, stored []sat.ItemVector) *shelved {
	s := &shelved{items: items, vectors: make(map[string]sat.ItemVector, len(stored))}
	for _, v := range stored {
		s.vectors[v.ItemID] = v
	}
	return s
}

// put takes in a vector that was made now.
func (s *shelved) put(v sat.ItemVector) {
	s.vectors[v.ItemID] = v
	s.length = max(s.length, len(v.Values))
}

// stale gives the items whose vectors are missing, of another text, or of another length than the rest.
func (s *shelved) stale() (list []sat.StoredItem) {
	length := s.length
	for _, v := range s.vectors {
		if n := len(v.Values); n > 0 && length == 0 {
			length = n
		} else if n > 0 && s.length == 0 && n != length {
			return s.items // nobody knows which of them the model makes now
		}
	}
	for _, it := range s.items {
		v, ok := s.vectors[it.ID]
		if !ok || v.ContentKey != keyOf(Text(it.Item)) || len(v.Values) > 0 && len(v.Values) != length {
			list = append(list, it)
		}
	}
	return list
}

// refused counts the items of which the model makes nothing.
func (s *shelved) refused() (n int) {
	for _, it := range s.items {
		if v, ok := s.vectors[it.ID]; ok && len(v.Values) == 0 {
			n++
		}
	}
	return n
}

// embedded gives the bank by its vectors, which must be complete.
func (s *shelved) embedded(change string) (*embedded, error) {
	e := &embedded{change: change, items: byID(s.items), of: map[string][]float32{}}
	var ids []string
	var values [][]float32
	for _, it := range s.items {
		if v := s.vectors[it.ID]; len(v.Values) > 0 {
			ids, values = append(ids, it.ID), append(values, v.Values)
			e.of[it.ID] = v.Values
		}
	}
	var err error
	e.vectors, err = NewVectors(ids, values)
	return e, err
}
