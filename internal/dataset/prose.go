package dataset

import (
	"regexp"
	"strings"

	"sattutor/internal/plaintext"
)

// Bounds of a passage that is cut from a book, in characters: from a short paragraph to the length of an exam passage.
const (
	shortestWindow = 500
	longestWindow  = 4500
)

var (
	bookStart   = regexp.MustCompile(`(?m)^\s*\*\*\* ?START OF TH.*$`)
	bookEnd     = regexp.MustCompile(`(?m)^\s*\*\*\* ?END OF TH.*$`)
	blankLine   = regexp.MustCompile(`\n[ \t]*\n`)
	sentenceEnd = regexp.MustCompile(`[.!?]["”’)]*(?: |$)`)
	abbreviated = regexp.MustCompile(`(?:^|[ (“"])(?:Mr|Mrs|Ms|Dr|St|Messrs|Capt|Col|Gen|Rev|Hon|No|vol|pp?|etc|viz|[A-Z])\.$`)
	startsWell  = regexp.MustCompile(`^[“"‘(]?[A-Z]`)
)

// paragraphs gives the running text of a book without what surrounds it: each paragraph on one line. In a file without
// blank lines every line is a paragraph.
func paragraphs(book string) []string {
	book = plaintext.Clean(book)
	if at := bookStart.FindStringIndex(book); at != nil {
		book = book[at[1]:]
	}
	if at := bookEnd.FindStringIndex(book); at != nil {
		book = book[:at[0]]
	}
	parts := strings.Split(book, "\n")
	if blankLine.MatchString(book) {
		parts = blankLine.Split(book, -1)
	}
	var out []string
	for _, p := range parts {
		p = strings.Join(strings.Fields(strings.ReplaceAll(p, "_", "")), " ")
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// sentences splits a paragraph. An abbreviation or an initial does not end a sentence.
func sentences(paragraph string) []string {
	var out []string
	start := 0
	for _, at := range sentenceEnd.FindAllStringIndex(paragraph, -1) {
		end := at[1]
		body := strings.TrimSpace(paragraph[start:end])
		rest := strings.TrimSpace(paragraph[end:])
		if abbreviated.MatchString(body) || rest != "" && !startsWell.MatchString(rest) {
			continue
		}
		out = append(out, body)
		start = end
	}
	if body := strings.TrimSpace(paragraph[start:]); body != "" {
		out = append(out, body)
	}
	return out
}

// running tells a paragraph of prose from a heading, a list, a caption or verse.
func running(sentences []string) bool {
	if len(sentences) == 0 {
		return false
	}
	chars := 0
	for _, s := range sentences {
		chars += len(s)
	}
	return chars >= 80 && sentenceEnd.MatchString(sentences[len(sentences)-1])
}

// window is a stretch of a book: the passage, the sentence before it and the two after it.
type window struct {
	first   string   // the sentence that opens the stretch and is left out of the passage
	passage string   // paragraphs joined by line feeds
	inside  []string // the sentences of the passage
	next    string
	after   string
}

// windows cuts a book into stretches that do not overlap. The sizes go round, so that every length occurs.
func windows(paragraphs []string, size func() int) []window {
	var out []window
	var text strings.Builder
	var w window
	wanted := size()
	reset := func() {
		text.Reset()
		w = window{}
		wanted = size()
	}
	for _, p := range paragraphs {
		parts := sentences(p)
		if !running(parts) {
			reset()
			continue
		}
		for i, s := range parts {
			switch {
			case w.first == "":
				w.first = s
				continue
			case text.Len() >= wanted && w.next == "":
				w.next = s
				continue
			case w.next != "":
				w.after, w.passage = s, text.String()
				out = append(out, w)
				reset()
				continue
			}
			if text.Len() > 0 {
				text.WriteString(map[bool]string{true: "\n", false: " "}[i == 0])
			}
			text.WriteString(s)
			w.inside = append(w.inside, s)
			if text.Len() > longestWindow {
				reset()
			}
		}
	}
	return out
}
