package eval

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"

	"sattutor/internal/plaintext"
)

// csv prints the records of all runs, one a line. A cell that a spreadsheet would take for a formula is guarded.
func (r Report) csv() ([]byte, error) {
	header := []string{"model", "mode", "method", "template", "pool", "data_sha256", "contamination", "id", "repeat", "source_row", "passage_id", "skill",
		"requires", "key", "letter", "outcome", "confidence", "margin", "letter_mass", "clipped", "p_a", "p_b", "p_c", "p_d", "p_e", "latency_ms",
		"engine_ms", "tokens_prompt", "tokens_cached", "tokens_completion", "attempt", "prompt_hash", "error"}
	if r.Texts != nil {
		header = append(header, "raw", "question", "notice")
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	if err := w.Write(header); err != nil {
		return nil, err
	}
	for _, run := range r.Runs {
		for _, rec := range run.Records {
			row := r.row(run.Header, rec)
			for i := range row {
				row[i] = plaintext.Guarded(row[i])
			}
			if err := w.Write(row); err != nil {
				return nil, err
			}
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

func (r Report) row(h Header, rec Record) []string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	row := []string{h.Model.Name, string(h.Asked.Mode), string(rec.Method), h.Asked.Template, h.Data.Pool, h.Data.SHA256, h.Contamination.Verdict, rec.ID,
		strconv.Itoa(rec.Repeat), strconv.Itoa(rec.SourceRow), rec.PassageID, rec.Skill, strings.Join(rec.Requires, "|"), rec.Key, rec.Letter,
		string(rec.Outcome), number(rec.Confidence), number(rec.Margin), number(rec.LetterMass), strconv.FormatBool(rec.Clipped)}
	for _, letter := range []string{"A", "B", "C", "D", "E"} {
		p := ""
		if x, ok := rec.Scores[letter]; ok {
			p = number(x)
		}
		row = append(row, p)
	}
	row = append(row, number(rec.LatencyMS), number(rec.EngineMS), strconv.Itoa(rec.Tokens.Prompt), strconv.Itoa(rec.Tokens.Cached),
		strconv.Itoa(rec.Tokens.Completion), strconv.Itoa(rec.Attempt), rec.PromptHash, rec.Error)
	if it, ok := r.item(rec.ID); ok {
		row = append(row, rec.Raw, it.Question, thirdParty)
	}
	return row
}
