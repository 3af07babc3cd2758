package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// The files of a run directory.
const (
	headerFile  = "run.json"
	samplesFile = "samples.jsonl"
	packedFile  = samplesFile + ".gz" // in place of it, where a run is to be kept for long
)

// Run is a run directory in memory.
type Run struct {
	Dir     string
	Header  Header
	Records []Record // the newest of each item and repeat, by source row
}

// Load reads a run directory, whose samples may be packed by gzip. A torn last line, as a killed run may leave, is passed
// over.
func Load(dir string) (*Run, error) {
	header, err := loadHeader(dir)
	if err != nil {
		return nil, err
	}
	data, err := readSamples(dir)
	if err != nil {
		return nil, err
	}
	records, _, err := parseRecords(data)
	if err != nil {
		return nil, err
	}
	return &Run{Dir: dir, Header: header, Records: newest(records)}, nil
}

// readSamples gives the lines of samples.jsonl, packed or not; nothing where there is no such file yet.
func readSamples(dir string) ([]byte, error) {
	name := samplesFile
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		name = packedFile
		data, err = os.ReadFile(filepath.Join(dir, name))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, failf(ExitNoFile, err, "the samples of %s cannot be read", dir)
	}
	return unpack(filepath.Join(dir, name), data)
}

func loadHeader(dir string) (Header, error) {
	var h Header
	data, err := os.ReadFile(filepath.Join(dir, headerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return h, failf(ExitNoFile, nil, "%s is no run directory: it has no %s", dir, headerFile)
	}
	if err == nil {
		err = json.Unmarshal(data, &h)
	}
	if err != nil {
		return h, failf(ExitData, err, "%s cannot be read", filepath.Join(dir, headerFile))
	}
	if h.Schema != RunSchema {
		return h, failf(ExitData, nil, "%s is not of the form %s", filepath.Join(dir, headerFile), RunSchema)
	}
	return h, nil
}

// writeHeader replaces run.json in one step, so that a kill leaves the old or the new one.
func writeHeader(dir string, h Header) error {
	data, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	temporary := filepath.Join(dir, headerFile+".new")
	if err := os.WriteFile(temporary, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(dir, headerFile))
}

// parseRecords reads the lines of samples.jsonl; whole is the number of bytes up to the end of the last whole line.
func parseRecords(data []byte) (records []Record, whole int, err error) {
	for line := 1; whole < len(data); line++ {
		end := bytes.IndexByte(data[whole:], '\n')
		if end < 0 {
			return records, whole, nil
		}
		var r Record
		if err := json.Unmarshal(data[whole:whole+end], &r); err != nil {
			return nil, whole, dataError(samplesFile, line, "", "is no record")
		}
		records = append(records, r)
		whole += end + 1
	}
	return records, whole, nil
}

// newest keeps the last record of each item and repeat, and puts them in the order of the source.
func newest(records []Record) []Record {
	at := map[sample]int{}
	var kept []Record
	for _, r := range records {
		if i, seen := at[r.sample()]; seen {
			kept[i] = r
			continue
		}
		at[r.sample()] = len(kept)
		kept = append(kept, r)
	}
	slices.SortStableFunc(kept, func(a, b Record) int {
		if a.SourceRow != b.SourceRow {
			return a.SourceRow - b.SourceRow
		}
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return a.Repeat - b.Repeat
	})
	return kept
}

// sample names one asking of one item.
type sample struct {
	id     string
	repeat int
}

func (r Record) sample() sample { return sample{r.ID, r.Repeat} }

// samples appends records to samples.jsonl; each is on the disk before the next is asked for.
type samples struct {
	mu   sync.Mutex
	file *os.File
}

// openSamples opens the file for appending, cuts a torn last line, and gives what is already there.
func openSamples(dir string) (*samples, []Record, error) {
	if _, err := os.Stat(filepath.Join(dir, packedFile)); err == nil {
		return nil, nil, failf(ExitConfig, nil, "the samples of %s are packed; to go on with the run, unpack them first: gunzip %[1]s/%s", dir, packedFile)
	}
	file, err := os.OpenFile(filepath.Join(dir, samplesFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, nil, failf(ExitConfig, err, "the samples of %s cannot be opened", dir)
	}
	data, err := os.ReadFile(file.Name())
	if err == nil {
		var records []Record
		var whole int
		if records, whole, err = parseRecords(data); err == nil {
			if err = file.Truncate(int64(whole)); err == nil {
				if _, err = file.Seek(int64(whole), 0); err == nil {
					return &samples{file: file}, records, nil
				}
			}
		}
	}
	return nil, nil, errors.Join(err, file.Close())
}

func (s *samples) append(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return s.file.Sync()
}

func (s *samples) close() error { return s.file.Close() }
