package sat

import "time"

// SessionState is where a practice session stands.
type SessionState string

// The states of a session.
const (
	Created   SessionState = "created"   // chosen, not begun: the questions are not shown
	Running   SessionState = "running"   // the clock runs
	Paused    SessionState = "paused"    // the clock stands still and the questions are hidden
	OnBreak   SessionState = "break"     // between two modules
	Submitted SessionState = "submitted" // finished by the student
	Expired   SessionState = "expired"   // finished by the clock
	Abandoned SessionState = "abandoned" // left for so long that it will not be finished
)

// Over tells that a session takes no more answers.
func (s SessionState) Over() bool { return s == Submitted || s == Expired || s == Abandoned }

// Session is one practice session: items in a frozen order, under a clock or without one.
type Session struct {
	ID         string
	UserID     string
	Profile    string // of the timing: "digital-module", "skill"
	Mode       string // "practice" or "simulation"
	State      SessionState
	Rev        int // counts changes, from 1
	Multiplier float64
	Seed       uint64
	Limit      time.Duration // 0 for untimed
	Remaining  time.Duration // while paused
	Extra      time.Duration // by which the student moved the deadline
	EarlyEnd   bool          // it may be finished before its time
	Breaks     bool          // it may be paused in a simulation too
	Position   int           // of the question that is shown, from 1
	Slots      []Slot
	CreatedAt  time.Time
	StartedAt  time.Time
	DeadlineAt time.Time // zero where untimed, paused or over
	EndedAt    time.Time
	UpdatedAt  time.Time
}

// Slot is one place of a session with the item that stands there.
type Slot struct {
	ItemID      string
	ContentKey  string
	Module      int    // from 1
	ChoiceOrder []int  // positions of the item's choices in the order shown; nil for their own
	Skill       Skill  // of the item as it was, for the report
	Domain      Domain //
}

// Response is what a student has entered for one slot so far.
type Response struct {
	N           int // of the slot, from 1
	Rev         int // counts changes, from 1; 0 for none yet
	Answer      string
	FirstAnswer string
	Changes     int
	Eliminated  []string
	Marked      bool
	HintsUsed   int
	Revealed    bool
	Late        bool
	Spent       time.Duration
	Note        string
	Highlights  []Highlight
	UpdatedAt   time.Time
}

// Highlight is a stretch of text that a student marked; offsets are characters as in Quote.
type Highlight struct {
	In    MarkPlace
	ID    string // of the passage
	Start int
	End   int
	Style int // 1 to 3
	Note  string
}

// Attempt is one question that was answered, skipped or revealed, in any mode.
type Attempt struct {
	ID          string
	UserID      string
	SessionID   string // "" outside of a session
	ItemID      string
	ContentKey  string
	Profile     string
	Mode        string // "practice", "simulation" or "ask"
	Multiplier  float64
	Position    int
	ChoiceOrder []int
	Answer      string // "" for none
	FirstAnswer string
	Correct     bool
	Changes     int
	Eliminated  []string
	Marked      bool
	HintsUsed   int
	Revealed    bool
	Late        bool
	Spent       time.Duration
	Cause       string // of a miss, as the student sees it: "concept", "misread", "time", "guess"
	AnsweredAt  time.Time
	Tutor       *TutorsAnswer // nil where the tutor was not asked
}

// TutorsAnswer is what the tutor said to an attempted question.
type TutorsAnswer struct {
	Letter     string
	Confidence float64
	Model      string
	Adapter    string
	Template   string
	Quality    Quality
}

// SessionWork is a session with what was entered: what one step of the student changes together.
type SessionWork struct {
	Session   Session
	Responses []Response // by slot; a step adds and changes them in place
	Attempts  []Attempt  // that the step makes; those of earlier steps are not read
}

// Pair is two answers that an evaluator was shown blind.
type Pair struct {
	ID        string
	UserID    string
	CreatedAt time.Time
	VotedAt   time.Time // zero before the vote
	Winner    string    // "a", "b", "tie", "both_bad"; "" before the vote
	Doc       []byte    // JSON of the question, the sides and what was said of them
}

// EvaluationRun is one stored run over a data set.
type EvaluationRun struct {
	ID        string
	StartedAt time.Time
	Model     string
	Pool      string
	N         int
	Complete  bool
	Header    []byte // JSON
	Samples   []byte // JSON, one a line
}
