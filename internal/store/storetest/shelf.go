package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/store"
)

// save stores items as one import.
func save(t *testing.T, s *store.Store, items ...sat.StoredItem) sat.BankChange {
	t.Helper()
	c, err := s.SaveItems(t.Context(), sat.BankChange{What: "import", Format: "jsonl", FileHash: "f"}, items)
	require.NoError(t, err)
	return c
}

func bank(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	t.Run("an item comes back as it was", func(t *testing.T) {
		want := item("ferry-1", "ferry")
		want.Marks = []sat.Mark{{In: sat.InPassage, PassageID: "ferry", Start: 0, End: 3, Kind: sat.Emphasis}}
		save(t, s, want, item("ferry-2", "ferry"))
		got, err := s.Item(ctx, "ferry-1")
		require.NoError(t, err)
		assert.Equal(t, want.Item, got.Item)
		assert.Equal(t, 1, got.Version)
		_, err = s.Item(ctx, "none")
		isCode(t, sat.NotFound, err)
		some, err := s.ItemsByID(ctx, []string{"ferry-2", "none", "ferry-1"})
		require.NoError(t, err)
		assert.Equal(t, []string{"ferry-1", "ferry-2"}, ids(some))
		some, err = s.ItemsByContent(ctx, []string{"k-ferry-2"})
		require.NoError(t, err)
		assert.Equal(t, []string{"ferry-2"}, ids(some))
	})
	t.Run("the faster change wins", func(t *testing.T) {
		it, err := s.Item(ctx, "ferry-1")
		require.NoError(t, err)
		it.Answer = "A"
		save(t, s, it)
		_, err = s.SaveItems(ctx, sat.BankChange{What: "edit"}, []sat.StoredItem{item("new-1", "other"), it})
		isCode(t, sat.Conflict, err)
		_, err = s.Item(ctx, "new-1")
		isCode(t, sat.NotFound, err, "nothing of it is stored")
		_, err = s.SaveItems(ctx, sat.BankChange{What: "edit"}, []sat.StoredItem{item("ferry-2", "ferry")})
		isCode(t, sat.Conflict, err, "an item thought to be new")
	})
	t.Run("a passage is shared", func(t *testing.T) {
		it, err := s.Item(ctx, "ferry-1")
		require.NoError(t, err)
		it.Passages[0].Title = "High Water"
		save(t, s, it)
		other, err := s.Item(ctx, "ferry-2")
		require.NoError(t, err)
		assert.Equal(t, "High Water", other.Passages[0].Title)
		require.NoError(t, s.DeleteItem(ctx, "", "ferry-1"))
		other, err = s.Item(ctx, "ferry-2")
		require.NoError(t, err)
		assert.NotEmpty(t, other.Passages[0].Lines)
		isCode(t, sat.NotFound, s.DeleteItem(ctx, "", "ferry-1"))
	})
	t.Run("many at once", func(t *testing.T) {
		var many []sat.StoredItem
		for i := range 1200 {
			many = append(many, item(fmt.Sprintf("many-%04d", i), fmt.Sprintf("p-%d", i/3)))
		}
		save(t, s, many...)
		some, err := s.ItemsByID(ctx, ids(many))
		require.NoError(t, err)
		assert.Equal(t, ids(many), ids(some))
		n, err := s.ItemCount(ctx)
		require.NoError(t, err)
		assert.Equal(t, 1201, n)
	})
}

func ids(items []sat.StoredItem) (list []string) {
	for _, it := range items {
		list = append(list, it.ID)
	}
	return list
}

func search(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	bridge := item("bridge-1", "bridge", "The engineers talked of a bridge.", "A résumé of the plans was read aloud.")
	bridge.Skill, bridge.Difficulty, bridge.Tags = sat.CentralIdeas, sat.Hard, []string{"week_1", "line"}
	bridge.Requires = []sat.Requirement{sat.NeedsLine}
	test := item("bridge-2", "bridge", bridge.Passages[0].Lines...)
	test.Split, test.Tags, test.Framework = sat.ForTest, []string{"weekX1"}, sat.Paper
	save(t, s, item("ferry-1", "ferry"), item("ferry-2", "ferry"), bridge, test)
	_, err := s.ReportItem(ctx, sat.ItemReport{ItemID: "ferry-2", Reason: "unclear"})
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		f    sat.ItemFilter
		want []string
	}{
		{"all", sat.ItemFilter{}, []string{"bridge-1", "bridge-2", "ferry-1", "ferry-2"}},
		{"a word", sat.ItemFilter{Words: "engineers"}, []string{"bridge-1", "bridge-2"}},
		{"another form of it", sat.ItemFilter{Words: "engineering"}, []string{"bridge-1", "bridge-2"}},
		{"another form before another word", sat.ItemFilter{Words: "engineering bridges"}, []string{"bridge-1", "bridge-2"}},
		{"no such word", sat.ItemFilter{Words: "zeppelin"}, nil},
		{"its singular, in capitals", sat.ItemFilter{Words: "ENGINEER"}, []string{"bridge-1", "bridge-2"}},
		{"without its accents", sat.ItemFilter{Words: "resume"}, []string{"bridge-1", "bridge-2"}},
		{"with other accents", sat.ItemFilter{Words: "Résumé"}, []string{"bridge-1", "bridge-2"}},
		{"all words must occur", sat.ItemFilter{Words: "ferry bridge"}, nil},
		{"in any order and place", sat.ItemFilter{Words: "Hester river"}, []string{"ferry-1", "ferry-2"}},
		{"the last may be a beginning", sat.ItemFilter{Words: "remarking riv"}, []string{"ferry-1", "ferry-2"}},
		{"signs of a query language are no words", sat.ItemFilter{Words: `"river" OR -(NEAR* & ! '|`}, nil},
		{"nothing but signs", sat.ItemFilter{Words: `"'*-:()&|!\`}, []string{"bridge-1", "bridge-2", "ferry-1", "ferry-2"}},
		{"nothing in particular", sat.ItemFilter{Words: "the"}, []string{"bridge-1", "bridge-2", "ferry-1", "ferry-2"}},
		{"skill", sat.ItemFilter{Skill: sat.CentralIdeas}, []string{"bridge-1"}},
		{"framework", sat.ItemFilter{Framework: sat.Paper}, []string{"bridge-2"}},
		{"difficulty and words", sat.ItemFilter{Difficulty: sat.Hard, Words: "plans"}, []string{"bridge-1"}},
		{"split", sat.ItemFilter{Split: sat.ForPractice, Words: "plans"}, []string{"bridge-1"}},
		{"tag, which is no pattern", sat.ItemFilter{Tag: "week_1"}, []string{"bridge-1"}},
		{"passage", sat.ItemFilter{PassageID: "ferry"}, []string{"ferry-1", "ferry-2"}},
		{"without what a form cannot show", sat.ItemFilter{Without: []sat.Requirement{sat.NeedsLine}}, []string{"bridge-2", "ferry-1", "ferry-2"}},
		{"reported", sat.ItemFilter{Reported: true}, []string{"ferry-2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			items, total, err := s.SearchItems(ctx, c.f)
			require.NoError(t, err)
			assert.ElementsMatch(t, c.want, ids(items))
			assert.Equal(t, len(c.want), total)
			bare, err := s.ItemIDs(ctx, c.f)
			require.NoError(t, err)
			assert.ElementsMatch(t, c.want, bare)
		})
	}
	t.Run("pages", func(t *testing.T) {
		var paged []sat.StoredItem
		for after := ""; ; after = paged[len(paged)-1].ID {
			page, err := s.ItemsAfter(ctx, after, 2)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
		}
		all, total, err := s.SearchItems(ctx, sat.ItemFilter{})
		require.NoError(t, err)
		assert.Equal(t, total, len(paged))
		assert.ElementsMatch(t, all, paged, "page by page, with their passages")
		items, total, err := s.SearchItems(ctx, sat.ItemFilter{Offset: 1, Limit: 2})
		require.NoError(t, err)
		assert.Equal(t, []string{"bridge-2", "ferry-1"}, ids(items))
		assert.Equal(t, 4, total)
		items, _, err = s.SearchItems(ctx, sat.ItemFilter{Offset: 3})
		require.NoError(t, err)
		assert.Equal(t, []string{"ferry-2"}, ids(items))
		items, _, err = s.SearchItems(ctx, sat.ItemFilter{Offset: 9})
		require.NoError(t, err)
		assert.Empty(t, items)
	})
	t.Run("finds an item by what it says now", func(t *testing.T) {
		it, err := s.Item(ctx, "bridge-1")
		require.NoError(t, err)
		it.Question = "Which zeppelin is meant?"
		save(t, s, it)
		items, _, err := s.SearchItems(ctx, sat.ItemFilter{Words: "zeppelin"})
		require.NoError(t, err)
		assert.Equal(t, []string{"bridge-1"}, ids(items))
		require.NoError(t, s.DeleteItem(ctx, "", "bridge-1"))
		items, _, err = s.SearchItems(ctx, sat.ItemFilter{Words: "zeppelin"})
		require.NoError(t, err)
		assert.Empty(t, items)
	})
}

func history(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	ada := account(t, s, "Ada")
	first := save(t, s, item("a", "p"), item("b", "p"))
	a, err := s.Item(ctx, "a")
	require.NoError(t, err)
	a.Answer = "C"
	second, err := s.SaveItems(ctx, sat.BankChange{By: ada.ID, What: "edit"}, []sat.StoredItem{a})
	require.NoError(t, err)

	versions, err := s.ItemHistory(ctx, "a", 10)
	require.NoError(t, err)
	require.Len(t, versions, 2)
	assert.Equal(t, "B", versions[0].Answer)
	assert.Equal(t, ada.ID, versions[0].Change.By)
	assert.Zero(t, versions[1].Version, "it was not there")

	_, err = s.UndoChange(ctx, "", first.ID)
	isCode(t, sat.Conflict, err, "an item was changed since")
	_, err = s.Item(ctx, "b")
	require.NoError(t, err, "nothing was undone")
	undo, err := s.UndoChange(ctx, ada.ID, second.ID)
	require.NoError(t, err)
	assert.Equal(t, 1, undo.Items)
	a, err = s.Item(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, "B", a.Answer)
	assert.Equal(t, 3, a.Version, "counting never goes back")
	_, err = s.UndoChange(ctx, "", second.ID)
	isCode(t, sat.Conflict, err, "once")
	_, err = s.UndoChange(ctx, "", "none")
	isCode(t, sat.NotFound, err)

	third := save(t, s, item("c", "q"), item("d", "q"))
	_, err = s.UndoChange(ctx, "", third.ID)
	require.NoError(t, err)
	for _, id := range []string{"c", "d"} {
		_, err = s.Item(ctx, id)
		isCode(t, sat.NotFound, err)
	}
	require.NoError(t, s.DeleteItem(ctx, ada.ID, "b"))
	changes, err := s.BankChanges(ctx, 1)
	require.NoError(t, err)
	_, err = s.UndoChange(ctx, "", changes[0].ID)
	require.NoError(t, err, "a deletion can be undone")
	b, err := s.Item(ctx, "b")
	require.NoError(t, err)
	assert.Equal(t, item("b", "p").Item, b.Item)
}

func shelves(t *testing.T, open Open) {
	ctx := t.Context()
	c := newClock()
	s := open(t, store.WithClock(c.Now))
	ada, bob := account(t, s, "Ada"), account(t, s, "Bob")
	save(t, s, item("a", "p"), item("b", "p"))
	t.Run("sets", func(t *testing.T) {
		set := sat.ItemSet{ID: "s1", UserID: ada.ID, Name: "Week 1", ItemIDs: []string{"b", "a"}}
		require.NoError(t, s.SaveSet(ctx, set))
		set.Name = "Week one"
		require.NoError(t, s.SaveSet(ctx, set))
		got, err := s.Set(ctx, ada.ID, "s1")
		require.NoError(t, err)
		assert.Equal(t, "Week one", got.Name)
		assert.Equal(t, []string{"b", "a"}, got.ItemIDs)
		foreign := set
		foreign.UserID = bob.ID
		isCode(t, sat.NotFound, s.SaveSet(ctx, foreign))
		isCode(t, sat.NotFound, s.DeleteSet(ctx, bob.ID, "s1"))
		sets, err := s.Sets(ctx, ada.ID)
		require.NoError(t, err)
		assert.Len(t, sets, 1)
		require.NoError(t, s.DeleteSet(ctx, ada.ID, "s1"))
	})
	t.Run("reports", func(t *testing.T) {
		r, err := s.ReportItem(ctx, sat.ItemReport{ItemID: "a", UserID: ada.ID, Reason: "The key is C."})
		require.NoError(t, err)
		_, err = s.ReportItem(ctx, sat.ItemReport{ItemID: "none", UserID: ada.ID, Reason: "?"})
		isCode(t, sat.NotFound, err)
		require.NoError(t, s.SettleReport(ctx, r.ID, "The key is right."))
		c.move(time.Second)
		open, err := s.ItemReports(ctx, "", true, sat.Cursor{}, 10)
		require.NoError(t, err)
		assert.Empty(t, open)
		all, err := s.ItemReports(ctx, "a", false, sat.Cursor{}, 10)
		require.NoError(t, err)
		require.Len(t, all, 1)
		assert.Equal(t, "The key is right.", all[0].Note)
		isCode(t, sat.NotFound, s.SettleReport(ctx, "none", ""))

		report := func(user sat.User) func() error {
			return func() error {
				_, err := s.ReportItem(ctx, sat.ItemReport{ItemID: "a", UserID: user.ID, Reason: "Again."})
				return err
			}
		}
		require.Equal(t, 1, atOnce(t, report(ada), report(ada), report(ada)), "one of a person waits; a closed one is no hindrance")
		require.NoError(t, report(bob)())
		newest, err := s.ItemReports(ctx, "", false, sat.Cursor{}, 1)
		require.NoError(t, err)
		require.Len(t, newest, 1)
		rest, err := s.ItemReports(ctx, "", false, sat.Cursor{At: newest[0].CreatedAt, ID: newest[0].ID}, 10)
		require.NoError(t, err)
		require.Len(t, rest, 2)
		assert.Equal(t, r.ID, rest[1].ID, "the oldest comes last")
		assert.NotContains(t, []string{rest[0].ID, rest[1].ID}, newest[0].ID)
	})
	t.Run("embeddings", func(t *testing.T) {
		v := sat.ItemVector{ItemID: "a", ContentKey: "k", Values: []float32{0.5, -1e-20, 3}}
		require.NoError(t, s.SaveVectors(ctx, "m", []sat.ItemVector{v, {ItemID: "b", Values: []float32{1}}}))
		require.NoError(t, s.SaveVectors(ctx, "m", []sat.ItemVector{v}))
		require.NoError(t, s.SaveVectors(ctx, "m", nil))
		require.NoError(t, s.DeleteItem(ctx, "", "b"))
		got, err := s.Vectors(ctx, "m")
		require.NoError(t, err)
		assert.Equal(t, []sat.ItemVector{v}, got)
		got, err = s.Vectors(ctx, "other")
		require.NoError(t, err)
		assert.Empty(t, got)

		require.NoError(t, s.SaveVectors(ctx, "other", []sat.ItemVector{{ItemID: "a", ContentKey: "k"}}))
		got, err = s.Vectors(ctx, "other")
		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.Empty(t, got[0].Values, "a text of which the model makes nothing")
		err = s.SaveVectors(ctx, "m", []sat.ItemVector{{ItemID: "b", Values: []float32{1}}})
		assert.Equal(t, sat.NotFound, sat.CodeOf(err), "an item that is not there: %v", err)
		require.NoError(t, s.DropVectors(ctx, "other"))
		got, err = s.Vectors(ctx, "m")
		require.NoError(t, err)
		assert.Empty(t, got, "those of a former model go")
	})
}

// passages judges those that stand in the bank without items.
func passages(t *testing.T, open Open) {
	s, ctx := open(t), t.Context()
	p := sat.Passage{ID: "free_1", Lines: []string{"The pier was empty."}}
	isNew := sat.Passage{}
	require.NoError(t, s.PutPassage(ctx, p, isNew))
	seen := p
	p.Title = "The pier"
	isCode(t, sat.Conflict, s.PutPassage(ctx, p, isNew), "it is there")
	require.NoError(t, s.PutPassage(ctx, p, seen))
	isCode(t, sat.Conflict, s.PutPassage(ctx, seen, seen), "it was changed since it was seen")
	require.NoError(t, s.PutPassage(ctx, sat.Passage{ID: "freex1", Lines: []string{"Another."}}, isNew))
	isCode(t, sat.Conflict, s.PutPassage(ctx, sat.Passage{ID: "none", Lines: []string{"?"}}, seen), "it is gone")
	got, err := s.Passages(ctx, []string{"free_1", "none"})
	require.NoError(t, err)
	assert.Equal(t, []sat.Passage{p}, got)
	used := sat.StoredItem{Item: sat.Item{ID: "i", Passages: []sat.Passage{{ID: "freex1", Lines: []string{"Another."}}}, Question: "?"}}
	_, err = s.SaveItems(ctx, sat.BankChange{What: "edit"}, []sat.StoredItem{used})
	require.NoError(t, err)
	got, err = s.UnusedPassages(ctx, 10)
	require.NoError(t, err)
	assert.Equal(t, []sat.Passage{p}, got, "a sign of a pattern in an id is none")
	for _, err := range []error{s.DropPassage(ctx, "freex1"), s.PutPassage(ctx, sat.Passage{ID: "freex1"}, sat.Passage{Lines: []string{"Another."}})} {
		assert.Equal(t, sat.Conflict, sat.CodeOf(err))
	}
	_, err = s.SaveItems(ctx, sat.BankChange{What: "edit"}, []sat.StoredItem{item("j", "free_1")}, seen)
	isCode(t, sat.Conflict, err, "items over a passage that was changed since it was seen")
	_, err = s.SaveItems(ctx, sat.BankChange{What: "edit"}, []sat.StoredItem{item("j", "free_1")}, sat.Passage{ID: "free_1"})
	isCode(t, sat.Conflict, err, "items over a passage that was not there")
	shared := item("k", "freex1", "Another text.")
	_, err = s.SaveItems(ctx, sat.BankChange{What: "edit"}, []sat.StoredItem{shared}, sat.Passage{ID: "freex1", Lines: []string{"Another."}})
	isCode(t, sat.Conflict, err, "the passage would change under the item i")
	assert.ErrorContains(t, err, "freex1 meanwhile: i.")
	for round := range 10 {
		var puts []func() error
		for writer := range 3 {
			q := sat.Passage{ID: p.ID, Lines: []string{fmt.Sprintf("Round %d, writer %d.", round, writer)}}
			puts = append(puts, func() error { return s.PutPassage(ctx, q, p) })
		}
		require.Equal(t, 1, atOnce(t, puts...), "round %d: of those who saw the same passage, one replaces it", round)
		got, err = s.Passages(ctx, []string{p.ID})
		require.NoError(t, err)
		p = got[0]
	}
	require.NoError(t, s.DropPassage(ctx, "free_1"))
	assert.Equal(t, sat.NotFound, sat.CodeOf(s.DropPassage(ctx, "free_1")))
}
