package sat

// Framework is the exam that an item is made for.
type Framework string

// The two exams: short passages with one question each, and long passages with printed line numbers.
const (
	Digital Framework = "digital"
	Paper   Framework = "paper"
)

// Frameworks lists every framework once.
func Frameworks() []Framework { return []Framework{Digital, Paper} }

// Domain is the exam's name for a group of skills, as a code.
type Domain string

// The domains of Reading and Writing. The tutor is trained for the first two.
const (
	InformationAndIdeas Domain = "INI"
	CraftAndStructure   Domain = "CAS"
	ExpressionOfIdeas   Domain = "EOI"
	Conventions         Domain = "SEC"
)

// Domains lists every domain once, in the order of the taxonomy.
func Domains() []Domain {
	return []Domain{InformationAndIdeas, CraftAndStructure, ExpressionOfIdeas, Conventions}
}

// Title gives the domain's name in words, "" for an unknown one.
func (d Domain) Title() string {
	return map[Domain]string{InformationAndIdeas: "Information and Ideas", CraftAndStructure: "Craft and Structure",
		ExpressionOfIdeas: "Expression of Ideas", Conventions: "Standard English Conventions"}[d]
}

// Reading says whether the domain is one of those that the tutor is made for.
func (d Domain) Reading() bool { return d == InformationAndIdeas || d == CraftAndStructure }

// Skill is what a question tests, as a code.
type Skill string

// The skills that the tutor is made for; the other four can be imported.
const (
	CentralIdeas         Skill = "CID"
	Inferences           Skill = "INF"
	TextualEvidence      Skill = "COE-T"
	QuantitativeEvidence Skill = "COE-Q"
	WordsInContext       Skill = "WIC"
	TextStructure        Skill = "TSP"
	CrossText            Skill = "CTC"
	Synthesis            Skill = "SYN"
	Transitions          Skill = "TRA"
	Boundaries           Skill = "BOU"
	FormStructure        Skill = "FSS"
)

// Skills lists every skill once, by domain.
func Skills() []Skill {
	return []Skill{CentralIdeas, Inferences, TextualEvidence, QuantitativeEvidence, WordsInContext, TextStructure, CrossText,
		Synthesis, Transitions, Boundaries, FormStructure}
}

// Domain gives the domain that the skill belongs to, "" for an unknown skill.
func (s Skill) Domain() Domain {
	switch s {
	case CentralIdeas, Inferences, TextualEvidence, QuantitativeEvidence:
		return InformationAndIdeas
	case WordsInContext, TextStructure, CrossText:
		return CraftAndStructure
	case Synthesis, Transitions:
		return ExpressionOfIdeas
	case Boundaries, FormStructure:
		return Conventions
	}
	return ""
}

// Title gives the skill's name in words, "" for an unknown one.
func (s Skill) Title() string {
	return map[Skill]string{CentralIdeas: "Central Ideas and Details", Inferences: "Inferences",
		TextualEvidence: "Command of Evidence (Textual)", QuantitativeEvidence: "Command of Evidence (Quantitative)",
		WordsInContext: "Words in Context", TextStructure: "Text Structure and Purpose",
		CrossText: "Cross-Text Connections", Synthesis: "Rhetorical Synthesis", Transitions: "Transitions",
		Boundaries: "Boundaries", FormStructure: "Form, Structure, and Sense"}[s]
}

// Genre is the kind of text that a passage is.
type Genre string

// The genres of the exam.
const (
	Literature    Genre = "literature"
	History       Genre = "history"
	SocialScience Genre = "social-science"
	Science       Genre = "science"
)

// Genres lists every genre once.
func Genres() []Genre { return []Genre{Literature, History, SocialScience, Science} }

// Difficulty is how hard an item is meant to be.
type Difficulty string

// The difficulties.
const (
	Easy   Difficulty = "E"
	Medium Difficulty = "M"
	Hard   Difficulty = "H"
)

// Difficulties lists every difficulty once, from easy to hard.
func Difficulties() []Difficulty { return []Difficulty{Easy, Medium, Hard} }

// Title gives the difficulty in words, "" for an unknown one.
func (d Difficulty) Title() string {
	return map[Difficulty]string{Easy: "easy", Medium: "medium", Hard: "hard"}[d]
}

// Requirement is something that a question cannot be answered without, besides the words of its passages.
type Requirement string

// The requirements.
const (
	NeedsLine     Requirement = "line"     // the numbers of the passage's physical lines
	NeedsPrevious Requirement = "previous" // the question before it
	NeedsGraph    Requirement = "graph"
	NeedsTable    Requirement = "table"
	NeedsFigure   Requirement = "figure"
)

// Requirements lists every requirement once.
func Requirements() []Requirement {
	return []Requirement{NeedsLine, NeedsPrevious, NeedsGraph, NeedsTable, NeedsFigure}
}

// Split is the use that an item is kept for.
type Split string

// The splits. Students are served the first one only.
const (
	ForPractice Split = "practice"
	ForTraining Split = "train"
	ForTuning   Split = "val"
	ForTest     Split = "test"
	ForHoldout  Split = "holdout"
)

// Splits lists every split once.
func Splits() []Split { return []Split{ForPractice, ForTraining, ForTuning, ForTest, ForHoldout} }
