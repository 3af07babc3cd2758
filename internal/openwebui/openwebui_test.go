package openwebui

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fake answers the two calls as Open WebUI 0.12.4 does, and everything else with its page.
func fake(t *testing.T, role string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, status int, body string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	mux.HandleFunc("POST /ui/api/v1/auths/signin", func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		if json.NewDecoder(r.Body).Decode(&in) != nil || in["password"] != "right" {
			reply(w, http.StatusBadRequest, `{"detail":"no"}`)
			return
		}
		reply(w, http.StatusOK, `{"token":"t-1","role":"`+role+`"}`)
	})
	mux.HandleFunc("GET /ui/api/v1/evaluations/feedbacks/all/export", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t-1" {
			reply(w, http.StatusUnauthorized, `{}`)
			return
		}
		reply(w, http.StatusOK, `[{"id":"1"}]`)
	})
	mux.HandleFunc("POST /busy/", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusTooManyRequests, `{}`) })
	mux.HandleFunc("POST /broken/", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusBadGateway, `{}`) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html>")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestAnAdministratorReadsTheFeedback(t *testing.T) {
	server := fake(t, "admin")
	c, err := SignIn(t.Context(), server.URL+"/ui/", "a@b.c", "right")
	require.NoError(t, err)
	raw, err := c.Feedback(t.Context())
	require.NoError(t, err)
	assert.JSONEq(t, `[{"id":"1"}]`, string(raw))
}

func TestWhatCanGoWrong(t *testing.T) {
	server, user := fake(t, "admin"), fake(t, "user")
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct {
		address, password string
		kind              error
		says              string
	}{
		"a wrong password":   {server.URL + "/ui", "wrong", ErrRefused, "password is wrong"},
		"no administrator":   {user.URL + "/ui", "right", ErrRefused, "no administrator"},
		"another web server": {server.URL + "/elsewhere", "right", ErrUnreachable, "no Open WebUI"},
		"too many tries":     {server.URL + "/busy", "right", ErrRefused, "three minutes"},
		"a broken proxy":     {server.URL + "/broken", "right", ErrUnreachable, "status 502"},
		"nobody there":       {gone.URL, "right", ErrUnreachable, "nothing answers"},
		"no address":         {"localhost:8080", "right", nil, "http://localhost:8080"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := SignIn(t.Context(), c.address, "a@b.c", c.password)
			require.Error(t, err)
			assert.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "right")
			if c.kind != nil {
				assert.ErrorIs(t, err, c.kind)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := SignIn(ctx, server.URL+"/ui", "a@b.c", "right")
	assert.ErrorIs(t, err, context.Canceled)
}
