package dataset

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"sattutor/internal/eval"
)

// The files of a data set.
const (
	TrainFile       = "train.jsonl"
	ValFile         = "val.jsonl"
	TestFile        = "test.jsonl" // items, not records: what `sat eval run` asks
	FingerprintFile = "fingerprints.bin"
	ManifestFile    = "dataset.json"
	PageFile        = "statistics.md"
)

// write renders the questions and writes the folder. The manifest comes last: a folder without one is unfinished.
func (b *builder) write(ctx context.Context) error {
	o := b.options
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return cannotWrite(o.Out, err)
	}
	_ = os.Remove(filepath.Join(o.Out, ManifestFile))
	r := renderer{method: o.Method, template: o.Template, hash: b.manifest.TemplateSHA256, kwargs: map[string]string{}}
	if o.Date != "" {
		r.kwargs["date_string"] = o.Date
	}
	for _, part := range []struct{ split, file string }{{"train", TrainFile}, {"val", ValFile}} {
		if err := b.writeSplit(ctx, r, part.split, part.file); err != nil {
			return err
		}
	}
	if err := b.writeTest(); err != nil {
		return err
	}
	if err := b.put(FingerprintFile, b.fingerprints()); err != nil {
		return err
	}
	if err := b.put(PageFile, []byte(b.manifest.Page())); err != nil {
		return err
	}
	text, err := json.MarshalIndent(b.manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.Out, ManifestFile), append(text, '\n'), 0o644); err != nil {
		return cannotWrite(o.Out, err)
	}
	return nil
}

func (b *builder) writeSplit(ctx context.Context, r renderer, split, name string) error {
	path := filepath.Join(b.options.Out, name)
	out, err := createSummed(path)
	if err != nil {
		return err
	}
	defer func() { _ = out.file.Close() }()
	rng := rand.New(rand.NewPCG(b.options.Seed, 2))
	for i, q := range b.kept {
		b.options.report("writing "+name, i+1, len(b.kept))
		if b.splits[i] != split {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for copied := range max(b.options.Permute, 1) {
			shown, id := q, q.item.ID
			if b.options.Permute > 0 {
				shown, id = q.turned(rng), fmt.Sprintf("%s~%d", q.item.ID, copied+1)
			}
			records, err := r.records(shown, id, split)
			if err != nil {
				return err
			}
			b.manifest.count(split, shown, len(records))
			if err := out.lines(records); err != nil {
				return cannotWrite(path, err)
			}
		}
	}
	sum, err := out.close()
	if err != nil {
		return cannotWrite(path, err)
	}
	b.manifest.Files[name] = sum
	return nil
}

// writeTest writes the questions of the test split as they came; without a test share there is no such file.
func (b *builder) writeTest() error {
	path := filepath.Join(b.options.Out, TestFile)
	if b.options.TestShare == 0 {
		_ = os.Remove(path) // of an earlier build
		return nil
	}
	var items []eval.Item
	for i, q := range b.kept {
		if b.splits[i] == "test" {
			q.item.Split = "test"
			items = append(items, q.item)
			b.manifest.count("test", q, 1)
		}
	}
	text, err := eval.MarshalItems(items)
	if err != nil {
		return err
	}
	return b.put(TestFile, text)
}

// fingerprints are those of the passages that are trained on.
func (b *builder) fingerprints() []byte {
	var all []uint64
	seen := map[string]bool{}
	for i, q := range b.kept {
		if b.splits[i] == "train" && !seen[q.item.PassageID] {
			seen[q.item.PassageID] = true
			all = append(all, b.grams[q.item.PassageID]...)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	out := make([]byte, 0, 8*len(all))
	for _, gram := range all {
		out = binary.BigEndian.AppendUint64(out, gram)
	}
	return out
}

func (b *builder) put(name string, data []byte) error {
	path := filepath.Join(b.options.Out, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return cannotWrite(path, err)
	}
	b.manifest.Files[name] = FileSum{SHA256: digest(data), Bytes: int64(len(data))}
	return nil
}

func cannotWrite(path string, err error) error {
	return &eval.Error{Exit: eval.ExitConfig, Message: path + " cannot be written; choose another folder with --out", Err: err}
}

// summed is a file that is hashed while it is written.
type summed struct {
	file  *os.File
	buf   *bufio.Writer
	hash  hash.Hash
	bytes int64
}

func createSummed(path string) (*summed, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, cannotWrite(path, err)
	}
	return &summed{file: file, buf: bufio.NewWriterSize(file, 1<<20), hash: sha256.New()}, nil
}

func (s *summed) lines(records []Record) error {
	for _, record := range records {
		line, err := encode(record)
		if err != nil {
			return err
		}
		s.hash.Write(line)
		s.bytes += int64(len(line))
		if _, err := s.buf.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func (s *summed) close() (FileSum, error) {
	if err := s.buf.Flush(); err != nil {
		return FileSum{}, err
	}
	return FileSum{SHA256: hex.EncodeToString(s.hash.Sum(nil)), Bytes: s.bytes}, s.file.Close()
}
