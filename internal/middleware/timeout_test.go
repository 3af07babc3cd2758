package middleware

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTimeoutEndsTheContext(t *testing.T) {
	limit := time.Minute
	wrap := Timeout(func(*http.Request) time.Duration { return limit })
	remaining := func() (left time.Duration) {
		serve(t, get("/items/1"), func(w http.ResponseWriter, r *http.Request) {
			deadline, _ := r.Context().Deadline()
			left = time.Until(deadline)
			ok(w, r)
		}, wrap)
		return left
	}
	assert.InDelta(t, 60, remaining().Seconds(), 5)
	limit = time.Hour
	assert.InDelta(t, 3600, remaining().Seconds(), 5, "the limit is asked at each request")
}

// An answer may take longer than a client may take to send its question: neither the server's read deadline nor its
// write deadline may end it.
func TestTimeoutOutlastsTheServersOwnDeadlines(t *testing.T) {
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(400 * time.Millisecond):
			_, _ = io.WriteString(w, "answered")
		case <-r.Context().Done():
			w.WriteHeader(http.StatusTeapot)
		}
	})
	server := httptest.NewUnstartedServer(RequestID(fixedID)(Timeout(func(*http.Request) time.Duration { return 10 * time.Second })(slow)))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 150*time.Millisecond, 150*time.Millisecond
	server.Start()
	defer server.Close()
	for _, send := range []func() (*http.Response, error){
		func() (*http.Response, error) { return http.Get(server.URL) },
		func() (*http.Response, error) {
			return http.Post(server.URL, "text/plain", strings.NewReader("question"))
		},
	} {
		reply, err := send()
		require.NoError(t, err)
		body, err := io.ReadAll(reply.Body)
		require.NoError(t, err)
		_ = reply.Body.Close()
		assert.Equal(t, "answered", string(body))
	}
}

// A file may take longer to arrive than a question may.
func TestSlowBodyOutlastsTheServersReadDeadline(t *testing.T) {
	read := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write(body)
	})
	for _, c := range []struct {
		name    string
		handler http.Handler
		arrives bool
	}{{"a question", read, false}, {"a file", SlowBody(read), true}} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(c.handler)
			server.Config.ReadTimeout = 100 * time.Millisecond
			server.Start()
			defer server.Close()
			body, line := io.Pipe()
			go func() {
				_, _ = io.WriteString(line, "first ")
				time.Sleep(300 * time.Millisecond)
				_, _ = io.WriteString(line, "second")
				_ = line.Close()
			}()
			reply, err := http.Post(server.URL, "text/plain", body)
			if err != nil {
				assert.False(t, c.arrives, err)
				return
			}
			defer func() { _ = reply.Body.Close() }()
			got, _ := io.ReadAll(reply.Body)
			assert.Equal(t, c.arrives, string(got) == "first second")
		})
	}
}

func TestBodyLimit(t *testing.T) {
	read := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			var tooBig *http.MaxBytesError
			if errors.As(err, &tooBig) {
				plainFail(w, r, TooLarge(tooBig.Limit))
			}
			return
		}
		ok(w, r)
	}
	for _, c := range []struct {
		name     string
		size     int
		declared bool
		status   int
	}{
		{"as much as allowed", 2048, true, http.StatusNoContent},
		{"one byte more, declared", 2049, true, http.StatusTeapot},
		{"one byte more, not declared", 2049, false, http.StatusTeapot},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/items/1", strings.NewReader(strings.Repeat("x", c.size)))
			if !c.declared {
				r.ContentLength = -1
			}
			w := serve(t, r, read, BodyLimit(2048, plainFail))
			assert.Equal(t, c.status, w.Code)
			if w.Code == http.StatusTeapot {
				assert.Contains(t, w.Body.String(), "2 KiB")
			}
		})
	}
}
