package backend

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// Bank is the question bank; its errors are *[sat.Error].
type Bank interface {
	SearchItems(ctx context.Context, f sat.ItemFilter) (items []sat.StoredItem, total int, err error)
	Item(ctx context.Context, id string) (sat.StoredItem, error)
	Similar(ctx context.Context, it sat.Item, n int) (sat.SimilarItems, error)
	Evidence(ctx context.Context, it sat.Item, n int) (sat.Evidence, error)
	Check(ctx context.Context, it sat.Item) (sat.Item, []sat.Finding, error)
	Save(ctx context.Context, by string, it sat.Item, version int) (sat.StoredItem, []sat.Finding, error)
	DeleteItem(ctx context.Context, by, id string) error
	Passage(ctx context.Context, id string) (sat.Passage, error)
	UnusedPassages(ctx context.Context, limit int) ([]sat.Passage, error)
	PassageVersion(p sat.Passage) string
	SavePassage(ctx context.Context, by string, p sat.Passage, version string) (sat.Passage, []string, []sat.Finding, error)
	DeletePassage(ctx context.Context, id string) error
	ImportItems(ctx context.Context, req sat.ImportRequest) (sat.ImportReport, error)
	ExportItems(ctx context.Context, req sat.ExportRequest) (sat.ExportFile, error)
	ReportItem(ctx context.Context, r sat.ItemReport) (sat.ItemReport, error)
	ItemReports(ctx context.Context, itemID string, open bool, before sat.Cursor, limit int) ([]sat.ItemReport, error)
	SettleReport(ctx context.Context, id, note string) error
	BankChanges(ctx context.Context, limit int) ([]sat.BankChange, error)
	UndoChange(ctx context.Context, by, changeID string) (sat.BankChange, error)
	ItemHistory(ctx context.Context, id string, limit int) ([]sat.ItemVersion, error)
}

// Bounds of lists.
const (
	itemsAPage   = 50
	mostItems    = 200
	reportsAPage = 50
	mostChanges  = 50
	mostVersions = 50
	similarItems = 5
	evidenceEach = 2
)

// bank gives the bank, or why there is none.
func (s *Server) bank() (Bank, error) {
	if s.opts.Bank == nil {
		return nil, sat.Errorf(sat.Conflict, "There is no question bank on this site.")
	}
	return s.opts.Bank, nil
}

// teaches tells that who asks may see keys.
func teaches(ctx context.Context) bool { return sat.IdentityOf(ctx).May(sat.Teacher) }

// shown gives an item as who asks may see it, ok only for one that may be seen: students see what is there to practise.
func shown(ctx context.Context, it sat.StoredItem) (sat.StoredItem, bool) {
	if teaches(ctx) {
		return it, true
	}
	it.Item = it.Unkeyed()
	return it, it.Split == sat.ForPractice
}

// registerBank adds the calls about the question bank.
func (s *Server) registerBank(to huma.API) {
	const tag = "Question bank"
	huma.Register(to, operation("list-items", http.MethodGet, "/api/v1/items", tag, "Search the bank; only teachers see keys"), s.listItems)
	huma.Register(to, operation("get-item", http.MethodGet, "/api/v1/items/{id}", tag, "Get an item"), s.getItem)
	huma.Register(to, operation("similar-items", http.MethodGet, "/api/v1/items/{id}/similar", tag, "Find the items that are like one, on other passages"), s.similar)
	huma.Register(to, operation("item-evidence", http.MethodGet, "/api/v1/items/{id}/evidence", tag, "Find the sentences that speak to each choice, for or against"), s.evidence)
	huma.Register(to, operation("check-item", http.MethodPost, "/api/v1/items:check", tag, "Judge an item without storing it"), s.checkItem)
	huma.Register(to, operation("create-item", http.MethodPost, "/api/v1/items", tag, "Add an item"),
		func(ctx context.Context, in *in[api.ItemChange]) (*reply[api.SavedItem], error) {
			return s.saveItem(ctx, in.Body.Item, 0)
		})
	huma.Register(to, operation("update-item", http.MethodPut, "/api/v1/items/{id}", tag, "Replace an item; a version that is not the stored one is a conflict"), s.updateItem)
	huma.Register(to, operation("delete-item", http.MethodDelete, "/api/v1/items/{id}", tag, "Take an item out; it can be undone"),
		func(ctx context.Context, in *onPath) (*reply[api.Done], error) {
			bank, err := s.bank()
			if err != nil {
				return nil, err
			}
			return done(bank.DeleteItem(ctx, userOf(ctx), in.ID))
		})
	s.registerPassages(to, tag)
	s.registerReports(to)
}

// userOf gives the id of the account that acts, "" for the local person.
func userOf(ctx context.Context) string {
	if who := sat.IdentityOf(ctx); who.Manner != sat.AsLocal {
		return who.User.ID
	}
	return ""
}

// ItemsInput chooses items. It is exported for the description of the API, which sees through exported fields alone.
type ItemsInput struct {
	Words      string `query:"q" maxLength:"500" doc:"Words that passages, question, choices or tags hold."`
	Framework  string `query:"framework" enum:"digital,paper"`
	Domain     string `query:"domain" enum:"INI,CAS,EOI,SEC"`
	Skill      string `query:"skill" enum:"CID,INF,COE-T,COE-Q,WIC,TSP,CTC,SYN,TRA,BOU,FSS"`
	Genre      string `query:"genre" enum:"literature,history,social-science,science"`
	Difficulty string `query:"difficulty" enum:"E,M,H"`
	Split      string `query:"split" enum:"practice,train,val,test,holdout" doc:"Teachers only; others see practice."`
	Licence    string `query:"licence" maxLength:"64" doc:"SPDX name, such as CC0-1.0."`
	Tag        string `query:"tag" maxLength:"50"`
	Passage    string `query:"passage" maxLength:"64" doc:"Id of a passage."`
	Reported   bool   `query:"reported" doc:"Only items with an open report; teachers only."`
	Offset     int    `query:"offset" minimum:"0"`
	Limit      int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// filter gives the choice as the store understands it, bounded by what who asks may see.
func (in ItemsInput) filter(ctx context.Context) sat.ItemFilter {
	f := sat.ItemFilter{Words: in.Words, Framework: sat.Framework(in.Framework), Domain: sat.Domain(in.Domain), Skill: sat.Skill(in.Skill),
		Genre: sat.Genre(in.Genre), Difficulty: sat.Difficulty(in.Difficulty), Split: sat.Split(in.Split), Licence: in.Licence, Tag: in.Tag,
		PassageID: in.Passage, Reported: in.Reported, Offset: in.Offset, Limit: min(max(in.Limit, 1), mostItems)}
	return allowed(ctx, f)
}

// allowed bounds a choice by what who asks may see.
func allowed(ctx context.Context, f sat.ItemFilter) sat.ItemFilter {
	if !teaches(ctx) {
		f.Split, f.Reported = sat.ForPractice, false
	}
	return f
}

func (s *Server) listItems(ctx context.Context, in *ItemsInput) (*reply[api.ItemList], error) {
	bank, err := s.bank()
	if err != nil {
		return nil, err
	}
	items, total, err := bank.SearchItems(ctx, in.filter(ctx))
	if err != nil {
		return nil, err
	}
	list := api.ItemList{Items: []api.BankItem{}, Total: total, Offset: in.Offset}
	for _, it := range items {
		it, _ = shown(ctx, it)
		list.Items = append(list.Items, api.FromItem(it))
	}
	return &reply[api.ItemList]{list}, nil
}

// item gives an item that who asks may see.
func (s *Server) item(ctx context.Context, id string) (Bank, sat.StoredItem, error) {
	bank, err := s.bank()
	if err != nil {
		return nil, sat.StoredItem{}, err
	}
	it, err := bank.Item(ctx, id)
	if err != nil {
		return nil, sat.StoredItem{}, err
	}
	it, ok := shown(ctx, it)
	if !ok {
		return nil, sat.StoredItem{}, sat.Errorf(sat.NotFound, "There is no such item.")
	}
	return bank, it, nil
}

func (s *Server) getItem(ctx context.Context, in *onPath) (*reply[api.BankItem], error) {
	_, it, err := s.item(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &reply[api.BankItem]{api.FromItem(it)}, nil
}

func (s *Server) similar(ctx context.Context, in *onPath) (*reply[api.SimilarItems], error) {
	bank, it, err := s.item(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := bank.Similar(ctx, it.Item, 2*similarItems)
	if err != nil {
		return nil, err
	}
	list := api.SimilarItems{Method: string(found.Method), Items: []api.SimilarItem{}}
	for _, m := range found.Items {
		if _, ok := shown(ctx, m.StoredItem); ok && len(list.Items) < similarItems {
			list.Items = append(list.Items, api.SimilarItem{ID: m.ID, Question: m.Question, Skill: string(m.Skill), Score: m.Score})
		}
	}
	return &reply[api.SimilarItems]{list}, nil
}

// evidence looks at the item without its key: what is found tells nobody which choice is right.
func (s *Server) evidence(ctx context.Context, in *onPath) (*reply[api.ItemEvidence], error) {
	bank, it, err := s.item(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := bank.Evidence(ctx, it.Unkeyed(), evidenceEach)
	if err != nil {
		return nil, err
	}
	return &reply[api.ItemEvidence]{api.FromEvidence(found)}, nil
}

func (s *Server) checkItem(ctx context.Context, in *in[api.ItemChange]) (*reply[api.ItemCheck], error) {
	bank, err := s.bank()
	if err != nil {
		return nil, err
	}
	it, findings, err := bank.Check(ctx, in.Body.Item)
	if err != nil {
		return nil, err
	}
	return &reply[api.ItemCheck]{api.ItemCheck{Item: it, Findings: listed(findings)}}, nil
}

// listed gives findings as a list, also when there are none.
func listed(findings []sat.Finding) []sat.Finding {
	if findings == nil {
		return []sat.Finding{}
	}
	return findings
}

func (s *Server) saveItem(ctx context.Context, it sat.Item, version int) (*reply[api.SavedItem], error) {
	bank, err := s.bank()
	if err != nil {
		return nil, err
	}
	stored, findings, err := bank.Save(ctx, userOf(ctx), it, version)
	if err != nil {
		return nil, err
	}
	return &reply[api.SavedItem]{api.SavedItem{Item: api.FromItem(stored), Findings: listed(findings)}}, nil
}

type updateInput struct {
	ID   string `path:"id"`
	Body api.ItemChange
}

func (s *Server) updateItem(ctx context.Context, in *updateInput) (*reply[api.SavedItem], error) {
	bank, err := s.bank()
	if err != nil {
		return nil, err
	}
	if _, err := bank.Item(ctx, in.ID); err != nil {
		return nil, err
	}
	if in.Body.Item.ID != in.ID {
		return nil, &sat.Error{Code: sat.Invalid, Message: "An item keeps its id.",
			Fields: []sat.FieldError{{Field: "item.id", Message: "must be the id in the address"}}}
	}
	if in.Body.Version == 0 {
		return nil, &sat.Error{Code: sat.Invalid, Message: "It is not said which version is replaced.",
			Fields: []sat.FieldError{{Field: "version", Message: "is missing; send the version that GET gives"}}}
	}
	return s.saveItem(ctx, in.Body.Item, in.Body.Version)
}
