package eval

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Format names the shape of a data file.
type Format string

// The formats that [Read] knows.
const (
	FormatItems   Format = "jsonl"   // sat-item/v1 or the question bank's JSONL v1
	FormatAGIEval Format = "agieval" // passage, question, options, label, other.solution
	FormatBlocks  Format = "blocks"  // the original's text blocks, plain or in JSONL
	FormatCSV     Format = "csv"     // one row an item, columns of the question bank
	FormatRACE    Format = "race"    // one passage a line with its questions, or RACE's own folders

	FormatAuto Format = "" // whichever of them the file looks like
)

// Formats lists every format, for messages.
func Formats() []Format {
	return []Format{FormatItems, FormatAGIEval, FormatBlocks, FormatCSV, FormatRACE}
}

// Bounds of a data file, so that a wrong file cannot exhaust the machine.
const (
	maxFile  = 512 << 20 // bytes, uncompressed
	maxLine  = 1 << 20   // bytes
	maxItems = 200_000
)

// Dataset is a data file, read and cleaned.
type Dataset struct {
	Path   string // as given
	Format Format
	SHA256 string // of the file as it lies on the disk
	Items  []Item // in the order of the file
}

// Read reads a data file, or RACE's folders. It never fetches one: the path is the caller's. Gzip is unpacked. A malformed
// line is an [Error] with [ExitData] that names line and field; an absent file is one with [ExitNoFile].
func Read(path string, format Format, told Told) (*Dataset, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if format != FormatAuto && format != FormatRACE {
			return nil, failf(ExitNoFile, nil, "%s is a folder; only RACE is read from folders, and format %s from a file", path, format)
		}
		return readFolder(path, told)
	}
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, format, data)
}

// readFolder reads RACE's folders for measuring.
func readFolder(path string, told Told) (*Dataset, error) {
	d, err := ReadRACE(path, told)
	if err != nil {
		return nil, err
	}
	if d.Items, err = checkRACE(d.Items, func(it Item) string { return it.ID }); err != nil {
		return nil, err
	}
	return d, checkIDs(filepath.Base(path), d.Items)
}

func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failf(ExitNoFile, nil, "there is no file %s", path)
	}
	if err != nil {
		return nil, failf(ExitNoFile, err, "%s cannot be read", path)
	}
	return data, nil
}

// reader turns the bytes of a file into items; its path or name is for messages, and for passages that it names.
type reader func(path string, data []byte) ([]Item, error)

// Parse reads a data file that is in memory already; the path is its name.
func Parse(path string, format Format, data []byte) (*Dataset, error) {
	readers := map[Format]reader{FormatItems: readItems, FormatAGIEval: readAGIEval, FormatBlocks: readBlocks,
		FormatCSV: readCSV, FormatRACE: readRACE}
	sum := sha256.Sum256(data)
	name := filepath.Base(path)
	text, err := unpack(name, data)
	if err != nil {
		return nil, err
	}
	if format == FormatAuto {
		format = looksLike(name, text)
	}
	read, known := readers[format]
	if !known {
		return nil, failf(ExitUsage, nil, "format %q is unknown; use one of %v", format, Formats())
	}
	if format == FormatRACE {
		name = path // RACE names its passages by their folders
	}
	items, err := read(name, text)
	if err != nil {
		return nil, err
	}
	if err := checkIDs(filepath.Base(path), items); err != nil {
		return nil, err
	}
	return &Dataset{Path: path, Format: format, SHA256: hex.EncodeToString(sum[:]), Items: items}, nil
}

// looksLike tells a file's format by the members of its first line, or by its name where that is no JSON.
func looksLike(name string, text []byte) Format {
	first, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	var row map[string]json.RawMessage
	if !bytes.HasPrefix(first, []byte("{")) {
		if strings.EqualFold(filepath.Ext(strings.TrimSuffix(name, ".gz")), ".csv") {
			return FormatCSV
		}
		return FormatBlocks
	}
	_ = json.Unmarshal(first, &row) // what is broken is told by the reader, with its line
	has := func(member string) bool { return row[member] != nil }
	switch {
	case has("options") && has("label"):
		return FormatAGIEval
	case has("questions"):
		return FormatRACE
	case has("text"):
		return FormatBlocks
	}
	return FormatItems
}

func unpack(name string, data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte{0xfd, '7', 'z', 'X', 'Z'}) {
		return nil, failf(ExitData, nil, "%s is compressed with xz; unpack it first: xz -dk %s", name, name)
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		zipped, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, failf(ExitData, err, "%s is no valid gzip file", name)
		}
		if data, err = io.ReadAll(io.LimitReader(zipped, maxFile+1)); err != nil {
			return nil, failf(ExitData, err, "%s is no valid gzip file", name)
		}
	}
	if len(data) > maxFile {
		return nil, failf(ExitData, nil, "%s is larger than %d MiB", name, maxFile>>20)
	}
	return bytes.TrimPrefix(data, []byte("\uFEFF")), nil
}

func checkIDs(name string, items []Item) error {
	if len(items) == 0 {
		return failf(ExitData, nil, "%s holds no item", name)
	}
	if len(items) > maxItems {
		return failf(ExitData, nil, "%s holds more than %d items", name, maxItems)
	}
	seen := make(map[string]bool, len(items))
	for _, it := range items {
		if seen[it.ID] {
			return failf(ExitData, nil, "%s holds the id %s twice", name, it.ID)
		}
		seen[it.ID] = true
	}
	return nil
}

// eachLine calls f with every line that is not blank, counted from 1.
func eachLine(name string, data []byte, f func(line int, text []byte) error) error {
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(make([]byte, 0, 64<<10), maxLine)
	line := 0
	for scanner.Scan() {
		line++
		if len(bytes.TrimSpace(scanner.Bytes())) == 0 {
			continue
		}
		if err := f(line, scanner.Bytes()); err != nil {
			return err
		}
	}
	if scanner.Err() != nil {
		return dataError(name, line+1, "", "is longer than %d bytes", maxLine)
	}
	return nil
}

// decodeLine reads one JSON object and names the field where it has the wrong type.
func decodeLine(name string, line int, text []byte, into any) error {
	err := json.Unmarshal(text, into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return dataError(name, line, wrong.Field, "has the wrong type: %s", wrong.Value)
	case err != nil:
		return dataError(name, line, "", "is no JSON object")
	}
	return nil
}

// Selection is the part of a data set that a run asks.
type Selection struct {
	Pool    string   // name of the pool: "all" when none was named
	Items   []Item   // in the order in which they are asked: grouped by passage
	Partial bool     // --limit cut it: no figure of it may be called an accuracy
	Remarks []string // what the report must say about the items
}

// Selected says which items a run asks.
type Selected struct {
	Pool  string   // name of a frozen pool, or "" for every item that is not excluded
	IDs   []string // only these, when any
	Limit int      // at most so many, the first; 0 for all

	Sample int    // whole passages drawn at random until there are so many questions; 0 for all
	Seed   uint64 // of that draw
}

//go:embed pools.json
var poolsFile []byte

// pool is a frozen list of items of one data file.
type pool struct {
	DataSHA256 string `json:"data_sha256"`
	Prefix     string `json:"prefix"` // of the ids, before the four digits of the row
	Rows       string `json:"rows"`   // source rows: "0-100,102-115"
	Remark     string `json:"remark"`
}

// Pools lists the names of the frozen pools.
func Pools() []string {
	var names []string
	for name := range pools() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func pools() map[string]pool {
	var all map[string]pool
	if err := json.Unmarshal(poolsFile, &all); err != nil {
		panic("pools.json: " + err.Error())
	}
	return all
}

// Select picks the items of a pool, in a fixed order: passages as they appear, and on each its items.
func (d *Dataset) Select(want Selected) (Selection, error) {
	chosen := Selection{Pool: "all"}
	keep := func(it Item) bool { return it.Excluded == "" }
	if want.Pool != "" && want.Pool != "all" {
		p, known := pools()[want.Pool]
		if !known {
			return chosen, failf(ExitUsage, nil, "pool %q is unknown; use one of %v", want.Pool, Pools())
		}
		if p.DataSHA256 != d.SHA256 {
			return chosen, failf(ExitConfig, nil, "pool %s belongs to the file with SHA-256 %s, not to this one", want.Pool, p.DataSHA256)
		}
		rows := rowsOf(p)
		keep = func(it Item) bool { return rows[it.ID] }
		chosen.Pool = want.Pool
		chosen.Remarks = append(chosen.Remarks, p.Remark)
	}
	if out := excluded(d.Items); chosen.Pool == "all" && out > 0 {
		chosen.Remarks = append(chosen.Remarks, fmt.Sprintf("%d of %d items are left out: broken, or without their graphic", out, len(d.Items)))
	}
	if err := d.checkWanted(want.IDs); err != nil {
		return chosen, err
	}
	for _, it := range grouped(d.Items) {
		if keep(it) && (len(want.IDs) == 0 || slices.Contains(want.IDs, it.ID)) {
			chosen.Items = append(chosen.Items, it)
		}
	}
	if want.Sample > 0 && want.Sample < len(chosen.Items) {
		chosen.Items = drawn(chosen.Items, want.Sample, want.Seed)
		chosen.Pool += fmt.Sprintf(", %d drawn by passage with seed %d", len(chosen.Items), want.Seed)
	}
	if want.Limit > 0 && want.Limit < len(chosen.Items) {
		chosen.Items, chosen.Partial = chosen.Items[:want.Limit], true
	}
	if len(chosen.Items) == 0 {
		return chosen, failf(ExitUsage, nil, "nothing is left to ask")
	}
	return chosen, nil
}

func excluded(items []Item) (n int) {
	for _, it := range items {
		if it.Excluded != "" {
			n++
		}
	}
	return n
}

// drawn takes passages at random, each with all its questions, until there are n questions. The items are grouped.
func drawn(items []Item, n int, seed uint64) []Item {
	var passages [][]Item
	for begin, i := 0, 1; i <= len(items); i++ {
		if i == len(items) || items[i].PassageID != items[begin].PassageID {
			passages = append(passages, items[begin:i])
			begin = i
		}
	}
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(passages), func(i, j int) { passages[i], passages[j] = passages[j], passages[i] })
	var out []Item
	for _, p := range passages {
		if len(out) >= n {
			break
		}
		out = append(out, p...)
	}
	return out
}

func (d *Dataset) checkWanted(ids []string) error {
	for _, id := range ids {
		if !slices.ContainsFunc(d.Items, func(it Item) bool { return it.ID == id }) {
			return failf(ExitUsage, nil, "there is no item %s in %s", id, filepath.Base(d.Path))
		}
	}
	return nil
}

// grouped brings the questions of a passage together, passages in the order of their first appearance.
func grouped(items []Item) []Item {
	first := map[string]int{}
	for i, it := range items {
		if _, seen := first[it.PassageID]; !seen {
			first[it.PassageID] = i
		}
	}
	sorted := slices.Clone(items)
	slices.SortStableFunc(sorted, func(a, b Item) int { return first[a.PassageID] - first[b.PassageID] })
	return sorted
}

func rowsOf(p pool) map[string]bool {
	ids := map[string]bool{}
	for part := range strings.SplitSeq(p.Rows, ",") {
		from, to, isRange := strings.Cut(part, "-")
		low, _ := strconv.Atoi(from)
		high := low
		if isRange {
			high, _ = strconv.Atoi(to)
		}
		for row := low; row <= high; row++ {
			ids[rowID(p.Prefix, row)] = true
		}
	}
	return ids
}
