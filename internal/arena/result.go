package arena

import (
	"context"
	"io"
	"time"

	"sattutor/internal/sat"
)

// Votes gives the votes of somebody in the form of every export, of everybody with "". Texts are what was asked and
// answered, where they are wanted.
func (d *Desk) Votes(ctx context.Context, userID string, texts bool) ([]Vote, error) {
	voted, err := d.opts.Pairs.Votes(ctx, userID, time.Time{})
	if err != nil {
		return nil, err
	}
	votes := make([]Vote, len(voted))
	for i, p := range voted {
		doc, err := read(p)
		if err != nil {
			return nil, err
		}
		votes[i] = d.row(p, doc, texts)
	}
	return votes, nil
}

func (d *Desk) row(p sat.Pair, doc showing, texts bool) Vote {
	first, second := doc.Answers[0], doc.Answers[1]
	v := Vote{
		ID: p.ID, Source: FromPage, At: p.VotedAt.UTC(), Evaluator: Pseudonym(d.opts.Key, p.UserID),
		QuestionID: IDOf(doc.Question), Question: doc.Question.Stem, PassageID: doc.PassageID, Key: doc.Key,
		ModelA: first.Model, ModelB: second.Model, LetterA: first.Letter, LetterB: second.Letter, Winner: Winner(p.Winner),
		Reasons: doc.Reasons, Comment: doc.Comment,
		LatencyA: float64(first.Total.Microseconds()) / 1000, LatencyB: float64(second.Total.Microseconds()) / 1000,
	}
	v.mark()
	if texts {
		text := "Passage: " + doc.Question.Passage + "\n\nQuestion: " + doc.Question.Stem + "\n"
		for i := range doc.Question.Choices {
			text += "\n" + doc.Question.Labelled(i)
		}
		v.Texts = &Texts{Question: text, AnswerA: "Answer: " + first.Choice(), AnswerB: "Answer: " + second.Choice()}
	}
	return v
}

// Export writes the votes of somebody as JSONL, or as CSV.
func (d *Desk) Export(ctx context.Context, w io.Writer, userID string, csv, texts bool) error {
	votes, err := d.Votes(ctx, userID, texts)
	if err != nil {
		return err
	}
	if csv {
		return WriteCSV(w, votes)
	}
	return WriteJSONL(w, votes)
}

// Standing tells how somebody's votes fall, once there are enough that it does not steer the next ones.
func (d *Desk) Standing(ctx context.Context, userID string) (sat.Standing, error) {
	votes, err := d.Votes(ctx, userID, false)
	if err != nil {
		return sat.Standing{}, err
	}
	s := sat.Standing{Votes: len(votes)}
	if len(votes) < sat.ArenaPatience {
		return s, nil
	}
	for _, r := range Summarise(votes) {
		s.Comparisons = append(s.Comparisons, sat.Comparison{Model: r.Model, Against: r.Against, Won: r.Won, Lost: r.Lost, Ties: r.Ties,
			BothBad: r.BothBad, P: r.SignTest.Exact, WinRate: r.WinRate.estimate(), PreferredWrong: r.PreferredWrong.estimate()})
	}
	return s, nil
}

func (s Share) estimate() sat.Estimate { return sat.Estimate{K: s.K, N: s.N, Low: s.Low, High: s.High} }
