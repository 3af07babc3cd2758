package store

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// TestALargeDatabaseIsBackedUpWhileItIsWrittenTo holds a backup to one moment and to a bound of memory: 200,000 answers
// with SAT_BENCH=1 (go test -timeout 60m), else 5,000.
func TestALargeDatabaseIsBackedUpWhileItIsWrittenTo(t *testing.T) {
	rows := 5_000
	if os.Getenv("SAT_BENCH") != "" {
		rows = 200_000
	}
	ctx := t.Context()
	s := openFile(t)
	_, err := s.Migrate(ctx)
	require.NoError(t, err)
	require.NoError(t, s.CreateUser(ctx, sat.User{ID: "u", Name: "u", Role: sat.Student, KeepAnswers: true, CreatedAt: time.Now()}))
	_, err = s.write.ExecContext(ctx, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO answers SELECT 'old-' || i, 'u', i, 'page', 'm', 'A', printf('%%.1500c', 'x') || i, 'What?', '["a","b"]', '{}' FROM n`, rows))
	require.NoError(t, err)

	path := filepath.Join(t.TempDir(), "backup")
	file, err := os.Create(path)
	require.NoError(t, err)
	to := &measured{w: file, begun: make(chan struct{})}
	stop := make(chan struct{})
	var written int
	var writer sync.WaitGroup
	writer.Go(func() {
		<-to.begun
		for {
			select {
			case <-stop:
				return
			default:
			}
			if assert.NoError(t, s.AddExchange(ctx, sat.Exchange{ID: fmt.Sprintf("new-%09d", written), UserID: "u", AskedAt: time.Now()})) {
				written++
			}
		}
	})
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	sums, err := s.Backup(ctx, to)
	took := time.Since(begun)
	close(stop)
	writer.Wait()
	require.NoError(t, err)
	require.NoError(t, file.Close())
	grown := int64(to.peak) - int64(before.HeapAlloc)
	info, err := os.Stat(path)
	require.NoError(t, err)
	t.Logf("%d rows backed up in %s to %d KiB, the heap grew by at most %d KiB, %d rows were written meanwhile", rows,
		took.Round(time.Millisecond), info.Size()>>10, grown>>10, written)
	assert.Positive(t, written, "the writer was not held up")
	assert.Less(t, grown, int64(64<<20), "the rows are streamed")

	restored, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = restored.Close() })
	other := openFile(t)
	begun = time.Now()
	again, err := other.Restore(ctx, restored)
	require.NoError(t, err)
	t.Logf("restored in %s", time.Since(begun).Round(time.Millisecond))
	assert.Equal(t, sums, again)
	check, err := other.Checksum(ctx)
	require.NoError(t, err)
	assert.Equal(t, sums, check)
	var old, fresh, last int
	require.NoError(t, other.read.NewRaw(`SELECT count(*) FILTER (WHERE id LIKE 'old-%'), count(*) FILTER (WHERE id LIKE 'new-%'),
		coalesce(max(CAST(substr(id, 5) AS INTEGER)) FILTER (WHERE id LIKE 'new-%'), -1) FROM answers`).Scan(ctx, &old, &fresh, &last))
	assert.Equal(t, rows, old)
	assert.Equal(t, last+1, fresh, "what was written meanwhile is there up to one moment, without a gap")
	assert.Less(t, fresh, written+1)
}

// measured passes a backup on, tells when it has begun, and looks at the heap now and then.
type measured struct {
	w     io.Writer
	once  sync.Once
	begun chan struct{}
	n     int
	peak  uint64
}

// Write implements [io.Writer].
func (m *measured) Write(p []byte) (int, error) {
	m.once.Do(func() { close(m.begun) })
	if m.n%4 == 0 {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		m.peak = max(m.peak, now.HeapAlloc)
	}
	m.n++
	return m.w.Write(p)
}
