package questionbank

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Limits of a zip archive.
const (
	maxZipEntries = 1_000
	maxZipRatio   = 100
	ratioFrom     = 1 << 20 // bytes below which no ratio is a bomb
)

// MaxPackageItems is the number of questions that a QTI package holds at most: each is a file in it.
const MaxPackageItems = maxZipEntries

// archive is a zip file, read within bounds and never onto a disk.
type archive struct {
	files map[string]*zip.File
	left  int64 // bytes that may still be unpacked
}

// openArchive reads the list of a zip file and refuses what no package of questions has.
func openArchive(data []byte, limit int64) (*archive, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("the zip file is broken: %w", err)
	}
	if len(z.File) > 2*maxZipEntries {
		return nil, fmt.Errorf("the zip file has %d entries; at most %d are taken", len(z.File), 2*maxZipEntries)
	}
	a := &archive{files: map[string]*zip.File{}, left: limit}
	total := uint64(0)
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, "/")
		lower := strings.ToLower(name)
		switch {
		case strings.Contains(name, `\`) || !filepath.IsLocal(name):
			return nil, fmt.Errorf("the zip file has an entry outside of itself: %q", shortened(f.Name))
		case f.Mode()&^0o7777 != 0 && !f.Mode().IsDir():
			return nil, fmt.Errorf("the zip file has a link or device: %q", shortened(f.Name))
		case strings.HasSuffix(lower, ".zip") || strings.HasSuffix(lower, ".gz") || strings.HasSuffix(lower, ".7z"):
			return nil, fmt.Errorf("the zip file has another archive in it: %q", shortened(f.Name))
		case a.files[name] != nil:
			return nil, fmt.Errorf("the zip file has two entries named %q", shortened(f.Name))
		case f.UncompressedSize64 > ratioFrom && f.UncompressedSize64/max(f.CompressedSize64, 1) > maxZipRatio:
			return nil, fmt.Errorf("the entry %q is more than %d times its packed size", shortened(f.Name), maxZipRatio)
		}
		if total += f.UncompressedSize64; total > uint64(limit) {
			return nil, fmt.Errorf("the zip file holds more than %d MiB", limit>>20)
		}
		if !f.Mode().IsDir() {
			a.files[name] = f
		}
	}
	return a, nil
}

// read unpacks one entry.
func (a *archive) read(name string) ([]byte, error) {
	f := a.files[name]
	if f == nil {
		return nil, fmt.Errorf("the zip file has no entry %q", shortened(name))
	}
	src, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("the entry %q is broken: %w", shortened(name), err)
	}
	defer func() { _ = src.Close() }()
	data, err := io.ReadAll(io.LimitReader(src, a.left+1))
	if err != nil {
		return nil, fmt.Errorf("the entry %q is broken: %w", shortened(name), err)
	}
	if a.left -= int64(len(data)); a.left < 0 {
		return nil, fmt.Errorf("the zip file holds more than is taken")
	}
	return data, nil
}

// sound unpacks all of a zip file once, for a reader that trusts the sizes that it names.
func sound(data []byte, limit int64) error {
	a, err := openArchive(data, limit)
	if err != nil {
		return err
	}
	for name := range a.files {
		if _, err := a.read(name); err != nil {
			return err
		}
	}
	return nil
}
