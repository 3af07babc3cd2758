package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
	"sattutor/internal/store"
)

// victimDSN names the database of a child that is to be killed while it writes.
const victimDSN = "SAT_STORE_VICTIM"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(victimDSN); dsn != "" {
		writeUntilKilled(dsn)
	}
	os.Exit(m.Run())
}

// Writers of the child, and rows of each.
const (
	writers    = 20
	rowsOfEach = 50
)

// writeUntilKilled stores answers, and sessions with their responses and attempts, from many goroutines at once, and
// says of each on standard output that it was acknowledged. Then it waits for its end.
func writeUntilKilled(dsn string) {
	ctx := context.Background()
	s, err := store.Open(ctx, dsn)
	if err != nil {
		panic(err)
	}
	var out sync.Mutex
	acknowledge := func(id string) {
		out.Lock()
		defer out.Unlock()
		_, _ = os.Stdout.WriteString(id + "\n")
	}
	for w := range writers {
		go func() {
			for i := range rowsOfEach {
				id := fmt.Sprintf("%d-%d", w, i)
				if err := s.AddExchange(ctx, sat.Exchange{ID: id, UserID: "u-ada", AskedAt: time.Now(), Question: sat.Question{Choices: []string{"a", "b"}}}); err != nil {
					panic(err)
				}
				acknowledge("answer " + id)
				if i%5 != 0 {
					continue
				}
				if err := s.CreateSession(ctx, sat.Session{ID: id, UserID: "u-ada", State: sat.Running, CreatedAt: time.Now()}); err != nil {
					panic(err)
				}
				if _, err := s.EditSession(ctx, "u-ada", id, finish); err != nil {
					panic(err)
				}
				acknowledge("session " + id)
			}
		}()
	}
	select {}
}

// finish answers two questions and ends the session in one step.
func finish(w *sat.SessionWork) error {
	w.Session.State = sat.Submitted
	for n := 1; n <= 2; n++ {
		w.Responses = append(w.Responses, sat.Response{N: n, Answer: "B"})
		w.Attempts = append(w.Attempts, sat.Attempt{ID: fmt.Sprint(w.Session.ID, "/", n), UserID: "u-ada", SessionID: w.Session.ID, AnsweredAt: time.Now()})
	}
	return nil
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		for _, after := range []int{1, 100, 700} {
			killAfter(t, freshFile(t), after)
		}
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		fresh := postgresDatabases(t)
		for _, after := range []int{1, 700} {
			killAfter(t, fresh(t), after)
		}
	})
}

// killAfter kills a writing child after so many acknowledgements, and looks what the database has then.
func killAfter(t *testing.T, dsn string, after int) {
	t.Helper()
	ctx := t.Context()
	s := migrated(t, dsn)
	require.NoError(t, s.CreateUser(ctx, sat.User{ID: "u-ada", Name: "Ada", Role: sat.Student, CreatedAt: time.Now()}))
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), victimDSN+"="+dsn)
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var acknowledged []string
	lines := bufio.NewScanner(stdout)
	for lines.Scan() { // what was written before the kill is read after it
		acknowledged = append(acknowledged, lines.Text())
		if len(acknowledged) == after {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait())
	require.GreaterOrEqual(t, len(acknowledged), after)

	answers, err := s.Exchanges(ctx, "u-ada", sat.Cursor{}, writers*rowsOfEach)
	require.NoError(t, err)
	stored := map[string]bool{}
	for _, x := range answers {
		stored["answer "+x.ID] = true
	}
	sessions, err := s.Sessions(ctx, "u-ada", writers*rowsOfEach)
	require.NoError(t, err)
	for _, v := range sessions {
		stored["session "+v.ID] = v.State == sat.Submitted
		w, err := s.SessionWork(ctx, "u-ada", v.ID)
		require.NoError(t, err)
		attempts, err := s.Attempts(ctx, "u-ada", v.ID)
		require.NoError(t, err)
		if v.State == sat.Submitted {
			assert.Equal(t, []int{2, 2}, []int{len(w.Responses), len(attempts)}, "half a session")
		} else {
			assert.Empty(t, w.Responses)
			assert.Empty(t, attempts)
		}
	}
	for _, line := range acknowledged {
		assert.True(t, stored[strings.TrimSpace(line)], "acknowledged and lost: %s", line)
	}
}
