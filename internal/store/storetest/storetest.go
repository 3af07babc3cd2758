// Package storetest is what every database of package store must do, as tests.
//
// Run takes a function that opens a fresh, migrated store; package store's own tests give it SQLite and PostgreSQL.
package storetest

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/store"
)

// Open opens a fresh store with the newest schema, which is closed when the test ends.
type Open func(t *testing.T, opts ...store.Option) *store.Store

// Run runs the whole suite.
func Run(t *testing.T, open Open) {
	for _, area := range []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"accounts", accounts}, {"secrets", secrets}, {"limits", limits}, {"replies", replies}, {"answers", answers},
		{"bank", bank}, {"search", search}, {"history", history}, {"editing", editing}, {"shelves", shelves}, {"passages", passages},
		{"practice", practice}, {"evaluation", evaluation}, {"backup", backup}, {"privacy", privacy},
	} {
		t.Run(area.name, func(t *testing.T) { area.run(t, open) })
	}
}

// noon is when the tests' clock begins.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: noon} }

// Now tells the time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// account adds an account.
func account(t *testing.T, s *store.Store, name string) sat.User {
	t.Helper()
	u := sat.User{ID: "u-" + strings.ToLower(name), Name: name, Role: sat.Student, PasswordHash: "hash of " + name, KeepAnswers: true, CreatedAt: noon}
	require.NoError(t, s.CreateUser(t.Context(), u))
	return u
}

// item gives an item over a passage.
func item(id, passage string, lines ...string) sat.StoredItem {
	if lines == nil {
		lines = []string{"For eleven years Hester Pruitt had worked the ferry", "without once remarking on the river."}
	}
	return sat.StoredItem{ContentKey: "k-" + id, Item: sat.Item{
		ID: id, Framework: sat.Digital, Domain: sat.InformationAndIdeas, Skill: sat.Inferences, Genre: sat.Literature,
		Difficulty: sat.Medium, Requires: []sat.Requirement{}, Passages: []sat.Passage{{ID: passage, Title: "Low Water", Lines: lines}},
		Question: "What does the text suggest about Hester?",
		Choices: []sat.Choice{{ID: "A", Text: "She counts the fares.", Why: "Only her brother supposes this."},
			{ID: "B", Text: "She begins to notice a place."}, {ID: "C", Text: "She wants another site."}, {ID: "D", Text: "She needs more time."}},
		Answer: "B", Explanation: sat.Explanation{Text: "Habit gives way.", Quotes: []sat.Quote{{PassageID: passage, Start: 4, End: 10, LineFrom: 1, LineTo: 1}}},
		Tags: []string{"sample"}, Source: "original", Licence: sat.CC0, Split: sat.ForPractice,
	}}
}

// seed fills every table, and gives the account whose rows most of them are.
func seed(t *testing.T, s *store.Store, c *clock) sat.User {
	t.Helper()
	ctx := t.Context()
	u := account(t, s, "Ada")
	require.NoError(t, s.CreateToken(ctx, sat.Token{Hash: "t1", UserID: u.ID, Agent: "Firefox", CreatedAt: noon, SeenAt: noon, ExpiresAt: noon.Add(12 * time.Hour)}))
	require.NoError(t, s.CreateKey(ctx, sat.APIKey{ID: "k1", UserID: u.ID, Label: "my script", Prefix: "sat_k_ab", Hash: "kh1", Scopes: []sat.Scope{sat.ScopeAnswers}, CreatedAt: noon}))
	require.NoError(t, s.CreateInvite(ctx, sat.Invite{Hash: "i1", Role: sat.Teacher, CreatedBy: u.ID, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}))
	require.NoError(t, s.LogAccess(ctx, sat.Access{Action: "role", Subject: u.ID}))
	require.NoError(t, s.Try(ctx, "account/ada", func(sat.Tries) (sat.Tries, error) { return sat.Tries{Since: noon, N: 1, Last: noon}, nil }))
	require.NoError(t, s.Counter("general").Increment("u-ada", noon))
	once := sat.Once{UserID: u.ID, Route: "POST /x", Key: "once", RequestHash: "h"}
	_, _, err := s.BeginOnce(ctx, once)
	require.NoError(t, err)
	require.NoError(t, s.EndOnce(ctx, once, sat.Reply{Status: 200, Header: map[string]string{"Content-Type": "application/json"}, Body: []byte(`{"é":"\u0000"}`)}))
	require.NoError(t, s.AddExchange(ctx, exchange("x1", u.ID, noon)))
	_, err = s.SaveItems(ctx, sat.BankChange{By: u.ID, What: "import", Format: "jsonl", FileHash: "f"}, []sat.StoredItem{item("ferry-1", "ferry"), item("ferry-2", "ferry")})
	require.NoError(t, err)
	_, err = s.ReportItem(ctx, sat.ItemReport{ItemID: "ferry-1", UserID: u.ID, Reason: "The key is wrong."})
	require.NoError(t, err)
	require.NoError(t, s.SaveSet(ctx, sat.ItemSet{ID: "set1", UserID: u.ID, Name: "Week 1", ItemIDs: []string{"ferry-2", "ferry-1"}}))
	require.NoError(t, s.SaveVectors(ctx, "embedder", []sat.ItemVector{{ItemID: "ferry-1", ContentKey: "k", Values: []float32{1, -2.5}}}))
	require.NoError(t, s.CreateSession(ctx, session("s1", u.ID)))
	_, err = s.EditSession(ctx, u.ID, "s1", func(w *sat.SessionWork) error {
		w.Session.State = sat.Submitted
		w.Responses = []sat.Response{{N: 1, Answer: "B"}}
		w.Attempts = []sat.Attempt{{ID: "a1", UserID: u.ID, SessionID: "s1", ItemID: "ferry-1", Answer: "B", Correct: true, AnsweredAt: c.Now()}}
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, s.CreatePair(ctx, sat.Pair{ID: "p1", UserID: u.ID, CreatedAt: noon, Doc: []byte(`{"a":"sat-base"}`)}))
	require.NoError(t, s.SaveRun(ctx, sat.EvaluationRun{ID: "r1", StartedAt: noon, Model: "sat-lora", Pool: "dev", N: 133, Complete: true, Header: []byte(`{}`), Samples: []byte("{}\n")}))
	return u
}

func exchange(id, userID string, at time.Time) sat.Exchange {
	return sat.Exchange{ID: id, UserID: userID, AskedAt: at, Source: "answers",
		Question: sat.Question{Passage: "The river – “low” water.\nLine two.", Stem: "Why?", Choices: []string{"One", "Two"}},
		Answer: sat.Answer{Letter: "B", Text: "Two", Confidence: 0.75, Scores: []float64{0.25, 0.75}, Model: "sat-lora", Method: sat.MethodLetter,
			Quality: sat.Demo, Usage: sat.Usage{Prompt: 300}, Engine: 120 * time.Millisecond}}
}

func session(id, userID string) sat.Session {
	return sat.Session{ID: id, UserID: userID, Profile: "mini-10", Mode: "practice", State: sat.Running, Multiplier: 1.5, Seed: 1<<63 + 7,
		Limit: 15 * time.Minute, CreatedAt: noon, StartedAt: noon, DeadlineAt: noon.Add(15 * time.Minute),
		Slots: []sat.Slot{{ItemID: "ferry-1", ChoiceOrder: []int{1, 0, 3, 2}}, {ItemID: "ferry-2"}}}
}

// isCode asserts the code of an error.
func isCode(t *testing.T, want sat.Code, err error, about ...any) {
	t.Helper()
	assert.Equal(t, want, sat.CodeOf(err), "%v %v", err, about)
}

// discard throws away what it is given.
var discard = io.Discard
