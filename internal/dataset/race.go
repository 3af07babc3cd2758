package dataset

import (
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

// article is one file of RACE's own folders: train/high/123.txt.
type article struct {
	ID        string     `json:"id"`
	Article   string     `json:"article"`
	Questions []string   `json:"questions"`
	Options   [][]string `json:"options"`
	Answers   []string   `json:"answers"`
}

// readArticle reads one file of RACE's folders; its place below the folder is its name.
func readArticle(file, folder string) ([]eval.Item, string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, "", fail(eval.ExitNoFile, "%s cannot be read: %v", file, err)
	}
	var a article
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, "", fail(eval.ExitData, "%s: is no JSON object of RACE", file)
	}
	if len(a.Questions) == 0 || len(a.Options) != len(a.Questions) || len(a.Answers) != len(a.Questions) {
		return nil, "", fail(eval.ExitData, "%s: questions, options and answers must be of one length, at least 1", file)
	}
	name, err := filepath.Rel(folder, file)
	if err != nil || name == "." {
		name = filepath.Base(file)
	}
	id := "race-" + strings.ReplaceAll(strings.TrimSuffix(filepath.ToSlash(name), ".txt"), "/", "-")
	items := make([]eval.Item, 0, len(a.Questions))
	for i, stem := range a.Questions {
		key, ok := sat.LetterIndex(a.Answers[i])
		if !ok || key >= len(a.Options[i]) || len(a.Options[i]) > sat.MaxChoices {
			return nil, "", fail(eval.ExitData, "%s: answers[%d] names none of its options", file, i)
		}
		item := eval.Item{Schema: eval.ItemSchema, ID: fmt.Sprintf("%s-%d", id, i+1), Source: "race", SourceRow: i,
			SourceSHA256: digest(raw), PassageID: eval.PassageID(a.Article), Passage: a.Article, Question: stem,
			Answer: a.Answers[i], Licence: raceLicence}
		for j, text := range a.Options[i] {
			item.Choices = append(item.Choices, eval.Choice{Label: sat.Letter(j), Text: text})
		}
		items = append(items, item)
	}
	return items, digest(raw), nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
