package eval

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Lengths of the word sequences that are compared, and the share of the shorter ones that makes two passages one. True
// pairs share at least 0.69 and 0.71 of theirs, unrelated passages 0 and at most 0.002.
const (
	gramWords      = 13
	passageWords   = 8
	samePassageMin = 0.5
)

// Overlap says what a passage shares with training data.
type Overlap string

// The kinds of overlap.
const (
	NoOverlap   Overlap = ""
	SomeOverlap Overlap = "overlap"      // any sequence of 13 words
	SamePassage Overlap = "same passage" // half of its sequences of 8 words
)

// Fingerprints are the 64-bit hashes of all word sequences of a set of passages. They let a passage be recognised
// without keeping its text.
type Fingerprints struct {
	grams   []uint64 // of 13 words, ascending
	eights  []uint64 // of 8 words, ascending; empty when read from a file
	version string
}

// Fingerprint takes the fingerprints of passages.
func Fingerprint(passages []string) *Fingerprints {
	f := &Fingerprints{}
	for _, p := range passages {
		f.grams = append(f.grams, gramHashes(p, gramWords)...)
		f.eights = append(f.eights, gramHashes(p, passageWords)...)
	}
	f.grams, f.eights = ascending(f.grams), ascending(f.eights)
	f.version = digest(string(f.Bytes()))[:16]
	return f
}

// Bytes gives the fingerprint file: the hashes of the 13-word sequences, ascending, 8 bytes each, big-endian. A hash is
// the first 8 bytes of the SHA-256 of the lower-case words [a-z]+ joined by single spaces.
func (f *Fingerprints) Bytes() []byte {
	out := make([]byte, 0, 8*len(f.grams))
	for _, h := range f.grams {
		out = binary.BigEndian.AppendUint64(out, h)
	}
	return out
}

// ReadFingerprints reads a fingerprint file.
func ReadFingerprints(path string) (*Fingerprints, error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, failf(ExitNoFile, nil, "there is no fingerprint file %s", path)
	case err != nil:
		return nil, failf(ExitNoFile, err, "the fingerprint file %s cannot be read", path)
	case len(data)%8 != 0:
		return nil, failf(ExitData, nil, "%s is no fingerprint file: its length is no multiple of 8", path)
	}
	f := &Fingerprints{grams: make([]uint64, 0, len(data)/8), version: digest(string(data))[:16]}
	for at := 0; at < len(data); at += 8 {
		f.grams = append(f.grams, binary.BigEndian.Uint64(data[at:]))
	}
	f.grams = ascending(f.grams)
	return f, nil
}

// ascending sorts hashes, each once.
func ascending(hashes []uint64) []uint64 {
	slices.Sort(hashes)
	return slices.Compact(hashes)
}

// Check says what a passage shares with the fingerprinted ones. That it is the same passage is told only from
// fingerprints taken in memory: a file holds the long sequences alone.
func (f *Fingerprints) Check(passage string) Overlap {
	if share(gramHashes(passage, passageWords), f.eights) >= samePassageMin {
		return SamePassage
	}
	if share(gramHashes(passage, gramWords), f.grams) > 0 {
		return SomeOverlap
	}
	return NoOverlap
}

// share gives the part of the hashes that are among the known ones.
func share(hashes, known []uint64) float64 {
	if len(hashes) == 0 {
		return 0
	}
	found := 0
	for _, h := range hashes {
		if _, ok := slices.BinarySearch(known, h); ok {
			found++
		}
	}
	return float64(found) / float64(len(hashes))
}

// Grams gives the hashes of all sequences of 13 words in a passage: what a fingerprint file holds of it.
func Grams(passage string) []uint64 { return gramHashes(passage, gramWords) }

var word = regexp.MustCompile(`[a-z]+`)

func gramHashes(text string, n int) []uint64 {
	words := word.FindAllString(strings.ToLower(text), -1)
	var hashes []uint64
	for i := 0; i+n <= len(words); i++ {
		sum := sha256.Sum256([]byte(strings.Join(words[i:i+n], " ")))
		hashes = append(hashes, binary.BigEndian.Uint64(sum[:8]))
	}
	return hashes
}

// Contamination is the verdict on a run: whether its items may have been seen in training.
type Contamination struct {
	Verdict      string `json:"verdict"` // "clean", "contaminated k of n", "unknown"
	Seen         int    `json:"seen"`    // items on passages that share a sequence
	N            int    `json:"n"`
	Remark       string `json:"remark"`
	Fingerprints string `json:"fingerprints,omitempty"` // digest of the fingerprint file
}

// Clean says whether nothing speaks against the items.
func (c Contamination) Clean() bool { return c.Verdict == "clean" }

const pretraining = "that the base model saw these passages in pre-training cannot be excluded"

// contamination judges items for a model. A base model without an adapter is clean but for its pre-training; an adapter
// without fingerprints is unknown.
func contamination(items []Item, adapter string, f *Fingerprints) Contamination {
	c := Contamination{Verdict: "clean", N: len(items), Remark: pretraining}
	if f == nil {
		if adapter != "" {
			c.Verdict = "unknown"
			c.Remark = "the adapter has no fingerprint file; " + pretraining
		}
		return c
	}
	c.Fingerprints = f.version
	overlap := map[string]Overlap{}
	for _, it := range items {
		if _, done := overlap[it.PassageID]; !done {
			overlap[it.PassageID] = f.Check(it.Passage)
		}
		if overlap[it.PassageID] != NoOverlap {
			c.Seen++
		}
	}
	if c.Seen > 0 {
		c.Verdict = fmt.Sprintf("contaminated %d of %d", c.Seen, c.N)
	}
	return c
}

// refusal is the error of a run on items that are not clean.
func (c Contamination) refusal() error {
	if c.Clean() {
		return nil
	}
	return failf(ExitContaminated, nil, "these items may have been seen in training (%s: %s); choose another pool, or score them anyway with --allow-contaminated",
		c.Verdict, c.Remark)
}
