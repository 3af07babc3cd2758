package api

import (
	"time"

	"sattutor/internal/sat"
)

// HeaderLosses tells how many fields an exported file does not carry.
const HeaderLosses = "X-Sat-Losses"

// BankItem is a question of the bank: JSONL v1 less its version number, and what the bank knows of it. Who is no teacher gets
// it without key, reasons and explanation.
type BankItem struct {
	sat.Item
	ContentKey string    `json:"content_key,omitempty" doc:"Identifies what is asked, whatever the id and the key."`
	Version    int       `json:"version" doc:"Counts the changes; to be sent with an update."`
	UpdatedAt  time.Time `json:"updated_at"`
}

// FromItem gives an item as the API shows it.
func FromItem(it sat.StoredItem) BankItem {
	return BankItem{Item: it.Item, ContentKey: it.ContentKey, Version: it.Version, UpdatedAt: it.UpdatedAt}
}

// ItemList is one page of items.
type ItemList struct {
	Items  []BankItem `json:"items"`
	Total  int        `json:"total" doc:"How many there are in all."`
	Offset int        `json:"offset"`
}

// ItemChange is an item as somebody wants it to be.
type ItemChange struct {
	Item    sat.Item `json:"item"`
	Version int      `json:"version,omitempty" doc:"The version that is replaced; left out for a new item."`
}

// ItemCheck is an item in canonical form with what is to be said of it.
type ItemCheck struct {
	Item     sat.Item      `json:"item"`
	Findings []sat.Finding `json:"findings"`
}

// SavedItem is an item that was stored, with what is doubtful about it.
type SavedItem struct {
	Item     BankItem      `json:"item"`
	Findings []sat.Finding `json:"findings"`
}

// SimilarItem is an item that is like another one.
type SimilarItem struct {
	ID       string  `json:"id"`
	Question string  `json:"question"`
	Skill    string  `json:"skill"`
	Score    float64 `json:"score" doc:"Higher is more alike; comparable within one reply only."`
}

// SimilarItems are the items that are like another one, best first.
type SimilarItems struct {
	Method string        `json:"method" enum:"lexical,embedding" doc:"By what they were found: the words that they share, or the vectors of an embedding model."`
	Items  []SimilarItem `json:"items"`
}

// ItemEvidence is what speaks to the choices of an item.
type ItemEvidence struct {
	Method  string           `json:"method" enum:"lexical,embedding" doc:"By what it was found: shared words, or the vectors of an embedding model."`
	Choices []ChoiceEvidence `json:"choices"`
}

// ChoiceEvidence is what speaks most to a choice, for or against it, best first.
type ChoiceEvidence struct {
	ID        string         `json:"id"`
	Sentences []EvidenceSpan `json:"sentences"`
}

// EvidenceSpan is a sentence of a passage; its offsets are in characters, the end exclusive.
type EvidenceSpan struct {
	sat.Quote
	Text  string  `json:"text"`
	Score float64 `json:"score" doc:"Higher speaks more to the choice; comparable within one choice only."`
}

// FromEvidence gives evidence as the API shows it.
func FromEvidence(e sat.Evidence) ItemEvidence {
	list := ItemEvidence{Method: string(e.Method), Choices: []ChoiceEvidence{}}
	for _, c := range e.Choices {
		choice := ChoiceEvidence{ID: c.ChoiceID, Sentences: []EvidenceSpan{}}
		for _, s := range c.Spans {
			choice.Sentences = append(choice.Sentences, EvidenceSpan{Quote: s.Quote, Text: s.Text, Score: s.Score})
		}
		list.Choices = append(list.Choices, choice)
	}
	return list
}

// BankPassage is a passage of the bank with the questions on it.
type BankPassage struct {
	sat.Passage
	ItemIDs []string `json:"item_ids"`
	Version string   `json:"version" doc:"Names the passage as it is; to be sent with an update."`
}

// PassageChange is a passage as somebody wants it to be.
type PassageChange struct {
	Passage sat.Passage `json:"passage"`
	Version string      `json:"version,omitempty" doc:"The version that is replaced; left out for a new passage."`
}

// SavedPassage is a passage that was stored, with what is doubtful about it. The questions on it changed with it.
type SavedPassage struct {
	Passage  BankPassage   `json:"passage"`
	Findings []sat.Finding `json:"findings"`
}

// ReportRequest is the body of POST /api/v1/items/{id}/reports.
type ReportRequest struct {
	Reason string `json:"reason" minLength:"3" maxLength:"1000" doc:"What is wrong: the key, the text, something else."`
}

// ItemReport is a reader's complaint about an item.
type ItemReport struct {
	ID        string     `json:"id"`
	ItemID    string     `json:"item_id"`
	Reason    string     `json:"reason"`
	CreatedAt time.Time  `json:"created_at"`
	SettledAt *time.Time `json:"settled_at,omitempty"`
	Note      string     `json:"note,omitempty" doc:"What was found."`
}

// FromReport gives a report as the API shows it: without who made it.
func FromReport(r sat.ItemReport) ItemReport {
	shape := ItemReport{ID: r.ID, ItemID: r.ItemID, Reason: r.Reason, CreatedAt: r.CreatedAt, Note: r.Note}
	if !r.SettledAt.IsZero() {
		shape.SettledAt = &r.SettledAt
	}
	return shape
}

// ItemReports is a list of reports, the oldest first.
type ItemReports struct {
	Reports []ItemReport `json:"reports"`
	Before  string       `json:"before,omitempty" doc:"Give it as before for the next page; absent on the last one."`
}

// ReportChange is the body of PATCH /api/v1/item-reports/{id}.
type ReportChange struct {
	Note string `json:"note" maxLength:"1000" doc:"What was found; settles the report."`
}

// BankChange is one change of the bank.
type BankChange struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	By         string    `json:"by,omitempty" doc:"Id of a user; absent for the command line, and for one who is gone."`
	ByName     string    `json:"by_name,omitempty"`
	What       string    `json:"what" doc:"import, edit, delete or undo."`
	Format     string    `json:"format,omitempty"`
	FileSHA256 string    `json:"file_sha256,omitempty"`
	Items      int       `json:"items"`
	Undone     bool      `json:"undone"`
}

// FromChange gives a change as the API shows it.
func FromChange(c sat.BankChange) BankChange {
	return BankChange{ID: c.ID, At: c.At, By: c.By, ByName: c.ByName, What: c.What, Format: c.Format, FileSHA256: c.FileHash,
		Items: c.Items, Undone: !c.UndoneAt.IsZero()}
}

// BankChanges are the newest changes.
type BankChanges struct {
	Changes []BankChange `json:"changes"`
}

// ItemVersion is a change of one item, and what the item was before it.
type ItemVersion struct {
	Change BankChange `json:"change"`
	Before *BankItem  `json:"before,omitempty" doc:"Absent where the change made the item."`
}

// ItemHistory is the reply of GET /api/v1/items/{id}/history, the newest change first.
type ItemHistory struct {
	Versions []ItemVersion `json:"versions"`
}

// FromHistory gives the API's form of an item's history.
func FromHistory(versions []sat.ItemVersion) ItemHistory {
	history := ItemHistory{Versions: []ItemVersion{}}
	for _, v := range versions {
		shape := ItemVersion{Change: FromChange(v.Change)}
		if v.Version > 0 {
			before := FromItem(v.StoredItem)
			shape.Before = &before
		}
		history.Versions = append(history.Versions, shape)
	}
	return history
}
