package middleware

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/httprate"

	"sattutor/internal/sat"
)

// Counter counts requests by caller and window; package store has one that several processes share.
type Counter = httprate.LimitCounter

// quotaWindow is the time over which requests are counted where a quota names none.
const quotaWindow = time.Minute

// Quota is how much one caller of a kind may ask for.
type Quota struct {
	Name     string        // of the kind: "answers/account"
	Requests int           // in one window
	Window   time.Duration // 0 for a minute
	AtATime  int           // 0 for no bound
}

func (q Quota) window() time.Duration { return cmp.Or(q.Window, quotaWindow) }

// Charge is a caller and the quota that the request counts against.
type Charge struct {
	Quota Quota
	Who   string // names the caller among those of its kind
}

// QuotaOptions are what Quotas are made of. Charges and Fail must not be nil.
type QuotaOptions struct {
	Charges func(r *http.Request) []Charge // what a request counts against; none for a request that is free
	Counter func(quota string) Counter     // shared by several processes; nil counts in this one
	Refused func(quota string)             // hears of every refused request; nil for nobody
	Fail    Fail
}

// Quotas refuses what goes over a quota, and tells in RateLimit headers how much is left of the tightest one.
func Quotas(opts QuotaOptions) Wrap {
	q := &quotas{opts: opts, rates: map[string]*httprate.RateLimiter{}, taken: map[string]int{}}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			charges := opts.Charges(r)
			for _, c := range charges {
				if err := q.count(w, r, c); err != nil {
					q.refuse(w, r, c, err)
					return
				}
			}
			for i, c := range charges {
				if !q.enter(c) {
					q.leave(charges[:i])
					q.refuse(w, r, c, &sat.Error{Code: sat.RateLimited, RetryAfter: time.Second,
						Message: "As many requests of yours as are allowed at a time are still under way. Wait until one has ended."})
					return
				}
			}
			defer q.leave(charges)
			next.ServeHTTP(w, r)
		})
	}
}

type quotas struct {
	opts QuotaOptions

	mu    sync.Mutex
	rates map[string]*httprate.RateLimiter // by quota and lane
	taken map[string]int                   // requests under way, by quota and caller
}

// lanes is how many callers of a quota are counted at a time. A limiter counts one after the other, and with a counter
// in a database each waits for its round trips.
const lanes = 256

// rate gives the counting of a quota for a caller, always the same one.
func (q *quotas) rate(quota Quota, who string) *httprate.RateLimiter {
	lane := fnv.New32a()
	_, _ = lane.Write([]byte(who))
	name := quota.Name + "/" + strconv.Itoa(int(lane.Sum32()%lanes))
	q.mu.Lock()
	defer q.mu.Unlock()
	limiter, ok := q.rates[name]
	if !ok {
		opts := []httprate.Option{httprate.WithResponseHeaders(httprate.ResponseHeaders{
			Limit: "RateLimit-Limit", Remaining: "RateLimit-Remaining", Reset: "RateLimit-Reset"})}
		if q.opts.Counter != nil {
			opts = append(opts, httprate.WithLimitCounter(q.opts.Counter(quota.Name)))
		}
		limiter = httprate.NewRateLimiter(quota.Requests, quota.window(), opts...)
		q.rates[name] = limiter
	}
	return limiter
}

// count counts a request, and gives the error that refuses it. The headers of an earlier quota stay where they are
// tighter.
func (q *quotas) count(w http.ResponseWriter, r *http.Request, c Charge) error {
	header := http.Header{}
	over := q.rate(c.Quota, c.Who).OnLimit(&headerOnly{header: header}, r, c.Who)
	left, _ := strconv.Atoi(header.Get("RateLimit-Remaining"))
	until, _ := strconv.ParseInt(header.Get("RateLimit-Reset"), 10, 64)
	wait := min(max(time.Until(time.Unix(until, 0)), time.Second), c.Quota.window())
	before, err := strconv.Atoi(w.Header().Get("RateLimit-Remaining"))
	if over || err != nil || left < before {
		w.Header().Set("RateLimit-Limit", header.Get("RateLimit-Limit"))
		w.Header().Set("RateLimit-Remaining", strconv.Itoa(max(left, 0)))
		w.Header().Set("RateLimit-Reset", strconv.Itoa(int(wait.Seconds())))
	}
	if !over {
		return nil
	}
	return &sat.Error{Code: sat.RateLimited, RetryAfter: wait, Message: c.Quota.over(wait)}
}

// over says that there were more requests than allowed, and when there may be more.
func (q Quota) over(wait time.Duration) string {
	pause := "a moment"
	if wait > quotaWindow {
		pause = fmt.Sprintf("%d minutes", int(math.Ceil(wait.Minutes())))
	}
	return fmt.Sprintf("There were more than %d requests of yours in %s. Wait %s, then go on.", q.Requests,
		map[bool]string{true: "a minute", false: "an hour"}[q.window() < time.Hour], pause)
}

func (q *quotas) enter(c Charge) bool {
	if c.Quota.AtATime == 0 {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	key := c.Quota.Name + "/" + c.Who
	if q.taken[key] >= c.Quota.AtATime {
		return false
	}
	q.taken[key]++
	return true
}

func (q *quotas) leave(charges []Charge) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range charges {
		if c.Quota.AtATime == 0 {
			continue
		}
		key := c.Quota.Name + "/" + c.Who
		if q.taken[key]--; q.taken[key] == 0 {
			delete(q.taken, key)
		}
	}
}

func (q *quotas) refuse(w http.ResponseWriter, r *http.Request, c Charge, err error) {
	if q.opts.Refused != nil {
		q.opts.Refused(c.Quota.Name)
	}
	q.opts.Fail(w, r, err)
}

// headerOnly is a reply of which only the header is wanted.
type headerOnly struct{ header http.Header }

// Header implements [http.ResponseWriter].
func (h *headerOnly) Header() http.Header { return h.header }

// Write implements [http.ResponseWriter].
func (h *headerOnly) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements [http.ResponseWriter].
func (h *headerOnly) WriteHeader(int) {}
