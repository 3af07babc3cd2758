package prompt

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"sattutor/internal/plaintext"
	"sattutor/internal/sat"
)

// Outcome is what reading a generated text came to.
type Outcome string

// The outcomes.
const (
	OK        Outcome = "ok"        // exactly one choice
	Ambiguous Outcome = "ambiguous" // two different ones
	None      Outcome = "none"      // no choice at all
)

// ParseAnswer finds the choice that a model's text names. The strongest kind of evidence that the text holds decides: a
// statement ("The answer is B"), then a letter or a whole choice at the start of a line, then a choice's text somewhere
// in a sentence. Evidence of one kind for two choices is ambiguous. The position is -1 unless the outcome is OK.
func ParseAnswer(text string, choices []string) (position int, outcome Outcome) {
	lines := answerLines(text)
	folded := make([]string, len(choices))
	for i, c := range choices {
		folded[i] = foldAnswer(c)
	}
	for _, find := range []func([]string, []string) []int{stated, atLineStart, mentioned} {
		switch found := find(lines, folded); len(found) {
		case 0:
		case 1:
			return found[0], OK
		default:
			return -1, Ambiguous
		}
	}
	return -1, None
}

var (
	controlTokenText = regexp.MustCompile(`<[|｜][^\n|｜]{0,64}[|｜]>`)
	lineDecoration   = regexp.MustCompile("^(?:[>#*_`~•–—\\-]+\\s*|\\d{1,2}[.)]\\s+(?:[(\\[]?[A-E][)\\].:]))")
	roleEcho         = regexp.MustCompile(`(?i)^(?:assistant|tutor|ai|model)(?:\s*:\s*|$)`)
	answerMark       = regexp.MustCompile(`(?i)^(?:the\s+)?(?:final\s+|correct\s+|right\s+|best\s+|my\s+)*(?:answer|choice|option)\s*(?:is\s*)?[:=\-–]\s*`)
	answerStatement  = regexp.MustCompile(`(?i)\b(?:answer|choice|option)\s+(?:is|would be|should be|must be)\s*:?\s*(?:(?:choice|option|letter)\s+)?(.*)`)
	isAnswer         = regexp.MustCompile(`(?i)(?:^|[\s,;:])(?:choice|option|letter)?\s*[(\[]?([A-E])[)\]]?\s+is\s+(?:the\s+)?(?:correct|right|best)\b(?:\s+(?:answer|choice|option))?`)
	leadingLetter    = regexp.MustCompile(`^[(\[]?([A-Ea-e])(?:\s*[)\].:]|\s*[-–—]\s|\s*$)\s*(.*)$`)
)

// answerLines cleans a model's text and gives its lines without markup, echoes of the role and blank lines.
func answerLines(text string) []string {
	text = controlTokenText.ReplaceAllString(plaintext.Compatible(plaintext.Clean(text)), "\n")
	text = strings.NewReplacer("**", "", "__", "", "`", "", `\boxed{`, "", `\text{`, "", "}", "", "$", "").Replace(text)
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if found := lineDecoration.FindString(line); found != "" && !strings.ContainsAny(found, "ABCDE") {
			line = strings.TrimSpace(line[len(found):])
		}
		line = strings.TrimSpace(roleEcho.ReplaceAllString(line, ""))
		line = strings.Trim(line, "*_ ")
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// foldAnswer gives the form in which a choice and a model's copy of it count as equal.
func foldAnswer(s string) string {
	s = strings.NewReplacer("’", "'", "‘", "'", "“", `"`, "”", `"`, "—", "-", "–", "-").Replace(plaintext.Compatible(s))
	return sat.Fold(strings.Trim(strings.TrimSpace(s), `"'`))
}

// stated finds the choices that the text says are the answer.
func stated(lines, choices []string) []int {
	var found []int
	for i, line := range lines {
		rest := answerMark.ReplaceAllString(line, "")
		if rest == line {
			if m := answerStatement.FindStringSubmatch(line); m != nil {
				rest = m[1]
			}
		}
		if m := isAnswer.FindStringSubmatch(line); m != nil {
			found = addLetter(found, m[1], "", choices)
			continue
		}
		if rest == line {
			continue
		}
		if rest == "" && i+1 < len(lines) { // "Answer:" stands on a line of its own
			rest = lines[i+1]
		}
		found = named(found, rest, choices)
	}
	return found
}

// atLineStart finds the choices whose letter or whole text begins a line.
func atLineStart(lines, choices []string) []int {
	var found []int
	for _, line := range lines {
		found = named(found, line, choices)
	}
	return found
}

// named adds the choice that a line names by its letter, by its whole text, or by both.
func named(found []int, line string, choices []string) []int {
	if i := slices.Index(choices, foldAnswer(line)); i >= 0 {
		return add(found, i)
	}
	if m := leadingLetter.FindStringSubmatch(line); m != nil {
		lower := m[1] >= "a"
		if !lower || strings.HasPrefix(line, m[1]+")") || strings.HasPrefix(line, "("+m[1]+")") || len(line) == 1 {
			return addLetter(found, strings.ToUpper(m[1]), m[2], choices)
		}
	}
	return found
}

// addLetter adds the choice of a letter, and the one whose text follows it where that is another.
func addLetter(found []int, letter, text string, choices []string) []int {
	if i, ok := sat.LetterIndex(letter); ok && i < len(choices) {
		found = add(found, i)
	}
	if i := slices.Index(choices, foldAnswer(text)); i >= 0 {
		found = add(found, i)
	}
	return found
}

func add(found []int, i int) []int {
	if slices.Contains(found, i) {
		return found
	}
	return append(found, i)
}

// leastMention is the length, in bytes, from which a choice's text in the middle of a sentence says something.
const leastMention = 4

// mentioned finds the choices whose text stands in the output. Where one holds the other, the longer one counts.
func mentioned(lines, choices []string) []int {
	text := foldAnswer(strings.Join(lines, " "))
	var found []int
	for i, c := range choices {
		if len(c) >= leastMention && containsWords(text, c) {
			found = append(found, i)
		}
	}
	return slices.DeleteFunc(found, func(i int) bool {
		return slices.ContainsFunc(found, func(j int) bool {
			return i != j && len(choices[j]) > len(choices[i]) && containsWords(choices[j], choices[i])
		})
	})
}

// containsWords tells whether part stands in text as whole words.
func containsWords(text, part string) bool {
	for from := 0; ; {
		at := strings.Index(text[from:], part)
		if at < 0 {
			return false
		}
		at += from
		if !letterBefore(text[:at]) && !letterAfter(text[at+len(part):]) {
			return true
		}
		from = at + 1
	}
}

func letterBefore(s string) bool {
	r, ok := lastRune(s)
	return ok && wordRune(r)
}

func letterAfter(s string) bool {
	for _, r := range s {
		return wordRune(r)
	}
	return false
}

func lastRune(s string) (last rune, ok bool) {
	for _, r := range s[max(0, len(s)-4):] {
		last, ok = r, true
	}
	return last, ok
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
