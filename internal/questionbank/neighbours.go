package questionbank

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"sattutor/internal/sat"
)

// Bounds of the comparison with the bank.
const (
	pageOfItems    = 500    // read at a time
	mostRemembered = 20_000 // items whose sketches are kept until the bank changes: about 1 KB each
	probesOfAGram  = 4      // new texts that are looked at for one sequence of words
)

// neighbours compares new items with all that stand in the bank.
type neighbours struct {
	shelf Shelf

	mu     sync.Mutex
	change string // the newest that texts know
	texts  []neighbour
}

// neighbour is a text of a stored item.
type neighbour struct {
	sketch  []uint64
	passage bool // a passage, else what is asked
	id      string
	split   sat.Split
}

// judge warns of new items that ask nearly what a stored one asks (L12), or whose passage a stored one has in another
// split (L13). Items that are stored under the id of a new one are what it replaces, and are not compared.
func (b *neighbours) judge(ctx context.Context, items []sat.Item) ([][]Finding, error) {
	verdicts := make([][]Finding, len(items))
	asked, passages, replaced := newProbes(), newProbes(), map[string]bool{}
	for i, it := range items {
		asked.add(askedText(it), i)
		for _, p := range it.Passages {
			passages.add(p.Text(), i)
		}
		replaced[it.ID] = true
	}
	if len(asked.texts)+len(passages.texts) == 0 {
		return verdicts, nil
	}
	return verdicts, b.each(ctx, func(n neighbour) {
		if replaced[n.id] {
			return
		}
		if !n.passage {
			asked.meet(n, func(int) bool { return true }, func(at int) { verdicts[at] = append(verdicts[at], asksTheSame(n.id+", which is in the bank")) })
			return
		}
		passages.meet(n, func(at int) bool { return items[at].Split != n.split }, func(at int) {
			verdicts[at] = append(verdicts[at], otherSplit(items[at].Split, n.id+" in the bank", n.split))
		})
	})
}

// each visits the texts of the bank: those that are remembered, else the bank itself, page by page.
func (b *neighbours) each(ctx context.Context, visit func(neighbour)) error {
	changes, err := b.shelf.BankChanges(ctx, 1)
	if err != nil || len(changes) == 0 {
		return err
	}
	if texts, ok := b.remembered(changes[0].ID); ok {
		for _, n := range texts {
			visit(n)
		}
		return nil
	}
	var kept []neighbour
	met, seen := 0, map[string]bool{} // passages, by id and split
	for after := ""; ; {
		items, err := b.shelf.ItemsAfter(ctx, after, pageOfItems)
		if err != nil {
			return err
		}
		for _, it := range items {
			texts := textsOf(it.Item, seen)
			for _, n := range texts {
				visit(n)
			}
			if met++; met <= mostRemembered {
				kept = append(kept, texts...)
			}
			after = it.ID
		}
		if len(items) < pageOfItems {
			break
		}
	}
	if met <= mostRemembered {
		b.remember(changes[0].ID, kept)
	}
	return nil
}

func (b *neighbours) remembered(change string) ([]neighbour, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.texts, b.change == change
}

func (b *neighbours) remember(change string, texts []neighbour) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.change, b.texts = change, texts
}

// textsOf gives the texts of a stored item that are long enough to be compared; of a passage in a split, the first.
func textsOf(it sat.Item, seen map[string]bool) []neighbour {
	var texts []neighbour
	if s := sketch(askedText(it)); s != nil {
		texts = append(texts, neighbour{sketch: s, id: it.ID, split: it.Split})
	}
	for _, p := range it.Passages {
		key := p.ID + " " + string(it.Split)
		if seen[key] {
			continue
		}
		seen[key] = true
		if s := sketch(p.Text()); s != nil {
			texts = append(texts, neighbour{sketch: s, passage: true, id: it.ID, split: it.Split})
		}
	}
	return texts
}

// probes are new texts, found by their sequences of words.
type probes struct {
	texts   []probe
	at      map[string]int   // of a text
	holders map[uint64][]int // the few first texts that hold a sequence
	done    map[int]bool     // items that have met what they are like
	met     int              // neighbours so far
}

type probe struct {
	sketch []uint64
	items  []int // whose text it is, by position
	tried  int   // the last neighbour that it was compared with
}

func newProbes() *probes {
	return &probes{at: map[string]int{}, holders: map[uint64][]int{}, done: map[int]bool{}}
}

func (p *probes) add(text string, item int) {
	if at, known := p.at[text]; known {
		p.texts[at].items = append(p.texts[at].items, item)
		return
	}
	s := sketch(text)
	if s == nil {
		return
	}
	at := len(p.texts)
	p.texts, p.at[text] = append(p.texts, probe{sketch: s, items: []int{item}}), at
	for _, h := range s {
		if len(p.holders[h]) < probesOfAGram {
			p.holders[h] = append(p.holders[h], at)
		}
	}
}

// meet reports the items that have nearly the text of a neighbour and fit it, each item once for all neighbours.
func (p *probes) meet(n neighbour, fits func(item int) bool, report func(item int)) {
	p.met++
	for _, h := range n.sketch {
		for _, at := range p.holders[h] {
			text := &p.texts[at]
			if text.tried == p.met {
				continue
			}
			text.tried = p.met
			if alike(n.sketch, text.sketch) < sameShare {
				continue
			}
			for _, item := range text.items {
				if !p.done[item] && fits(item) {
					p.done[item] = true
					report(item)
				}
			}
		}
	}
}

// askedText is what an item asks, with what it offers.
func askedText(it sat.Item) string {
	parts := []string{it.Question}
	for _, c := range it.Choices {
		parts = append(parts, c.Text)
	}
	return strings.Join(parts, " ")
}

func asksTheSame(other string) Finding {
	return Finding{Code: L12, Severity: SeverityWarning, Field: "question", Message: fmt.Sprintf("asks nearly the same as %s; keep one of them", other)}
}

func otherSplit(own sat.Split, other string, theirs sat.Split) Finding {
	return Finding{Code: L13, Severity: SeverityWarning, Field: "split",
		Message: fmt.Sprintf("is %s, but %s has the same passage in %s; what was measured there says nothing here", own, other, theirs)}
}
