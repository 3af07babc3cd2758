package dataset

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sattutor/internal/eval"
	"sattutor/internal/sat"
)

// article is one passage of RACE. Its own folders have a file for each, train/high/123.txt, with parallel lists; the
// form with one passage a line keeps each question together. Unlike the evaluator, which refuses a file with a broken
// item, training leaves single questions out: of 87,866 a few dozen have no key, or control characters.
type article struct {
	ID        string     `json:"id"`
	Article   string     `json:"article"`
	Questions []string   `json:"questions"`
	Options   [][]string `json:"options"`
	Answers   []string   `json:"answers"`
}

// row is one line of the form with one passage a line.
type row struct {
	ID        string `json:"id"`
	Passage   string `json:"passage"`
	Questions []struct {
		Question string   `json:"question"`
		Choices  []string `json:"choices"`
		Answer   string   `json:"answer"`
	} `json:"questions"`
}

// readRACE reads a file of either form; its place below the folder is the name of an article.
func readRACE(file, folder string) ([]eval.Item, string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, "", fail(eval.ExitNoFile, "%s cannot be read: %v", file, err)
	}
	if filepath.Ext(file) == ".txt" {
		var a article
		if err := json.Unmarshal(raw, &a); err != nil {
			return nil, "", fail(eval.ExitData, "%s: is no JSON object of RACE", file)
		}
		a.ID = articleName(file, folder)
		items, problem := a.items()
		if problem != "" {
			return nil, "", fail(eval.ExitData, "%s: %s", file, problem)
		}
		return items, digest(raw), nil
	}
	var items []eval.Item
	scanner := bufio.NewScanner(bytes.NewReader(raw))
	scanner.Buffer(nil, 1<<20)
	for line := 1; scanner.Scan(); line++ {
		if len(bytes.TrimSpace(scanner.Bytes())) == 0 {
			continue
		}
		found, problem := readRow(scanner.Bytes())
		if problem != "" {
			return nil, "", fail(eval.ExitData, "%s:%d: %s", filepath.Base(file), line, problem)
		}
		items = append(items, found...)
	}
	if err := scanner.Err(); err != nil {
		return nil, "", fail(eval.ExitData, "%s: %v; unpack it first where it is compressed", filepath.Base(file), err)
	}
	return items, digest(raw), nil
}

func readRow(line []byte) ([]eval.Item, string) {
	var r row
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, "is no JSON object of RACE; unpack the file first where it is compressed"
	}
	if r.ID == "" || r.Questions == nil {
		return nil, "id or questions is missing"
	}
	a := article{ID: r.ID, Article: r.Passage}
	for _, q := range r.Questions {
		a.Questions, a.Options, a.Answers = append(a.Questions, q.Question), append(a.Options, q.Choices), append(a.Answers, q.Answer)
	}
	return a.items()
}

func articleName(file, folder string) string {
	name, err := filepath.Rel(folder, file)
	if err != nil || name == "." {
		name = filepath.Base(file)
	}
	return "race-" + strings.ReplaceAll(strings.TrimSuffix(filepath.ToSlash(name), ".txt"), "/", "-")
}

// items gives the questions of an article, broken ones too: the build leaves those out by name.
func (a article) items() (items []eval.Item, problem string) {
	if len(a.Options) != len(a.Questions) || len(a.Answers) != len(a.Questions) {
		return nil, "questions, options and answers are not of one length"
	}
	for i, stem := range a.Questions {
		item := eval.Item{Schema: eval.ItemSchema, ID: fmt.Sprintf("%s-%d", a.ID, i+1), Source: "race", SourceRow: i,
			SourceSHA256: digest([]byte(a.Article)), Passage: a.Article, Question: stem, Answer: a.Answers[i], Licence: raceLicence}
		for j, text := range a.Options[i] {
			item.Choices = append(item.Choices, eval.Choice{Label: sat.Letter(j), Text: text})
		}
		items = append(items, item)
	}
	return items, ""
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
