package setup

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Healthcheck asks the server of this machine at port for path and tells, as an exit code, whether it is well. It is
// how a container without a shell checks itself.
func Healthcheck(ctx context.Context, port int, path string, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return ExitFailure
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return ExitFailure
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		fmt.Fprintf(stderr, "%s answered %s\n", path, reply.Status)
		return ExitFailure
	}
	return ExitOK
}
