package arena

import "sattutor/internal/sat"

// Index finds questions of the bank by their words, whatever their line breaks.
func Index(items []sat.Item) func(q sat.Question) (passageID, key string, ok bool) {
	type place struct{ passage, key string }
	places := make(map[string]place, len(items))
	for _, it := range items {
		if len(it.Passages) > 0 {
			places[IDOf(it.Asked())] = place{it.Passages[0].ID, it.Answer}
		}
	}
	return func(q sat.Question) (string, string, bool) {
		p, ok := places[IDOf(q)]
		return p.passage, p.key, ok
	}
}
