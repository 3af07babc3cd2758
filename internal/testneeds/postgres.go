package testneeds

import (
	"bufio"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// postgresStart bounds the making and the start of a server.
const postgresStart = 2 * time.Minute

// guarded runs a server in the background and ends it at once when standard input closes, as it does when the test's
// process ends in any way.
const guarded = `"$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server`

// Postgres starts an empty PostgreSQL server for this test and gives the address of its database "postgres", where the
// user may make others. It listens on a socket in a temporary folder alone, and keeps nothing on the disk for sure.
func Postgres(t testing.TB) string {
	t.Helper()
	bin := postgresPrograms()
	if bin == "" {
		Missing(t, GroupPostgres, "no initdb in PG_BIN, on PATH or below /usr/lib/postgresql")
	}
	dir, err := os.MkdirTemp("", "sat-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	attributes, err := unprivileged(dir)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	initdb.Dir, initdb.SysProcAttr, initdb.Env = dir, attributes, postgresEnv()
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	server := exec.Command("/bin/sh", "-c", guarded, "sh", filepath.Join(bin, "postgres"), "-D", data, "-k", dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		"-c", "max_connections=200", "-c", "log_min_messages=warning")
	server.Dir, server.SysProcAttr, server.Env = dir, attributes, postgresEnv()
	run(t, server)
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres",
		RawQuery: url.Values{"host": {dir}}.Encode()}).String()
}

// run starts the server and returns once it takes connections.
func run(t testing.TB, server *exec.Cmd) {
	t.Helper()
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan bool, 1), make(chan struct{})
	var log strings.Builder
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "ready to accept connections") {
				ready <- true
				break
			}
			log.WriteString(lines.Text() + "\n")
		}
		_, _ = io.Copy(io.Discard, stderr)
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		<-ended
		_ = server.Wait()
	})
	select {
	case <-ready:
	case <-ended:
		t.Fatalf("postgres ended at its start:\n%s", log.String())
	case <-time.After(postgresStart):
		t.Fatalf("postgres was not ready after %s", postgresStart)
	}
}

// postgresPrograms is the folder of the newest server programs, "" for none.
func postgresPrograms() string {
	if bin := os.Getenv("PG_BIN"); bin != "" {
		return bin
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

func postgresEnv() []string { return []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "LC_ALL=C.UTF-8"} }
