package sat

// BlindPair is one question with the answers of two different models whose names are not told.
type BlindPair struct {
	ID         string
	Question   Question
	Choices    [2]string // the answers' letters, the first and the second
	PassedOver int       // questions of the bank that were not shown, for both models gave the same answer
	Reveal     *Reveal   // nil before the vote
}

// Ballot is what an evaluator says of a pair.
type Ballot struct {
	PairID  string
	Winner  string   // "a" for the first answer, "b" for the second, "tie", "both_bad"
	Reasons []string // of ArenaReasons
	Comment string
}

// Reveal is what an evaluator is told once he or she has voted.
type Reveal struct {
	Winner string
	Models [2]Model // whose answers they were
	Key    string   // letter of the right choice; "" where it is not known
}

// ArenaReasons are the reasons that a ballot may name.
//
// The better answer is supported by the passage; the worse one goes beyond it or misreads it; the evaluator is unsure.
func ArenaReasons() []string { return []string{"supported", "overreach", "misread", "unsure"} }

// Limits of the arena.
const (
	MaxComment    = 500 // characters of a ballot's comment
	ArenaPatience = 20  // votes before an evaluator sees how they fall, so that it does not steer
)

// Standing is how an evaluator's votes fall.
type Standing struct {
	Votes       int
	Comparisons []Comparison // nil before ArenaPatience votes
}

// Comparison is what votes say of two models; won and lost are the Model's.
type Comparison struct {
	Model, Against           string
	Won, Lost, Ties, BothBad int
	WinRate                  Estimate // of the decisive votes
	P                        float64  // of the exact sign test
	PreferredWrong           Estimate // of the decisive votes where one answer was right
}

// Estimate is k of n with its 95 % interval.
type Estimate struct {
	K, N      int
	Low, High float64
}
