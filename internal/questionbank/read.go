package questionbank

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"sattutor/internal/sat"
)

// Limits of a file.
const (
	MaxFile  = 10 << 20 // bytes, as uploaded
	MaxPlain = 50 << 20 // bytes, after unpacking
	MaxItems = 10_000
)

// ReadOptions are what a file does not say itself. The zero value reads any format.
type ReadOptions struct {
	Format    Format          // "" or Auto: decided by the content
	Framework sat.Framework   // for items that name none
	Skill     sat.Skill       // for items that name none
	Rules     Rules           // how strictly the items are judged
	Progress  func(items int) // told now and then how many questions were found; may be nil
}

// Reading is a file as read.
type Reading struct {
	Format   Format
	SHA256   string // of the file
	Entries  []Entry
	Findings []Finding // in the order of the file
	Omitted  int       // findings beyond those that are listed
	Broken   bool      // the file as a whole could not be read to its end
}

// Entry is one item of a file.
type Entry struct {
	N int // position in the file, from 1
	spot
	Item     sat.Item // canonical
	Rejected bool     // has an error and cannot be taken
}

// Items gives the items that can be taken.
func (r *Reading) Items() []sat.Item {
	var items []sat.Item
	for _, e := range r.Entries {
		if !e.Rejected {
			items = append(items, e.Item)
		}
	}
	return items
}

// reader collects what a format's own reader finds.
type reader struct {
	Reading
	opts  ReadOptions
	data  []byte
	seen  int                             // items met, well formed or not
	spots map[int]func(field string) spot // for an item: where a field of it stands
}

// spot is where something stands: a place in a text or a cell of a spreadsheet. The zero value is unknown.
type spot struct {
	Place
	Cell string
}

// Read reads a file. It never fails as a whole: what is wrong with the file is among the findings.
func Read(data []byte, opts ReadOptions) *Reading {
	r := &reader{opts: opts, data: data, spots: map[int]func(string) spot{}}
	r.SHA256 = digest(data)
	r.Format = opts.Format
	if r.Format == "" || r.Format == Auto {
		r.Format = Guess(data)
	}
	c, ok := codecOf(r.Format)
	switch {
	case !ok || c.read == nil:
		r.broken(Place{}, CodeUnsupported, "files of the format %q cannot be read", r.Format)
	case len(data) > MaxFile:
		r.broken(Place{}, CodeLimit, "the file has %d bytes; at most %d are taken", len(data), MaxFile)
	case len(bytes.TrimSpace(data)) == 0:
		r.broken(Place{}, CodeSyntax, "the file is empty")
	default:
		if r.Format != XLSX && !bytes.HasPrefix(data, []byte("PK\x03\x04")) && !r.decode() {
			break
		}
		c.read(r)
		if r.seen == 0 && !r.Broken {
			r.broken(Place{}, CodeSyntax, "there is no question in the file; it was read as %s", c.Title)
		}
	}
	r.judge()
	return &r.Reading
}

// decode demands UTF-8 and takes off the mark at its beginning. Line ends become line feeds.
func (r *reader) decode() bool {
	text := bytes.TrimPrefix(r.data, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		r.broken(placed(1, 1), CodeEncoding, "the file is in UTF-16; save it as UTF-8")
		return false
	}
	if !utf8.Valid(text) {
		at := 0
		for at < len(text) {
			c, size := utf8.DecodeRune(text[at:])
			if c == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		r.broken(placeIn(text, at), CodeEncoding, "the byte %#x is no UTF-8; save the file as UTF-8", text[at])
		return false
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	r.data = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	return true
}

// placeIn gives the line and column of a byte offset.
func placeIn(text []byte, offset int) Place {
	head := text[:min(max(offset, 0), len(text))]
	start := bytes.LastIndexByte(head, '\n') + 1
	return placed(bytes.Count(head, []byte("\n"))+1, utf8.RuneCount(head[start:])+1)
}

// found gives the running number of the next item, 0 when there are more than a file may hold.
func (r *reader) next() int {
	if r.seen >= MaxItems {
		if !r.Broken {
			r.broken(Place{}, CodeLimit, "the file has more than %d questions; split it", MaxItems)
		}
		return 0
	}
	r.seen++
	return r.seen
}

// entry adds an item. Items from formats without ids get one from what they ask.
func (r *reader) entry(n int, at Place, it sat.Item) *Entry {
	hidden := hiddenInItem(it)
	it = r.opts.complete(it)
	r.Entries = append(r.Entries, Entry{N: n, spot: spot{Place: at}, Item: it})
	if hidden > 0 {
		r.note(n, at, "", L17, SeverityWarning, "%s that nobody can see were removed from this question",
			plural(hidden, "character"))
	}
	if r.opts.Progress != nil && n%100 == 0 {
		r.opts.Progress(n)
	}
	return &r.Entries[len(r.Entries)-1]
}

// complete gives an item in canonical form with what its file does not say.
func (o ReadOptions) complete(it sat.Item) sat.Item {
	it.Framework = cmp.Or(it.Framework, o.Framework)
	if it.Skill == "" && it.Domain == "" {
		it.Skill = o.Skill
	}
	it.Domain = cmp.Or(it.Domain, it.Skill.Domain())
	it = Canonical(it)
	identify(&it)
	return it
}

// identify gives ids to an item and its passages where they have none.
func identify(it *sat.Item) {
	for i, p := range it.Passages {
		if p.ID == "" {
			it.Passages[i].ID = passageID(p.Lines)
			for j, m := range it.Marks {
				if m.In == sat.InPassage && m.PassageID == "" {
					it.Marks[j].PassageID = it.Passages[i].ID
				}
			}
		}
	}
	if it.ID == "" {
		it.ID = derivedID(*it)
	}
}

// note adds a finding about an item, or about the file when n is 0.
func (r *reader) note(n int, at Place, field string, code Code, s Severity, format string, args ...any) {
	r.add(Finding{N: n, Place: at, Field: field, Code: code, Severity: s, Message: fmt.Sprintf(format, args...)})
}

// reject adds the reason for which an item could not even be made out.
func (r *reader) reject(n int, at Place, field string, code Code, format string, args ...any) {
	r.note(n, at, field, code, SeverityError, format, args...)
}

// broken says why the file was not read further.
func (r *reader) broken(at Place, code Code, format string, args ...any) {
	r.Broken = true
	r.note(0, at, "", code, SeverityError, format, args...)
}

func (r *reader) add(f Finding) {
	if len(r.Findings) >= maxFindings && (f.N > 0 || f.Severity != SeverityError) {
		r.Omitted++
		return
	}
	r.Findings = append(r.Findings, f)
}

// judge lints what was read and rejects the items with errors.
func (r *reader) judge() {
	bad := map[int]bool{}
	for _, f := range r.Findings {
		if f.Severity == SeverityError && f.N > 0 {
			bad[f.N] = true
		}
	}
	items := make([]sat.Item, len(r.Entries))
	for i, e := range r.Entries {
		items[i] = e.Item
	}
	verdicts, set := lintAll(items, r.opts.Rules)
	r.sameIDs(verdicts)
	for i := range r.Entries {
		e := &r.Entries[i]
		for _, f := range verdicts[i] {
			f.N, f.ID, f.Place, f.Cell = e.N, e.Item.ID, e.Place, cmp.Or(f.Cell, e.Cell)
			if find := r.spots[e.N]; find != nil {
				if at := find(f.Field); at != (spot{}) {
					f.Place, f.Cell = at.Place, at.Cell
				}
			}
			bad[e.N] = bad[e.N] || f.Severity == SeverityError
			r.add(f)
		}
		e.Rejected = bad[e.N]
		delete(r.spots, e.N)
	}
	for _, f := range set {
		r.add(f)
	}
	for i, f := range r.Findings {
		if j, ok := slices.BinarySearchFunc(r.Entries, f.N, func(e Entry, n int) int { return cmp.Compare(e.N, n) }); ok {
			r.Findings[i].ID = r.Entries[j].Item.ID
		}
	}
	sortFindings(r.Findings)
}

// sameIDs finds ids that stand for two things in one file: the later one is at fault.
func (r *reader) sameIDs(verdicts [][]Finding) {
	items, passages := map[string]int{}, map[string]string{}
	for i, e := range r.Entries {
		if first, taken := items[e.Item.ID]; taken {
			verdicts[i] = append(verdicts[i], Finding{Field: "id", Code: CodeDuplicateID, Severity: SeverityError,
				Message: fmt.Sprintf("is the id of question %d of this file too; give each question its own", first)})
			continue
		}
		items[e.Item.ID] = e.N
		for j, p := range e.Item.Passages {
			content := digest(marshal(p)) // marks are each question's own
			if before, taken := passages[p.ID]; taken && before != content {
				verdicts[i] = append(verdicts[i], Finding{Field: fmt.Sprintf("passages[%d].id", j), Code: CodeDuplicateID,
					Severity: SeverityError, Message: "is the id of another passage with other content in this file; " +
						"questions share a passage only if it is the same throughout"})
			} else {
				passages[p.ID] = content
			}
		}
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// hiddenInItem counts the characters of an item that a reader cannot see.
func hiddenInItem(it sat.Item) int {
	n := 0
	for _, t := range texts(it) {
		n += hiddenIn(t.text)
	}
	return n
}

// Guess decides the format of a file by its content.
func Guess(data []byte) Format {
	head := strings.TrimLeft(string(bytes.TrimPrefix(data[:min(len(data), 64<<10)], []byte("\xef\xbb\xbf"))), " \t\r\n")
	switch {
	case strings.HasPrefix(head, "PK\x03\x04"):
		if bytes.Contains(data, []byte("imsmanifest.xml")) || !bytes.Contains(data, []byte("xl/workbook")) {
			return QTI
		}
		return XLSX
	case strings.HasPrefix(head, "{"):
		line, _, _ := strings.Cut(head, "\n")
		if strings.Contains(line, `"text"`) && !strings.Contains(line, `"passages"`) {
			return BlocksJSONL
		}
		return JSONL
	case strings.HasPrefix(head, "<"):
		if strings.Contains(head, "<qti-") {
			return QTI
		}
		return Moodle
	case strings.HasPrefix(head, blockHeader):
		return Blocks
	case isTable(head):
		return CSV
	case aikenAnswer.MatchString(head) && !strings.Contains(head, "::"):
		return Aiken
	}
	return GIFT
}
