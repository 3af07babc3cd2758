package retrieval_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/retrieval"
	"sattutor/internal/sat"
)

// shelf is a bank in memory.
type shelf struct {
	mu      sync.Mutex
	items   map[string]sat.StoredItem
	vectors map[string]map[string]sat.ItemVector
	changes int
}

func newShelf(items ...sat.Item) *shelf {
	s := &shelf{items: map[string]sat.StoredItem{}, vectors: map[string]map[string]sat.ItemVector{}}
	s.put(items...)
	return s
}

func (s *shelf) put(items ...sat.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	for _, it := range items {
		s.items[it.ID] = sat.StoredItem{Item: it, Version: s.changes}
	}
}

func (s *shelf) BankChanges(context.Context, int) ([]sat.BankChange, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []sat.BankChange{{ID: fmt.Sprint(s.changes)}}, nil
}

func (s *shelf) SearchItems(context.Context, sat.ItemFilter) (items []sat.StoredItem, total int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range s.items {
		items = append(items, it)
	}
	slices.SortFunc(items, func(a, b sat.StoredItem) int { return cmp.Compare(a.ID, b.ID) })
	return items, len(items), nil
}

func (s *shelf) Vectors(_ context.Context, model string) (list []sat.ItemVector, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.vectors[model] {
		list = append(list, v)
	}
	return list, nil
}

func (s *shelf) SaveVectors(_ context.Context, model string, vectors []sat.ItemVector) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range vectors {
		if _, there := s.items[v.ItemID]; !there {
			return sat.Errorf(sat.NotFound, "There is no such item.")
		}
	}
	if s.vectors[model] == nil {
		s.vectors[model] = map[string]sat.ItemVector{}
	}
	for _, v := range vectors {
		s.vectors[model][v.ItemID] = v
	}
	return nil
}

func (s *shelf) DropVectors(_ context.Context, except string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vectors = map[string]map[string]sat.ItemVector{except: s.vectors[except]}
	return nil
}

// model makes vectors that say what a text is about, whatever its words: water, insects, or neither.
type model struct {
	mu     sync.Mutex
	texts  []string // that it was given
	down   error
	length int // of its vectors, 3 at least
	limit  int // characters that it takes
}

func (m *model) embed(_ context.Context, texts []string) ([][]float32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		if m.limit > 0 && len(text) > m.limit {
			return nil, fmt.Errorf("%d characters: %w", len(text), retrieval.ErrTooLong)
		}
		vectors[i] = make([]float32, max(m.length, 3))
		for topic, words := range [][]string{{"ferry", "river", "sea", "harbour"}, {"bees", "ants", "hive"}, {"a", "e", "i", "o"}} {
			for _, w := range words {
				vectors[i][topic] += float32(strings.Count(strings.ToLower(text), w)) * []float32{50, 50, 0.01}[topic]
			}
		}
	}
	m.texts = append(m.texts, texts...)
	return vectors, nil
}

func (m *model) given() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.texts)
}

func (m *model) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func finder(s *shelf, m *model, name string) *retrieval.Finder {
	return retrieval.NewFinder(s, &retrieval.Embedder{Model: name, AtOnce: 2, Embed: m.embed}, slog.New(slog.DiscardHandler))
}

func on(passage, text string) sat.Item {
	return sat.Item{ID: "on-" + passage, Passages: []sat.Passage{{ID: passage, Lines: []string{text}}}, Question: "What is told?",
		Choices: []sat.Choice{{ID: "A", Text: "of a harbour"}, {ID: "B", Text: "of a hive"}}}
}

// bank has an item about a ferry, and others that share fewer words with it than topics.
func bank() []sat.Item {
	return []sat.Item{on("ferry", "The ferry lay still. Hester counted fares."), on("sea", "Along the sea nothing stirred."),
		on("bees", "Hester counted bees. The hive lay still."), on("ants", "Ants carry what they find.")}
}

func ids(found sat.SimilarItems) (list []string) {
	for _, m := range found.Items {
		list = append(list, m.ID)
	}
	return list
}

func nothing(int, int) {}

func TestSimilarGoesByEmbeddingsOnceAllAreThere(t *testing.T) {
	s, m := newShelf(bank()...), &model{}
	f := finder(s, m, "m")
	asked := s.items["on-ferry"].Item
	found, err := f.Similar(t.Context(), asked, 2)
	require.NoError(t, err)
	assert.Equal(t, sat.ByWords, found.Method)
	assert.Equal(t, "on-bees", ids(found)[0], "it shares most words")

	var steps []string
	require.NoError(t, f.Renew(t.Context(), func(made, of int) { steps = append(steps, fmt.Sprintf("%d/%d", made, of)) }))
	assert.Equal(t, []string{"2/4", "4/4"}, steps)
	found, err = f.Similar(t.Context(), asked, 1)
	require.NoError(t, err)
	assert.Equal(t, sat.ByEmbeddings, found.Method)
	assert.Equal(t, []string{"on-sea"}, ids(found), "it is about water too")
	assert.Equal(t, retrieval.Counts{Stored: 4}, f.Counts())

	s.put(on("hive", "A hive hums."))
	found, err = f.Similar(t.Context(), asked, 2)
	require.NoError(t, err)
	assert.Equal(t, sat.ByWords, found.Method, "one item has no vector yet")
	require.NoError(t, f.Renew(t.Context(), nothing))
	assert.Equal(t, 5, m.given(), "the four that were there are not made again")
}

func TestVectorsFollowEditsModelsAndLengths(t *testing.T) {
	s, m := newShelf(bank()...), &model{}
	require.NoError(t, finder(s, m, "m").Renew(t.Context(), nothing))
	edited := s.items["on-ants"].Item
	edited.Passages = []sat.Passage{{ID: "ants", Lines: []string{"The ants left; only the harbour, the sea and the river stayed."}}}
	s.put(edited)
	f := finder(s, m, "m")
	require.NoError(t, f.Renew(t.Context(), nothing))
	require.Equal(t, 5, m.given())
	assert.Contains(t, m.texts[4], "only the harbour")
	found, err := f.Similar(t.Context(), s.items["on-sea"].Item, 2)
	require.NoError(t, err)
	assert.Contains(t, ids(found), "on-ants")

	require.NoError(t, finder(s, m, "other").Renew(t.Context(), nothing))
	assert.Equal(t, 9, m.given(), "another model, all of them again")
	assert.Empty(t, s.vectors["m"], "what the former model made is deleted")

	m.length = 8
	s.put(on("hive", "A hive hums."))
	f = finder(s, m, "other")
	require.NoError(t, f.Renew(t.Context(), nothing))
	for id, v := range s.vectors["other"] {
		assert.Len(t, v.Values, 8, id)
	}
	found, err = f.Similar(t.Context(), s.items["on-sea"].Item, 2)
	require.NoError(t, err)
	assert.Equal(t, sat.ByEmbeddings, found.Method)
}

func TestARenewalThatBrokeOffGoesOn(t *testing.T) {
	s, m := newShelf(bank()...), &model{}
	f := finder(s, m, "m")
	down := errors.New("down")
	err := f.Renew(t.Context(), func(int, int) { m.set(func() { m.down = down }) })
	require.ErrorIs(t, err, down)
	assert.Len(t, s.vectors["m"], 2, "what was made stays")
	assert.Equal(t, retrieval.Counts{Stored: 2, Waiting: 2}, f.Counts())
	m.down = nil
	require.NoError(t, f.Renew(t.Context(), nothing))
	assert.Equal(t, 4, m.given())
	assert.Error(t, retrieval.NewFinder(s, nil, nil).Renew(t.Context(), nothing))
}

func TestTextsThatAreTooLongAreCut(t *testing.T) {
	long := on("long", strings.Repeat("The ferry crossed the river. ", 100))
	s, m := newShelf(append(bank(), long)...), &model{limit: 400}
	f := finder(s, m, "m")
	require.NoError(t, f.Renew(t.Context(), nothing))
	found, err := f.Similar(t.Context(), long, 2)
	require.NoError(t, err)
	assert.Equal(t, sat.ByEmbeddings, found.Method)
	assert.ElementsMatch(t, []string{"on-ferry", "on-sea"}, ids(found))

	m.limit = 10
	s.put(on("hive", "A hive hums."))
	require.NoError(t, f.Renew(t.Context(), nothing), "one text of which the model makes nothing does not stop the others")
	assert.Equal(t, retrieval.Counts{Stored: 5, Refused: 1}, f.Counts())
	found, err = f.Similar(t.Context(), s.items["on-hive"].Item, 2)
	require.NoError(t, err)
	assert.Equal(t, sat.ByWords, found.Method)
	given := m.given()
	require.NoError(t, f.Renew(t.Context(), nothing))
	assert.Equal(t, given, m.given(), "and is not tried again")
}

func TestEvidenceGoesByEmbeddingsAndByWordsWhenTheModelIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		it := on("p", "Nothing stirred along the sea. A cart went by. Of a hive nobody spoke.")
		m := &model{}
		f := finder(newShelf(it), m, "m")
		found, err := f.Evidence(t.Context(), it, 1)
		require.NoError(t, err)
		require.Len(t, found.Choices, 2)
		assert.Equal(t, sat.ByEmbeddings, found.Method)
		assert.Equal(t, "Nothing stirred along the sea.", found.Choices[0].Spans[0].Text, "of a harbour")
		assert.Equal(t, 1, found.Choices[0].Spans[0].LineFrom)
		assert.Equal(t, "Of a hive nobody spoke.", found.Choices[1].Spans[0].Text)

		m.down = errors.New("down")
		again, err := f.Evidence(t.Context(), it, 1)
		require.NoError(t, err)
		assert.Equal(t, found, again, "it is remembered")
		other := on("q", "Nothing stirred along the sea.")
		found, err = f.Evidence(t.Context(), other, 1)
		require.NoError(t, err)
		assert.Equal(t, sat.ByWords, found.Method)
		assert.Empty(t, found.Choices[0].Spans, "no word is shared")

		m.down = nil
		given := m.given()
		found, err = f.Evidence(t.Context(), other, 1)
		require.NoError(t, err)
		assert.Equal(t, sat.ByWords, found.Method, "it rests: nobody waits for a model that has just failed")
		assert.Equal(t, given, m.given())
		time.Sleep(31 * time.Second)
		found, err = f.Evidence(t.Context(), other, 1)
		require.NoError(t, err)
		assert.Equal(t, sat.ByEmbeddings, found.Method)
	})
}

func TestRunFollowsTheBankAndOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newShelf(bank()...), &model{down: errors.New("down")}
		f := finder(s, m, "m")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.Run(ctx) }()
		time.Sleep(time.Hour)
		assert.Equal(t, 4, f.Counts().Waiting)
		m.set(func() { m.down = nil })
		time.Sleep(3 * time.Minute)
		assert.Equal(t, retrieval.Counts{Stored: 4}, f.Counts())
		s.put(on("hive", "A hive hums."))
		time.Sleep(6 * time.Second)
		assert.Equal(t, retrieval.Counts{Stored: 5}, f.Counts())
		time.Sleep(time.Hour)
		assert.Equal(t, 5, m.given(), "a bank that stays as it is costs nothing")
		stop()
		<-done
		retrieval.NewFinder(s, nil, nil).Run(t.Context()) // returns
	})
}
