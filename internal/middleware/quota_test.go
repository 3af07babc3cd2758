package middleware

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/httprate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// quotaFail answers by the code of the error, with the time to wait.
func quotaFail(w http.ResponseWriter, _ *http.Request, err error) {
	var e *sat.Error
	errors.As(err, &e)
	w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter.Seconds())))
	w.WriteHeader(http.StatusTooManyRequests)
}

func TestQuotasCountEachCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := Quota{Name: "account", Requests: 3}
		address := Quota{Name: "address", Requests: 5}
		var refused []string
		wrap := Quotas(QuotaOptions{Fail: quotaFail, Refused: func(name string) { refused = append(refused, name) },
			Charges: func(r *http.Request) (charges []Charge) {
				if who := r.Header.Get("Who"); who != "" {
					charges = append(charges, Charge{account, who})
				}
				return append(charges, Charge{address, "192.0.2.1"})
			}})
		ask := func(who string) *httptest.ResponseRecorder {
			r := get("/items/1")
			r.Header.Set("Who", who)
			return serve(t, r, ok, wrap)
		}
		for left := 2; left >= 0; left-- {
			w := ask("ada")
			assert.Equal(t, http.StatusNoContent, w.Code)
			assert.Equal(t, "3", w.Header().Get("RateLimit-Limit"), "the tighter one")
			assert.Equal(t, strconv.Itoa(left), w.Header().Get("RateLimit-Remaining"))
		}
		w := ask("ada")
		assert.Equal(t, http.StatusTooManyRequests, w.Code)
		assert.Equal(t, "0", w.Header().Get("RateLimit-Remaining"))
		wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
		require.NoError(t, err)
		assert.InDelta(t, 30, wait, 30)
		assert.Equal(t, w.Header().Get("Retry-After"), w.Header().Get("RateLimit-Reset"))
		assert.Equal(t, http.StatusNoContent, ask("bob").Code, "another account")
		assert.Equal(t, http.StatusNoContent, ask("").Code)
		assert.Equal(t, http.StatusTooManyRequests, ask("eve").Code, "the address is used up")
		assert.Equal(t, []string{"account", "address"}, refused)
		time.Sleep(2 * quotaWindow)
		assert.Equal(t, http.StatusNoContent, ask("ada").Code)
	})
}

func TestQuotasBoundWhatIsUnderWay(t *testing.T) {
	two := Quota{Name: "account", Requests: 1000, AtATime: 2}
	wrap := Quotas(QuotaOptions{Fail: quotaFail, Charges: func(r *http.Request) []Charge { return []Charge{{two, r.Header.Get("Who")}} }})
	begun, end := make(chan bool), make(chan bool)
	slow := func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-end
		ok(w, r)
	}
	ada := get("/items/1")
	ada.Header.Set("Who", "ada")
	handler := wrap(http.HandlerFunc(slow))
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { handler.ServeHTTP(httptest.NewRecorder(), ada.Clone(t.Context())) })
		<-begun
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, ada)
	assert.Equal(t, http.StatusTooManyRequests, w.Code)
	bob := get("/items/1")
	bob.Header.Set("Who", "bob")
	wg.Go(func() { handler.ServeHTTP(httptest.NewRecorder(), bob) })
	<-begun
	close(end)
	wg.Wait()
	wg.Go(func() { handler.ServeHTTP(httptest.NewRecorder(), ada) })
	<-begun
	wg.Wait()
}

func TestAQuotaMayCountByTheHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said string
		wrap := Quotas(QuotaOptions{Charges: func(*http.Request) []Charge {
			return []Charge{{Quota{Name: "imports", Requests: 2, Window: time.Hour}, "ada"}}
		}, Fail: func(w http.ResponseWriter, r *http.Request, err error) {
			said = err.Error()
			quotaFail(w, r, err)
		}})
		ask := func() *httptest.ResponseRecorder { return serve(t, get("/items/1"), ok, wrap) }
		for range 2 {
			assert.Equal(t, http.StatusNoContent, ask().Code)
			time.Sleep(5 * time.Minute)
		}
		w := ask()
		assert.Equal(t, http.StatusTooManyRequests, w.Code, "ten minutes later")
		assert.Equal(t, "3000", w.Header().Get("RateLimit-Reset"), "the hour began with the clock's")
		assert.Contains(t, said, "more than 2 requests of yours in an hour. Wait 50 minutes")
		time.Sleep(2 * time.Hour)
		assert.Equal(t, http.StatusNoContent, ask().Code)
	})
}

func TestQuotasLeaveFreeRequestsAlone(t *testing.T) {
	w := serve(t, get("/items/1"), ok, Quotas(QuotaOptions{Fail: quotaFail, Charges: func(*http.Request) []Charge { return nil }}))
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Empty(t, w.Header().Get("RateLimit-Limit"))
}

func TestQuotasCountWithOtherProcesses(t *testing.T) {
	shared := httprate.NewLocalLimitCounter(quotaWindow)
	quota := Quota{Name: "account", Requests: 2}
	process := func() Wrap {
		return Quotas(QuotaOptions{Fail: quotaFail, Counter: func(string) httprate.LimitCounter { return shared },
			Charges: func(*http.Request) []Charge { return []Charge{{quota, "ada"}} }})
	}
	a, b := process(), process()
	assert.Equal(t, http.StatusNoContent, serve(t, get("/items/1"), ok, a).Code)
	assert.Equal(t, http.StatusNoContent, serve(t, get("/items/1"), ok, b).Code)
	assert.Equal(t, http.StatusTooManyRequests, serve(t, get("/items/1"), ok, a).Code)
}

// meeting is a counter of a database whose answers take as long as it takes two callers to ask.
type meeting struct {
	httprate.LimitCounter
	inside sync.WaitGroup
}

func (m *meeting) Get(key string, now, before time.Time) (int, int, error) {
	m.inside.Done()
	m.inside.Wait()
	return m.LimitCounter.Get(key, now, before)
}

// TestOneCallerIsNotCountedBehindAnother: with one lane for all, this test would never end.
func TestOneCallerIsNotCountedBehindAnother(t *testing.T) {
	shared := &meeting{LimitCounter: httprate.NewLocalLimitCounter(quotaWindow)}
	shared.inside.Add(2)
	wrap := Quotas(QuotaOptions{Fail: quotaFail, Counter: func(string) httprate.LimitCounter { return shared },
		Charges: func(r *http.Request) []Charge {
			return []Charge{{Quota{Name: "account", Requests: 2}, r.Header.Get("Who")}}
		}})
	handler := wrap(http.HandlerFunc(ok))
	var done sync.WaitGroup
	for _, who := range []string{"ada", "bob"} {
		done.Go(func() {
			r := get("/items/1")
			r.Header.Set("Who", who)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			assert.Equal(t, http.StatusNoContent, w.Code)
		})
	}
	done.Wait()
}
