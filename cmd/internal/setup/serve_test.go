package setup

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServeFinishesWhatWasAccepted(t *testing.T) {
	accepted, release := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(accepted)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	ctx, cancel := context.WithCancel(t.Context())
	addr := make(chan net.Addr, 1)
	drained := make(chan struct{})
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, slog.New(slog.DiscardHandler), func() time.Duration { return 10 * time.Second },
			func(_ string, a net.Addr) { addr <- a },
			Listener{Name: "test", Server: &http.Server{Addr: "127.0.0.1:0", Handler: handler}, Drain: func() { close(drained) }})
	}()
	url := "http://" + (<-addr).String()
	body := make(chan string, 1)
	go func() {
		reply, err := http.Get(url)
		if assert.NoError(t, err) {
			defer reply.Body.Close()
			got, _ := io.ReadAll(reply.Body)
			body <- string(got)
		}
	}()
	<-accepted
	cancel()
	<-drained
	select {
	case <-served:
		t.Fatal("stopped while a request was open")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	assert.Equal(t, "done", <-body)
	require.NoError(t, <-served)
}

func TestServeNamesTheSettingOfATakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	err = Serve(t.Context(), slog.New(slog.DiscardHandler), func() time.Duration { return time.Second }, func(string, net.Addr) {},
		Listener{Name: "backend", Port: "BACKEND_PORT", Server: &http.Server{Addr: taken.Addr().String()}})
	assert.ErrorContains(t, err, "set BACKEND_PORT to a free port")
}
