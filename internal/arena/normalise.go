package arena

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode"

	"sattutor/internal/sat"
)

// Reason says why a rating is no vote.
type Reason string

// Why a rating is left out.
const (
	NotBlind    Reason = "not asked in the blind arena: the models' names were shown"
	NoRating    Reason = "neither thumb up nor thumb down"
	NoPair      Reason = "no second answer to compare with"
	ManyAnswers Reason = "more than two answers"
	NoChat      Reason = "without its chat, so the pair cannot be told"
	LaterTurn   Reason = "a later turn: the models had read each other's answers"
	SelfPair    Reason = "a model against itself"
	SecondVote  Reason = "a second rating of a pair, after a name was shown"
)

// Reasons lists every reason, in the order in which they are looked for.
func Reasons() []Reason {
	return []Reason{NotBlind, NoRating, NoPair, ManyAnswers, NoChat, LaterTurn, SelfPair, SecondVote}
}

// Normaliser turns Open WebUI's ratings into votes. Pseudonym must not be nil.
type Normaliser struct {
	Arena     string                                                // the arena model's id
	Pseudonym func(id string) string                                // names an evaluator
	Parse     func(text string) (sat.Question, error)               // reads a question out of a message; nil for none
	Find      func(q sat.Question) (passageID, key string, ok bool) // finds a question in the bank; nil for none
	Texts     bool                                                  // keep what was asked and answered
}

// Votes gives one vote for each blind pair of two different models, oldest first, and counts what was left out.
//
// The first rating of a pair decides: with it Open WebUI shows a name. A second rating by the same person, of the other
// answer and the same way, makes it a tie or two bad answers, for there is no other way to say that; Vote.First keeps
// what the first said.
func (n Normaliser) Votes(feedback []Feedback) (votes []Vote, left map[Reason]int) {
	left = map[Reason]int{}
	sorted := slices.SortedStableFunc(slices.Values(feedback), func(a, b Feedback) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	seen := map[string]int{} // position of the vote by person and pair
	for _, f := range sorted {
		v, why := n.vote(f)
		if why != "" {
			left[why]++
			continue
		}
		id := strings.Join([]string{f.UserID, v.ChatID, v.UserMessageID}, "\x00")
		at, again := seen[id]
		if !again {
			seen[id] = len(votes)
			votes = append(votes, v)
			continue
		}
		left[SecondVote]++
		votes[at].second(v)
	}
	return votes, left
}

// vote reads one rating.
func (n Normaliser) vote(f Feedback) (Vote, Reason) {
	switch {
	case f.Asked != n.Arena:
		return Vote{}, NotBlind
	case f.Rating == 0:
		return Vote{}, NoRating
	case len(f.Siblings) == 0:
		return Vote{}, NoPair
	case len(f.Siblings) > 1:
		return Vote{}, ManyAnswers
	}
	question, answers, ok := f.pair()
	switch {
	case !ok || len(answers) < 2:
		return Vote{}, NoChat
	case len(answers) > 2:
		return Vote{}, ManyAnswers
	case question.Parent != "":
		return Vote{}, LaterTurn
	case f.Model == f.Siblings[0]:
		return Vote{}, SelfPair
	}
	left, right := answers[0], answers[1]
	v := Vote{
		ID: f.ID, Source: FromOpenWebUI, At: time.Unix(f.CreatedAt, 0).UTC(), Evaluator: n.Pseudonym(f.UserID),
		ChatID: f.ChatID, UserMessageID: question.ID, QuestionID: QuestionID(question.Content),
		ModelA: f.Model, ModelB: f.Siblings[0], Side: A,
		LetterA: letterOf(left.Content), LetterB: letterOf(right.Content),
		Score: f.Score, Comment: f.Comment, LatencyA: left.LatencyMS, LatencyB: right.LatencyMS,
	}
	if right.ID == f.MessageID {
		v.Side, v.ModelA, v.ModelB = B, v.ModelB, v.ModelA
	}
	v.Winner = v.Side
	if f.Rating < 0 {
		v.Winner = v.Side.other()
	}
	if f.Reason != "" {
		v.Reasons = []string{f.Reason}
	}
	if n.Texts {
		v.Texts = &Texts{Question: question.Content, AnswerA: left.Content, AnswerB: right.Content}
	}
	n.join(&v, question.Content)
	return v, ""
}

// other gives the other side of A or B.
func (w Winner) other() Winner {
	if w == A {
		return B
	}
	return A
}

// join adds what the question's text and the bank tell.
func (n Normaliser) join(v *Vote, text string) {
	if n.Parse == nil {
		return
	}
	q, err := n.Parse(text)
	if err != nil {
		return // an ordinary chat
	}
	v.QuestionID, v.Question = IDOf(q), q.Stem
	if n.Find == nil {
		return
	}
	if passage, key, ok := n.Find(q); ok {
		v.PassageID, v.Key = passage, key
		v.mark()
	}
}

// second takes in a later rating of the same pair by the same person.
func (v *Vote) second(later Vote) {
	if later.Side == v.Side || later.Winner == v.Winner || v.First != "" {
		return // the same answer again, or the same preference said twice
	}
	v.First = v.Winner
	v.Winner = BothBad
	if v.First == v.Side { // the first thumb was up, and so is this one
		v.Winner = Tie
	}
}

// IDOf names a question by its words.
func IDOf(q sat.Question) string {
	return QuestionID(strings.Join(append([]string{q.Passage, q.Stem}, q.Choices...), "\n"))
}

// QuestionID names a text by its letters and digits alone, so that altered line breaks make no new question of it.
func QuestionID(text string) string {
	bare := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
	sum := sha256.Sum256([]byte(bare))
	return "q-" + hex.EncodeToString(sum[:6])
}
