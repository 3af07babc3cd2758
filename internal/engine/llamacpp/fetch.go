package llamacpp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Artifact is one file to download.
type Artifact struct {
	Name   string // of the file, without folders
	URL    string // https, or http on this machine
	SHA256 string // of the file, hexadecimal
	Bytes  int64  // of the file; 0 where not known
}

// Progress tells how far a download is, in bytes; total is 0 where unknown.
type Progress func(done, total int64)

// Fetch brings an artifact into dir and gives its path. What is there already is checked and kept; a download that
// broke off is resumed, by this call and by later ones. Only a file with the right length and SHA-256 ever gets the
// artifact's name. progress may be nil. Faults are of type *Problem.
func Fetch(ctx context.Context, a Artifact, dir string, progress Progress) (string, error) {
	f := fetcher{silence: 30 * time.Second, pause: time.Second, attempts: 6, space: needSpace}
	return f.fetch(ctx, a, dir, progress)
}

// fetcher holds the bounds of a download.
type fetcher struct {
	silence  time.Duration // longest wait for the next bytes
	pause    time.Duration // before the second attempt; doubles up to a minute
	attempts int           // in a row that bring less than worthwhile
	space    func(dir string, want int64) error
}

const (
	worthwhile = 1 << 20   // bytes that make an attempt count as progress
	diskSpare  = 200 << 20 // bytes that a download leaves free
	unsized    = 64 << 30  // longest file whose length nobody said
)

func (f fetcher) fetch(ctx context.Context, a Artifact, dir string, progress Progress) (string, error) {
	if err := a.check(); err != nil {
		return "", err
	}
	a.SHA256 = strings.ToLower(a.SHA256)
	if progress == nil {
		progress = func(int64, int64) {}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", &Problem{What: "the folder for models cannot be made", Err: err, Next: "Choose another one with SAT_HOME"}
	}
	final := filepath.Join(dir, a.Name)
	unlock, err := lock(ctx, final+".lock", func() {})
	if err != nil {
		return "", err
	}
	defer unlock()
	if sum, err := FileSHA256(final); err == nil && sum == a.SHA256 {
		return final, nil
	}
	part := fmt.Sprintf("%s.%.12s.part", final, a.SHA256)
	have := sizeOf(part)
	if err := f.space(dir, max(0, a.Bytes-have)+diskSpare); err != nil {
		return "", err
	}
	if err := f.download(ctx, a, part, progress); err != nil {
		return "", err
	}
	if err := a.verify(part); err != nil {
		return "", err
	}
	return final, os.Rename(part, final)
}

// check refuses an artifact that cannot be fetched safely.
func (a Artifact) check() error {
	next := "Mend the entry of the model, or SAT_MODEL_URL and SAT_MODEL_SHA256"
	address, err := url.Parse(a.URL)
	switch {
	case a.Name == "" || a.Name != filepath.Base(a.Name) || strings.HasPrefix(a.Name, ".") || strings.ContainsAny(a.Name, `/\`):
		return &Problem{What: fmt.Sprintf("%q is no plain file name", a.Name), Next: next}
	case len(a.SHA256) != 64 || strings.Trim(strings.ToLower(a.SHA256), "0123456789abcdef") != "":
		return &Problem{What: "the model has no valid SHA-256", Next: next}
	case err != nil || address.Host == "" || address.User != nil:
		return &Problem{What: "the model's address is not valid", Next: next}
	case !permitted(address):
		return &Problem{What: "the model's address is not https", Next: next}
	}
	return nil
}

// permitted tells whether an address may be asked: https anywhere, http on this machine alone.
func permitted(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// verify checks the finished download, and removes it where it is wrong.
func (a Artifact) verify(part string) error {
	sum, err := FileSHA256(part)
	if err != nil {
		return err
	}
	if sum == a.SHA256 {
		return nil
	}
	size := sizeOf(part)
	if err := os.Remove(part); err != nil {
		return err
	}
	return &Problem{
		What: fmt.Sprintf("the %d bytes downloaded as %s have another SHA-256 (%.12s…) than the expected one (%.12s…), and were removed", size, a.Name, sum, a.SHA256),
		Next: "Start again; if it happens again, the file at the source has changed: do not use it, and choose another model",
	}
}

// download fills part, in as many attempts as it takes while they bring something.
func (f fetcher) download(ctx context.Context, a Artifact, part string, progress Progress) error {
	client := f.client()
	defer client.CloseIdleConnections()
	pause, left := f.pause, f.attempts
	for {
		before := sizeOf(part)
		err := f.attempt(ctx, client, a, part, progress)
		var final *Problem
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &final):
			return final
		}
		if sizeOf(part)-before >= worthwhile {
			pause, left = f.pause, f.attempts
		}
		if left--; left <= 0 {
			return &Problem{What: fmt.Sprintf("%s could not be downloaded (%d of %d bytes are kept)", a.Name, sizeOf(part), a.Bytes), Err: err,
				Next: "Check the network and start again: the download goes on where it stopped"}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Minute)
	}
}

// client follows redirects only to addresses that are as safe as the first one.
func (f fetcher) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:              http.ProxyFromEnvironment,
			DisableCompression: true,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) >= 10 || !permitted(req.URL) || via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
				return &Problem{What: "the model's address leads to one that is not https, or in circles", Next: "Choose another source for the model"}
			}
			return nil
		},
	}
}

// attempt asks once for what part lacks, and appends what comes.
func (f fetcher) attempt(ctx context.Context, client *http.Client, a Artifact, part string, progress Progress) (err error) {
	file, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return &Problem{What: "the download cannot be written", Err: err, Next: "Choose another folder with SAT_HOME"}
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if a.Bytes > 0 && have == a.Bytes {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(f.silence, func() { cancel(fmt.Errorf("nothing came for %s", f.silence)) })
	defer idle.Stop()
	resp, err := ask(ctx, client, a.URL, have)
	if err != nil {
		return because(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	have, total, err := accept(resp, a, have)
	if err != nil && !errors.Is(err, errRestart) {
		return err
	}
	if truncated := file.Truncate(have); truncated != nil || err != nil {
		return cmp.Or(truncated, err)
	}
	if _, err := file.Seek(have, io.SeekStart); err != nil {
		return err
	}
	limit := total
	if limit == 0 {
		limit = unsized
	} else if err := f.space(filepath.Dir(part), total-have); err != nil {
		return err
	}
	body := &counted{Reader: io.LimitReader(resp.Body, limit-have+1), done: have, each: func(done int64) {
		idle.Reset(f.silence)
		progress(min(done, limit), total)
	}}
	body.each(have)
	_, err = io.Copy(file, body)
	switch {
	case body.done > limit:
		return errors.Join(otherLength(a, body.done), file.Truncate(0))
	case err != nil:
		return because(ctx, err)
	case total > 0 && body.done < total:
		return fmt.Errorf("the server ended after %d of %d bytes", body.done, total)
	}
	return file.Sync()
}

func ask(ctx context.Context, client *http.Client, address string, have int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	return client.Do(req)
}

// errRestart says that the server cannot go on where the download stopped.
var errRestart = errors.New("the server cannot resume the download")

// accept reads the head of a reply: from which byte on it brings the file, and how long the whole file is (0 where
// nobody says). A server that starts elsewhere than asked makes the download begin anew.
func accept(resp *http.Response, a Artifact, have int64) (from, total int64, err error) {
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		total = max(0, resp.ContentLength)
	case code == http.StatusPartialContent:
		var last int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &last, &total); err != nil || from != have {
			return 0, 0, errRestart
		}
	case code == http.StatusRequestedRangeNotSatisfiable:
		return 0, 0, errRestart
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500:
		return 0, 0, fmt.Errorf("the server says %s", resp.Status)
	default:
		return 0, 0, &Problem{What: fmt.Sprintf("%s is not at %s: the server says %s", a.Name, host(a.URL), resp.Status),
			Next: "Check the address, or download the file by hand and name it in SAT_MODEL_PATH"}
	}
	if a.Bytes > 0 && total > 0 && total != a.Bytes {
		return 0, 0, otherLength(a, total)
	}
	if total == 0 {
		total = a.Bytes
	}
	return from, total, nil
}

func otherLength(a Artifact, bytes int64) error {
	return &Problem{What: fmt.Sprintf("%s offers %d bytes as %s, and %d are expected", host(a.URL), bytes, a.Name, a.Bytes),
		Next: "The file at the source has changed: do not use it, and choose another model"}
}

// because gives the reason for which the context ended, where it did.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the source"
	}
	return u.Host
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// counted tells each after every read how many bytes there are.
type counted struct {
	io.Reader
	done int64
	each func(done int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.done += int64(n)
	c.each(c.done)
	return n, err
}
