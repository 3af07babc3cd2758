package sat

import "time"

// StoredItem is an item as the bank keeps it.
type StoredItem struct {
	Item
	ContentKey string // over its texts, without the key's letter: the same question under another id has the same one
	Version    int    // counts the item's changes from 1; 0 for an item that is not stored
	UpdatedAt  time.Time
}

// ItemFilter chooses items of the bank. The zero value chooses all.
type ItemFilter struct {
	Words      string // full-text search over passages, question, choices and tags; all words must occur
	Framework  Framework
	Domain     Domain
	Skill      Skill
	Genre      Genre
	Difficulty Difficulty
	Split      Split
	Licence    string
	Tag        string
	PassageID  string
	Without    []Requirement // leaves out items that need one of these
	Reported   bool          // only items with an open report
	Offset     int
	Limit      int // 0 for all
}

// BankChange says who changes the bank, and with what.
type BankChange struct {
	ID       string // made by the store when empty
	At       time.Time
	By       string // id of a user; "" for the command line, and for one who is gone
	ByName   string // of that user; set by the store
	What     string // "import", "edit", "delete", "undo"
	Format   string // of an import
	FileHash string // SHA-256 of an import's file, hexadecimal
	Items    int    // how many it touched; set by the store
	UndoneAt time.Time
}

// ItemVersion is what an item was before a change.
type ItemVersion struct {
	StoredItem // Version 0 where the change made the item
	Change     BankChange
}

// ItemReport is a reader's complaint about an item.
type ItemReport struct {
	ID        string
	ItemID    string
	UserID    string // "" where the reader is not known any more
	Reason    string
	CreatedAt time.Time
	SettledAt time.Time // zero while open
	Note      string    // what was found
}

// ItemSet is a choice of items in an order, such as a teacher makes for a class.
type ItemSet struct {
	ID        string
	UserID    string
	Name      string
	ItemIDs   []string
	CreatedAt time.Time
}

// ItemVector is the embedding of an item's text by one model.
type ItemVector struct {
	ItemID     string
	ContentKey string    // of the text that was embedded
	Values     []float32 // none where the model makes nothing of the text
}

// Likeness is the way by which things that belong together were found.
type Likeness string

// The ways.
const (
	ByWords      Likeness = "lexical"   // they share words
	ByEmbeddings Likeness = "embedding" // a model's vectors of them point the same way
)

// SimilarItem is an item that is like another one; scores compare within one list only.
type SimilarItem struct {
	StoredItem
	Score float64
}

// SimilarItems are the items that are like another one, best first.
type SimilarItems struct {
	Method Likeness
	Items  []SimilarItem
}

// Span is a stretch of a passage: offsets in characters, end exclusive, and the numbers of its lines.
type Span struct {
	Quote
	Text  string // the passage's own characters
	Score float64
}

// ChoiceEvidence is what speaks most to a choice, for or against it, best first.
type ChoiceEvidence struct {
	ChoiceID string
	Spans    []Span
}

// Evidence is what speaks to the choices of an item.
type Evidence struct {
	Method  Likeness
	Choices []ChoiceEvidence
}
