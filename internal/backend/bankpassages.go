package backend

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

const mostUnused = 200

// registerPassages adds the calls about passages.
func (s *Server) registerPassages(to huma.API, tag string) {
	huma.Register(to, operation("list-passages", http.MethodGet, "/api/v1/passages", tag, "List the passages of the items that a search finds, or those without items"), s.listPassages)
	huma.Register(to, operation("get-passage", http.MethodGet, "/api/v1/passages/{id}", tag, "Get a passage and the ids of the questions on it"), s.getPassage)
	huma.Register(to, operation("create-passage", http.MethodPost, "/api/v1/passages", tag, "Add a passage, to which questions may be added later"), s.createPassage)
	huma.Register(to, operation("update-passage", http.MethodPut, "/api/v1/passages/{id}", tag,
		"Replace a passage in all the questions on it; a version that is not the stored one, or words that are quoted and would be gone, are refused"), s.updatePassage)
	huma.Register(to, operation("delete-passage", http.MethodDelete, "/api/v1/passages/{id}", tag, "Delete a passage on which there is no question"),
		func(ctx context.Context, in *onPath) (*reply[api.Done], error) {
			bank, err := s.bank()
			if err != nil {
				return nil, err
			}
			return done(bank.DeletePassage(ctx, in.ID))
		})
}

type passagesInput struct {
	ItemsInput
	Unused bool `query:"unused" doc:"Passages on which there is no question; teachers only, and without a search."`
}

type passageList struct {
	Passages []api.BankPassage `json:"passages"`
}

func (s *Server) listPassages(ctx context.Context, in *passagesInput) (*reply[passageList], error) {
	bank, err := s.bank()
	if err != nil {
		return nil, err
	}
	if in.Unused && teaches(ctx) {
		unused, err := bank.UnusedPassages(ctx, mostUnused)
		list := make([]api.BankPassage, len(unused))
		for i, p := range unused {
			list[i] = shownPassage(bank, p, nil)
		}
		return &reply[passageList]{passageList{list}}, err
	}
	items, _, err := bank.SearchItems(ctx, in.filter(ctx))
	if err != nil {
		return nil, err
	}
	return &reply[passageList]{passageList{passagesOf(bank, items)}}, nil
}

// shownPassage gives a passage as the API shows it.
func shownPassage(bank Bank, p sat.Passage, itemIDs []string) api.BankPassage {
	if itemIDs == nil {
		itemIDs = []string{}
	}
	return api.BankPassage{Passage: p, ItemIDs: itemIDs, Version: bank.PassageVersion(p)}
}

// passagesOf gives the passages of items, each once.
func passagesOf(bank Bank, items []sat.StoredItem) []api.BankPassage {
	passages, at := []api.BankPassage{}, map[string]int{}
	for _, it := range items {
		for _, p := range it.Passages {
			i, seen := at[p.ID]
			if !seen {
				i = len(passages)
				at[p.ID] = i
				passages = append(passages, shownPassage(bank, p, nil))
			}
			passages[i].ItemIDs = append(passages[i].ItemIDs, it.ID)
		}
	}
	return passages
}

func (s *Server) getPassage(ctx context.Context, in *onPath) (*reply[api.BankPassage], error) {
	bank, err := s.bank()
	if err != nil {
		return nil, err
	}
	items, _, err := bank.SearchItems(ctx, ItemsInput{Passage: in.ID, Limit: mostItems}.filter(ctx))
	if err != nil {
		return nil, err
	}
	for _, p := range passagesOf(bank, items) {
		if p.ID == in.ID {
			return &reply[api.BankPassage]{p}, nil
		}
	}
	if !teaches(ctx) { // others see what is there to practise
		return nil, sat.Errorf(sat.NotFound, "There is no such passage.")
	}
	p, err := bank.Passage(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &reply[api.BankPassage]{shownPassage(bank, p, nil)}, nil
}

func (s *Server) createPassage(ctx context.Context, in *in[api.PassageChange]) (*reply[api.SavedPassage], error) {
	return s.savePassage(ctx, in.Body.Passage, "")
}

type updatePassageInput struct {
	ID   string `path:"id"`
	Body api.PassageChange
}

func (s *Server) updatePassage(ctx context.Context, in *updatePassageInput) (*reply[api.SavedPassage], error) {
	if in.Body.Passage.ID != in.ID {
		return nil, &sat.Error{Code: sat.Invalid, Message: "A passage keeps its id.",
			Fields: []sat.FieldError{{Field: "passage.id", Message: "must be the id in the address"}}}
	}
	if in.Body.Version == "" {
		return nil, &sat.Error{Code: sat.Invalid, Message: "It is not said which version is replaced.",
			Fields: []sat.FieldError{{Field: "version", Message: "is missing; send the version that GET gives"}}}
	}
	return s.savePassage(ctx, in.Body.Passage, in.Body.Version)
}

func (s *Server) savePassage(ctx context.Context, p sat.Passage, version string) (*reply[api.SavedPassage], error) {
	bank, err := s.bank()
	if err != nil {
		return nil, err
	}
	p, itemIDs, findings, err := bank.SavePassage(ctx, userOf(ctx), p, version)
	if err != nil {
		return nil, err
	}
	return &reply[api.SavedPassage]{api.SavedPassage{Passage: shownPassage(bank, p, itemIDs), Findings: listed(findings)}}, nil
}
