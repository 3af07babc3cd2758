package setup

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sattutor/internal/auth"
	"sattutor/internal/backend"
	"sattutor/internal/config"
	"sattutor/internal/middleware"
	"sattutor/internal/sat"
	"sattutor/internal/store"
	"sattutor/internal/tutor"
)

// Limits of the work around the database.
const (
	openLimit   = 30 * time.Second // for opening, and for bringing a local file's schema up to date
	keepLimit   = 3 * time.Second  // for storing one answer: the answer is not held up for longer
	pingLimit   = 2 * time.Second
	expireEvery = 6 * time.Hour
	expireLimit = 5 * time.Minute
)

// OpenStore opens the configured database. The schema of a local file is brought up to date; that of a server, which
// other processes use too, must be already (sat migrate up).
func OpenStore(ctx context.Context, cfg config.Config) (*store.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	s, err := store.Open(ctx, cfg.Database())
	if err != nil {
		return nil, err
	}
	if s.Local() {
		_, err = s.Migrate(ctx)
	} else {
		err = s.CheckSchema(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenAccounts gives the people of a store.
func OpenAccounts(cfg config.Config, s *store.Store) (*auth.Accounts, error) {
	return auth.New(auth.Options{Store: s, Off: !bool(cfg.Auth), Forgets: !bool(cfg.KeepAnswers), Guests: bool(cfg.Guests),
		Registration: auth.Registration(cfg.Registration), Hashers: runtime.GOMAXPROCS(0)})
}

// storing is what stands around the database while the backend runs.
type storing struct {
	store    *store.Store
	accounts *auth.Accounts
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// startStoring opens the database, and deletes what has had its time, again and again.
func startStoring(cfg config.Config, log *slog.Logger) (*storing, error) {
	ctx, stop := context.WithCancel(context.Background())
	s, err := OpenStore(ctx, cfg)
	if err != nil {
		stop()
		return nil, err
	}
	accounts, err := OpenAccounts(cfg, s)
	if err != nil {
		stop()
		return nil, errors.Join(err, s.Close())
	}
	st := &storing{store: s, accounts: accounts, stop: stop}
	st.done.Go(func() { expire(ctx, s, cfg.RetentionDays, log) })
	return st, nil
}

// expire deletes what has had its time, now and every few hours.
func expire(ctx context.Context, s *store.Store, days int, log *slog.Logger) {
	for {
		before := time.Time{}
		if days > 0 {
			before = time.Now().Add(-time.Duration(days) * 24 * time.Hour)
		}
		once, cancel := context.WithTimeout(ctx, expireLimit)
		n, err := s.Expire(once, before)
		cancel()
		switch {
		case err != nil && ctx.Err() == nil:
			log.Warn("what has had its time could not be deleted", "error", err.Error())
		case n > 0:
			log.Info("what has had its time was deleted", "rows", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(expireEvery):
		}
	}
}

func (s *storing) close() error {
	s.stop()
	s.done.Wait()
	return s.store.Close()
}

// Ready implements [backend.Readiness].
func (s *storing) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), pingLimit)
	defer cancel()
	return s.store.Ping(ctx)
}

// limits gives the configured limits of callers.
func limits(cfg config.Config) backend.Limits {
	if !bool(cfg.Limits) {
		return backend.Limits{}
	}
	return backend.Limits{Account: cfg.AccountLimit, Key: cfg.KeyLimit, Address: cfg.AddressLimit,
		AccountNow: 2, KeyNow: 16, AddressNow: 64, Imports: 10, ImportsNow: 2}
}

// counter gives what counts requests: several replicas on one PostgreSQL count together.
func (s *storing) counter(log *slog.Logger) func(quota string) middleware.Counter {
	if s.store.Local() {
		return nil
	}
	rest := &rest{}
	return func(quota string) middleware.Counter { return forgiving{s.store.Counter(quota), rest, log} }
}

// forgiving counts nothing while the database is not there: a limit that cannot be held keeps nobody out. After a failure
// nothing is counted for a while, so that requests do not wait for a database that hangs.
type forgiving struct {
	middleware.Counter
	rest *rest
	log  *slog.Logger
}

// restAfterFailure is how long nothing is counted after a failure.
const restAfterFailure = 5 * time.Second

// rest is a time in which nothing is counted.
type rest struct{ until atomic.Int64 }

func (r *rest) holds() bool { return time.Now().UnixNano() < r.until.Load() }

func (r *rest) begin() { r.until.Store(time.Now().Add(restAfterFailure).UnixNano()) }

// IncrementBy implements [middleware.Counter].
func (f forgiving) IncrementBy(key string, window time.Time, amount int) error {
	if f.rest.holds() {
		return nil
	}
	if err := f.Counter.IncrementBy(key, window, amount); err != nil {
		f.rest.begin()
		f.log.Warn("requests are not counted for a while", "seconds", restAfterFailure.Seconds(), "error", err.Error())
	}
	return nil
}

// Get implements [middleware.Counter].
func (f forgiving) Get(key string, now, before time.Time) (int, int, error) {
	if f.rest.holds() {
		return 0, 0, nil
	}
	n, m, err := f.Counter.Get(key, now, before)
	if err != nil {
		f.rest.begin()
		f.log.Warn("limits are not held for a while", "seconds", restAfterFailure.Seconds(), "error", err.Error())
	}
	return n, m, nil
}

// recording has answers stored, where that is wanted.
func recording(cfg config.Config, next tutor.Recorder, s *store.Store, log *slog.Logger) tutor.Recorder {
	if !bool(cfg.KeepAnswers) {
		return next
	}
	return keeper{next: next, store: s, log: log}
}

// keeper stores the questions of known people and the answers to them, before the answer goes out.
type keeper struct {
	next  tutor.Recorder
	store *store.Store
	log   *slog.Logger
}

// Ended implements [tutor.Recorder].
func (k keeper) Ended(ctx context.Context, e tutor.Ended) {
	k.next.Ended(ctx, e)
	who, receipt := sat.IdentityOf(ctx), sat.ReceiptOf(ctx)
	if e.Err != nil || receipt == nil || receipt.Skip || !who.Known() || !who.User.KeepAnswers {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepLimit) // the client may leave: it was asked
	defer cancel()
	x := sat.Exchange{ID: "x-" + strings.ToLower(rand.Text()), UserID: who.User.ID, AskedAt: time.Now().UTC(), Source: receipt.Source,
		Question: e.Question, Answer: e.Answer}
	err := k.ensure(ctx, who.User)
	if err == nil {
		err = k.store.AddExchange(ctx, x)
	}
	if err != nil {
		k.log.Warn("an answer was not stored", "error", err.Error())
		return
	}
	receipt.ID = x.ID
}

// ensure makes the row of a guest who has none yet.
func (k keeper) ensure(ctx context.Context, u sat.User) error {
	if !u.Guest() || !u.CreatedAt.IsZero() {
		return nil
	}
	return k.store.EnsureGuest(ctx, u.ID)
}
