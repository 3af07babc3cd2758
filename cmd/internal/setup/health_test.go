package setup

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHealthcheck(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)

	var out bytes.Buffer
	assert.Equal(t, ExitOK, Healthcheck(t.Context(), port, "/health", &out))
	assert.Equal(t, ExitFailure, Healthcheck(t.Context(), port, "/ready", &out))
	assert.Contains(t, out.String(), "503")
	server.Close()
	assert.Equal(t, ExitFailure, Healthcheck(t.Context(), port, "/health", &out))
}
