package frontend

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"sattutor/web"
)

// assetRoot is where assets are served.
const assetRoot = "/static/"

// asset is one static file, ready to be sent.
type asset struct {
	contentType string
	plain, gzip []byte
}

// assets are the static files under names that carry their hash, so that browsers may keep them for ever.
type assets struct {
	files  map[string]asset  // by served path: "/static/css/site.0123abcd.css"
	served map[string]string // served path by name: "css/site.css"
}

func loadAssets() (*assets, error) {
	a := &assets{files: map[string]asset{}, served: map[string]string{}}
	root, err := fs.Sub(web.Files, "static")
	if err != nil {
		return nil, err
	}
	return a, fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		packed, err := pack(plain)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(plain)
		ext := path.Ext(name)
		served := assetRoot + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:4]) + ext
		a.served[name] = served
		a.files[served] = asset{contentType: typeOf(ext), plain: plain, gzip: packed}
		return nil
	})
}

// path gives the served path of a file: the templates' function "asset".
func (a *assets) path(name string) (string, error) {
	served, ok := a.served[name]
	if !ok {
		return "", fmt.Errorf("there is no static file %q", name)
	}
	return served, nil
}

// asset is GET /static/*.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	file, ok := s.assets.files[r.URL.Path]
	if !ok {
		return errNotFound
	}
	header := w.Header()
	header.Set("Content-Type", file.contentType)
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Vary", "Accept-Encoding")
	body := file.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(file.gzip) < len(file.plain) {
		header.Set("Content-Encoding", "gzip")
		body = file.gzip
	}
	_, _ = w.Write(body)
	return nil
}

// typeOf is independent of the machine's own table of types.
func typeOf(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(ext)
}

func pack(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
