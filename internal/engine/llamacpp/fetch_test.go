package llamacpp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// content is what the tests download: 3 MiB of arbitrary bytes.
func content() []byte {
	random := rand.NewChaCha8([32]byte{7})
	b := make([]byte, 3<<20)
	_, _ = random.Read(b)
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// quick is a fetcher with short pauses.
func quick() fetcher {
	return fetcher{silence: time.Minute, pause: time.Millisecond, attempts: 3, space: needSpace}
}

// breaking serves b, but breaks off every reply after so many bytes.
func breaking(b []byte, after int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(&cut{ResponseWriter: w, left: after}, r, "", time.Time{}, bytes.NewReader(b))
	}
}

// cut closes the connection when left bytes were written.
type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func TestFetchBringsTheFile(t *testing.T) {
	want := content()
	other := bytes.Repeat([]byte("x"), len(want))
	for name, handler := range map[string]http.HandlerFunc{
		"whole":         breaking(want, 1<<30),
		"broken off":    breaking(want, 1<<20+5),
		"without range": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(want) },
		"without length": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(want[:10])
			w.(http.Flusher).Flush()
			_, _ = w.Write(want[10:])
		},
		"busy at first": func() http.HandlerFunc {
			var asked atomic.Int32
			return func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) < 3 {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				breaking(want, 1<<30)(w, r)
			}
		}(),
		"another range": func() http.HandlerFunc {
			var asked atomic.Int32
			return func(w http.ResponseWriter, r *http.Request) {
				switch asked.Add(1) {
				case 1:
					breaking(want, 1<<20)(w, r)
				case 2:
					w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(want)-1, len(want)))
					w.WriteHeader(http.StatusPartialContent)
					_, _ = w.Write(other)
				default:
					breaking(want, 1<<30)(w, r)
				}
			}
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			dir := t.TempDir()
			for _, known := range []int64{int64(len(want)), 0} {
				a := Artifact{Name: fmt.Sprintf("m%d.gguf", known), URL: server.URL, SHA256: digest(want), Bytes: known}
				var last, total int64
				path, err := quick().fetch(t.Context(), a, dir, func(done, of int64) { last, total = done, of })
				require.NoError(t, err)
				got, err := os.ReadFile(path)
				require.NoError(t, err)
				assert.Equal(t, filepath.Join(dir, a.Name), path)
				assert.True(t, bytes.Equal(want, got))
				assert.EqualValues(t, len(want), last)
				if known > 0 {
					assert.Equal(t, known, total)
				}
				assert.NoFileExists(t, partOf(path, a))
			}
		})
	}
}

func partOf(path string, a Artifact) string { return fmt.Sprintf("%s.%.12s.part", path, a.SHA256) }

func TestFetchGoesOnWhereAnEarlierCallStopped(t *testing.T) {
	want := content()
	var ranges []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		breaking(want, 1<<30)(w, r)
	}))
	defer server.Close()
	dir := t.TempDir()
	a := Artifact{Name: "m.gguf", URL: server.URL, SHA256: digest(want), Bytes: int64(len(want))}
	require.NoError(t, os.WriteFile(partOf(filepath.Join(dir, "m.gguf"), a), want[:1000], 0o644))
	for range 2 {
		_, err := quick().fetch(t.Context(), a, dir, nil)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"bytes=1000-"}, ranges, "the second call finds the file")
}

func TestFetchReplacesAFileThatIsNotTheArtifact(t *testing.T) {
	want := content()
	server := httptest.NewServer(breaking(want, 1<<30))
	defer server.Close()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "m.gguf"), want[:100], 0o644))
	path, err := quick().fetch(t.Context(), Artifact{Name: "m.gguf", URL: server.URL, SHA256: digest(want)}, dir, nil)
	require.NoError(t, err)
	assert.EqualValues(t, len(want), sizeOf(path))
}

func TestFetchRefusesWhatIsNotTheFile(t *testing.T) {
	want := content()
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		bytes   int64
		says    []string
		keeps   bool // what came may be resumed
	}{
		"wrong bytes":          {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), len(want))) }, int64(len(want)), []string{"another SHA-256", "Start again"}, false},
		"wrong, length open":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, 0, []string{"another SHA-256"}, false},
		"another length":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(want[:100]) }, int64(len(want)), []string{"offers 100 bytes", "choose another model"}, false},
		"promises too much":    {func(w http.ResponseWriter, _ *http.Request) { lie(w, len(want), want[:5000]) }, int64(len(want)), []string{"could not be downloaded", "goes on where it stopped"}, true},
		"endless":              {func(w http.ResponseWriter, r *http.Request) { endless(w, r) }, int64(len(want)), []string{"are expected"}, false},
		"not there":            {http.NotFound, 0, []string{"404", "SAT_MODEL_PATH"}, false},
		"not allowed":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, 0, []string{"403"}, false},
		"down":                 {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, 0, []string{"502", "start again"}, false},
		"silent from the head": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, []string{"nothing came for 1s"}, false},
		"silent in the middle": {func(w http.ResponseWriter, r *http.Request) { stall(w, r, want[:5000]) }, int64(len(want)), []string{"nothing came for 1s", "5000 of"}, true},
		"leads to http": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://models.example/m", http.StatusFound)
		}, 0, []string{"not https"}, false},
		"leads to a file": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, 0, []string{"not https"}, false},
		"leads in circles": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, 0, []string{"circles"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tc.handler)
			defer server.Close()
			dir := t.TempDir()
			a := Artifact{Name: "m.gguf", URL: server.URL, SHA256: digest(want), Bytes: tc.bytes}
			f := quick()
			if strings.HasPrefix(name, "silent") {
				f.silence = time.Second
			}
			_, err := f.fetch(t.Context(), a, dir, nil)
			var problem *Problem
			require.ErrorAs(t, err, &problem)
			for _, part := range tc.says {
				assert.ErrorContains(t, err, part)
			}
			assert.NoFileExists(t, filepath.Join(dir, "m.gguf"))
			assert.Equal(t, tc.keeps, sizeOf(partOf(filepath.Join(dir, "m.gguf"), a)) > 0)
		})
	}
}

// lie promises more bytes than it sends.
func lie(w http.ResponseWriter, promised int, b []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(promised))
	_, _ = w.Write(b)
}

func stall(w http.ResponseWriter, r *http.Request, b []byte) {
	if r.Header.Get("Range") == "" {
		lie(w, 3<<20, b)
		w.(http.Flusher).Flush()
	}
	<-r.Context().Done()
}

func endless(w http.ResponseWriter, r *http.Request) {
	w.(http.Flusher).Flush()
	for r.Context().Err() == nil {
		_, _ = w.Write(make([]byte, 1<<16))
	}
}

func TestFetchRefusesAnUnsafeArtifact(t *testing.T) {
	good := digest(nil)
	for name, a := range map[string]Artifact{
		"http elsewhere":   {Name: "m", URL: "http://models.example/m", SHA256: good},
		"http by a name":   {Name: "m", URL: "http://127.0.0.1.example/m", SHA256: good},
		"a file":           {Name: "m", URL: "file:///etc/passwd", SHA256: good},
		"no host":          {Name: "m", URL: "https:///m", SHA256: good},
		"a password":       {Name: "m", URL: "https://user:word@models.example/m", SHA256: good},
		"no hash":          {Name: "m", URL: "https://models.example/m"},
		"half a hash":      {Name: "m", URL: "https://models.example/m", SHA256: good[:32]},
		"a path":           {Name: "../m", URL: "https://models.example/m", SHA256: good},
		"a windows path":   {Name: `..\m`, URL: "https://models.example/m", SHA256: good},
		"the folder above": {Name: "..", URL: "https://models.example/m", SHA256: good},
		"no name":          {URL: "https://models.example/m", SHA256: good},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Fetch(t.Context(), a, t.TempDir(), nil)
			var problem *Problem
			assert.ErrorAs(t, err, &problem)
			assert.NotContains(t, fmt.Sprint(err), "word")
		})
	}
}

func TestFetchLooksForSpaceFirst(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	defer server.Close()
	_, err := quick().fetch(t.Context(), Artifact{Name: "m", URL: server.URL, SHA256: digest(nil), Bytes: 1 << 60}, t.TempDir(), nil)
	assert.ErrorContains(t, err, "MB free")
}

func TestFetchLooksForSpaceWhenTheServerTellsTheLength(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { lie(w, 1<<60, nil) }))
	defer server.Close()
	_, err := quick().fetch(t.Context(), Artifact{Name: "m", URL: server.URL, SHA256: digest(nil)}, t.TempDir(), nil)
	assert.ErrorContains(t, err, "MB free")
}

func TestFetchStopsWithItsContext(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { endless(w, r) }))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := quick().fetch(ctx, Artifact{Name: "m", URL: server.URL, SHA256: digest(nil)}, t.TempDir(), func(int64, int64) { cancel() })
	assert.ErrorIs(t, err, context.Canceled)
}

func TestTwoFetchesShareOneDownload(t *testing.T) {
	want := content()
	var asked atomic.Int32
	dir, failed := t.TempDir(), make(chan error)
	var a Artifact
	fetch := func() {
		_, err := quick().fetch(t.Context(), a, dir, nil)
		failed <- err
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			go fetch() // while the first one is under way
		}
		breaking(want, 1<<30)(w, r)
	}))
	defer server.Close()
	a = Artifact{Name: "m", URL: server.URL, SHA256: digest(want)}
	go fetch()
	require.NoError(t, errors.Join(<-failed, <-failed))
	assert.EqualValues(t, 1, asked.Load())
}
