package questionbank

import (
	"fmt"
	"regexp"
	"strings"

	"sattutor/internal/sat"
)

// giftSigns are the characters that GIFT gives a meaning.
var giftEscaper = strings.NewReplacer(`\`, `\\`, "~", `\~`, "=", `\=`, "#", `\#`, "{", `\{`, "}", `\}`, ":", `\:`)

// giftAnswer gives a text that stands behind = or ~, where a first % would be a weight and a first [ a format.
func giftAnswer(s string) string {
	s = escape(s)
	switch {
	case strings.HasPrefix(s, "%"):
		s = "&#37;" + s[1:]
	case strings.HasPrefix(s, "["):
		s = "&#91;" + s[1:]
	}
	return giftEscaper.Replace(s)
}

// giftComment says whether a text can stand in a comment's brackets.
func giftComment(s string) bool { return !strings.ContainsAny(s, "]<>`") }

func keepGIFT(it sat.Item) sat.Item {
	it.Explanation.Quotes = nil
	if !giftComment(it.Licence) {
		it.Licence = ""
	}
	return it
}

func writeGIFT(w *writer) error {
	for i, it := range w.items {
		if i > 0 {
			w.WriteByte('\n')
		}
		fmt.Fprintf(w, "// [id:%s]", it.ID)
		for _, tag := range tagsOf(it) {
			if giftComment(tag) {
				fmt.Fprintf(w, " [tag:%s]", tag)
			}
		}
		if it.Source != "" {
			w.WriteString("\n// source: " + it.Source)
		}
		fmt.Fprintf(w, "\n::%s::[html]%s{\n", it.ID, giftEscaper.Replace(stemHTML(it)))
		for _, c := range it.Choices {
			sign := "~"
			if c.ID == it.Answer {
				sign = "="
			}
			w.WriteString("\t" + sign + giftAnswer(c.Text))
			if c.Why != "" {
				w.WriteString("#" + giftAnswer(c.Why))
			}
			w.WriteByte('\n')
		}
		if it.Explanation.Text != "" {
			w.WriteString("\t####" + giftEscaper.Replace(proseHTML(it.Explanation.Text)) + "\n")
		}
		w.WriteString("}\n")
		w.step(i + 1)
	}
	return nil
}

// giftBlock is what stands between two blank lines.
type giftBlock struct {
	line     int // of its first character that is no comment
	comments []string
	lines    []string
}

// maxBlock bounds the text of one question.
const maxBlock = 1 << 20

func readGIFT(r *reader) {
	g := giftReader{reader: r}
	var b giftBlock
	size, number := 0, 0
	for line := range strings.SplitSeq(string(r.data), "\n") {
		number++
		switch {
		case strings.TrimSpace(line) == "":
			g.block(b)
			b, size = giftBlock{}, 0
		case strings.HasPrefix(line, "//"):
			if len(b.comments) < 16 {
				b.comments = append(b.comments, strings.TrimSpace(line[2:]))
			}
		case strings.HasPrefix(line, "$CATEGORY:"):
			r.note(0, placed(number, 1), "", CodeLoss, SeverityLoss, "the category “%s” is left out", shortened(line[10:]))
		case size+len(line) > maxBlock:
			r.broken(placed(number, 1), CodeLimit, "a question of more than 1 MiB; is a blank line between the questions missing?")
			return
		default:
			if b.lines == nil {
				b.line = number
			}
			b.lines, size = append(b.lines, line), size+len(line)+1
		}
		if r.Broken {
			return
		}
	}
	g.block(b)
}

// giftReader reads blocks; a description is kept for the questions behind it.
type giftReader struct {
	*reader
	before *document
}

var (
	giftMeta   = regexp.MustCompile(`\[(id|tag):([^\]]*)\]`)
	giftFormat = regexp.MustCompile(`^\s*\[(html|moodle|plain|markdown)\]`)
	giftWeight = regexp.MustCompile(`^%(-?[0-9.]+)%`)
	giftTruth  = regexp.MustCompile(`(?i)^(?:t|f|true|false)\s*(?:$|\x00#)`)
)

func (g *giftReader) block(b giftBlock) {
	if b.lines == nil {
		return
	}
	// Signs with a meaning are set behind a zero byte, which no text holds, so that the others are plain.
	signed := giftSigned(strings.Join(b.lines, "\n"))
	name := ""
	if rest, found := strings.CutPrefix(signed, "\x00:\x00:"); found {
		if before, after, found := strings.Cut(rest, "\x00:\x00:"); found {
			name, signed = before, after
		}
	}
	format, signed := giftFormatOf(signed, "moodle")
	stem, rest, found := strings.Cut(signed, "\x00{")
	if !found {
		d := giftText(giftPlain(stem), format)
		g.before = &d
		return
	}
	n := g.next()
	if n == 0 {
		return
	}
	body, after, found := strings.Cut(rest, "\x00}")
	if !found {
		g.reject(n, placed(b.line, 1), "", CodeSyntax, "the answers of question “%s” begin with { but no } ends them", shortened(giftPlain(name)))
		return
	}
	if strings.TrimSpace(after) != "" { // a gap in the middle of a sentence
		stem = strings.TrimRight(stem, " ") + " _____ " + strings.TrimLeft(after, " ")
	}
	d := giftText(giftPlain(stem), format)
	it := d.item(g.before)
	g.dropped(n, placed(b.line, 1), "question", d)
	if !g.answers(n, b.line, strings.TrimSpace(body), format, &it) {
		return
	}
	g.comments(b, &it)
	g.entry(n, placed(b.line, 1), it)
}

func (g *giftReader) comments(b giftBlock, it *sat.Item) {
	for _, c := range b.comments {
		if source, found := strings.CutPrefix(c, "source:"); found {
			it.Source = strings.TrimSpace(source)
			continue
		}
		for _, m := range giftMeta.FindAllStringSubmatch(c, -1) {
			if m[1] == "id" {
				it.ID = readID(m[2])
			} else {
				readTag(it, m[2])
			}
		}
	}
}

// answers reads what stands between the braces.
func (g *giftReader) answers(n, line int, body, format string, it *sat.Item) bool {
	refuse := func(kind string) bool {
		g.reject(n, placed(line, 1), "choices", CodeUnsupported, "is %s; only questions with one right choice are taken", kind)
		return false
	}
	body, feedback, _ := strings.Cut(body, "\x00#\x00#\x00#\x00#")
	switch {
	case strings.TrimSpace(body) == "":
		return refuse("an essay question")
	case strings.HasPrefix(body, "\x00#"):
		return refuse("a numerical question")
	case giftTruth.MatchString(body):
		return refuse("a true or false question")
	case !strings.Contains(body, "\x00~") && strings.Contains(body, "->"):
		return refuse("a matching question")
	case !strings.Contains(body, "\x00~"):
		return refuse("a short-answer question")
	}
	d := giftText(giftPlain(strings.TrimSpace(feedback)), format)
	it.Explanation.Text = d.plain()
	parts := giftParts(body)
	if len(parts) > 26 {
		g.reject(n, placed(line, 1), "choices", L01, "has %d entries; give %d to %d", len(parts), sat.MinChoices, sat.MaxChoices)
		return false
	}
	for i, part := range parts {
		right, text := part[0] == '=', strings.TrimSpace(part[1:])
		if m := giftWeight.FindStringSubmatch(text); m != nil {
			text = text[len(m[0]):]
			if right = m[1] == "100"; !right && !strings.HasPrefix(m[1], "-") && strings.Trim(m[1], "0.") != "" {
				return refuse("a question with partly right choices")
			}
		}
		own, text := giftFormatOf(text, format)
		text, why, _ := strings.Cut(text, "\x00#")
		c := sat.Choice{ID: sat.Letter(i), Text: g.line(n, line, fmt.Sprintf("choices[%d].text", i), giftText(giftPlain(text), own)),
			Why: g.line(n, line, fmt.Sprintf("choices[%d].why", i), giftText(giftPlain(why), own))}
		if it.Choices = append(it.Choices, c); !right {
			continue
		}
		if it.Answer != "" {
			return refuse("a question with several right choices")
		}
		it.Answer = c.ID
	}
	return true
}

// giftParts splits a body at its = and ~, which stay at the beginning of each part.
func giftParts(body string) []string {
	var parts []string
	for i, part := range strings.Split(strings.ReplaceAll(body, "\x00=", "\x00~\x00="), "\x00~") {
		switch right, found := strings.CutPrefix(part, "\x00="); {
		case found:
			parts = append(parts, "="+right)
		case i > 0 && part != "" || strings.TrimSpace(part) != "":
			parts = append(parts, "~"+part)
		}
	}
	return parts
}

// line gives the text of a piece that has no room for marks.
func (g *giftReader) line(n, line int, field string, d document) string {
	g.dropped(n, placed(line, 1), field, d)
	if d.marked() {
		g.note(n, placed(line, 1), field, CodeLoss, SeverityLoss, "loses its italics, bold and the like; only passage and question keep them")
	}
	return d.plain()
}

// dropped reports the elements of a text that were left out.
func (r *reader) dropped(n int, at Place, field string, d document) {
	if len(d.dropped) > 0 {
		r.note(n, at, field, CodeLoss, SeverityLoss, "loses what the HTML elements %s hold or show", strings.Join(d.dropped, ", "))
	}
}

// giftSigned takes off the escapes and sets a zero byte before each sign that has its meaning.
func giftSigned(s string) string {
	var b strings.Builder
	escaped := false
	for _, r := range s {
		special := strings.ContainsRune(`~=#{}:`, r)
		switch {
		case r == 0:
		case escaped && r == 'n':
			b.WriteByte('\n')
		case escaped && !special && r != '\\':
			b.WriteString(`\` + string(r))
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && special:
			b.WriteString("\x00" + string(r))
		default:
			b.WriteRune(r)
		}
		escaped = false
	}
	return b.String()
}

// giftPlain gives a text in which signs are plain after all.
func giftPlain(s string) string { return strings.ReplaceAll(s, "\x00", "") }

func giftFormatOf(s, inherited string) (format, rest string) {
	if m := giftFormat.FindStringSubmatch(s); m != nil {
		return m[1], s[len(m[0]):]
	}
	return inherited, s
}

var anyTag = regexp.MustCompile(`(?i)<(?:p|br|div|b|i|em|strong|u|sub|sup|span|blockquote|img)\b`)

// giftText reads a text in one of Moodle's formats. A plain one has paragraphs between empty lines; without any, its
// last line is a paragraph by itself.
func giftText(s, format string) document {
	s = strings.TrimSpace(s)
	if format == "html" || format == "moodle" && anyTag.MatchString(s) {
		return parseHTML(s)
	}
	if !strings.Contains(s, "\n\n") {
		if at := strings.LastIndexByte(s, '\n'); at >= 0 {
			s = s[:at] + "\n" + s[at:]
		}
	}
	return parseHTML("<p>" + strings.ReplaceAll(strings.ReplaceAll(escape(s), "\n\n", "</p><p>"), "\n", "<br>") + "</p>")
}
