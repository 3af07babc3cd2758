package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sattutor/internal/eval"
)

// Kind names the shape of a source.
type Kind string

// The kinds of sources.
const (
	KindItems   Kind = "items"   // JSONL: cleaned items, or the question bank's export
	KindBlocks  Kind = "tests"   // the original's text blocks: a person's own practice tests
	KindRACE    Kind = "race"    // JSONL of one passage a line, or RACE's own folders
	KindCSV     Kind = "csv"     // the question bank's table
	KindAGIEval Kind = "agieval" // for exclusion: an evaluation set
	KindProse   Kind = "prose"   // plain text of books: items are made from it by rule
)

// formats gives the evaluator's reader of each kind that it reads.
var formats = map[Kind]eval.Format{KindItems: eval.FormatItems, KindBlocks: eval.FormatBlocks, KindCSV: eval.FormatCSV,
	KindAGIEval: eval.FormatAGIEval}

// Kinds lists the kinds, for messages.
func Kinds() []Kind {
	return []Kind{KindItems, KindBlocks, KindRACE, KindCSV, KindAGIEval, KindProse}
}

// Source is a file or a folder of questions, or of prose to make them from.
type Source struct {
	Kind    Kind
	Path    string
	Licence string // of items that name none
}

// ParseSource reads "KIND:PATH" or "KIND:PATH#LICENCE".
func ParseSource(text string) (Source, error) {
	kind, rest, found := strings.Cut(text, ":")
	path, licence, _ := strings.Cut(rest, "#")
	s := Source{Kind: Kind(kind), Path: path, Licence: strings.TrimSpace(licence)}
	switch {
	case !found || path == "":
		return s, usage("source %q is not KIND:PATH or KIND:PATH#LICENCE", text)
	case !slices.Contains(Kinds(), s.Kind):
		return s, usage("source %q: kind %q is unknown; use one of %v", text, kind, Kinds())
	}
	if s.Licence == "" && s.Kind == KindBlocks {
		s.Licence = UserSupplied
	}
	return s, nil
}

// Sum is the digest of one file of a source.
type Sum struct {
	File   string `json:"file"` // its name without folders
	SHA256 string `json:"sha256"`
	Items  int    `json:"items"`
}

// read gives the items of a source, with its licence where they name none, and the files that it came from.
func (s Source) read(seed uint64, told eval.Told) ([]eval.Item, []Sum, error) {
	if s.Kind == KindRACE {
		return s.readRACE(told)
	}
	files, err := s.files()
	if err != nil {
		return nil, nil, err
	}
	var items []eval.Item
	var sums []Sum
	for i, file := range files {
		found, sum, err := s.readFile(file, seed)
		if err != nil {
			return nil, nil, err
		}
		for i := range found {
			if found[i].Licence == "" {
				found[i].Licence = s.Licence
			}
		}
		items = append(items, found...)
		sums = append(sums, Sum{File: filepath.Base(file), SHA256: sum, Items: len(found)})
		if told != nil {
			told(i+1, len(files))
		}
	}
	if len(items) == 0 {
		return nil, nil, fail(eval.ExitData, "%s holds no item", s.Path)
	}
	return items, sums, nil
}

// readRACE gives RACE's questions, broken ones too: unlike the evaluator, which refuses a file with a broken item, training
// leaves single questions out. Of 87,866 a few dozen have no key, or control characters.
func (s Source) readRACE(told eval.Told) ([]eval.Item, []Sum, error) {
	set, err := eval.ReadRACE(s.Path, told)
	if err != nil {
		return nil, nil, err
	}
	if len(set.Items) == 0 {
		return nil, nil, fail(eval.ExitData, "%s holds no item", s.Path)
	}
	return set.Items, []Sum{{File: filepath.Base(s.Path), SHA256: set.SHA256, Items: len(set.Items)}}, nil
}

func (s Source) readFile(file string, seed uint64) ([]eval.Item, string, error) {
	if s.Kind == KindProse {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, "", fail(eval.ExitNoFile, "%s cannot be read: %v", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		return Generate(name, string(text), seed), digest(text), nil
	}
	set, err := eval.Read(file, formats[s.Kind], nil)
	if err != nil {
		return nil, "", err
	}
	return set.Items, set.SHA256, nil
}

// files lists the files of a source in a fixed order: the file itself, or in a folder those of its kind.
func (s Source) files() ([]string, error) {
	info, err := os.Stat(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(eval.ExitNoFile, "there is no %s", s.Path)
	}
	if err != nil {
		return nil, fail(eval.ExitNoFile, "%s cannot be read: %v", s.Path, err)
	}
	if !info.IsDir() {
		return []string{s.Path}, nil
	}
	ending := map[Kind]string{KindProse: ".txt", KindBlocks: ".txt", KindCSV: ".csv"}[s.Kind]
	if ending == "" {
		ending = ".jsonl"
	}
	var files []string
	err = filepath.WalkDir(s.Path, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && filepath.Ext(path) == ending {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return nil, fail(eval.ExitNoFile, "%s cannot be read: %v", s.Path, err)
	}
	if len(files) == 0 {
		return nil, fail(eval.ExitNoFile, "%s holds no file that ends in %s", s.Path, ending)
	}
	slices.Sort(files)
	return files, nil
}

func usage(format string, args ...any) error { return fail(eval.ExitUsage, format, args...) }

// fail gives an error of the kind that decides the exit code, as the evaluator's do.
func fail(exit eval.Exit, format string, args ...any) error {
	return &eval.Error{Exit: exit, Message: fmt.Sprintf(format, args...)}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
