package eval

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Told is called while a data set is read, with the files that are done and how many there are; nil tells nobody.
type Told func(done, of int)

// ReadRACE reads RACE however it is stored: its published folders with one file a passage, one such file, or a file with
// one passage a line. The same passage has the same id in each form, and the passages stand in the same order. Questions
// that are broken are given as they are: who trains leaves them out by name, and [Read] refuses them.
func ReadRACE(path string, told Told) (*Dataset, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return readRACEFolder(path, told)
	}
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	text, err := unpack(filepath.Base(path), data)
	if err != nil {
		return nil, err
	}
	items, err := parseRACE(path, text)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return &Dataset{Path: path, Format: FormatRACE, SHA256: hex.EncodeToString(sum[:]), Items: items}, nil
}

// readRACEFolder reads every passage below a folder. The digest is that of the list of their digests and names, as
// sha256sum prints it.
func readRACEFolder(folder string, told Told) (*Dataset, error) {
	files, err := raceFiles(folder)
	if err != nil {
		return nil, err
	}
	d := &Dataset{Path: folder, Format: FormatRACE}
	list, size := sha256.New(), 0
	for i, file := range files {
		data, err := readFile(filepath.Join(folder, file))
		if err != nil {
			return nil, err
		}
		if size += len(data); size > maxFile {
			return nil, failf(ExitData, nil, "the files below %s are larger than %d MiB", folder, maxFile>>20)
		}
		items, err := parseRACE(filepath.Join(folder, file), data)
		if err != nil {
			return nil, within(folder, file, err)
		}
		for j := range items {
			items[j].SourceRow = i
		}
		d.Items = append(d.Items, items...)
		addSum(list, data, file)
		if told != nil {
			told(i+1, len(files))
		}
	}
	d.SHA256 = hex.EncodeToString(list.Sum(nil))
	return d, nil
}

func addSum(list hash.Hash, data []byte, file string) {
	fmt.Fprintf(list, "%x  %s\n", sha256.Sum256(data), filepath.ToSlash(file))
}

// within names the file of an error by its place below the folder: there are many 73.txt.
func within(folder, file string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	named := *e
	named.Message = strings.Replace(e.Message, filepath.Base(file), filepath.ToSlash(filepath.Join(filepath.Base(folder), file)), 1)
	return &named
}

// raceFiles lists the passages below a folder by part, level and number.
func raceFiles(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !isArticle(path) {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		if files = append(files, relative); len(files) > maxItems {
			return fmt.Errorf("it holds more than %d files", maxItems)
		}
		return err
	})
	if err != nil {
		return nil, failf(ExitNoFile, err, "%s cannot be read", folder)
	}
	if len(files) == 0 {
		return nil, failf(ExitNoFile, nil, "%s holds no passage of RACE: give the folder with high/*.txt and middle/*.txt, or a file with one passage a line", folder)
	}
	number := func(file string) int {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".txt"))
		if err != nil {
			return -1
		}
		return n
	}
	slices.SortFunc(files, func(a, b string) int {
		return cmp.Or(cmp.Compare(filepath.Dir(a), filepath.Dir(b)), cmp.Compare(number(a), number(b)), cmp.Compare(a, b))
	})
	return files, nil
}
