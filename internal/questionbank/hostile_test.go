package questionbank

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// checkReading holds for every file: each error has a place, and nothing that breaks a rule is taken.
func checkReading(t require.TestingT, r *Reading, of string) {
	for _, f := range r.Findings {
		require.NotEmpty(t, f.Message, of)
		require.NotEmpty(t, f.Code, of)
		placed := f.Line > 0 && f.Column > 0 || f.Cell != ""
		container := f.N == 0 && (r.Format == QTI || r.Format == XLSX)
		set := f.N == 0 && (f.Code == L11 || f.Code == L08)
		inPackage := r.Format == QTI && f.Field != ""
		whole := f.N == 0 && (f.Code == CodeUnsupported || f.Code == CodeSyntax || f.Code == CodeLimit)
		require.True(t, placed || container || set || inPackage || whole, "%s: no place: %+v", of, f)
	}
	for _, it := range r.Items() {
		require.NoError(t, it.Validate(), of)
		require.Equal(t, it, Canonical(it), of)
	}
	require.LessOrEqual(t, len(r.Findings), maxFindings+4)
}

// bank is what the files that are then spoiled are made of.
func bank() []sat.Item {
	second := ferry()
	second.ID, second.Question, second.Answer = "ferry-low-water-2", "What does the text say of the brother (line 5)?", "A"
	pair := ferry()
	pair.ID, pair.Question = "pair-1", "What would both texts say?"
	pair.Passages = append(pair.Passages, sat.Passage{ID: "other", Lines: []string{"Another text.", "", "=1+1 and so on"}})
	pair.Marks = []sat.Mark{{In: sat.InPassage, PassageID: "other", Start: 0, End: 7, Kind: sat.Emphasis}}
	return []sat.Item{ferry(), second, pair}
}

// spoil changes a file in a few places, as broken programs, editors and bad intentions do.
func spoil(file []byte, rng *rand.Rand) []byte {
	file = bytes.Clone(file)
	for range 1 + rng.IntN(4) {
		if len(file) < 2 {
			return file
		}
		at, n := rng.IntN(len(file)), 1+rng.IntN(40)
		end := min(at+n, len(file))
		switch rng.IntN(7) {
		case 0: // cut out
			file = append(file[:at:at], file[end:]...)
		case 1: // cut off
			file = file[:at]
		case 2: // twice
			file = append(file[:end:end], file[at:]...)
		case 3: // another byte
			file[at] = byte(rng.IntN(256))
		case 4: // something with a meaning
			file = append(file[:at:at], append([]byte(hostile[rng.IntN(len(hostile))]), file[at:]...)...)
		case 5: // a line, twice
			lines := bytes.SplitAfter(file, []byte("\n"))
			i := rng.IntN(len(lines))
			file = bytes.Join(append(lines[:i+1:i+1], lines[i:]...), nil)
		default: // a quotation mark or bracket gone
			if i := bytes.IndexAny(file[at:], `"'<>{}[],`); i >= 0 {
				file = append(file[:at+i:at+i], file[at+i+1:]...)
			}
		}
	}
	return file
}

// heapPeak runs f and gives the most heap that was seen in use, with a collector that is told to stay below the limit.
func heapPeak(limit int64, f func()) uint64 {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
	debug.FreeOSMemory()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	peak, done, stopped := uint64(0), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	f()
	close(done)
	<-stopped
	return peak
}

const mostMemory = 200 << 20

func TestTenThousandBadImports(t *testing.T) {
	var formats []codec
	files := map[Format][]byte{}
	for _, c := range codecs() {
		if c.read != nil {
			file, _, err := Write(bank(), c.Format, WriteOptions{})
			require.NoError(t, err)
			formats, files[c.Format] = append(formats, c), file
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	flawed := 0
	peak := heapPeak(mostMemory, func() {
		for i := range 10_000 {
			c := formats[i%len(formats)]
			file := spoil(files[c.Format], rng)
			format := c.Format
			if i%3 == 0 {
				format = Auto
			}
			r := Read(file, ReadOptions{Format: format, Framework: sat.Digital, Skill: sat.Inferences})
			checkReading(t, r, fmt.Sprintf("file %d, %s", i, c.Format))
			if Count(r.Findings, SeverityError) > 0 {
				flawed++
			}
		}
	})
	assert.Less(t, peak, uint64(mostMemory))
	assert.Greater(t, flawed, 4_000, "most of these files are broken, and it is said")
	t.Logf("%d of 10000 files had errors; at most %d MB of heap", flawed, peak>>20)
}

// repeated gives n bytes of a piece over and over.
func repeated(piece string, n int) []byte { return []byte(strings.Repeat(piece, n/len(piece)+1)[:n]) }

// zipOf packs files. What they say of their size may be a lie.
func zipOf(t *testing.T, files map[string]string, lie uint64) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, content := range files {
		if lie == 0 {
			w, err := z.Create(name)
			require.NoError(t, err)
			_, err = io.WriteString(w, content)
			require.NoError(t, err)
			continue
		}
		var packed bytes.Buffer
		f, err := flate.NewWriter(&packed, flate.BestCompression)
		require.NoError(t, err)
		_, err = io.WriteString(f, content)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(content)),
			CompressedSize64: uint64(packed.Len()), UncompressedSize64: lie})
		require.NoError(t, err)
		_, err = w.Write(packed.Bytes())
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return out.Bytes()
}

func TestHostileFilesAreRefusedCheaply(t *testing.T) {
	const full = MaxFile - 1024
	var link bytes.Buffer
	z := zip.NewWriter(&link)
	h := &zip.FileHeader{Name: "x.xml"}
	h.SetMode(0o777 | 1<<27) // a symbolic link
	_, err := z.CreateHeader(h)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	laughs := `<!DOCTYPE quiz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><quiz>&b;</quiz>`
	const zeros = 120 << 20
	for _, c := range []struct {
		name   string
		format Format
		file   func() []byte
		code   Code
	}{
		{"too large", JSONL, func() []byte { return make([]byte, MaxFile+1) }, CodeLimit},
		{"zip of zeros", QTI, func() []byte { return zipOf(t, map[string]string{"imsmanifest.xml": strings.Repeat("0", zeros)}, 0) }, CodeLimit},
		{"zip of zeros that lies", QTI, func() []byte { return zipOf(t, map[string]string{"imsmanifest.xml": strings.Repeat("0", zeros)}, 1000) }, CodeSyntax},
		{"workbook of zeros that lies", XLSX, func() []byte { return zipOf(t, map[string]string{"xl/workbook.xml": strings.Repeat("0", zeros)}, 1000) }, CodeLimit},
		{"zip in zip", QTI, func() []byte { return zipOf(t, map[string]string{"inner.zip": "x"}, 0) }, CodeLimit},
		{"parent folder", QTI, func() []byte { return zipOf(t, map[string]string{"../x.xml": "x"}, 0) }, CodeLimit},
		{"absolute name", QTI, func() []byte { return zipOf(t, map[string]string{"/etc/x.xml": "x"}, 0) }, CodeLimit},
		{"link", QTI, func() []byte { return link.Bytes() }, CodeLimit},
		{"no zip", QTI, func() []byte { return []byte("PK\x03\x04 nothing") }, CodeLimit},
		{"no workbook", XLSX, func() []byte { return []byte("PK\x03\x04 nothing") }, CodeLimit},
		{"billion laughs", Moodle, func() []byte { return []byte(laughs) }, CodeUnsupported},
		{"external entity", Moodle, func() []byte { return []byte(`<!DOCTYPE q SYSTEM "file:///etc/passwd"><quiz/>`) }, CodeUnsupported},
		{"foreign entity", Moodle, func() []byte { return []byte(`<quiz><question type="x">&passwd;</question></quiz>`) }, CodeSyntax},
		{"deep XML", Moodle, func() []byte { return append([]byte("<quiz>"), repeated("<a>", full)...) }, CodeLimit},
		{"wide XML", Moodle, func() []byte { return append([]byte("<quiz><question>"), repeated("<a/>", full)...) }, CodeLimit},
		{"XML attributes", Moodle, func() []byte { return append([]byte("<quiz "), repeated(`a="b" `, full)...) }, CodeLimit},
		{"long XML text", Moodle, func() []byte { return append([]byte("<quiz><question>"), repeated("x", full)...) }, CodeLimit},
		{"deep JSON", JSONL, func() []byte { return append([]byte(`{"v":1,"tags":`), repeated("[", 900_000)...) }, CodeLimit},
		{"many bad lines", JSONL, func() []byte { return repeated("{\n", full) }, CodeLimit},
		{"long line", JSONL, func() []byte { return append([]byte(`{"v":1,"id":"`), repeated("x", full)...) }, CodeLimit},
		{"many lines of a passage", JSONL, func() []byte { return bigJSON(full, `"passages":[{"id":"p","lines":[`, `"",`, `"x"]}]`) }, L01},
		{"many tags", JSONL, func() []byte { return bigJSON(full, `"tags":[`, `"a",`, `"b"]`) }, L01},
		{"many marks", JSONL, func() []byte {
			return bigJSON(full, `"marks":[`, `{"in":"question","start":0,"end":1,"kind":"em"},`, `{}]`)
		}, L01},
		{"many unknown fields", JSONL, func() []byte { return bigJSON(full, `"x":[`, `{"y":1},`, `{}]`) }, L01},
		{"many columns", CSV, func() []byte { return append(repeated("column,", full), '\n') }, CodeLimit},
		{"one quotation mark", CSV, func() []byte { return append([]byte("passage,question,a,b,answer\n\""), repeated("x\n", full)...) }, CodeSyntax},
		{"many bad rows", CSV, func() []byte { return append([]byte("passage,question,a,b,answer\n"), repeated("\"x\"y\n", full)...) }, CodeLimit},
		{"many short rows", CSV, func() []byte { return append([]byte("passage,question,a,b,answer\n"), repeated("x\n", full)...) }, CodeLimit},
		{"braces", GIFT, func() []byte { return repeated("{", full) }, CodeLimit},
		{"many blocks", GIFT, func() []byte { return repeated("{\n\n", full) }, CodeLimit},
		{"many answers", GIFT, func() []byte { return append([]byte("q {"), append(repeated("~a=", 900_000), '}')...) }, L01},
		{"many HTML elements", GIFT, func() []byte { return append([]byte("[html]"), append(repeated("<b>x", 900_000), "{=a ~b}"...)...) }, L01},
		{"many answers of Aiken", Aiken, func() []byte { return repeated("ANSWER: A\n", full) }, CodeLimit},
		{"no answer of Aiken", Aiken, func() []byte { return repeated("word word\n", full) }, CodeLimit},
		{"many blocks of text", Blocks, func() []byte { return repeated(blockHeader+"\nQuestion 1:\nAnswer: A\n", full) }, L01},
		{"one block of text", Blocks, func() []byte { return append([]byte(blockHeader+"\n"), repeated("a\n", full)...) }, CodeSyntax},
		{"UTF-16", CSV, func() []byte { return []byte("\xff\xfep\x00a\x00") }, CodeEncoding},
		{"bad byte", CSV, func() []byte { return []byte("passage,question\nabc\xff") }, CodeEncoding},
		{"nothing", Auto, func() []byte { return []byte(" \n") }, CodeSyntax},
		{"no question", GIFT, func() []byte { return []byte("hello") }, CodeSyntax},
		{"unknown format", "word", func() []byte { return []byte("x") }, CodeUnsupported},
		{"a format that is only written", Anki, func() []byte { return []byte("x") }, CodeUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r *Reading
			file := c.file()
			peak := heapPeak(mostMemory, func() { r = Read(file, ReadOptions{Format: c.format}) })
			checkReading(t, r, c.name)
			assert.Less(t, peak, uint64(mostMemory))
			var codes []Code
			for _, f := range r.Findings {
				if f.Severity == SeverityError {
					codes = append(codes, f.Code)
				}
			}
			assert.Contains(t, codes, c.code, fmt.Sprint(r.Findings[:min(len(r.Findings), 5)]))
			t.Logf("%d MB of heap", peak>>20)
		})
	}
}

// bigJSON gives as many lines with a long list as a file holds.
func bigJSON(size int, before, entry, after string) []byte {
	line := `{"v":1,"id":"a",` + before + strings.Repeat(entry, 1_000_000/len(entry)) + after + "}\n"
	return repeated(line, size/len(line)*len(line))
}

func TestEncodingFaultsHaveTheirPlace(t *testing.T) {
	r := Read([]byte("passage,question\nabcé\xff"), ReadOptions{Format: CSV})
	require.Len(t, r.Findings, 1)
	assert.Equal(t, placed(2, 5), r.Findings[0].Place)
}

func TestScriptsComeOutAsText(t *testing.T) {
	const script = `<script>alert("x")</script>`
	it := ferry()
	it.Passages[0].Title, it.Passages[0].Attribution, it.Passages[0].Lines[0] = script, script, script
	it.Question, it.Explanation = script, sat.Explanation{Text: script}
	for i := range it.Choices {
		it.Choices[i].Text, it.Choices[i].Why = script+it.Choices[i].ID, script
	}
	for _, f := range []Format{QTI, Moodle, GIFT, Anki} {
		file, _, err := Write([]sat.Item{it}, f, WriteOptions{})
		require.NoError(t, err)
		if f == QTI {
			file = unzipped(t, file)
		}
		assert.NotContains(t, string(file), "<script", f)
		assert.NotContains(t, strings.ReplaceAll(string(file), `\`, ""), "<script", f)
	}
}
