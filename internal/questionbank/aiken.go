package questionbank

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"sattutor/internal/sat"
)

var (
	aikenChoice = regexp.MustCompile(`^([A-Z])[).]\s*(.*)$`)
	aikenAnswer = regexp.MustCompile(`(?m)^ANSWER:\s*([A-Z])\s*$`)
	aikenTaken  = regexp.MustCompile(`^(?:[A-Z][).]|ANSWER:)`) // what a question must not begin with
)

const (
	aikenBetween = " / "       // passages and question
	aikenGuard   = "Passage: " // before a text that would be read as something else
)

func keepAiken(it sat.Item) sat.Item {
	text, _ := aikenParts(it)
	kept := sat.Item{Passages: []sat.Passage{{Lines: broken(text, sat.MaxLine)}}, Question: it.Question, Answer: it.Answer,
		Requires: []sat.Requirement{}}
	for _, c := range it.Choices {
		kept.Choices = append(kept.Choices, sat.Choice{ID: c.ID, Text: c.Text})
	}
	return kept
}

// aikenParts gives the passages as one line, and the question.
func aikenParts(it sat.Item) (passages, question string) {
	parts := make([]string, len(it.Passages))
	for i, p := range it.Passages {
		parts[i] = paragraph(p.Text())
	}
	return strings.Join(parts, aikenBetween), it.Question
}

func writeAiken(w *writer) error {
	for i, it := range w.items {
		passages, question := aikenParts(it)
		var b strings.Builder
		if aikenTaken.MatchString(passages) || strings.HasPrefix(passages, aikenGuard) {
			b.WriteString(aikenGuard)
		}
		b.WriteString(passages + aikenBetween + question + "\n")
		for _, c := range it.Choices {
			b.WriteString(c.ID + ") " + c.Text + "\n")
		}
		b.WriteString("ANSWER: " + it.Answer + "\n")
		if !w.readsBack(it, b.String(), Aiken) {
			w.leaveOut(i, "Aiken", "a question with “ / ” in it")
			continue
		}
		if w.Len() > 0 {
			w.WriteByte('\n')
		}
		w.WriteString(b.String())
		w.step(i + 1)
	}
	return nil
}

// aikenQuestion is what stands up to an ANSWER line.
type aikenQuestion struct {
	line    int
	stem    []string
	choices []string
}

func readAiken(r *reader) {
	var q aikenQuestion
	number, size := 0, 0
	for line := range strings.SplitSeq(string(r.data), "\n") {
		number++
		line = strings.TrimSpace(line)
		if utf8.RuneCountInString(line) < 2 {
			continue
		}
		if q.line == 0 {
			q.line, size = number, 0
		}
		if size += len(line); size > maxBlock {
			r.broken(placed(number, 1), CodeLimit, "a question of more than 1 MiB; is an ANSWER line missing?")
			return
		}
		choice := aikenChoice.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "ANSWER:"):
			r.aikenItem(q, line, number)
			q = aikenQuestion{}
		case choice != nil && len(q.stem) > 0 && choice[1] == string(rune('A'+len(q.choices))):
			q.choices = append(q.choices, choice[2])
		case len(q.choices) > 0:
			r.aikenBroken(q, number, "the question goes on behind its choices; each choice is one line, and an ANSWER line comes last")
			q = aikenQuestion{line: number, stem: []string{line}}
			size = len(line)
		default:
			q.stem = append(q.stem, line)
		}
		if r.Broken {
			return
		}
	}
	if q.line > 0 {
		r.aikenBroken(q, q.line, "the file ends before the ANSWER line of this question")
	}
}

func (r *reader) aikenBroken(q aikenQuestion, line int, why string) {
	if n := r.next(); n > 0 {
		r.reject(n, placed(line, 1), "", CodeSyntax, "%s", why)
	}
}

func (r *reader) aikenItem(q aikenQuestion, answer string, number int) {
	n := r.next()
	if n == 0 {
		return
	}
	m := aikenAnswer.FindStringSubmatch(answer)
	if m == nil {
		r.reject(n, placed(number, 1), "answer", CodeSyntax, "names no choice; write ANSWER: and one capital letter")
		return
	}
	stem := strings.Join(q.stem, " ")
	passage, question := "", stem
	if at := strings.LastIndex(stem, aikenBetween); at >= 0 {
		passage, question = stem[:at], stem[at+len(aikenBetween):]
	} else if last := len(q.stem) - 1; last > 0 {
		passage, question = strings.Join(q.stem[:last], " "), q.stem[last]
	}
	if rest, found := strings.CutPrefix(passage, aikenGuard); found && (aikenTaken.MatchString(rest) || strings.HasPrefix(rest, aikenGuard)) {
		passage = rest
	}
	it := sat.Item{Passages: []sat.Passage{{Lines: broken(passage, sat.MaxLine)}}, Question: question, Answer: m[1]}
	for i, text := range q.choices {
		it.Choices = append(it.Choices, sat.Choice{ID: sat.Letter(i), Text: text})
	}
	r.entry(n, placed(q.line, 1), it)
	r.spots[n] = func(field string) spot {
		if field == "answer" {
			return spot{Place: placed(number, 1)}
		}
		return spot{}
	}
}
