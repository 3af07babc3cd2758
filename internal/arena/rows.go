package arena

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sattutor/internal/plaintext"
)

// WriteJSONL writes votes, one JSON object a line.
func WriteJSONL(w io.Writer, votes []Vote) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, v := range votes {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

// maxRow bounds one line of JSONL, in bytes.
const maxRow = 1 << 20

// ReadJSONL reads what WriteJSONL wrote. The error names the line and what is wrong with it.
func ReadJSONL(r io.Reader) ([]Vote, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxRow)
	var votes []Vote
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		var v Vote
		if err := json.Unmarshal(text, &v); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		switch {
		case v.ModelA == "" || v.ModelB == "":
			return nil, fmt.Errorf("line %d: model_a and model_b are needed", n)
		case !v.Winner.Valid():
			return nil, fmt.Errorf("line %d: winner must be a, b, tie or both_bad", n)
		}
		votes = append(votes, v)
	}
	return votes, lines.Err()
}

// columns are the columns of the CSV in order.
var columns = []string{"feedback_id", "source", "created_at", "evaluator", "chat_id", "user_message_id", "question_id", "question",
	"passage_id", "key", "model_a", "model_b", "letter_a", "letter_b", "side", "winner", "first_winner", "reasons", "score",
	"comment", "latency_ms_a", "latency_ms_b", "correct_a", "correct_b"}

// WriteCSV writes votes for a spreadsheet. A cell that it would take for a formula is guarded by a quotation mark.
// Texts are not in it: they are in the JSONL.
func WriteCSV(w io.Writer, votes []Vote) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(columns); err != nil {
		return err
	}
	for _, v := range votes {
		row := v.row()
		for i := range row {
			row[i] = plaintext.Guarded(row[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func (v Vote) row() []string {
	return []string{v.ID, v.Source, v.At.UTC().Format(time.RFC3339), v.Evaluator, v.ChatID, v.UserMessageID, v.QuestionID, v.Question,
		v.PassageID, v.Key, v.ModelA, v.ModelB, v.LetterA, v.LetterB, string(v.Side), string(v.Winner), string(v.First),
		strings.Join(v.Reasons, "|"), number(float64(v.Score)), v.Comment, number(v.LatencyA), number(v.LatencyB),
		truth(v.CorrectA), truth(v.CorrectB)}
}

// number leaves a cell empty where nothing was measured.
func number(x float64) string {
	if x == 0 {
		return ""
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

func truth(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}
