package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

type throttleRow struct {
	bun.BaseModel `bun:"table:throttles"`

	Bucket string  `bun:"bucket,pk"`
	Since  instant `bun:"since"`
	Tries  int64   `bun:"tries"`
	Last   instant `bun:"last"`
}

// Try reads how often a bucket was tried, has decide say what is to be kept of it, and keeps that, as one step: of two
// tries at once, one sees the other. An error of decide is given back and nothing is kept.
func (s *Store) Try(ctx context.Context, bucket string, decide func(sat.Tries) (sat.Tries, error)) error {
	return fault(s.change(ctx, func(tx bun.Tx) error {
		row := throttleRow{Bucket: bucket, Since: at(time.UnixMilli(0)), Last: at(time.UnixMilli(0))}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT (bucket) DO NOTHING").Exec(ctx); err != nil {
			return err
		}
		if err := s.lock(tx.NewSelect().Model(&row).WherePK()).Scan(ctx); err != nil {
			return err
		}
		next, err := decide(sat.Tries{Since: row.Since.Time, N: int(row.Tries), Last: row.Last.Time})
		if err != nil {
			return err
		}
		row.Since, row.Tries, row.Last = at(next.Since), int64(next.N), at(next.Last)
		_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		return err
	}), "throttle")
}

// Forgive forgets what was tried in a bucket.
func (s *Store) Forgive(ctx context.Context, bucket string) error {
	_, err := s.write.NewDelete().Model((*throttleRow)(nil)).Where("bucket = ?", bucket).Exec(ctx)
	return fault(err, "throttle")
}

type counterRow struct {
	bun.BaseModel `bun:"table:counters,alias:c"`

	Bucket string  `bun:"bucket,pk"`
	Begin  instant `bun:"begin,pk"`
	Count  int64   `bun:"count"`
}

// counterKept is how long counts are needed: the longest window is an hour, and looks back at the one before it.
const counterKept = 3 * time.Hour

// counterTimeout bounds one count: a slow database must not hold up what it counts.
const counterTimeout = time.Second

// Counter counts requests in windows of time, together with every other process on the same database. It has the
// methods that httprate asks of a counter.
type Counter struct {
	store *Store
	name  string
}

// Counter gives the counter of a name; two names never meet.
func (s *Store) Counter(name string) *Counter { return &Counter{store: s, name: name + "/"} }

// Config is told the limit and the length of a window, of which a count needs neither.
func (c *Counter) Config(int, time.Duration) {}

// Increment counts one.
func (c *Counter) Increment(key string, window time.Time) error { return c.IncrementBy(key, window, 1) }

// IncrementBy counts several.
func (c *Counter) IncrementBy(key string, window time.Time, amount int) error {
	ctx, cancel := context.WithTimeout(context.Background(), counterTimeout)
	defer cancel()
	row := counterRow{Bucket: c.name + key, Begin: at(window), Count: int64(amount)}
	_, err := c.store.write.NewInsert().Model(&row).On("CONFLICT (bucket, begin) DO UPDATE").
		Set("count = c.count + EXCLUDED.count").Exec(ctx)
	return fault(err, "counter")
}

// Get gives the counts of the current and the previous window.
func (c *Counter) Get(key string, current, previous time.Time) (now, before int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), counterTimeout)
	defer cancel()
	var rows []counterRow
	err = c.store.read.NewSelect().Model(&rows).Where("bucket = ?", c.name+key).
		Where("begin IN (?)", bun.List([]instant{at(current), at(previous)})).Scan(ctx)
	for _, row := range rows {
		if row.Begin.Equal(current) {
			now = int(row.Count)
		} else {
			before = int(row.Count)
		}
	}
	return now, before, fault(err, "counter")
}
